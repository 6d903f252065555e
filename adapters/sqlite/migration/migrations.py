"""The steps from any earlier format of a database to the present one: upwards, each one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import suppress

from adapters.sqlite.checksums import PROPERTIES
from adapters.sqlite.schema import (
    ADD_COLUMNS,
    ADD_CRC,
    CREATE_CHECKSUMS,
    CREATE_DEVICES,
    CREATE_MEASUREMENTS,
    CREATE_OUTCOMES,
    CREATE_PROPERTIES,
    CREATE_READINGS,
)

LEDGER = 1  # has every column and every table; 0 is the earlier system's, or nothing yet
RELAXED = 2  # and its `readings` take monitors, and rows without a temperature
CHECKSUMMED = 3  # and what is stored has checksums
PRUNED = 4  # and its `readings` have no index without which they are as fast
KNOWN_VERSION = PRUNED

_INSERT_IS_SIMULATED = "INSERT INTO properties (name, value) VALUES ('is_simulated', ?)"
_SELECT_PROPERTIES = "SELECT name FROM properties"

Step = Callable[[sqlite3.Connection], None]


def user_version(connection: sqlite3.Connection) -> int:
    """The format of the database: the number of migrations that it has had."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def add_ledger(
    connection: sqlite3.Connection, *, is_simulated: bool, before_commit: Callable[[], object] = lambda: None
) -> None:
    """1: the columns that a table of any age lacks, and the tables beside it. No row is touched."""

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
        _make_room_for_checksums(connection)

    # else each new column has SQLite walk through all rows, and one that a check refuses today stops it
    connection.execute("PRAGMA ignore_check_constraints=ON")
    migrate(connection, add, LEDGER, before_commit)


def lacks_checksums(connection: sqlite3.Connection) -> bool:
    """Whether the tables have no room for checksums yet: the format does not tell, see `add_checksums`."""
    return "crc" not in _columns(connection, "properties")


def add_checksums(connection: sqlite3.Connection) -> None:
    """3: room for checksums; those of rows that are there come later, little by little. No row is touched.

    A file whose second step was put off gets the room all the same, and goes on being called format 1. What
    gets its ledger now has the room at once.
    """
    version = user_version(connection)

    def add(connection: sqlite3.Connection) -> None:
        if lacks_checksums(connection):
            _make_room_for_checksums(connection)

    migrate(connection, add, CHECKSUMMED if version >= RELAXED else version, lambda: None)


def migrate(
    connection: sqlite3.Connection, step: Step, version: int, before_commit: Callable[[], object]
) -> None:
    """Take the step to that format: all of it or nothing. `before_commit` has a last word."""
    # not IMMEDIATE: in the old journal modes a reader would hold up the commit, after all the work
    connection.execute("BEGIN EXCLUSIVE")
    try:
        step(connection)
        connection.execute(f"PRAGMA user_version={version:d}")
        before_commit()
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        raise


def _make_room_for_checksums(connection: sqlite3.Connection) -> None:
    for statement in (CREATE_CHECKSUMS, *ADD_CRC.values()):
        connection.execute(statement)
    for name in connection.execute(_SELECT_PROPERTIES).fetchall():
        PROPERTIES.seal(connection, name)


def _columns(connection: sqlite3.Connection, table: str) -> set[str]:
    return {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
