"""The way from any earlier format of a database to the present one: upwards, each step one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence

from adapters.sqlite.schema import (
    ADD_COLUMNS,
    CREATE_DEVICES,
    CREATE_MEASUREMENTS,
    CREATE_OUTCOMES,
    CREATE_PROPERTIES,
    CREATE_READINGS,
)

_INSERT_IS_SIMULATED = "INSERT INTO properties (name, value) VALUES ('is_simulated', ?)"


def _add_ledger(connection: sqlite3.Connection, *, is_simulated: bool) -> None:
    """1: the columns that a table of any age lacks, and the tables beside it. No row is touched."""
    present = {row[1] for row in connection.execute("PRAGMA table_info(readings)")}
    if not present:
        for statement in CREATE_READINGS:
            connection.execute(statement)
        present = {row[1] for row in connection.execute("PRAGMA table_info(readings)")}
    for column, statement in ADD_COLUMNS.items():
        if column not in present:
            connection.execute(statement)
    for statement in (CREATE_OUTCOMES, CREATE_DEVICES, CREATE_MEASUREMENTS, CREATE_PROPERTIES):
        connection.execute(statement)
    connection.execute(_INSERT_IS_SIMULATED, (str(int(is_simulated)),))


MIGRATIONS: Sequence[Callable[..., None]] = (_add_ledger,)
KNOWN_VERSION = len(MIGRATIONS)


def migrate(connection: sqlite3.Connection, *, is_simulated: bool) -> None:
    """Bring the database up to the present format; nothing where it has that already."""
    while (version := user_version(connection)) < KNOWN_VERSION:
        connection.execute("BEGIN IMMEDIATE")
        try:
            MIGRATIONS[version](connection, is_simulated=is_simulated)
            connection.execute(f"PRAGMA user_version={version + 1:d}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def user_version(connection: sqlite3.Connection) -> int:
    """The number of migrations that the database has had."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
