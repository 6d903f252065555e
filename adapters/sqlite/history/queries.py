"""Queries: the history of readings, the ledger, the measurements, and the newest slots of a source."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import islice, product
from pathlib import Path

import attrs

from adapters.sqlite.connection import connect_for_reading
from adapters.sqlite.database_lock import transaction
from adapters.sqlite.errors import store_errors
from adapters.sqlite.history.summaries import Summaries
from adapters.sqlite.migration.inspection import IS_SIMULATED
from adapters.sqlite.migration.migrations import user_version
from adapters.sqlite.rows.measurements import count_mended, read_between
from adapters.sqlite.rows.readings import (
    COLUMNS,
    as_instant,
    as_number,
    as_text,
    newest_ids,
    reading_of,
    reading_tables,
)
from domain.cycle import PASSING_CAUSES
from domain.errors import StoreError, StoreOutdated
from domain.history.coverage import Absence
from domain.history.ledger import LedgerRow
from domain.history.series import Summary
from domain.measurements import ReadCost
from domain.progress import SourceProgress
from domain.reading import Quantity, Reading
from domain.schedule import CLOCK_FAULT_AHEAD
from ports.stored_data import KnownDevice, SourceRecord

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
_SELECT_OLDEST = "SELECT timestamp FROM {table} WHERE device_id = ? ORDER BY timestamp"
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
        oldest: list[datetime] = []
        with self._open() as connection:
            selects = [_SELECT_OLDEST.format(table=table) for table in reading_tables(connection)]
            for select, device_id in product(selects, device_ids(connection)):
                texts = connection.execute(select, (device_id,))
                instants = (as_instant(text, self._naive_zone) for (text,) in texts)
                oldest += islice((instant for instant in instants if instant is not None), 1)
        return min(oldest, default=None)

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
_SELECT_KNOWN = "SELECT device_id, source, first_slot FROM devices ORDER BY device_id"
_SELECT_ABSENCES = """
SELECT
    CAST(strftime('%s', slot) AS INTEGER), interval_s, state <> 'stored' AS is_whole,
    CASE WHEN state <> 'stored' THEN cause END, CASE WHEN state <> 'stored' THEN detail END,
    CASE WHEN state = 'stored' THEN unread END
FROM outcomes
WHERE source = ? AND scheduled = 1 AND slot >= ? AND slot < ? AND (state <> 'stored' OR unread IS NOT NULL)
ORDER BY slot
"""
_SELECT_ROWS = """
SELECT slot, interval_s, scheduled, state, cause, detail, readings, unread FROM outcomes
WHERE source = ? AND slot >= ? AND slot < ? ORDER BY slot
"""
_COUNT_STATES = """
SELECT state, cause, count(*) FROM outcomes
WHERE source = ? AND scheduled = 1 AND slot BETWEEN ? AND ? GROUP BY state, cause
"""


class SqliteLedger:
    """The outcomes of cycles. Each call opens the database read-only and closes it again."""

    def __init__(self, path: Path, *, busy_timeout_ms: int = 5000) -> None:
        self._path = path
        self._busy_timeout_ms = busy_timeout_ms

    def records(self, since: datetime, until: datetime) -> Sequence[SourceRecord]:
        with open_for_reading(self._path, self._busy_timeout_ms) as connection:
            sources = [source for (source,) in connection.execute(_SELECT_SOURCES)]
            found = [_record(connection, source, since, until) for source in sources]
        return [record for record in found if record is not None]

    def absences(self, since: datetime, until: datetime) -> Sequence[Absence]:
        found: list[Absence] = []
        with open_for_reading(self._path, self._busy_timeout_ms) as connection:
            sources = [source for (source,) in connection.execute(_SELECT_SOURCES)]
            connection.row_factory, connection.text_factory = None, bytes  # most of them are only compared
            for source in sources:
                rows = connection.execute(_SELECT_ABSENCES, (source, as_text(since), as_text(until)))
                found += _absences(source, _runs(rows))
        return found

    def rows(self, since: datetime, until: datetime) -> Iterator[LedgerRow]:
        with open_for_reading(self._path, self._busy_timeout_ms) as connection:
            for (source,) in connection.execute(_SELECT_SOURCES).fetchall():
                for row in connection.execute(_SELECT_ROWS, (source, as_text(since), as_text(until))):
                    slot, interval_s = as_instant(row["slot"], UTC), row["interval_s"]
                    if slot is not None and isinstance(interval_s, int):
                        yield _ledger_row(source, slot, interval_s, row)

    def devices(self) -> Sequence[KnownDevice]:
        with open_for_reading(self._path, self._busy_timeout_ms) as connection:
            rows = connection.execute(_SELECT_KNOWN).fetchall()
        return [
            KnownDevice(device_id=device_id, source=source, first_slot=slot)
            for device_id, source, text in rows
            if (slot := as_instant(text, UTC)) is not None
        ]


def _ledger_row(source: str, slot: datetime, interval_s: int, row: sqlite3.Row) -> LedgerRow:
    return LedgerRow(
        source=source,
        slot=slot,
        interval_s=interval_s,
        is_planned=row["scheduled"] == 1,
        state=str(row["state"]),
        cause=_text(row["cause"]) or "",
        detail=_text(row["detail"]) or "",
        readings=row["readings"] if isinstance(row["readings"], int) else 0,
        unread={device_id: _why(why) for device_id, why in _unread(row["unread"]).items()},
    )


def _why(value: object) -> tuple[str, str]:
    """Return cause and detail of a device without a reading."""
    cause, detail = value if isinstance(value, list) and len(value) == 2 else (value, "")
    return str(cause), str(detail)


@attrs.define
class _Run:
    """Slots in a row whose rows are alike in `why`."""

    first_s: int
    interval_s: int
    why: tuple[object, ...]
    slots: int = 1


def _runs(rows: Iterable[tuple[object, ...]]) -> Iterator[_Run]:
    """Join rows to runs. Over years most rows equal the row before, and are only compared."""
    run: _Run | None = None
    end_s = 0
    for slot_s, interval_s, *why in rows:
        if not isinstance(slot_s, int) or not isinstance(interval_s, int):
            continue
        said = tuple(why)
        if run is not None and slot_s == end_s and interval_s == run.interval_s and said == run.why:
            run.slots += 1
        else:
            if run is not None:
                yield run
            run = _Run(slot_s, interval_s, said)
        end_s = slot_s + interval_s
    if run is not None:
        yield run


def _absences(source: str, runs: Iterable[_Run]) -> Sequence[Absence]:
    """Return the absences of the source, or of each device without a reading, by slot."""
    joined: list[_Run] = []
    newest: dict[str | None, _Run] = {}
    for run in runs:
        is_whole, *texts = run.why
        cause, detail, unread = (
            text.decode("utf-8", "replace") if isinstance(text, bytes) else text for text in texts
        )
        causes: Mapping[str, object] = _unread(unread)
        whys: Iterable[tuple[str | None, object]] = (
            [(None, [_text(cause) or "", _text(detail) or ""])] if is_whole else causes.items()
        )
        for device_id, why in whys:
            both = tuple(why) if isinstance(why, list) and len(why) == 2 else (why, "")
            before = newest.get(device_id)
            if (
                before is not None
                and before.first_s + before.slots * before.interval_s == run.first_s
                and (before.interval_s, before.why[1:]) == (run.interval_s, both)
            ):
                before.slots += run.slots
            else:
                one = _Run(run.first_s, run.interval_s, (device_id, *both), run.slots)
                newest[device_id] = one
                joined.append(one)
    return [
        Absence(
            source=source,
            device_id=None if one.why[0] is None else str(one.why[0]),
            slot=datetime.fromtimestamp(one.first_s, UTC),
            interval_s=one.interval_s,
            cause=str(one.why[1]),
            detail=str(one.why[2]),
            slots=one.slots,
        )
        for one in joined
    ]


def _record(
    connection: sqlite3.Connection, source: str, since: datetime, until: datetime
) -> SourceRecord | None:
    later = next(_slots(connection, _SELECT_AHEAD, (source, as_text(until))), None)
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
        unread=len(_unread(row["unread"])),
        slots=slots,
        mended=count_mended(connection, source, since, until),
        unmended=unmended,
        ahead=later,
    )


def _newest(
    connection: sqlite3.Connection, source: str, until: datetime
) -> tuple[datetime, sqlite3.Row] | None:
    """Return the newest planned slot and its row; skip rows whose slot is not a time."""
    for row in connection.execute(_SELECT_NEWEST, (source, as_text(until))):
        if (slot := as_instant(row["slot"], UTC)) is not None:
            return slot, row
    return None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _unread(text: object) -> Mapping[str, object]:
    """Return the causes by device; nothing if the column holds something else."""
    try:
        found = json.loads(text) if isinstance(text, str) else {}
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


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


# A slot that is not text sorts before or after all texts, and is skipped.
_SELECT_AHEAD = """
SELECT slot FROM outcomes
WHERE source = ? AND scheduled = 1 AND slot > ? ORDER BY slot DESC
"""
_SELECT_UNTIL = """
SELECT slot FROM outcomes
WHERE source = ? AND scheduled = 1 AND state <> 'missed' AND slot <= ? ORDER BY slot DESC
"""
_SELECT_BEFORE = (
    "SELECT slot FROM outcomes WHERE source = ? AND scheduled = 1 AND slot < ? ORDER BY slot DESC"
)
_SELECT_STATE = "SELECT state FROM outcomes WHERE source = ? AND slot = ? AND scheduled = 1"


def progress_at(connection: sqlite3.Connection, source: str, at: datetime) -> SourceProgress:
    """Return the progress of the source at that slot, without its devices."""
    until = at + CLOCK_FAULT_AHEAD
    key = (source, as_text(until))
    progress = SourceProgress(
        ahead=next((slot for slot in _slots(connection, _SELECT_AHEAD, key) if slot > until), None),
        last_slot=next(_slots(connection, _SELECT_UNTIL, key), None),
    )
    if progress.last_slot is None or progress.last_slot < at:
        return progress
    just_before = (source, as_text(at - timedelta(microseconds=1)))
    (state,) = connection.execute(_SELECT_STATE, (source, as_text(at))).fetchone() or (None,)
    return attrs.evolve(
        progress,
        previous_slot=next(_slots(connection, _SELECT_UNTIL, just_before), None),
        is_recorded=state not in (None, "missed"),
        is_stored=state == "stored",
    )


def newest_slot_before(connection: sqlite3.Connection, source: str, instant: datetime) -> datetime | None:
    """Return the newest planned slot of the source before that instant."""
    return next(_slots(connection, _SELECT_BEFORE, (source, as_text(instant))), None)


def _slots(connection: sqlite3.Connection, statement: str, key: tuple[str, str]) -> Iterator[datetime]:
    """Yield the slots that are times, without reading more rows than needed."""
    for (text,) in connection.execute(statement, key):
        if (slot := as_instant(text, UTC)) is not None:
            yield slot
