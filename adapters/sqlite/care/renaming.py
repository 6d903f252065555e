"""Stored readings of a device under another name, with the checksums of what changes."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import attrs

from adapters.sqlite.connection import connect
from adapters.sqlite.database_lock import DatabaseLock, locked_transaction
from adapters.sqlite.errors import store_errors
from adapters.sqlite.rows.checksums import Run, checksum, is_wrong, read_run
from adapters.sqlite.rows.names import has_names
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
SELECT id FROM readings WHERE id > :id AND lower(device_id) = :device AND {is_other} ORDER BY id LIMIT 1
"""
_SELECT_RUNS = """
SELECT first_id, last_id, readings, crc FROM checksums
WHERE first_id BETWEEN coalesce((SELECT max(first_id) FROM checksums WHERE first_id <= ?), 0) AND ?
ORDER BY first_id
"""
_UPDATE_READINGS = """
UPDATE readings SET {changes} WHERE id BETWEEN :first AND :last AND lower(device_id) = :device AND {is_other}
"""
_UPDATE_RUN = "UPDATE checksums SET crc = ? WHERE first_id = ?"
# A row without a temperature has its own checksum.
_SELECT_AIR_ROWS = f"""
{SELECT_AIR_READINGS} WHERE lower(device_id) = :device AND {{is_other}} LIMIT {_ROWS_AT_ONCE}
"""
_UPDATE_AIR_ROW = """
UPDATE air_readings SET crc = :crc, {changes} WHERE timestamp = :timestamp AND device_id = :device_id
"""
_UPDATE_DEVICE = "UPDATE devices SET location = :name WHERE lower(device_id) = :device AND location <> :name"


def rename_readings(
    path: Path, device_id: str, name: str, *, lock: DatabaseLock, busy_timeout_ms: int
) -> int:
    """Store the readings of the device under that name; return how many changed. Raise `StoreError`.

    A collector has its turn after some hundred rows. Interrupted anywhere, it can be started again. A run of
    readings whose checksum is wrong keeps it.
    """
    with store_errors(path), closing(connect(path, mode="rw", busy_timeout_ms=busy_timeout_ms)) as connection:
        connection.execute("PRAGMA ignore_check_constraints=ON")  # for old rows that a check refuses today
        renaming = _Renaming(
            connection=connection,
            device=device_id.lower(),
            name=clean(name),
            has_names=has_names(connection),
        )
        with locked_transaction(connection, lock):
            connection.execute(_UPDATE_DEVICE, renaming.parameters)
        renamed = last = 0
        while (first := renaming.next_id(last)) is not None:
            last = first + _ROWS_AT_ONCE - 1
            with locked_transaction(connection, lock):
                renamed += renaming.rename(first, last)
        has_more = AIR_READINGS in reading_tables(connection)
        while has_more:
            with locked_transaction(connection, lock):
                count = renaming.rename_air_rows()
            renamed += count
            has_more = count > 0
        with lock.held():
            connection.close()  # which may checkpoint the log
    return renamed


@attrs.frozen(kw_only=True)
class _Renaming:
    """Gives rows of a device, whose id is in lower case, a name: as location, and in a column of names."""

    connection: sqlite3.Connection
    device: str
    name: str
    has_names: bool

    @property
    def parameters(self) -> dict[str, str]:
        return {"device": self.device, "name": self.name}

    def next_id(self, after: int) -> int | None:
        """Return the id of the first row after that one which has another name."""
        select = self._filled(_SELECT_NEXT)
        row = self.connection.execute(select, {**self.parameters, "id": after}).fetchone()
        return None if row is None else int(row[0])

    def rename(self, first: int, last: int) -> int:
        """Rename the readings between two ids; return how many there were."""
        runs = [Run(*row) for row in self.connection.execute(_SELECT_RUNS, (first, last))]
        sound = [run for run in runs if read_run(self.connection, run.first_id, run.last_id) == run]
        bounds = {"first": first, "last": last}
        count = self.connection.execute(
            self._filled(_UPDATE_READINGS), {**self.parameters, **bounds}
        ).rowcount
        for run in sound:
            new = read_run(self.connection, run.first_id, run.last_id)
            if new != run:
                self.connection.execute(_UPDATE_RUN, (new.crc, run.first_id))
        return count

    def rename_air_rows(self) -> int:
        """Rename some of the readings without a temperature; return how many there were."""
        changes = []
        for row in self.connection.execute(self._filled(_SELECT_AIR_ROWS), self.parameters).fetchall():
            *values, crc = row
            if not is_wrong(row):
                values[_LOCATION] = self.name
                crc = checksum(values)
            changes.append({"crc": crc, "name": self.name, "timestamp": values[0], "device_id": values[1]})
        self.connection.executemany(self._filled(_UPDATE_AIR_ROW), changes)
        return len(changes)

    def _filled(self, statement: str) -> str:
        if self.has_names:
            return statement.format(
                is_other="(location <> :name OR name IS NOT :name)", changes="location = :name, name = :name"
            )
        return statement.format(is_other="location <> :name", changes="location = :name")
