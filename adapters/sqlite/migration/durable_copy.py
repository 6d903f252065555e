"""Verified copies of a database, comparison of tables, and files that survive a power cut."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import attrs

from adapters.sqlite.connection import connect
from adapters.sqlite.wal import size_bytes
from domain.errors import StoreCorrupt, StoreFull

_SELECT_COLUMNS = "SELECT name, type FROM pragma_table_xinfo(?, ?) WHERE hidden = 0 ORDER BY cid"
_ONE_NUMBER_TYPE = ("REAL", "TEXT")  # columns that hold at most one type of number
_SPARE_BYTES = 32 * 1024 * 1024  # for the log, and for what is stored meanwhile


@contextmanager
def verified_copy_beside(path: Path, *, busy_timeout_ms: int) -> Iterator[Path]:
    """A sound copy in the same folder with equal readings; removed at the end unless it was renamed.

    Raises `StoreCorrupt` when the copy is not sound or not equal, and what SQLite and the system raise.
    """
    copy = path.with_name(f"{path.name}.copying")
    _remove(copy)
    try:
        _copy(path, copy, busy_timeout_ms)
        yield copy
    finally:
        _remove(copy)


def _copy(path: Path, copy: Path, busy_timeout_ms: int) -> None:
    with closing(connect(path, mode="rw", busy_timeout_ms=busy_timeout_ms)) as source:
        copy.touch()
        source.execute("ATTACH ? AS copy", (str(copy.absolute()),))
        source.execute("BEGIN")
        # starts the read transaction: what is copied and compared below is one state
        source.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        with closing(connect(copy, mode="rw", busy_timeout_ms=busy_timeout_ms)) as target:
            source.backup(target)
        is_equal = not differ(source, Table("main", "readings"), Table("copy", "readings"))
        source.execute("COMMIT")
    with closing(connect(copy, mode="rw", busy_timeout_ms=busy_timeout_ms)) as connection:
        connection.execute("PRAGMA ignore_check_constraints=ON")  # a value that is refused today is no damage
        result = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if result != "ok":
        raise StoreCorrupt(f"{path} is damaged ({result}); nothing has changed. Put a backup in its place")
    if not is_equal:
        raise StoreCorrupt(f"the copy of {path} differs from it; nothing has changed. Check the disk")


def require_room(path: Path, times: float) -> None:
    """Raise `StoreFull` if the disk has no room for the database that many times more."""
    needed = times * (path.stat().st_size + size_bytes(path)) + _SPARE_BYTES
    free = shutil.disk_usage(path.parent).free
    if free < needed:
        raise StoreFull(
            f"{path} must be copied before it is upgraded. That takes {needed / 1e6:.0f} MB; its disk has "
            f"{free / 1e6:.0f} MB free. Make room; nothing has changed"
        )


def rename_durably(temporary: Path, final: Path) -> None:
    """Sync the finished file and give it its name, so that both survive a power cut."""
    fsync(temporary)
    temporary.rename(final)
    fsync(final.parent)


def fsync(path: Path) -> None:
    """Let the content of the file, or the names in the folder, survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(path: Path) -> None:
    for suffix in ("", "-journal", "-wal", "-shm"):
        path.with_name(f"{path.name}{suffix}").unlink(missing_ok=True)


@attrs.frozen
class Table:
    """A table of a database that the connection has open under the name `schema`."""

    schema: str
    name: str

    def __str__(self) -> str:
        return f"{quoted(self.schema)}.{quoted(self.name)}"


def columns_of(connection: sqlite3.Connection, table: Table) -> str:
    """Return the columns for a statement, quoted, without generated ones."""
    return ", ".join(name for name, _ in _columns(connection, table))


def differ(connection: sqlite3.Connection, one: Table, other: Table) -> bool:
    """Return whether a row, by its id, is missing or different in the other table, or that one has more.

    `IS` takes 1 for equal to 1.0: where a column can hold both, the types are compared too.
    """
    columns = _columns(connection, one)
    same = " AND ".join(
        [f"a.{name} IS b.{name} COLLATE BINARY" for name, _ in columns]
        + [f"typeof(a.{name}) = typeof(b.{name})" for name, kind in columns if kind not in _ONE_NUMBER_TYPE]
    )
    counts = {connection.execute(f"SELECT count(*) FROM {table}").fetchone() for table in (one, other)}  # noqa: S608 - quoted
    different = connection.execute(
        f"SELECT 1 FROM {one} AS a LEFT JOIN {other} AS b ON b.id = a.id WHERE NOT ({same}) LIMIT 1"  # noqa: S608 - quoted
    ).fetchone()
    return len(counts) > 1 or different is not None


def quoted(name: str) -> str:
    """Return the name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def _columns(connection: sqlite3.Connection, table: Table) -> list[tuple[str, str]]:
    found = connection.execute(_SELECT_COLUMNS, (table.name, table.schema))
    return [(quoted(name), kind.upper()) for name, kind in found]
