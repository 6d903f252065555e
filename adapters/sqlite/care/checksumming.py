"""The checksums of what was stored without: by this program before it had any, by another, by a merge."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from adapters.sqlite.checksums import PROPERTIES, Keyed, keyed_in, seal_run
from adapters.sqlite.database_lock import DatabaseLock, turn

IS_COMPLETE = "is_checksummed"  # of the properties: from then on a ledger row without a checksum is a finding

_ROWS = 1000  # at once: a cycle waits for no more than that takes
_SELECT_RUNS = "SELECT first_id, last_id FROM checksums ORDER BY first_id"
_SELECT_BOUNDS = "SELECT min(id), max(id) FROM readings"
_SELECT_IDS = "SELECT id FROM readings WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?"
_SELECT_SEALED = "SELECT coalesce(max(last_id) + 1, ?) FROM checksums WHERE first_id BETWEEN ? AND ?"
_INSERT_COMPLETE = "INSERT INTO properties (name, value) VALUES (?, '1') ON CONFLICT (name) DO NOTHING"


def complete(connection: sqlite3.Connection, lock: DatabaseLock) -> None:
    """Give a checksum to whatever has none, a thousand rows a turn. Cut off anywhere, it goes on later."""
    for first_id, last_id in list(_gaps(connection)):
        while _seal_some(connection, lock, first_id, last_id):
            pass
    for table in keyed_in(connection):
        while _seal_some_of(connection, lock, table):
            pass
    with turn(connection, lock):
        connection.execute(_INSERT_COMPLETE, (IS_COMPLETE,))
        PROPERTIES.seal(connection, (IS_COMPLETE,))


def _gaps(connection: sqlite3.Connection) -> Iterator[tuple[int, int]]:
    """The ids at either end and between the runs; most of these hold nothing."""
    lowest, newest = connection.execute(_SELECT_BOUNDS).fetchone()
    if lowest is None:
        return
    following = lowest
    for first_id, last_id in connection.execute(_SELECT_RUNS):
        if following < first_id:
            yield following, first_id - 1
        following = max(following, last_id + 1)
    if following <= newest:
        yield following, newest


def _seal_some(connection: sqlite3.Connection, lock: DatabaseLock, first_id: int, last_id: int) -> bool:
    """Whether there were any left in the gap. What was sealed by then is at its beginning."""
    if not connection.execute(_SELECT_IDS, (first_id, last_id, 1)).fetchall():
        return False
    with turn(connection, lock):
        (done,) = connection.execute(_SELECT_SEALED, (first_id, first_id, last_id)).fetchone()
        ids = [row[0] for row in connection.execute(_SELECT_IDS, (done, last_id, _ROWS))]
        if ids:
            seal_run(connection, ids[0], ids[-1])
    return bool(ids)


def _seal_some_of(connection: sqlite3.Connection, lock: DatabaseLock, table: Keyed) -> bool:
    select = f"SELECT {', '.join(table.key)} FROM {table.name} WHERE crc IS NULL LIMIT ?"  # noqa: S608 - ours
    with turn(connection, lock):
        keys = connection.execute(select, (_ROWS,)).fetchall()
        for key in keys:
            table.seal(connection, key)
    return bool(keys)
