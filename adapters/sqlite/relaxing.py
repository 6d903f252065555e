"""The second migration: `readings` rebuilt, so that it takes monitors and rows without a temperature."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence

from adapters.sqlite.comparison import Table, columns_of, differ
from adapters.sqlite.definition import refusal, relaxed, renamed
from adapters.sqlite.indexes import drop_superfluous
from adapters.sqlite.migrations import RELAXED, migrate
from domain.errors import StoreError
from domain.values import frozen

# Of the connection, and gone with it. A foreign key would take dropping the table for deleting its rows; a
# view or a trigger that names the table must not be looked into while there is none; and an old row that a
# check would refuse today is copied all the same.
_SETTINGS = ("foreign_keys=OFF", "legacy_alter_table=ON", "ignore_check_constraints=ON")

_OLD, _NEW = Table("main", "readings"), Table("main", "readings_relaxed")
_SELECT_DEFINITION = "SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = 'readings'"
_SELECT_OBJECTS = """
SELECT type, name, tbl_name, sql FROM sqlite_schema
WHERE sql IS NOT NULL AND NOT (type = 'table' AND name = 'readings') ORDER BY rowid
"""
_OWN = ("index", "trigger")  # what is dropped with its table
# What SQLite notes about a table, and forgets when it is dropped: the id that was given last, so that none is
# given twice, and what ANALYZE found, so that queries go on being answered in the same way.
_NOTES = {"sqlite_sequence": "name", "sqlite_stat1": "tbl", "sqlite_stat4": "tbl"}


def is_relaxed(connection: sqlite3.Connection) -> bool:
    """Whether the table takes these rows already. Raises `StoreError` when it could not be made to."""
    definition = _definition(connection)
    if refusal(definition) is None:
        return True
    relaxed(definition)
    return False


def relax(connection: sqlite3.Connection, *, before_commit: Callable[[], object] = lambda: None) -> None:
    """2: the table as it was in all else, every row with its id and each of its values.

    That is verified before the commit, as are indexes, triggers and views. The connection is of no use
    afterwards. Raises `StoreError` and what SQLite raises; then nothing has changed.
    """
    for setting in _SETTINGS:
        connection.execute(f"PRAGMA {setting}")
    migrate(connection, _rebuild, RELAXED, before_commit)


def _rebuild(connection: sqlite3.Connection) -> None:
    definition = _definition(connection)
    if refusal(definition) is None:
        return
    drop_superfluous(connection)  # first, so that they are not built anew
    around = _Surroundings.of(connection)
    connection.execute(renamed(relaxed(definition), _NEW.name))
    columns = columns_of(connection, _OLD)
    connection.execute(f"INSERT INTO {_NEW} ({columns}) SELECT {columns} FROM {_OLD}")  # noqa: S608 - quoted
    if differ(connection, _OLD, _NEW):
        raise StoreError("the copy of the readings table is not equal to it. Look at the disk")
    connection.execute(f"DROP TABLE {_OLD}")
    connection.execute(f"ALTER TABLE {_NEW} RENAME TO {_OLD.name}")
    around.restore(connection)


def _definition(connection: sqlite3.Connection) -> str:
    return str(connection.execute(_SELECT_DEFINITION).fetchone()[0])


@frozen(kw_only=True)
class _Surroundings:
    """What belongs to the table and goes when it is dropped, among all that there is beside it."""

    objects: Sequence[tuple[str, str, str, str]]
    notes: Mapping[str, Sequence[tuple[object, ...]]]

    @classmethod
    def of(cls, connection: sqlite3.Connection) -> _Surroundings:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")}
        selects = {
            note: f"SELECT * FROM {note} WHERE {key} = 'readings'"  # noqa: S608 - names from above
            for note, key in _NOTES.items()
            if note in tables
        }
        return cls(
            objects=connection.execute(_SELECT_OBJECTS).fetchall(),
            notes={note: connection.execute(select).fetchall() for note, select in selects.items()},
        )

    def restore(self, connection: sqlite3.Connection) -> None:
        """Put it back. Raises `StoreError` when something is not as it was."""
        for kind, _, table, statement in self.objects:
            if kind in _OWN and table == _OLD.name:
                connection.execute(statement)
        for note, rows in self.notes.items():
            connection.execute(f"DELETE FROM {note} WHERE {_NOTES[note]} = 'readings'")  # noqa: S608 - names from above
            for row in rows:
                marks = ", ".join("?" for _ in row)
                connection.execute(f"INSERT INTO {note} VALUES ({marks})", row)  # noqa: S608 - names from above
        if changed := set(self.objects) ^ set(connection.execute(_SELECT_OBJECTS)):
            names = ", ".join(sorted({name for _, name, _, _ in changed}))
            raise StoreError(f"what belongs to the readings table could not be kept as it is: {names}")
