"""The steps that rewrite `readings`: a copy of the table with fewer constraints, and fewer indexes."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing

import attrs

from adapters.sqlite.migration.durable_copy import Table, columns_of, differ
from adapters.sqlite.migration.migrations import INDEXED, REBUILT, migrate
from adapters.sqlite.schema import CREATE_RARE_KINDS_INDEX
from domain.errors import StoreError

# Of the connection, and gone with it. Else dropping the table would delete the rows that refer to it, views
# and triggers would be looked into while there is no table, and a row that a check refuses today would not be
# copied.
_SETTINGS = ("foreign_keys=OFF", "legacy_alter_table=ON", "ignore_check_constraints=ON")

_OLD, _NEW = Table("main", "readings"), Table("main", "readings_relaxed")
_SELECT_DEFINITION = "SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = 'readings'"
_SELECT_OBJECTS = """
SELECT type, name, tbl_name, sql FROM sqlite_schema
WHERE sql IS NOT NULL AND NOT (type = 'table' AND name = 'readings') ORDER BY rowid
"""
_DROPPED_WITH_TABLE = ("index", "trigger")
# What SQLite stores about a table and drops with it: the last id, so that none is used twice, and the results
# of ANALYZE, so that queries are planned as before.
_STATISTICS = {"sqlite_sequence": "name", "sqlite_stat1": "tbl", "sqlite_stat4": "tbl"}

# How the definitions of all ages write what they refuse. Everything else in a definition stays as it is.
_NAME = re.compile(r"""(CREATE\s+TABLE\s+)["`\[]?readings["`\]]?(?=\s*\()""", re.IGNORECASE)
_NOT_NULL = re.compile(
    r"""(\btemperature_celsius["`\]]?\s+\w+(?:\s*\([\d\s,]*\))?)\s+NOT\s+NULL\b""", re.IGNORECASE
)
_KINDS = re.compile(r"""(\bdevice_type["`\]]?\s+IN\s*\([^()]*'hue_sensor'[^()]*)\)""", re.IGNORECASE)
_MONITORS = "'alexa_aqm'"
_INSERT_PROBE = """
INSERT INTO readings (timestamp, device_id, temperature_celsius, location, device_type, created_at)
VALUES ('2026-03-01T12:00:00+00:00', ?, NULL, 'Living room', ?, '2026-03-01 12:00:00')
"""
_PROBES = (("hue:00:17:88:01:02:03:04:05-02-0402", "hue_sensor"), ("alexa:GAJ23005314600H3", "alexa_aqm"))


def needs_rebuild(connection: sqlite3.Connection) -> bool:
    """Return whether the table refuses rows that a new one takes. Raises `StoreError` if it is unknown."""
    definition = _definition(connection)
    if refusal(definition) is None:
        return False
    relaxed(definition)
    return True


def refusal(definition: str) -> str | None:
    """Return why such a table refuses a row without a temperature, or of a monitor; None if it takes both."""
    with closing(sqlite3.connect(":memory:")) as connection:
        try:
            connection.execute(definition)
            connection.executemany(_INSERT_PROBE, _PROBES)
        except sqlite3.Error as error:
            return str(error)
    return None


def relaxed(definition: str) -> str:
    """Return the definition with monitors among the kinds, and a temperature that may be NULL.

    Raises `StoreError` when a column would change otherwise, or the table would still refuse such rows.
    """
    result = _NOT_NULL.sub(r"\1", definition)
    result = _KINDS.sub(
        lambda found: found[0] if _MONITORS in found[1] else f"{found[1]}, {_MONITORS})", result
    )
    if (reason := refusal(result)) is not None:
        raise StoreError(f"the definition of the readings table is not a known one ({reason})")
    wanted = [
        (number, name, kind, 0 if str(name).lower() == "temperature_celsius" else not_null, *rest)
        for number, name, kind, not_null, *rest in _columns(definition)
    ]
    if _columns(result) != wanted:
        raise StoreError("the definition of the readings table is not a known one")
    return result


def rebuild(connection: sqlite3.Connection, *, before_commit: Callable[[], object] = lambda: None) -> None:
    """Go to format 2: copy the table to one with a relaxed definition, each row with its id.

    Rows, indexes, triggers and views are verified before the commit. The connection must be closed
    afterwards. Raises `StoreError` and what SQLite raises; then nothing has changed.
    """
    for setting in _SETTINGS:
        connection.execute(f"PRAGMA {setting}")
    migrate(connection, _rebuild, REBUILT, before_commit)


def _rebuild(connection: sqlite3.Connection) -> None:
    definition = _definition(connection)
    if refusal(definition) is None:
        return
    _drop_superfluous(connection)  # first, so that they are not built again
    surroundings = _Surroundings.of(connection)
    connection.execute(_NAME.sub(rf"\g<1>{_NEW.name}", relaxed(definition), count=1))
    columns = columns_of(connection, _OLD)
    connection.execute(f"INSERT INTO {_NEW} ({columns}) SELECT {columns} FROM {_OLD}")  # noqa: S608 - quoted
    if differ(connection, _OLD, _NEW):
        raise StoreError("the copy of the readings table differs from it. Check the disk")
    connection.execute(f"DROP TABLE {_OLD}")
    connection.execute(f"ALTER TABLE {_NEW} RENAME TO {_OLD.name}")
    surroundings.restore(connection)


def _definition(connection: sqlite3.Connection) -> str:
    return str(connection.execute(_SELECT_DEFINITION).fetchone()[0])


def _columns(definition: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(definition)
        return connection.execute("PRAGMA table_xinfo(readings)").fetchall()


@attrs.frozen(kw_only=True)
class _Surroundings:
    """All other objects of the database, and what SQLite stores about the table."""

    objects: Sequence[tuple[str, str, str, str]]
    statistics: Mapping[str, Sequence[tuple[object, ...]]]

    @classmethod
    def of(cls, connection: sqlite3.Connection) -> _Surroundings:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")}
        selects = {
            table: f"SELECT * FROM {table} WHERE {key} = 'readings'"  # noqa: S608 - names from above
            for table, key in _STATISTICS.items()
            if table in tables
        }
        return cls(
            objects=connection.execute(_SELECT_OBJECTS).fetchall(),
            statistics={table: connection.execute(select).fetchall() for table, select in selects.items()},
        )

    def restore(self, connection: sqlite3.Connection) -> None:
        """Make again what was dropped with the table. Raises `StoreError` when something differs."""
        for kind, _, table, statement in self.objects:
            if kind in _DROPPED_WITH_TABLE and table == _OLD.name:
                connection.execute(statement)
        for name, rows in self.statistics.items():
            connection.execute(f"DELETE FROM {name} WHERE {_STATISTICS[name]} = 'readings'")  # noqa: S608 - names from above
            for row in rows:
                marks = ", ".join("?" for _ in row)
                connection.execute(f"INSERT INTO {name} VALUES ({marks})", row)  # noqa: S608 - names from above
        if changed := set(self.objects) ^ set(connection.execute(_SELECT_OBJECTS)):
            names = ", ".join(sorted({name for _, name, _, _ in changed}))
            raise StoreError(f"what belongs to the readings table could not be kept as it is: {names}")


# Indexes of the earlier program that the unique key covers, or that a smaller one replaces.
_KINDS_INDEX = "idx_readings_device_type"
_COVERED_INDEXES: Mapping[str, str] = {
    "idx_readings_device_id": "device_id",
    "idx_readings_device_timestamp": "device_id,timestamp",
}
_SELECT_INDEXES = "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'readings'"
_SELECT_UNIQUE = "SELECT name FROM pragma_index_list('readings') WHERE \"unique\" AND NOT partial"
_SELECT_INDEX_COLUMNS = "SELECT name FROM pragma_index_info(?) ORDER BY seqno"
_KEY = [("device_id",), ("timestamp",)]


def superfluous_indexes(connection: sqlite3.Connection) -> Sequence[str]:
    """Return the indexes that are as the earlier program made them, and that no query needs."""
    unique = connection.execute(_SELECT_UNIQUE).fetchall()
    has_key = any(connection.execute(_SELECT_INDEX_COLUMNS, name).fetchall() == _KEY for name in unique)
    known = {**(_COVERED_INDEXES if has_key else {}), _KINDS_INDEX: "device_type"}
    return [
        name
        for name, sql in connection.execute(_SELECT_INDEXES)
        if name in known
        and re.sub(r'[\s"]', "", sql or "").lower() == f"createindex{name}onreadings({known[name]})"
    ]


def drop_indexes(connection: sqlite3.Connection) -> None:
    """Go to format 4: drop superfluous indexes. Raises what SQLite raises; then nothing has changed."""
    # the table holds the same values: overwriting them with zeros would only take long
    connection.execute("PRAGMA secure_delete=OFF")
    migrate(connection, _drop_superfluous, INDEXED, lambda: None)


def _drop_superfluous(connection: sqlite3.Connection) -> None:
    for index in superfluous_indexes(connection):
        connection.execute(f"DROP INDEX {index}")
        if index == _KINDS_INDEX:
            connection.execute(CREATE_RARE_KINDS_INDEX)
