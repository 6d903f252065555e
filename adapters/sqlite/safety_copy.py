"""The copy of a database that is made, and proven, before the first migration touches it."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path

from adapters.sqlite.connection import connect
from domain.errors import StoreCorrupt, StoreFull

_SPARE_BYTES = 32 * 1024 * 1024  # room for the log and what comes in meanwhile
_SELECT_ALL = "SELECT * FROM readings ORDER BY id"
_ROWS_AT_ONCE = 2000


def copied(path: Path, at: datetime, *, busy_timeout_ms: int) -> Path:
    """Copy the database beside itself and return the copy, durable and equal, row by row.

    Raises `StoreFull` when there is no room, `StoreCorrupt` when the copy is not sound or not equal, and
    whatever SQLite and the system raise. Then no copy is left behind.
    """
    copy = path.with_name(f"{path.name}.before-homeclimate-{at:%Y%m%dT%H%M%SZ}")
    unproven = path.with_name(f"{path.name}.copying")
    _remove(unproven)
    _check_room(path)
    try:
        _copy(path, unproven, busy_timeout_ms)
        made_durable(unproven, copy)
    finally:
        _remove(unproven)
    return copy


def made_durable(temporary: Path, final: Path) -> None:
    """Give the finished file its name, so that it has it after a power cut too."""
    _fsync(temporary)
    temporary.rename(final)
    _fsync(final.parent)


def _check_room(path: Path) -> None:
    log = path.with_name(f"{path.name}-wal")
    needed = path.stat().st_size + (log.stat().st_size if log.exists() else 0) + _SPARE_BYTES
    free = shutil.disk_usage(path.parent).free
    if free < needed:
        raise StoreFull(
            f"{path} must be copied before it is brought up to date. That takes {needed / 1e6:.0f} MB, and "
            f"its disk has {free / 1e6:.0f} MB free. Make room; nothing has been changed"
        )


def _copy(path: Path, unproven: Path, busy_timeout_ms: int) -> None:
    with (
        closing(connect(path, mode="rw", busy_timeout_ms=busy_timeout_ms)) as source,
        closing(connect(unproven, mode="rwc", busy_timeout_ms=busy_timeout_ms)) as target,
    ):
        source.execute("BEGIN")
        before = _digest(source)  # begins to read: what is copied below is what was read here
        source.backup(target)
        source.execute("COMMIT")
    with closing(connect(unproven, mode="rw", busy_timeout_ms=busy_timeout_ms)) as copy:
        verdict = copy.execute("PRAGMA integrity_check(1)").fetchone()[0]
        if verdict != "ok":
            raise StoreCorrupt(
                f"{path} is damaged ({verdict}); it has not been changed. Put a backup in its place"
            )
        if _digest(copy) != before:
            raise StoreCorrupt(
                f"the copy of {path} is not equal to it; nothing has been changed. Look at the disk"
            )


def _digest(connection: sqlite3.Connection) -> tuple[int, str]:
    """The number of rows, and a digest of every value with its type."""
    # Text as a type of its own: an old row's may be no UTF-8, and is not to be taken for a blob.
    connection.text_factory = bytearray
    digest, count = hashlib.sha256(), 0
    cursor = connection.execute(_SELECT_ALL)
    while rows := cursor.fetchmany(_ROWS_AT_ONCE):
        digest.update(repr(rows).encode())
        count += len(rows)
    return count, digest.hexdigest()


def _remove(path: Path) -> None:
    for suffix in ("", "-journal", "-wal", "-shm"):
        path.with_name(f"{path.name}{suffix}").unlink(missing_ok=True)


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
