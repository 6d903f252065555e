"""The newest records of a log folder."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

_MOST_BYTES = 5_000_000
_STAMP = len("2026-03-01T12:00:00")


def newest_records(log: Path, since: datetime) -> str:
    """The records since then of the log and its older parts, oldest first, at most 5 MB. Raises `OSError`."""
    begin = since.isoformat()[:_STAMP]
    found = [line for line in _last_lines(log) if line[:_STAMP] >= begin]
    return "".join(f"{line}\n" for line in found)


def _last_lines(log: Path) -> Iterator[str]:
    """Of each part no more than is left of the bound; the newest part has the log's own name."""
    left, parts = _MOST_BYTES, list[bytes]()
    for part in (log, *(log.with_name(f"{log.name}.{number}") for number in range(1, 100))):
        if not part.exists() or not left:
            break
        with part.open("rb") as file:
            file.seek(max(0, part.stat().st_size - left))
            parts.append(file.read(left))
        left -= len(parts[-1])
    for content in reversed(parts):
        yield from content.decode(errors="replace").splitlines()
