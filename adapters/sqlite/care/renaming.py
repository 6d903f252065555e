"""Stored readings of a device under another name, with the checksums of what changes."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from adapters.sqlite.connection import connect
from adapters.sqlite.database_lock import DatabaseLock, locked_transaction
from adapters.sqlite.errors import store_errors
from adapters.sqlite.rows.checksums import Run, checksum, is_wrong, read_run
from adapters.sqlite.rows.readings import (
    AIR_READINGS,
    READING_COLUMNS,
    SELECT_AIR_READINGS,
    clean,
    reading_tables,
)

_ROWS_AT_ONCE = 500  # a cycle waits no longer than these take
_LOCATION = READING_COLUMNS.index("location") - 1  # in a row without its id
_SELECT_NEXT = """
SELECT id FROM readings WHERE id > ? AND lower(device_id) = ? AND location <> ? ORDER BY id LIMIT 1
"""
_SELECT_RUNS = """
SELECT first_id, last_id, readings, crc FROM checksums
WHERE first_id BETWEEN coalesce((SELECT max(first_id) FROM checksums WHERE first_id <= ?), 0) AND ?
ORDER BY first_id
"""
_UPDATE_READINGS = """
UPDATE readings SET location = ? WHERE id BETWEEN ? AND ? AND lower(device_id) = ? AND location <> ?
"""
_UPDATE_RUN = "UPDATE checksums SET crc = ? WHERE first_id = ?"
# A row without a temperature has its own checksum.
_SELECT_AIR_ROWS = f"""
{SELECT_AIR_READINGS} WHERE lower(device_id) = ? AND location <> ? LIMIT {_ROWS_AT_ONCE}
"""
_UPDATE_AIR_ROW = "UPDATE air_readings SET location = ?, crc = ? WHERE timestamp = ? AND device_id = ?"
_UPDATE_DEVICE = "UPDATE devices SET location = ? WHERE lower(device_id) = ? AND location <> ?"


def rename_readings(
    path: Path, device_id: str, name: str, *, lock: DatabaseLock, busy_timeout_ms: int
) -> int:
    """Store the readings of the device under that name; return how many changed. Raise `StoreError`.

    A collector has its turn after some hundred rows. Interrupted anywhere, it can be started again. A run of
    readings whose checksum is wrong keeps it.
    """
    device, name = device_id.lower(), clean(name)
    renamed = 0
    with store_errors(path), closing(connect(path, mode="rw", busy_timeout_ms=busy_timeout_ms)) as connection:
        connection.execute("PRAGMA ignore_check_constraints=ON")  # for old rows that a check refuses today
        with locked_transaction(connection, lock):
            connection.execute(_UPDATE_DEVICE, (name, device, name))
        last = 0
        while (found := connection.execute(_SELECT_NEXT, (last, device, name)).fetchone()) is not None:
            first, last = found[0], found[0] + _ROWS_AT_ONCE - 1
            with locked_transaction(connection, lock):
                renamed += _rename_portion(connection, first, last, device, name)
        has_more = AIR_READINGS in reading_tables(connection)
        while has_more:
            with locked_transaction(connection, lock):
                count = _rename_air_rows(connection, device, name)
            renamed += count
            has_more = count > 0
        with lock.held():
            connection.close()  # which may checkpoint the log
    return renamed


def _rename_portion(connection: sqlite3.Connection, first: int, last: int, device: str, name: str) -> int:
    """Rename the readings between two ids; return how many there were."""
    runs = [Run(*row) for row in connection.execute(_SELECT_RUNS, (first, last))]
    sound = [run for run in runs if read_run(connection, run.first_id, run.last_id) == run]
    count = connection.execute(_UPDATE_READINGS, (name, first, last, device, name)).rowcount
    for run in sound:
        new = read_run(connection, run.first_id, run.last_id)
        if new != run:
            connection.execute(_UPDATE_RUN, (new.crc, run.first_id))
    return count


def _rename_air_rows(connection: sqlite3.Connection, device: str, name: str) -> int:
    """Rename some of the readings without a temperature; return how many there were."""
    changes = []
    for row in connection.execute(_SELECT_AIR_ROWS, (device, name)).fetchall():
        *values, crc = row
        if not is_wrong(row):
            values[_LOCATION] = name
            crc = checksum(values)
        changes.append((name, crc, *values[:2]))
    connection.executemany(_UPDATE_AIR_ROW, changes)
    return len(changes)
