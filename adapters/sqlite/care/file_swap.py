"""Another file in the place of the database, whose present one is kept: all of it or nothing.

The new database first gets a name that says what is to become of the present one. From then on the change is
decided: whoever opens the database next goes on with it, wherever it was cut off. The log and the index go
before the file, since SQLite would apply those of the one to the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from glob import escape
from itertools import count
from pathlib import Path

from adapters.sqlite.migration.durable_copy import fsync, made_durable

_SUFFIXES = ("-journal", "-wal", "-shm")


def name_for(path: Path, *, label: str, now: datetime) -> Path:
    """Where the present database is to be kept: a name beside it that is free."""
    names = _names(path, f"{path.name}.{label}-{now:%Y%m%dT%H%M%SZ}")
    return next(name for name in names if not name.exists())


def replace(path: Path, new: Path, kept: Path) -> None:
    """Let the new file, a whole database, stand at the path, and keep the present one by that name.

    The caller holds the lock. Raises `OSError`; then the present file is there, or the next opening goes on.
    """
    made_durable(new, path.with_name(f"{path.name}.next-{kept.name.removeprefix(f'{path.name}.')}"))
    finish(path)


def finish(path: Path) -> None:
    """Go on with what was decided and is not done. The caller holds the lock."""
    for decided in sorted(path.parent.glob(f"{escape(path.name)}.next-*")):
        kept = path.with_name(f"{path.name}.{decided.name.removeprefix(f'{path.name}.next-')}")
        for suffix in _SUFFIXES:
            _move(path.with_name(f"{path.name}{suffix}"), kept.with_name(f"{kept.name}{suffix}"))
        _keep(path, kept)
        fsync(path.parent)  # kept for good before the name is given away
        decided.rename(path)
        fsync(path.parent)


def set_logs_apart(path: Path, *, now: datetime) -> list[Path]:
    """Where logs without their database are kept from now on: SQLite would apply them to the next one."""
    left = name_for(path, label="left", now=now)
    found = [suffix for suffix in _SUFFIXES if path.with_name(f"{path.name}{suffix}").exists()]
    for suffix in found:
        _move(path.with_name(f"{path.name}{suffix}"), left.with_name(f"{left.name}{suffix}"))
    if found:
        fsync(path.parent)
    return [left.with_name(f"{left.name}{suffix}") for suffix in found]


def _keep(path: Path, kept: Path) -> None:
    if kept.exists() or not path.exists():
        return
    try:
        kept.hardlink_to(path)  # so that there never is none at the path
    except OSError:  # a file system that knows no links
        path.rename(kept)


def _move(present: Path, kept: Path) -> None:
    if present.exists():
        present.rename(next(name for name in _names(kept, kept.name) if not name.exists()))


def _names(path: Path, name: str) -> Iterator[Path]:
    """That name, then others with a number: nothing takes the place of what is kept."""
    return (path.with_name(f"{name}-{number}" if number > 1 else name) for number in count(1))
