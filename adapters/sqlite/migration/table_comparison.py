"""Comparison of two tables, done by SQLite: every value of every row, and its type."""

from __future__ import annotations

import sqlite3

import attrs

_SELECT_COLUMNS = "SELECT name, type FROM pragma_table_xinfo(?, ?) WHERE hidden = 0 ORDER BY cid"
_ONE_NUMBER_TYPE = ("REAL", "TEXT")  # columns that hold at most one type of number


@attrs.frozen
class Table:
    """A table of a database that the connection has open under the name `schema`."""

    schema: str
    name: str

    def __str__(self) -> str:
        return f"{quoted(self.schema)}.{quoted(self.name)}"


def columns_of(connection: sqlite3.Connection, table: Table) -> str:
    """Return the columns for a statement, quoted, without generated ones."""
    return ", ".join(name for name, _ in _columns(connection, table))


def differ(connection: sqlite3.Connection, one: Table, other: Table) -> bool:
    """Return whether a row, by its id, is missing or different in the other table, or that one has more.

    `IS` takes 1 for equal to 1.0: where a column can hold both, the types are compared too.
    """
    columns = _columns(connection, one)
    same = " AND ".join(
        [f"a.{name} IS b.{name} COLLATE BINARY" for name, _ in columns]
        + [f"typeof(a.{name}) = typeof(b.{name})" for name, kind in columns if kind not in _ONE_NUMBER_TYPE]
    )
    counts = {connection.execute(f"SELECT count(*) FROM {table}").fetchone() for table in (one, other)}  # noqa: S608 - quoted
    different = connection.execute(
        f"SELECT 1 FROM {one} AS a LEFT JOIN {other} AS b ON b.id = a.id WHERE NOT ({same}) LIMIT 1"  # noqa: S608 - quoted
    ).fetchone()
    return len(counts) > 1 or different is not None


def quoted(name: str) -> str:
    """Return the name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def _columns(connection: sqlite3.Connection, table: Table) -> list[tuple[str, str]]:
    found = connection.execute(_SELECT_COLUMNS, (table.name, table.schema))
    return [(quoted(name), kind.upper()) for name, kind in found]
