"""The formats of a database, and the short steps between them: each one transaction, none touches a row."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from adapters.sqlite.database_lock import transaction
from adapters.sqlite.rows.readings import AIR_READINGS, CREATE_ALL_READINGS, READING_COLUMNS, READINGS
from adapters.sqlite.schema import (
    ADD_COLUMNS,
    ADD_CRC_COLUMNS,
    CREATE_AIR_READINGS,
    CREATE_CHECKSUMS,
    CREATE_DEVICES,
    CREATE_MEASUREMENTS,
    CREATE_OUTCOMES,
    CREATE_PROPERTIES,
    CREATE_READINGS,
)

# Values of user_version; 0 is the earlier program's format, or an empty file.
LEDGER = 1  # every column and every table
REBUILT = 2  # and `readings` takes monitors, and rows without a temperature
CHECKSUMMED = 3  # and readings and ledger rows have checksums
INDEXED = 4  # and `readings` has no superfluous index
KNOWN_VERSION = INDEXED

_INSERT_IS_SIMULATED = "INSERT INTO properties (name, value) VALUES ('is_simulated', ?)"

_SELECT_VIEW = "SELECT sql FROM sqlite_schema WHERE name = 'all_readings'"

Step = Callable[[sqlite3.Connection], None]


def user_version(connection: sqlite3.Connection) -> int:
    """Return the format of the database."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def add_ledger(
    connection: sqlite3.Connection, *, is_simulated: bool, before_commit: Callable[[], object] = lambda: None
) -> None:
    """Go to format 1: add the columns that an old table lacks, and the other tables."""

    def add(connection: sqlite3.Connection) -> None:
        present = _columns(connection, "readings")
        if not present:
            for statement in CREATE_READINGS:
                connection.execute(statement)
            present = _columns(connection, "readings")
        for column, statement in ADD_COLUMNS.items():
            if column not in present:
                connection.execute(statement)
        for statement in (CREATE_OUTCOMES, CREATE_DEVICES, CREATE_MEASUREMENTS, CREATE_PROPERTIES):
            connection.execute(statement)
        connection.execute(_INSERT_IS_SIMULATED, (str(int(is_simulated)),))
        _add_checksum_columns(connection)

    # else SQLite checks all rows for each new column, and stops at one that a check refuses today
    connection.execute("PRAGMA ignore_check_constraints=ON")
    migrate(connection, add, LEDGER, before_commit)


def lacks_checksums(connection: sqlite3.Connection) -> bool:
    """Return whether there is no place for checksums yet; the format does not show it, see below."""
    return "crc" not in _columns(connection, "outcomes")


def add_checksums(connection: sqlite3.Connection) -> None:
    """Go to format 3: make a place for checksums. Those of old rows are computed later, in the daily upkeep.

    A file whose rebuild was put off gets the place too and stays at format 1. A file that gets its ledger now
    has the place at once.
    """
    version = user_version(connection)

    def add(connection: sqlite3.Connection) -> None:
        if lacks_checksums(connection):
            _add_checksum_columns(connection)

    migrate(connection, add, CHECKSUMMED if version >= REBUILT else version, lambda: None)


def lacks_air_readings(connection: sqlite3.Connection) -> bool:
    """Return whether the table of readings without a temperature is missing, or the view is not as due."""
    return not _columns(connection, AIR_READINGS) or _must_make_view(connection)


def add_air_readings(connection: sqlite3.Connection) -> None:
    """Make the table of readings without a temperature, and the view over both; the format stays the same."""
    migrate(connection, create_air_readings, user_version(connection), lambda: None)


def create_air_readings(connection: sqlite3.Connection) -> None:
    """Make what is missing of them, within a transaction of the caller."""
    if not _columns(connection, AIR_READINGS):
        for statement in CREATE_AIR_READINGS:
            connection.execute(statement)
    if _must_make_view(connection):
        connection.execute("DROP VIEW IF EXISTS all_readings")
        connection.execute(_view(is_named="name" in _columns(connection, READINGS)))


def _must_make_view(connection: sqlite3.Connection) -> bool:
    """Return whether the view is missing or shows `name` otherwise than `readings` has it.

    The column may come later, from the earlier program or a backup. A view or table of a person stays.
    """
    is_named = "name" in _columns(connection, READINGS)
    present = connection.execute(_SELECT_VIEW).fetchone()
    return present is None or present[0] == _view(is_named=not is_named)


def _view(*, is_named: bool) -> str:
    columns = ", ".join([*READING_COLUMNS[1:], *(["name"] if is_named else [])])
    return CREATE_ALL_READINGS.format(columns=columns).strip()


def migrate(
    connection: sqlite3.Connection, step: Step, version: int, before_commit: Callable[[], object]
) -> None:
    """Take the step to that format, all or nothing; an error of `before_commit` rolls it back."""
    # not IMMEDIATE: in the old journal modes a reader would hold up the commit, after all the work
    with transaction(connection, "BEGIN EXCLUSIVE"):
        step(connection)
        connection.execute(f"PRAGMA user_version={version:d}")
        before_commit()


def _add_checksum_columns(connection: sqlite3.Connection) -> None:
    connection.execute(CREATE_CHECKSUMS)
    for statement in ADD_CRC_COLUMNS:
        connection.execute(statement)


def _columns(connection: sqlite3.Connection, table: str) -> set[str]:
    return {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
