"""Whether two tables hold the same, told by SQLite itself: every value of every row, and its type."""

from __future__ import annotations

import sqlite3

import attrs

_SELECT_COLUMNS = "SELECT name, type FROM pragma_table_xinfo(?, ?) WHERE hidden = 0 ORDER BY cid"
_ONE_KIND_OF_NUMBER = ("REAL", "TEXT")  # at most, whatever was put in


@attrs.frozen
class Table:
    """A table of a database that the connection has open; `schema` is the name of that database there."""

    schema: str
    name: str

    def __str__(self) -> str:
        return f"{_quoted(self.schema)}.{_quoted(self.name)}"


def columns_of(connection: sqlite3.Connection, table: Table) -> str:
    """The columns as they are written in a statement, without those that are computed."""
    return ", ".join(name for name, _ in _columns(connection, table))


def differ(connection: sqlite3.Connection, one: Table, other: Table) -> bool:
    """Whether a row of the one, by its id, is missing or different in the other, or the other has more.

    `IS` takes 1 for equal to 1.0, so that where both can stand the types are compared too; and what a column
    thinks of capitals and blanks does not count.
    """
    columns = _columns(connection, one)
    same = " AND ".join(
        [f"a.{name} IS b.{name} COLLATE BINARY" for name, _ in columns]
        + [
            f"typeof(a.{name}) = typeof(b.{name})"
            for name, kind in columns
            if kind not in _ONE_KIND_OF_NUMBER
        ]
    )
    counts = {connection.execute(f"SELECT count(*) FROM {table}").fetchone() for table in (one, other)}  # noqa: S608 - quoted
    different = connection.execute(
        f"SELECT 1 FROM {one} AS a LEFT JOIN {other} AS b ON b.id = a.id WHERE NOT ({same}) LIMIT 1"  # noqa: S608 - quoted
    ).fetchone()
    return len(counts) > 1 or different is not None


def _columns(connection: sqlite3.Connection, table: Table) -> list[tuple[str, str]]:
    found = connection.execute(_SELECT_COLUMNS, (table.name, table.schema))
    return [(_quoted(name), kind.upper()) for name, kind in found]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
