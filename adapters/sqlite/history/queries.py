"""Queries: the history of readings and the measurements."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import product
from pathlib import Path

from adapters.sqlite.connection import connect_for_reading
from adapters.sqlite.database_lock import transaction
from adapters.sqlite.errors import store_errors
from adapters.sqlite.history.summaries import Summaries
from adapters.sqlite.migration.inspection import IS_SIMULATED
from adapters.sqlite.migration.migrations import user_version
from adapters.sqlite.rows.measurements import read_between
from adapters.sqlite.rows.readings import (
    COLUMNS,
    as_instant,
    as_number,
    as_text,
    newest_ids,
    reading_of,
    reading_tables,
)
from domain.errors import StoreError, StoreOutdated
from domain.gaps import LONGEST_GAP, is_of_wrong_clock
from domain.history.series import Summary
from domain.measurements import ReadCost
from domain.reading import Quantity, Reading

# Texts of naive local times are mixed with those of UTC. No zone is this far from UTC: a time that is later
# than that of the greatest text is less than this before it, as text.
_TEXT_SLACK = timedelta(days=2)
# Goes from device to device along the index, however many rows each has.
_SELECT_DEVICES = """
WITH RECURSIVE device (id) AS (
    SELECT min(device_id) FROM {table}
    UNION ALL
    SELECT (SELECT min(device_id) FROM {table} WHERE device_id > device.id)
    FROM device WHERE device.id IS NOT NULL
)
SELECT id FROM device WHERE id IS NOT NULL
"""
_SELECT_INSTANTS = "SELECT id, timestamp FROM {table} WHERE device_id = ? ORDER BY timestamp DESC"
# Among the others text order is time order, so that none of them is newer than the first.
_SELECT_OUT_OF_ORDER = """
SELECT id, timestamp FROM {table}
WHERE device_id = ? AND timestamp < ? AND timestamp >= ? AND substr(timestamp, -6) <> '+00:00'
"""
_QUANTITIES = ", ".join(COLUMNS.values())
_SELECT_READING = f"""
SELECT
    timestamp, device_id, location, device_type, is_anomalous, {_QUANTITIES},
    battery_level, signal_strength, thermostat_mode, raw_response, observed_at, other_values
FROM {{table}} WHERE id = ?
"""  # noqa: S608 - names of rows.readings
# Of the texts around the span only those that are not in UTC can name an instant in it.
_SELECT_VALUES = """
SELECT timestamp, {columns} FROM {table}
WHERE device_id = ? AND timestamp BETWEEN ? AND ?
    AND (timestamp BETWEEN ? AND ? OR substr(timestamp, -6) <> '+00:00')
"""
# `+` keeps SQLite from looking at the anomalous readings of all devices and years.
_SELECT_ANOMALIES = """
SELECT timestamp FROM {table}
WHERE device_id = ? AND timestamp BETWEEN ? AND ?
    AND (timestamp BETWEEN ? AND ? OR substr(timestamp, -6) <> '+00:00') AND +is_anomalous = 1
"""
_SELECT_OLDEST = "SELECT timestamp FROM {table} WHERE device_id = ? AND timestamp > ? ORDER BY timestamp"
_SELECT_BEFORE = "SELECT timestamp FROM {table} WHERE device_id = ? AND timestamp < ? ORDER BY timestamp DESC"
_EVER = datetime.max.replace(tzinfo=UTC) - 2 * _TEXT_SLACK


class SqliteHistory:
    """The readings. Each call, or each session, opens the database read-only and closes it again."""

    def __init__(self, path: Path, *, naive_zone: tzinfo | None = None, busy_timeout_ms: int = 5000) -> None:
        self._path = path
        self._naive_zone = naive_zone  # of old times without one; None: the system's zone
        self._busy_timeout_ms = busy_timeout_ms
        self._summaries = Summaries(naive_zone)
        self._held = threading.local()

    @contextmanager
    def session(self) -> Iterator[None]:
        with open_for_reading(self._path, self._busy_timeout_ms) as connection:
            self._held.connection = connection
            try:
                yield
            finally:
                self._held.connection = None

    def newest(self, until: datetime | None = None) -> Sequence[Reading]:
        with self._open() as connection:
            newest = [self._newest_of(connection, device_id, until) for device_id in device_ids(connection)]
        return sorted(
            (reading for reading in newest if reading is not None),
            key=lambda reading: (reading.location, reading.device_id),
        )

    def series(self, device_id: str, quantity: Quantity, since: datetime) -> Sequence[tuple[datetime, float]]:
        return self._values(device_id, since, _EVER, [quantity]).get(quantity, [])

    def values(
        self, device_id: str, since: datetime, until: datetime
    ) -> Mapping[Quantity, Sequence[tuple[datetime, float]]]:
        return self._values(device_id, since, until, list(COLUMNS))

    def anomalies(self, device_id: str, since: datetime, until: datetime) -> Sequence[datetime]:
        around = (as_text(since - _TEXT_SLACK), as_text(until + _TEXT_SLACK))
        key = (device_id, *around, as_text(since), as_text(until))
        with self._open() as connection:
            selects = [_SELECT_ANOMALIES.format(table=table) for table in reading_tables(connection)]
            rows = [row for select in selects for row in connection.execute(select, key)]
        instants = (as_instant(text, self._naive_zone) for (text,) in rows)
        return sorted(instant for instant in instants if instant is not None and since <= instant <= until)

    def first(self) -> datetime | None:
        with self._open() as connection:
            each = product(reading_tables(connection), device_ids(connection))
            oldest = [self._first(connection, table, device_id) for table, device_id in each]
        return min((instant for instant in oldest if instant is not None), default=None)

    def _first(self, connection: sqlite3.Connection, table: str, device_id: str) -> datetime | None:
        """Return the instant of the first row of a device that is none of a wrong clock."""

        def first(statement: str, bound: str) -> datetime | None:
            rows = connection.execute(statement.format(table=table), (device_id, bound))
            instants = (as_instant(text, self._naive_zone) for (text,) in rows)
            return next((instant for instant in instants if instant is not None), None)

        oldest = first(_SELECT_OLDEST, "")
        while oldest is not None and (later := first(_SELECT_OLDEST, as_text(oldest + LONGEST_GAP))):
            before = first(_SELECT_BEFORE, as_text(later))
            if before is None or not is_of_wrong_clock(before, later):
                break
            oldest = later
        return oldest

    def _values(
        self, device_id: str, since: datetime, until: datetime, quantities: Sequence[Quantity]
    ) -> Mapping[Quantity, Sequence[tuple[datetime, float]]]:
        columns = ", ".join(COLUMNS[quantity] for quantity in quantities)
        around = (as_text(since - _TEXT_SLACK), as_text(until + _TEXT_SLACK))
        with self._open() as connection:
            connection.row_factory = None
            key = (device_id, *around, as_text(since), as_text(until))
            rows = [
                row
                for table in reading_tables(connection)
                for row in connection.execute(_SELECT_VALUES.format(table=table, columns=columns), key)
            ]
        instants = [as_instant(row[0], self._naive_zone) for row in rows]
        found = {}
        for number, quantity in enumerate(quantities, 1):
            points = [
                (instant, value)
                for instant, row in zip(instants, rows, strict=True)
                if (value := as_number(row[number])) is not None
                and instant is not None
                and since <= instant <= until
            ]
            if points:
                found[quantity] = sorted(points)
        return found

    def hours(
        self, device_id: str, quantity: Quantity, since: datetime, until: datetime
    ) -> Sequence[Summary]:
        with self._snapshot() as connection:
            return self._summaries.hours(connection, device_id, quantity, since, until)

    def days(
        self, device_id: str, quantity: Quantity, since: datetime, until: datetime, zone: tzinfo
    ) -> Sequence[Summary]:
        with self._snapshot() as connection:
            return self._summaries.days(connection, device_id, quantity, since, until, zone)

    def weeks(
        self, device_id: str, quantity: Quantity, since: datetime, until: datetime, zone: tzinfo
    ) -> Sequence[Summary]:
        with self._snapshot() as connection:
            return self._summaries.weeks(connection, device_id, quantity, since, until, zone)

    def backlog(self) -> int:
        with self._snapshot() as connection:
            return self._summaries.backlog(connection)

    def newest_id(self) -> int:
        with self._open() as connection:
            return sum(newest_ids(connection).values())

    @contextmanager
    def _snapshot(self) -> Iterator[sqlite3.Connection]:
        """Open the database as it is now: a roll-up that ends meanwhile counts nothing twice."""
        with self._open() as connection, transaction(connection, "BEGIN"):
            yield connection

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        held: sqlite3.Connection | None = getattr(self._held, "connection", None)
        if held is None:
            with open_for_reading(self._path, self._busy_timeout_ms) as connection:
                yield connection
            return
        held.row_factory = sqlite3.Row
        with store_errors(self._path):
            yield held

    def _newest_of(
        self, connection: sqlite3.Connection, device_id: str, until: datetime | None
    ) -> Reading | None:
        candidates = [
            (instant, table, row_id)
            for table in reading_tables(connection)
            for instant, row_id in self._candidates(connection, table, device_id, until)
        ]
        if not candidates:
            return None
        _, table, row_id = max(candidates)
        row = connection.execute(_SELECT_READING.format(table=table), (row_id,)).fetchone()
        return reading_of(row, self._naive_zone)

    def _candidates(
        self, connection: sqlite3.Connection, table: str, device_id: str, until: datetime | None
    ) -> Iterator[tuple[datetime, int]]:
        """Yield instants and ids of rows, the newest of all among them."""
        oldest_that_matters = ""
        for row_id, text in connection.execute(_SELECT_INSTANTS.format(table=table), (device_id,)):
            if str(text) < oldest_that_matters:
                break
            instant = as_instant(text, self._naive_zone)
            if instant is None or (until is not None and instant > until):
                continue
            yield instant, row_id
            oldest_that_matters = oldest_that_matters or (instant - _TEXT_SLACK).date().isoformat()
            if text.endswith("+00:00"):
                between = (device_id, text, oldest_that_matters)
                others = connection.execute(_SELECT_OUT_OF_ORDER.format(table=table), between)
                for other_id, other in others:
                    instant = as_instant(other, self._naive_zone)
                    if instant is not None and (until is None or instant <= until):
                        yield instant, other_id
                break


def device_ids(connection: sqlite3.Connection) -> list[str]:
    """Return every device that has a reading."""
    selects = (_SELECT_DEVICES.format(table=table) for table in reading_tables(connection))
    return list(dict.fromkeys(row[0] for select in selects for row in connection.execute(select)))


class SqliteMeasurements:
    """The measurements. Each call opens the database read-only and closes it again."""

    def __init__(self, path: Path, *, busy_timeout_ms: int = 5000) -> None:
        self._path = path
        self._busy_timeout_ms = busy_timeout_ms

    def between(self, since: datetime, until: datetime) -> Sequence[ReadCost]:
        with open_for_reading(self._path, self._busy_timeout_ms) as connection:
            return read_between(connection, since, until)


@contextmanager
def open_for_reading(path: Path, busy_timeout_ms: int) -> Iterator[sqlite3.Connection]:
    """Open the database read-only, with rows by column name. Raises `StoreError`."""
    with store_errors(path):
        if not path.exists():
            raise StoreError(f"there is no database at {path} yet. The first cycle makes it")
        with closing(connect_for_reading(path, busy_timeout_ms=busy_timeout_ms)) as connection:
            if user_version(connection) == 0:
                raise StoreOutdated(f"{path} is from an earlier program. The first cycle upgrades it")
            connection.row_factory = sqlite3.Row
            connection.text_factory = lambda text: text.decode("utf-8", "replace")
            yield connection


_SELECT_PROPERTY = "SELECT value FROM properties WHERE name = ?"


def is_simulated(path: Path, *, busy_timeout_ms: int = 5000) -> bool:
    """Return whether the database is that of a simulated home; False if that cannot be read."""
    try:
        with open_for_reading(path, busy_timeout_ms) as connection:
            return any(value == "1" for (value,) in connection.execute(_SELECT_PROPERTY, (IS_SIMULATED,)))
    except StoreError:
        return False
