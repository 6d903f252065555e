"""What the database holds, read back."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

from adapters.sqlite.reading import reading_from
from adapters.sqlite.rows import COLUMNS, as_instant, as_number, as_text, reading_of
from domain.reading import Quantity, Reading

# Naive local times stand beside UTC, as text. No zone is this far from UTC: whatever may be newer than the
# newest text is less than this before it.
_TEXT_SLACK = timedelta(days=2)

# From device to device along the index, however many rows each has.
_SELECT_DEVICES = """
WITH RECURSIVE device (id) AS (
    SELECT min(device_id) FROM readings
    UNION ALL
    SELECT (SELECT min(device_id) FROM readings WHERE device_id > device.id)
    FROM device WHERE device.id IS NOT NULL
)
SELECT id FROM device WHERE id IS NOT NULL
"""
_SELECT_INSTANTS = "SELECT id, timestamp FROM readings WHERE device_id = ? ORDER BY timestamp DESC"
# Among the others text order is time order, so none of them is newer than the first.
_SELECT_OUT_OF_ORDER = """
SELECT id, timestamp FROM readings
WHERE device_id = ? AND timestamp < ? AND timestamp >= ? AND substr(timestamp, -6) <> '+00:00'
"""
_SELECT_READING = """
SELECT
    timestamp, device_id, location, device_type, is_anomalous,
    temperature_celsius, humidity_percent, pm25_ugm3, pm10_ugm3, co_ppm, co2_ppm, voc_ppb, iaq_score,
    battery_level, signal_strength, raw_response, observed_at, other_values
FROM readings WHERE id = ?
"""
_SELECT_SERIES = """
SELECT
    timestamp, temperature_celsius, humidity_percent, pm25_ugm3, pm10_ugm3,
    co_ppm, co2_ppm, voc_ppb, iaq_score
FROM readings WHERE device_id = ? AND timestamp >= ?
"""


class SqliteHistory:
    """Reads the database without ever changing it; each call opens it, fetches everything, and lets go."""

    def __init__(self, path: Path, *, naive_zone: tzinfo | None = None, busy_timeout_ms: int = 5000) -> None:
        self._path = path
        self._naive_zone = naive_zone  # in which old times without a zone are read; None: the system's
        self._busy_timeout_ms = busy_timeout_ms

    def newest(self, until: datetime | None = None) -> Sequence[Reading]:
        with reading_from(self._path, self._busy_timeout_ms) as connection:
            devices = [device_id for (device_id,) in connection.execute(_SELECT_DEVICES)]
            newest = [self._newest_of(connection, device_id, until) for device_id in devices]
        return sorted(
            (reading for reading in newest if reading is not None),
            key=lambda reading: (reading.location, reading.device_id),
        )

    def series(self, device_id: str, quantity: Quantity, since: datetime) -> Sequence[tuple[datetime, float]]:
        column = COLUMNS[quantity]
        with reading_from(self._path, self._busy_timeout_ms) as connection:
            rows = connection.execute(_SELECT_SERIES, (device_id, as_text(since - _TEXT_SLACK))).fetchall()
        points = (
            (as_instant(row["timestamp"], self._naive_zone), value)
            for row in rows
            if (value := as_number(row[column])) is not None
        )
        return sorted(
            (instant, value) for instant, value in points if instant is not None and instant >= since
        )

    def _newest_of(
        self, connection: sqlite3.Connection, device_id: str, until: datetime | None
    ) -> Reading | None:
        newest = max(self._candidates(connection, device_id, until), default=None)
        if newest is None:
            return None
        return reading_of(connection.execute(_SELECT_READING, newest[1:]).fetchone(), self._naive_zone)

    def _candidates(
        self, connection: sqlite3.Connection, device_id: str, until: datetime | None
    ) -> Iterator[tuple[datetime, int]]:
        """Instants and ids of rows, the newest of all among them."""
        oldest_that_matters = ""
        for row_id, text in connection.execute(_SELECT_INSTANTS, (device_id,)):
            if str(text) < oldest_that_matters:
                break
            instant = as_instant(text, self._naive_zone)
            if instant is None or (until is not None and instant > until):
                continue
            yield instant, row_id
            oldest_that_matters = oldest_that_matters or (instant - _TEXT_SLACK).date().isoformat()
            if text.endswith("+00:00"):
                between = (device_id, text, oldest_that_matters)
                for other_id, other in connection.execute(_SELECT_OUT_OF_ORDER, between):
                    instant = as_instant(other, self._naive_zone)
                    if instant is not None and (until is None or instant <= until):
                        yield instant, other_id
                break
