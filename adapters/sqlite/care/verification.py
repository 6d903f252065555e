"""The check of a whole database: SQLite's own, and every checksum."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import attrs

from adapters.sqlite.connection import connect
from adapters.sqlite.errors import error_name, store_errors
from adapters.sqlite.migration.inspection import inspect
from adapters.sqlite.open_files import require_whole
from adapters.sqlite.rows.checksums import (
    IS_COMPLETE,
    SELECT_OUTCOMES,
    SELECT_RUN,
    SELECT_RUNS,
    Run,
    is_wrong,
    read_run,
)
from adapters.sqlite.rows.readings import AIR_READINGS, SELECT_AIR_READINGS, reading_tables
from domain.errors import StoreCorrupt, StoreError, StoreRefused

_BUSY_TIMEOUT_MS = 5000
_MOST_FAULTS = 20  # that SQLite lists
_SELECT_HAS_CHECKSUMS = "SELECT count(*) FROM sqlite_schema WHERE name = 'checksums'"
_SELECT_SLOTS = "SELECT min(timestamp), max(timestamp) FROM readings WHERE id BETWEEN ? AND ?"
_SELECT_IS_COMPLETE = "SELECT count(*) FROM properties WHERE name = ?"
_FILE = "file"
_PASSING = ("SQLITE_BUSY", "SQLITE_IOERR", "SQLITE_NOMEM")  # of the moment, not of the file


@attrs.frozen(kw_only=True)
class Finding:
    """Something that is not as it was stored: its table, or the file as a whole; where; and what is wrong."""

    table: str
    where: str
    what: str

    @property
    def is_structural(self) -> bool:
        """Return whether rows may be out of reach, so that the file must be replaced."""
        return self.table == _FILE

    def __str__(self) -> str:
        return ", ".join(part for part in (self.table, self.where, self.what) if part)


def require_file(path: Path) -> None:
    """Raise `StoreError` if there is no file at the path."""
    if not path.is_file():
        raise StoreError(f"{path} does not exist. Run collect first, or check storage.database_path")


def first_fault(path: Path) -> str | None:
    """Return the first fault of the file, indexes included; None if it is sound.

    Raises `StoreError` when the check cannot be made.
    """
    return _first_line(path, "PRAGMA integrity_check(1)")


def structural_fault(path: Path) -> str | None:
    """Return the first fault by which rows are lost or wrong, or None.

    An index that does not match its table is no such fault. Raises `StoreError` when the check cannot be
    made.
    """
    return _first_line(path, "PRAGMA quick_check(1)")


def _first_line(path: Path, pragma: str) -> str | None:
    if path.is_file() and path.stat().st_size == 0:  # to SQLite that is a database without tables
        return "the file is empty"
    try:
        with _connection_to_check(path, busy_timeout_ms=_BUSY_TIMEOUT_MS) as connection:
            result = str(connection.execute(pragma).fetchone()[0])
    except StoreCorrupt as error:
        return str(error.__cause__ or error)
    return None if result == "ok" else " ".join(result.split())


@contextmanager
def _connection_to_check(path: Path, *, busy_timeout_ms: int) -> Iterator[sqlite3.Connection]:
    with store_errors(path), closing(connect(path, mode="ro", busy_timeout_ms=busy_timeout_ms)) as connection:
        connection.execute("PRAGMA cell_size_check=ON")
        connection.execute("PRAGMA ignore_check_constraints=ON")  # what is refused today is no damage
        yield connection


def check_home(path: Path, *, busy_timeout_ms: int) -> tuple[Finding, ...]:
    """Return the findings on a home's database, simulated or not.

    Raises `StoreRefused` if another program or a newer version wrote it.
    """
    with store_errors(path):
        require_file(path)
        require_whole(path)
    try:
        with store_errors(path):
            inspect(path, is_simulated=None, busy_timeout_ms=busy_timeout_ms)
    except StoreCorrupt as error:
        return check(path, busy_timeout_ms=busy_timeout_ms) or (_unreadable(error),)
    except StoreRefused:
        if found := check(path, busy_timeout_ms=busy_timeout_ms):
            return found  # what a damaged file holds about itself may be wrong too
        raise
    return check(path, busy_timeout_ms=busy_timeout_ms)


def check(path: Path, *, busy_timeout_ms: int) -> tuple[Finding, ...]:
    """Return everything that is wrong with the database; nothing if it is sound.

    Reads everything, about 20 s for a million rows, without changing it or holding writers up. Rows without a
    checksum count as sound. Raises `StoreError` when the check cannot be made.
    """
    if path.is_file() and path.stat().st_size == 0:  # to SQLite that is a database without tables
        return (Finding(table=_FILE, where="", what="is empty"),)
    try:
        with _connection_to_check(path, busy_timeout_ms=busy_timeout_ms) as database:
            return tuple(_check(database))
    except StoreCorrupt as error:
        return (_unreadable(error),)


def _unreadable(error: StoreCorrupt) -> Finding:
    return Finding(table=_FILE, where="", what=str(error.__cause__ or error))


def _check(connection: sqlite3.Connection) -> Iterator[Finding]:
    for (line,) in connection.execute(f"PRAGMA integrity_check({_MOST_FAULTS})").fetchall():
        if line != "ok":
            yield Finding(table=_FILE, where="", what=" ".join(line.split()))
    if connection.execute(_SELECT_HAS_CHECKSUMS).fetchone()[0]:
        yield from _until_unreadable("readings", _check_readings(connection))
        yield from _until_unreadable("outcomes", _check_outcomes(connection))
    if AIR_READINGS in reading_tables(connection):
        yield from _until_unreadable(AIR_READINGS, _check_air_readings(connection))


def _until_unreadable(table: str, findings: Iterator[Finding]) -> Iterator[Finding]:
    """Yield the findings; one more where the table cannot be read further."""
    try:
        yield from findings
    except sqlite3.Error as error:
        if error_name(error).startswith(_PASSING):
            raise
        yield Finding(table=_FILE, where=f"table {table}", what=f"cannot be read: {error}")


def _check_readings(connection: sqlite3.Connection) -> Iterator[Finding]:
    for known in [Run(*row) for row in connection.execute(SELECT_RUNS)]:
        stored, present = known, read_run(connection, known.first_id, known.last_id)
        if present != stored:  # unless it was renamed since the runs were read
            stored, present = _read_again(connection, known)
        if present == stored:
            continue
        what = "changed since they were stored"
        if present.readings != stored.readings:
            what = f"{present.readings} are there of {stored.readings} that were stored"
        slots = connection.execute(_SELECT_SLOTS, (stored.first_id, stored.last_id)).fetchone()
        where = f"ids {stored.first_id} to {stored.last_id} ({slots[0]} to {slots[1]})"
        yield Finding(table="readings", where=where, what=what)


def _check_air_readings(connection: sqlite3.Connection) -> Iterator[Finding]:
    for row in connection.execute(SELECT_AIR_READINGS):
        if is_wrong(row):
            yield Finding(table=AIR_READINGS, where=f"{row[1]} {row[0]}", what="changed since it was stored")


def _read_again(connection: sqlite3.Connection, known: Run) -> tuple[Run, Run]:
    """Return the run as it was stored, and as it is, in one state of the database."""
    connection.execute("BEGIN")
    try:
        row = connection.execute(SELECT_RUN, (known.first_id,)).fetchone()
        present = read_run(connection, known.first_id, known.last_id)
    finally:
        connection.execute("COMMIT")
    return present if row is None else Run(*row), present


def _check_outcomes(connection: sqlite3.Connection) -> Iterator[Finding]:
    (is_complete,) = connection.execute(_SELECT_IS_COMPLETE, (IS_COMPLETE,)).fetchone()
    for row in connection.execute(SELECT_OUTCOMES):
        where = f"{row[0]} {row[1]}"
        if is_wrong(row):
            yield Finding(table="outcomes", where=where, what="changed since it was stored")
        elif row[-1] is None and is_complete:
            yield Finding(table="outcomes", where=where, what="its checksum is gone")
