"""What stands at the path, before anything there is changed."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import attrs

from adapters.sqlite.connection import connect
from adapters.sqlite.errors import error_name
from adapters.sqlite.migration.migrations import CHECKSUMMED, KNOWN_VERSION, user_version
from adapters.sqlite.schema import OUR_TABLES, OUR_TABLES_NOW, REQUIRED_COLUMNS
from domain.errors import StoreCorrupt, StoreError, StoreRefused

_SELECT_TABLES = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
_SELECT_IS_SIMULATED = "SELECT value FROM properties WHERE name = 'is_simulated'"
_IDENTITY = ["device_id", "timestamp"]


@attrs.frozen(kw_only=True)
class Inspection:
    """A sound database that may be written to; `tables` are its own, without SQLite's."""

    version: int
    tables: frozenset[str]

    @property
    def is_from_before(self) -> bool:
        """Whether the earlier system wrote it, so that it must be copied before it is migrated."""
        return self.version == 0 and "readings" in self.tables


def inspect(path: Path, *, is_simulated: bool, busy_timeout_ms: int) -> Inspection:
    """Look at the existing file without changing it.

    Raises `StoreRefused` or `StoreCorrupt` when it is not one to write to, and what SQLite raises.
    """
    if not path.is_file():
        raise StoreError(
            f"{path} is no file. Set storage.database_path to one, or move away what stands there"
        )
    if path.stat().st_size == 0:
        raise StoreCorrupt(
            f"{path} is empty. Put a backup in its place, or remove it to begin a new database"
        )
    try:
        return _inspected(path, "ro", is_simulated, busy_timeout_ms)
    except sqlite3.OperationalError as error:
        # A transaction that was cut off must be taken back first, which only a writing connection may do.
        if error_name(error) != "SQLITE_READONLY_ROLLBACK":
            raise
        return _inspected(path, "rw", is_simulated, busy_timeout_ms)


def _inspected(path: Path, mode: str, is_simulated: bool, busy_timeout_ms: int) -> Inspection:
    connection = connect(path, mode=mode, busy_timeout_ms=busy_timeout_ms)
    try:
        tables = frozenset(name for (name,) in connection.execute(_SELECT_TABLES))
        inspection = Inspection(version=user_version(connection), tables=tables)
        _refuse_newer(path, inspection)
        if tables:
            _refuse_foreign(path, inspection, connection)
            _refuse_wrong_world(path, inspection, connection, is_simulated=is_simulated)
        return inspection
    finally:
        connection.close()


def _refuse_newer(path: Path, inspection: Inspection) -> None:
    if inspection.version > KNOWN_VERSION:
        raise StoreRefused(
            f"{path} has format {inspection.version}, written by a newer homeclimate; this one knows up to "
            f"{KNOWN_VERSION}. Install the newer version again, or go back to a backup from before it"
        )


def _refuse_foreign(path: Path, inspection: Inspection, connection: sqlite3.Connection) -> None:
    if "readings" not in inspection.tables:
        raise StoreRefused(
            f"{path} has tables ({_listed(inspection.tables)}) but no readings table: it belongs to another "
            "program. Set storage.database_path to the right file"
        )
    if missing := REQUIRED_COLUMNS - {row[1] for row in connection.execute("PRAGMA table_info(readings)")}:
        raise StoreRefused(
            f"the readings table of {path} lacks the columns {_listed(missing)}: it is not one of ours. "
            "Set storage.database_path to the right file"
        )
    if not _is_keyed(connection):
        raise StoreRefused(
            f"the readings table of {path} does not keep (device_id, timestamp) unique: it is not "
            "one of ours. Set storage.database_path to the right file"
        )
    if inspection.version == 0 and (taken := inspection.tables & (OUR_TABLES_NOW - {"readings"})):
        raise StoreRefused(
            f"{path} has tables of its own by the names {_listed(taken)}, which are needed for the ledger. "
            "Rename them"
        )
    due = OUR_TABLES_NOW if inspection.version >= CHECKSUMMED else OUR_TABLES
    if inspection.version and (absent := due - inspection.tables):
        raise StoreRefused(
            f"{path} says it has format {inspection.version} but lacks the tables {_listed(absent)}: "
            "another program has changed it. Go back to a backup"
        )


def _is_keyed(connection: sqlite3.Connection) -> bool:
    for _, name, is_unique, _, is_partial in connection.execute("PRAGMA index_list(readings)"):
        if is_unique and not is_partial:
            columns = [row[2] for row in connection.execute("SELECT * FROM pragma_index_info(?)", (name,))]
            if sorted(columns) == _IDENTITY:
                return True
    return False


def _refuse_wrong_world(
    path: Path, inspection: Inspection, connection: sqlite3.Connection, *, is_simulated: bool
) -> None:
    row = connection.execute(_SELECT_IS_SIMULATED).fetchone() if inspection.version else None
    was_simulated = row is not None and row[0] == "1"
    if was_simulated and not is_simulated:
        raise StoreRefused(
            f"{path} holds the readings of a simulated home; real ones would be lost among them. "
            "Point storage.database_path, or --home, elsewhere"
        )
    if is_simulated and not was_simulated:
        raise StoreRefused(
            f"{path} holds the readings of a real home; simulated ones do not belong among them. "
            "Name another folder with --home"
        )


def _listed(names: frozenset[str]) -> str:
    return ", ".join(sorted(names))
