"""What the database holds, read back."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

from adapters.sqlite.connection import connect
from adapters.sqlite.errors import told_apart
from adapters.sqlite.measurements import count_mended, read_between
from adapters.sqlite.migration.migrations import user_version
from adapters.sqlite.reading_rows import COLUMNS, as_instant, as_number, as_text, reading_of
from domain.cycle import PASSING_CAUSES
from domain.errors import StoreError, StoreOutdated
from domain.measurements import Measurement
from domain.reading import Quantity, Reading
from domain.schedule import CLOCK_FAULT_AHEAD
from ports.stored_data import SourceRecord

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


# What the ledger holds, read back.

_SELECT_SOURCES = """
WITH RECURSIVE one (source) AS (
    SELECT min(source) FROM outcomes
    UNION ALL
    SELECT (SELECT min(source) FROM outcomes WHERE source > one.source) FROM one WHERE one.source IS NOT NULL
)
SELECT source FROM one WHERE typeof(source) = 'text'
"""
_SELECT_NEWEST = """
SELECT slot, state, cause, detail, readings, unread FROM outcomes
WHERE source = ? AND scheduled = 1 AND slot <= ? ORDER BY slot DESC
"""
_COUNT_STATES = """
SELECT state, cause, count(*) FROM outcomes
WHERE source = ? AND scheduled = 1 AND slot BETWEEN ? AND ? GROUP BY state, cause
"""


class SqliteLedger:
    """Reads the database without ever changing it; each call opens it, fetches everything, and lets go."""

    def __init__(self, path: Path, *, busy_timeout_ms: int = 5000) -> None:
        self._path = path
        self._busy_timeout_ms = busy_timeout_ms

    def records(self, since: datetime, until: datetime) -> Sequence[SourceRecord]:
        with reading_from(self._path, self._busy_timeout_ms) as connection:
            sources = [source for (source,) in connection.execute(_SELECT_SOURCES)]
            found = [_record(connection, source, since, until) for source in sources]
        return [record for record in found if record is not None]


def _record(
    connection: sqlite3.Connection, source: str, since: datetime, until: datetime
) -> SourceRecord | None:
    later = ahead(connection, source, until)
    newest = _newest(connection, source, until) or (later and _newest(connection, source, later))
    if not newest:
        return None
    slot, row = newest
    slots: dict[str, int] = {}
    unmended = 0
    for state, cause, count in connection.execute(_COUNT_STATES, (source, as_text(since), as_text(until))):
        slots[state] = slots.get(state, 0) + count
        unmended += count if state == "failed" and cause in PASSING_CAUSES else 0
    return SourceRecord(
        source=source,
        slot=slot,
        state=row["state"],
        cause=_text(row["cause"]),
        detail=_text(row["detail"]),
        readings=row["readings"] if isinstance(row["readings"], int) else 0,
        unread=_count(row["unread"]),
        slots=slots,
        mended=count_mended(connection, source, since, until),
        unmended=unmended,
        ahead=later,
    )


def _newest(
    connection: sqlite3.Connection, source: str, until: datetime
) -> tuple[datetime, sqlite3.Row] | None:
    """The newest planned slot whose row names one; what another program wrote there is passed over."""
    for row in connection.execute(_SELECT_NEWEST, (source, as_text(until))):
        if (slot := as_instant(row["slot"], UTC)) is not None:
            return slot, row
    return None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _count(unread: object) -> int:
    try:
        found = json.loads(unread) if isinstance(unread, str) else {}
    except (ValueError, RecursionError):
        return 0
    return len(found) if isinstance(found, dict) else 0


# What was measured while collecting, read back.


class SqliteMeasurements:
    """Reads the database without ever changing it; each call opens it, fetches everything, and lets go."""

    def __init__(self, path: Path, *, busy_timeout_ms: int = 5000) -> None:
        self._path = path
        self._busy_timeout_ms = busy_timeout_ms

    def between(self, since: datetime, until: datetime) -> Sequence[Measurement]:
        with reading_from(self._path, self._busy_timeout_ms) as connection:
            return read_between(connection, since, until)


# A connection for reading what a database of ours holds.


@contextmanager
def reading_from(path: Path, busy_timeout_ms: int) -> Iterator[sqlite3.Connection]:
    """The database, open for as long as the block lasts; rows go by names. Raises `StoreError`."""
    with told_apart(path):
        if not path.exists():
            raise StoreError(f"there is no database at {path} yet; the first cycle makes it")
        with closing(connect(path, mode="ro", busy_timeout_ms=busy_timeout_ms)) as connection:
            if user_version(connection) == 0:
                raise StoreOutdated(
                    f"{path} is from before this program; its first cycle brings it up to date"
                )
            connection.row_factory = sqlite3.Row
            connection.text_factory = lambda text: text.decode("utf-8", "replace")
            yield connection


# The newest slots of a source, past those that a wrong clock or another program has written.

# What is no text sorts before or behind all texts.
_SELECT_AHEAD = """
SELECT slot FROM outcomes
WHERE source = ? AND scheduled = 1 AND slot > ? ORDER BY slot DESC
"""
_SELECT_UNTIL = (
    "SELECT slot FROM outcomes WHERE source = ? AND scheduled = 1 AND slot <= ? ORDER BY slot DESC"
)
_SELECT_STORED_UNTIL = """
SELECT slot FROM outcomes
WHERE source = ? AND scheduled = 1 AND state = 'stored' AND slot <= ? ORDER BY slot DESC
"""

Newest = datetime | None


def standing(connection: sqlite3.Connection, source: str, at: datetime) -> tuple[Newest, Newest, Newest]:
    """The newest planned slot that is a clock fault at that instant, that is none, and that is stored."""
    until = at + CLOCK_FAULT_AHEAD
    key = (source, as_text(until))
    return (
        next((slot for slot in _slots(connection, _SELECT_AHEAD, key) if slot > until), None),
        next(_slots(connection, _SELECT_UNTIL, key), None),
        next(_slots(connection, _SELECT_STORED_UNTIL, key), None),
    )


def ahead(connection: sqlite3.Connection, source: str, until: datetime) -> Newest:
    """The newest planned slot later than that."""
    return next(_slots(connection, _SELECT_AHEAD, (source, as_text(until))), None)


def _slots(connection: sqlite3.Connection, statement: str, key: tuple[str, str]) -> Iterator[datetime]:
    """Those that name an instant; no more rows are read than are asked for."""
    for (text,) in connection.execute(statement, key):
        if (slot := as_instant(text, UTC)) is not None:
            yield slot
