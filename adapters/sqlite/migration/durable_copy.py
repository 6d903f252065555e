"""The copy of a database that is made, and proven, before a migration touches it."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from adapters.sqlite.connection import connect
from adapters.sqlite.migration.table_comparison import Table, differ
from domain.errors import StoreCorrupt, StoreFull

_SPARE_BYTES = 32 * 1024 * 1024  # room for the log and what comes in meanwhile


@contextmanager
def proven_copy(path: Path, *, busy_timeout_ms: int) -> Iterator[Path]:
    """A copy beside the database, sound and equal, row by row; gone at the end, if it got no name of its own.

    Raises `StoreCorrupt` when the copy is not sound or not equal, and what SQLite and the system raise.
    """
    copy = path.with_name(f"{path.name}.copying")
    _remove(copy)
    try:
        _copy(path, copy, busy_timeout_ms)
        yield copy
    finally:
        _remove(copy)


def made_durable(temporary: Path, final: Path) -> None:
    """Give the finished file its name, so that it has it after a power cut too."""
    fsync(temporary)
    temporary.rename(final)
    fsync(final.parent)


def require_room(path: Path, times: float) -> None:
    """Raises `StoreFull` when the disk has not room for the database that many times more."""
    log = path.with_name(f"{path.name}-wal")
    size = path.stat().st_size + (log.stat().st_size if log.exists() else 0)
    needed = times * size + _SPARE_BYTES
    free = shutil.disk_usage(path.parent).free
    if free < needed:
        raise StoreFull(
            f"{path} must be copied before it is brought up to date. That takes {needed / 1e6:.0f} MB, and "
            f"its disk has {free / 1e6:.0f} MB free. Make room; nothing has been changed"
        )


def _copy(path: Path, copy: Path, busy_timeout_ms: int) -> None:
    with closing(connect(path, mode="rw", busy_timeout_ms=busy_timeout_ms)) as source:
        copy.touch()
        source.execute("ATTACH ? AS copy", (str(copy.absolute()),))
        source.execute("BEGIN")
        # begins to read: what is copied below, and compared, is what was there now
        source.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        _back_up(source, copy, busy_timeout_ms)
        is_equal = not differ(source, Table("main", "readings"), Table("copy", "readings"))
        source.execute("COMMIT")
    with closing(connect(copy, mode="rw", busy_timeout_ms=busy_timeout_ms)) as connection:
        connection.execute("PRAGMA ignore_check_constraints=ON")  # a value that is refused today is no damage
        verdict = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if verdict != "ok":
        raise StoreCorrupt(
            f"{path} is damaged ({verdict}); it has not been changed. Put a backup in its place"
        )
    if not is_equal:
        raise StoreCorrupt(
            f"the copy of {path} is not equal to it; nothing has been changed. Look at the disk"
        )


def _back_up(source: sqlite3.Connection, copy: Path, busy_timeout_ms: int) -> None:
    with closing(connect(copy, mode="rw", busy_timeout_ms=busy_timeout_ms)) as target:
        source.backup(target)


def _remove(path: Path) -> None:
    for suffix in ("", "-journal", "-wal", "-shm"):
        path.with_name(f"{path.name}{suffix}").unlink(missing_ok=True)


def fsync(path: Path) -> None:
    """Let what the file holds, or the names that the folder holds, survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
