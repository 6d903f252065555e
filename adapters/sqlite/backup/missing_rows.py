"""The rows of a backup that the database lacks."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from adapters.sqlite.baselines import REMOVED
from adapters.sqlite.connection import connect
from adapters.sqlite.errors import store_errors
from adapters.sqlite.migration.inspection import HOME_ID

# The tables whose rows must not be lost, with their keys. Measurements are forgotten by their age.
_KEYS: Mapping[str, Sequence[str]] = {
    "readings": ("device_id", "timestamp"),
    "air_readings": ("device_id", "timestamp"),
    "outcomes": ("source", "slot"),
    "devices": ("device_id",),
    "baselines": ("name",),
    "device_settings": ("device_id", "setting", "changed_at"),
}
_SELECT_TABLES = {
    "main": "SELECT name FROM main.sqlite_schema WHERE type = 'table'",
    "backup": "SELECT name FROM backup.sqlite_schema WHERE type = 'table'",
}
_SELECT_HOMES = """
SELECT value FROM main.properties WHERE name = :name
UNION ALL SELECT value FROM backup.properties WHERE name = :name
"""


def find_missing_row(database: Path, backup: Path, *, busy_timeout_ms: int) -> str | None:
    """Return a row of the backup that the database lacks, for a person; None if it has them all.

    Follows the unique indexes of both files, one to three seconds for a million rows, without our lock and
    without holding writers up. Raises `StoreError` when the files cannot be compared.
    """
    with (
        store_errors(database),
        closing(connect(database, mode="ro", busy_timeout_ms=busy_timeout_ms)) as connection,
    ):
        present = _tables(connection, "main")
        with store_errors(backup):
            connection.execute("ATTACH ? AS backup", (f"file:{quote(str(backup.absolute()))}?mode=ro",))
            if _is_of_another_home(connection, present & _tables(connection, "backup")):
                return "all of it, since it is the database of another home"
            for table in [table for table in _KEYS if table in _tables(connection, "backup")]:
                row = connection.execute(_select_missing(table, present)).fetchone()
                if row is not None:
                    return " ".join(map(str, (table, *row)))
    return None


def _tables(connection: sqlite3.Connection, schema: str) -> AbstractSet[str]:
    return {name for (name,) in connection.execute(_SELECT_TABLES[schema])}


def _is_of_another_home(connection: sqlite3.Connection, shared: AbstractSet[str]) -> bool:
    """Return whether both name their home, and another one: then rows may be equal only in their keys."""
    if "properties" not in shared:
        return False
    return len(set(connection.execute(_SELECT_HOMES, {"name": HOME_ID}))) > 1


def _select_missing(table: str, present: AbstractSet[str]) -> str:
    keys = ", ".join(f"old.{key}" for key in _KEYS[table])
    select = f"SELECT {keys} FROM backup.{table} AS old WHERE "  # noqa: S608 - names from above
    if table not in present:
        return f"{select} TRUE LIMIT 1"
    is_same = " AND ".join(f"now.{key} = old.{key}" for key in _KEYS[table])
    if table == "outcomes":  # that a slot was stored is more than that it was missed
        is_same += " AND (now.state = 'stored' OR old.state <> 'stored')"
    select += f"NOT EXISTS (SELECT 1 FROM main.{table} AS now WHERE {is_same})"  # noqa: S608 - names from above
    if table == "baselines" and "properties" in present:
        select += f" AND '{REMOVED}' || old.name NOT IN (SELECT name FROM main.properties)"  # noqa: S608
    return f"{select} LIMIT 1"
