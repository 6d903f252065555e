"""Replacement of the database by another file, all or nothing; the present file is kept.

The new file first gets a name that contains the one under which the present file is kept. From then on the
replacement is decided: the next opening continues it wherever it was interrupted. The log and the index are
moved before the database, since SQLite would apply those of one file to the other. If the path is a link, the
file that it leads to is replaced.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime
from glob import escape
from itertools import count
from pathlib import Path

from adapters.sqlite.migration.durable_copy import fsync, rename_durably

_SUFFIXES = ("-journal", "-wal", "-shm")


def free_name(path: Path, *, label: str, now: datetime) -> Path:
    """Return a free name in the same folder under which the present database can be kept."""
    path = Path(os.path.realpath(path))
    names = _numbered(path, f"{path.name}.{label}-{now:%Y%m%dT%H%M%SZ}")
    return next(name for name in names if not name.exists())


def replace(path: Path, new: Path, kept: Path) -> None:
    """Put the new file, a complete database, at the path, and keep the present one as `kept`.

    The caller holds the lock. Raises `OSError`; then the present file is there, or the next opening
    continues.
    """
    path = Path(os.path.realpath(path))
    rename_durably(new, path.with_name(f"{path.name}.next-{kept.name.removeprefix(f'{path.name}.')}"))
    finish_replacing(path)


def finish_replacing(path: Path) -> None:
    """Continue a replacement that was interrupted, if there is one. The caller holds the lock."""
    path = Path(os.path.realpath(path))
    for decided in sorted(path.parent.glob(f"{escape(path.name)}.next-*")):
        kept = path.with_name(f"{path.name}.{decided.name.removeprefix(f'{path.name}.next-')}")
        for suffix in _SUFFIXES:
            _move(path.with_name(f"{path.name}{suffix}"), kept.with_name(f"{kept.name}{suffix}"))
        if path.exists() and not kept.exists():
            try:
                kept.hardlink_to(path)  # so that the path is never empty
            except OSError:  # a file system without hard links
                path.rename(kept)
        fsync(path.parent)  # kept durably before the name is given away
        decided.rename(path)
        fsync(path.parent)


def move_logs_away(path: Path, *, now: datetime) -> list[Path]:
    """Rename logs that have no database, which SQLite would apply to the next one; return their new names."""
    path = Path(os.path.realpath(path))
    left = free_name(path, label="left", now=now)
    found = [suffix for suffix in _SUFFIXES if path.with_name(f"{path.name}{suffix}").exists()]
    for suffix in found:
        _move(path.with_name(f"{path.name}{suffix}"), left.with_name(f"{left.name}{suffix}"))
    if found:
        fsync(path.parent)
    return [left.with_name(f"{left.name}{suffix}") for suffix in found]


def _move(present: Path, kept: Path) -> None:
    if present.exists():
        present.rename(next(name for name in _numbered(kept, kept.name) if not name.exists()))


def _numbered(path: Path, name: str) -> Iterator[Path]:
    """Yield the name, then the name with numbers, so that no kept file is overwritten."""
    return (path.with_name(f"{name}-{number}" if number > 1 else name) for number in count(1))
