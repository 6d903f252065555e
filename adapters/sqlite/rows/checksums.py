"""Checksums of readings and ledger rows, by which a value that changed on the disk is noticed.

A checksum is the CRC-32 of the values as Python writes them, row after row, without the NULLs at a row's end.
Each run of readings that were stored together has one in the table `checksums`, each row of `outcomes` one in
its column `crc`.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from adapters.sqlite.database_lock import DatabaseLock, locked_transaction
from adapters.sqlite.rows.readings import READING_COLUMNS


class LedgerRow(NamedTuple):
    """A row of `outcomes` without its checksum, which counts the values in this order.

    Only what this program wrote has these types for certain: a damaged file can hold anything.
    """

    source: str
    slot: str
    interval_s: int
    scheduled: int
    state: str
    cause: str | None = None
    detail: str | None = None
    readings: int = 0
    unread: str | None = None
    until: str | None = None
    notes: str | None = None


SELECT_NEWEST_ID = "SELECT coalesce(max(id), 0) FROM readings"
SELECT_RUNS = "SELECT first_id, last_id, readings, crc FROM checksums ORDER BY first_id"
SELECT_RUN = "SELECT first_id, last_id, readings, crc FROM checksums WHERE first_id = ?"
SELECT_OUTCOMES = f"SELECT {', '.join(LedgerRow._fields)}, crc FROM outcomes"  # noqa: S608 - names from above
_SELECT_READINGS = f"""
SELECT {", ".join(READING_COLUMNS)} FROM readings WHERE id BETWEEN ? AND ? ORDER BY id
"""  # noqa: S608 - names of rows.readings
INSERT_RUN = "INSERT INTO checksums (first_id, last_id, readings, crc) VALUES (?, ?, ?, ?)"

IS_COMPLETE = "is_checksummed"  # a property: from then on a ledger row without a checksum is a finding

_ROWS_AT_ONCE = 1000  # a cycle waits no longer than these take
_SELECT_RUN_BOUNDS = "SELECT first_id, last_id FROM checksums ORDER BY first_id"
_SELECT_BOUNDS = "SELECT min(id), max(id) FROM readings"
_SELECT_IDS = "SELECT id FROM readings WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?"
_SELECT_NEXT = "SELECT coalesce(max(last_id) + 1, ?) FROM checksums WHERE first_id BETWEEN ? AND ?"
_SELECT_OUTCOMES_WITHOUT = f"{SELECT_OUTCOMES} WHERE crc IS NULL LIMIT ?"
_UPDATE_CRC = "UPDATE outcomes SET crc = ? WHERE source = ? AND slot = ?"
_INSERT_COMPLETE = "INSERT INTO properties (name, value) VALUES (?, '1') ON CONFLICT (name) DO NOTHING"

Row = Sequence[object]


def checksum(*rows: Row) -> int:
    """Return the checksum of the rows; 1, 1.0, "1" and b"1" have different ones."""
    crc = 0
    for row in rows:
        end = len(row)
        while end and row[end - 1] is None:
            end -= 1
        crc = zlib.crc32(ascii(tuple(row[:end])).encode(), crc)
    return crc


def is_wrong(row: Row) -> bool:
    """Return whether the row has a checksum, as its last value, that is not the one of the other values."""
    return row[-1] is not None and row[-1] != checksum(row[:-1])


class Run(NamedTuple):
    """A row of `checksums`: how many readings lie between two ids, and the checksum of all that."""

    first_id: int
    last_id: int
    readings: int
    crc: int


def run_of(rows: Sequence[Row], first_id: int, last_id: int) -> Run:
    """Return the run of these readings, whose values are in the order of `READING_COLUMNS`."""
    return Run(first_id, last_id, len(rows), checksum((first_id, last_id, len(rows)), *rows))


def read_run(connection: sqlite3.Connection, first_id: int, last_id: int) -> Run:
    """Return the run of the readings that the table holds between the two ids."""
    return run_of(connection.execute(_SELECT_READINGS, (first_id, last_id)).fetchall(), first_id, last_id)


@contextmanager
def checksum_of_inserted(connection: sqlite3.Connection) -> Iterator[None]:
    """Store the checksum of the readings that are inserted in the block, within the same transaction."""
    (before,) = connection.execute(SELECT_NEWEST_ID).fetchone()
    yield
    (newest,) = connection.execute(SELECT_NEWEST_ID).fetchone()
    if newest > before:
        connection.execute(INSERT_RUN, read_run(connection, before + 1, newest))


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
            connection.execute(INSERT_RUN, read_run(connection, ids[0], ids[-1]))
    return bool(ids)
