"""Checksums for rows that have none: of this program before it had any, of another program, or of a merge."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from adapters.sqlite.checksums import SELECT_OUTCOMES, checksum, insert_run, read_run
from adapters.sqlite.database_lock import DatabaseLock, locked_transaction

IS_COMPLETE = "is_checksummed"  # a property: from then on a ledger row without a checksum is a finding

_ROWS_AT_ONCE = 1000  # a cycle waits no longer than these take
_SELECT_RUN_BOUNDS = "SELECT first_id, last_id FROM checksums ORDER BY first_id"
_SELECT_BOUNDS = "SELECT min(id), max(id) FROM readings"
_SELECT_IDS = "SELECT id FROM readings WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?"
_SELECT_NEXT = "SELECT coalesce(max(last_id) + 1, ?) FROM checksums WHERE first_id BETWEEN ? AND ?"
_SELECT_OUTCOMES_WITHOUT = f"{SELECT_OUTCOMES} WHERE crc IS NULL LIMIT ?"
_UPDATE_CRC = "UPDATE outcomes SET crc = ? WHERE source = ? AND slot = ?"
_INSERT_COMPLETE = "INSERT INTO properties (name, value) VALUES (?, '1') ON CONFLICT (name) DO NOTHING"


def add_missing_checksums(connection: sqlite3.Connection, lock: DatabaseLock) -> None:
    """Give every row a checksum, a thousand rows a transaction. Interrupted anywhere, it can be continued."""
    for first_id, last_id in list(_gaps(connection)):
        while _fill_gap(connection, lock, first_id, last_id):
            pass
    while True:
        with locked_transaction(connection, lock):
            rows = connection.execute(_SELECT_OUTCOMES_WITHOUT, (_ROWS_AT_ONCE,)).fetchall()
            connection.executemany(_UPDATE_CRC, [(checksum(row[:-1]), *row[:2]) for row in rows])
        if not rows:
            break
    with locked_transaction(connection, lock):
        connection.execute(_INSERT_COMPLETE, (IS_COMPLETE,))


def _gaps(connection: sqlite3.Connection) -> Iterator[tuple[int, int]]:
    """Yield the ranges of ids before, between and after the runs; most of them hold no row."""
    lowest, newest = connection.execute(_SELECT_BOUNDS).fetchone()
    if lowest is None:
        return
    following = lowest
    for first_id, last_id in connection.execute(_SELECT_RUN_BOUNDS):
        if following < first_id:
            yield following, first_id - 1
        following = max(following, last_id + 1)
    if following <= newest:
        yield following, newest


def _fill_gap(connection: sqlite3.Connection, lock: DatabaseLock, first_id: int, last_id: int) -> bool:
    """Add a checksum for the next rows of the gap; return whether there were any."""
    if not connection.execute(_SELECT_IDS, (first_id, last_id, 1)).fetchall():
        return False
    with locked_transaction(connection, lock):
        (start,) = connection.execute(_SELECT_NEXT, (first_id, first_id, last_id)).fetchone()
        ids = [row[0] for row in connection.execute(_SELECT_IDS, (start, last_id, _ROWS_AT_ONCE))]
        if ids:
            insert_run(connection, read_run(connection, ids[0], ids[-1]))
    return bool(ids)
