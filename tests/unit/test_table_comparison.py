"""Whether two tables hold the same values of the same types."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest

from adapters.sqlite.migration.durable_copy import Table, differ

ONE, OTHER = Table("main", "one"), Table("main", 'the "other"')


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for table in (ONE, OTHER):
        connection.execute(
            f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, free, at DATETIME, warm REAL, "
            "room TEXT COLLATE NOCASE, twice AS (warm * 2))"
        )
        row = "(id, free, at, warm, room) VALUES (-3, 1, 'x', 20.5, 'Bad')"
        connection.execute(f"INSERT INTO {table} {row}")
        connection.execute(f"INSERT INTO {table} (id) VALUES (8)")  # noqa: S608 - from above
    yield connection
    connection.close()


def test_equal_rows_do_not_differ(connection: sqlite3.Connection) -> None:
    assert not differ(connection, ONE, OTHER)
    assert not differ(connection, OTHER, ONE)


@pytest.mark.parametrize(
    "change",
    [
        "free = 1.0",
        "free = '1'",
        "free = x'31'",
        "free = NULL",
        "at = x'78'",
        "at = 'x '",
        "warm = 20.500000000000004",
        "warm = 'x'",
        "room = 'bad'",
        "room = x'426164'",
        "id = 4",
    ],
)
def test_another_value_or_type_differs(connection: sqlite3.Connection, change: str) -> None:
    connection.execute(f"UPDATE {OTHER} SET {change} WHERE id = -3")  # noqa: S608 - from above
    assert differ(connection, ONE, OTHER)
    assert differ(connection, OTHER, ONE)


def test_a_row_of_one_table_only_differs(connection: sqlite3.Connection) -> None:
    connection.execute(f"INSERT INTO {OTHER} (id) VALUES (9)")  # noqa: S608 - from above
    assert differ(connection, ONE, OTHER)
    assert differ(connection, OTHER, ONE)
