"""Read back the newest records of a log, from all of its parts."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from adapters.files.regular_file import reading

_MOST_BYTES = 5_000_000
_TIMESTAMP_LENGTH = len("2026-03-01T12:00:00")


def newest_records(log: Path, since: datetime) -> str:
    """Return the records since then, oldest first, at most 5 MB of all parts. Raise `OSError`."""
    left, contents = _MOST_BYTES, list[bytes]()
    for part in (log, *(log.with_name(f"{log.name}.{number}") for number in range(1, 100))):
        if not left:
            break
        if not part.exists():  # a rename that failed leaves a gap
            continue
        with reading(part) as file:
            cut = max(0, part.stat().st_size - left)
            file.seek(cut)
            content = file.read(left)
        left -= len(content)
        contents.append(content.partition(b"\n")[2] if cut else content)
    begin = since.isoformat()[:_TIMESTAMP_LENGTH]
    return "".join(
        f"{line}\n"
        for content in reversed(contents)
        for line in content.decode(errors="replace").splitlines()
        if line[:_TIMESTAMP_LENGTH] >= begin
    )
