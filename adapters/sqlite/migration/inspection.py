"""The check of an existing file before anything is written to it."""

from __future__ import annotations

import sqlite3
from collections.abc import Set as AbstractSet
from contextlib import closing
from pathlib import Path

import attrs

from adapters.sqlite.connection import connect
from adapters.sqlite.errors import error_name
from adapters.sqlite.migration.migrations import CHECKSUMMED, KNOWN_VERSION, user_version
from adapters.sqlite.schema import LATER_TABLES, OUR_TABLES, OUR_TABLES_NOW, REQUIRED_COLUMNS
from domain.errors import StoreCorrupt, StoreError, StoreRefused

_SELECT_TABLES = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
_RIGHT_FILE = "Set storage.database_path to the right file"
IS_SIMULATED, HOME_ID, INTERIM_SINCE = "is_simulated", "home_id", "interim_since"  # names of properties
_SELECT_PROPERTIES = "SELECT name, value FROM properties WHERE name IN (?, ?, ?)"
_KEY = ["device_id", "timestamp"]


@attrs.frozen(kw_only=True)
class Inspection:
    """A database that may be written to; `tables` are its own, without SQLite's.

    `home_id` is the home that it belongs to, None before that was noted. `is_interim` means that it was begun
    in place of a missing one, and that the loss has not been accepted yet.
    """

    version: int
    tables: frozenset[str]
    home_id: str | None = None
    is_interim: bool = False

    @property
    def is_from_before(self) -> bool:
        """Return whether the earlier program wrote it, so that it must be copied before a migration."""
        return self.version == 0 and "readings" in self.tables


def inspect(
    path: Path, *, is_simulated: bool | None, busy_timeout_ms: int, next_step: str | None = None
) -> Inspection:
    """Inspect the existing file without changing it.

    `is_simulated` is the kind of home that is to be written to; None, for readers, accepts both kinds.
    `next_step` is the advice to a person when it is another program's, or of the other kind of home; by
    default it is about the home's own database.

    Raises `StoreRefused` or `StoreCorrupt` when it must not be written to, and what SQLite raises.
    """
    if not path.is_file():
        raise StoreError(f"{path} is not a file. Set storage.database_path to a file, or move it away")
    if path.stat().st_size == 0:
        raise StoreCorrupt(f"{path} is empty. Put a backup in its place, or remove it to begin a new one")
    try:
        return _inspect(path, "ro", is_simulated, busy_timeout_ms, next_step)
    except sqlite3.OperationalError as error:
        # An interrupted transaction must be rolled back first, for which SQLite needs a writing connection.
        if error_name(error) != "SQLITE_READONLY_ROLLBACK":
            raise
        return _inspect(path, "rw", is_simulated, busy_timeout_ms, next_step)


def _inspect(
    path: Path, mode: str, is_simulated: bool | None, busy_timeout_ms: int, next_step: str | None
) -> Inspection:
    with closing(connect(path, mode=mode, busy_timeout_ms=busy_timeout_ms)) as connection:
        tables = frozenset(name for (name,) in connection.execute(_SELECT_TABLES))
        version = user_version(connection)
        properties: dict[str, str] = {}
        if version and "properties" in tables:
            names = (IS_SIMULATED, HOME_ID, INTERIM_SINCE)
            properties = dict(connection.execute(_SELECT_PROPERTIES, names))
        inspection = Inspection(
            version=version,
            tables=tables,
            home_id=properties.get(HOME_ID),
            is_interim=INTERIM_SINCE in properties,
        )
        if inspection.version > KNOWN_VERSION:
            raise StoreRefused(
                f"{path} has format {inspection.version}, of a newer homeclimate; this one knows up to "
                f"{KNOWN_VERSION}. Install the newer version again, or restore a backup from before it"
            )
        if tables:
            _refuse_foreign(path, inspection, connection, next_step or _RIGHT_FILE)
            if is_simulated is not None:
                was_simulated = properties.get(IS_SIMULATED) == "1"
                _refuse_other_kind_of_home(path, was_simulated, is_simulated, next_step)
        return inspection


def _refuse_foreign(
    path: Path, inspection: Inspection, connection: sqlite3.Connection, right_file: str
) -> None:
    tables = inspection.tables
    if "readings" not in tables:
        raise StoreRefused(
            f"{path} has tables ({_listed(tables)}) but no readings table: it belongs to another program. "
            f"{right_file}"
        )
    if missing := REQUIRED_COLUMNS - {row[1] for row in connection.execute("PRAGMA table_info(readings)")}:
        raise StoreRefused(f"the readings table of {path} lacks the columns {_listed(missing)}. {right_file}")
    if not _has_key(connection):
        raise StoreRefused(
            f"the readings table of {path} does not keep (device_id, timestamp) unique. {right_file}"
        )
    if inspection.version == 0 and (taken := tables & ((OUR_TABLES_NOW | LATER_TABLES) - {"readings"})):
        raise StoreRefused(
            f"{path} has other tables by the names {_listed(taken)}, which the ledger needs. Rename them"
        )
    due = OUR_TABLES_NOW if inspection.version >= CHECKSUMMED else OUR_TABLES
    if inspection.version and (absent := due - tables):
        raise StoreRefused(
            f"{path} has format {inspection.version} but lacks the tables {_listed(absent)}: another program "
            "has changed it. Restore a backup"
        )


def _has_key(connection: sqlite3.Connection) -> bool:
    for _, name, is_unique, _, is_partial in connection.execute("PRAGMA index_list(readings)"):
        if is_unique and not is_partial:
            columns = [row[2] for row in connection.execute("SELECT * FROM pragma_index_info(?)", (name,))]
            if sorted(columns) == _KEY:
                return True
    return False


def _refuse_other_kind_of_home(
    path: Path, was_simulated: bool, is_simulated: bool, next_step: str | None
) -> None:
    if was_simulated and not is_simulated:
        raise StoreRefused(
            f"{path} holds readings of a simulated home; real ones would be lost among them. "
            f"{next_step or 'Point storage.database_path, or --home, elsewhere'}"
        )
    if is_simulated and not was_simulated:
        raise StoreRefused(
            f"{path} holds readings of a real home; simulated ones do not belong among them. "
            f"{next_step or 'Name another folder with --home'}"
        )


def _listed(names: AbstractSet[str]) -> str:
    return ", ".join(sorted(names))
