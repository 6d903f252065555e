"""Whether everything is what was stored: SQLite's own check of the file, and every checksum."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import attrs

from adapters.sqlite.care.checksumming import IS_COMPLETE
from adapters.sqlite.care.integrity import require_file
from adapters.sqlite.checksums import Keyed, Run, is_wrong, keyed_in, run_of
from adapters.sqlite.connection import connect
from adapters.sqlite.errors import error_name, told_apart
from adapters.sqlite.migration.inspection import inspect
from domain.errors import StoreCorrupt, StoreRefused

_FAULTS = 20  # that SQLite names at most
_SELECT_HAS_CHECKSUMS = "SELECT count(*) FROM sqlite_schema WHERE name = 'checksums'"
_SELECT_RUNS = "SELECT first_id, last_id, readings, crc FROM checksums ORDER BY first_id"
_SELECT_SLOTS = "SELECT min(timestamp), max(timestamp) FROM readings WHERE id BETWEEN ? AND ?"
_SELECT_IS_COMPLETE = "SELECT count(*) FROM properties WHERE name = ?"
_FILE = "file"
_PASSING = ("SQLITE_BUSY", "SQLITE_IOERR", "SQLITE_NOMEM")  # of the moment, not of the file


@attrs.frozen(kw_only=True)
class Finding:
    """Something that is not as it was stored: in which table, or the file as a whole; where; and what."""

    table: str
    where: str
    what: str

    @property
    def is_structural(self) -> bool:
        """Whether rows may be out of reach, and the file must be replaced."""
        return self.table == _FILE

    def __str__(self) -> str:
        return ", ".join(part for part in (self.table, self.where, self.what) if part)


def checked(path: Path, *, is_simulated: bool, busy_timeout_ms: int) -> tuple[Finding, ...]:
    """The findings on a database of this home's kind. Raises `StoreRefused` when it is another's."""
    with told_apart(path):
        require_file(path)
    try:
        with told_apart(path):
            inspect(path, is_simulated=is_simulated, busy_timeout_ms=busy_timeout_ms)
    except StoreCorrupt as error:
        return findings(path, busy_timeout_ms=busy_timeout_ms) or (_unreadable(error),)
    except StoreRefused:
        if found := findings(path, busy_timeout_ms=busy_timeout_ms):
            return found  # what it says of itself is no more to be believed than the rest
        raise
    return findings(path, busy_timeout_ms=busy_timeout_ms)


def findings(path: Path, *, busy_timeout_ms: int) -> tuple[Finding, ...]:
    """All that is wrong; nothing when all is sound. Changes nothing, and holds nobody up for long.

    Reads everything, which takes some 20 s for a million rows. Rows that have no checksum yet are believed.
    Raises `StoreError` when it cannot be told.
    """
    if path.is_file() and path.stat().st_size == 0:  # to SQLite that is a database without a table
        return (Finding(table=_FILE, where="", what="is empty"),)
    try:
        with told_apart(path), closing(connect(path, mode="ro", busy_timeout_ms=busy_timeout_ms)) as found:
            found.execute("PRAGMA cell_size_check=ON")
            found.execute("PRAGMA ignore_check_constraints=ON")  # what is refused today is no damage
            return tuple(_all(found))
    except StoreCorrupt as error:
        return (_unreadable(error),)


def _unreadable(error: StoreCorrupt) -> Finding:
    return Finding(table=_FILE, where="", what=str(error.__cause__ or error))


def _all(connection: sqlite3.Connection) -> Iterator[Finding]:
    for (line,) in connection.execute(f"PRAGMA integrity_check({_FAULTS})").fetchall():
        if line != "ok":
            yield Finding(table=_FILE, where="", what=" ".join(line.split()))
    if not connection.execute(_SELECT_HAS_CHECKSUMS).fetchone()[0]:
        return
    yield from _guarded("readings", _of_readings(connection))
    for table in keyed_in(connection):
        yield from _guarded(table.name, _of_rows(connection, table))


def _guarded(table: str, found: Iterator[Finding]) -> Iterator[Finding]:
    """What is found until the table cannot be read on, which is a finding itself."""
    try:
        yield from found
    except sqlite3.Error as error:
        if error_name(error).startswith(_PASSING):
            raise
        yield Finding(table=_FILE, where=f"table {table}", what=f"cannot be read: {error}")


def _of_readings(connection: sqlite3.Connection) -> Iterator[Finding]:
    for stored in [Run(*row) for row in connection.execute(_SELECT_RUNS)]:
        present = run_of(connection, stored.first_id, stored.last_id)
        if present == stored:
            continue
        what = "changed since they were stored"
        if present.readings != stored.readings:
            what = f"{present.readings} are there of {stored.readings} that were stored"
        slots = connection.execute(_SELECT_SLOTS, (stored.first_id, stored.last_id)).fetchone()
        where = f"ids {stored.first_id} to {stored.last_id} ({slots[0]} to {slots[1]})"
        yield Finding(table="readings", where=where, what=what)


def _of_rows(connection: sqlite3.Connection, table: Keyed) -> Iterator[Finding]:
    (is_complete,) = connection.execute(_SELECT_IS_COMPLETE, (IS_COMPLETE,)).fetchone()
    for row in connection.execute(table.select):
        where = " ".join(str(value) for value in row[: len(table.key)])
        if is_wrong(row):
            yield Finding(table=table.name, where=where, what="changed since it was stored")
        elif row[-1] is None and is_complete:
            yield Finding(table=table.name, where=where, what="its checksum is gone")
