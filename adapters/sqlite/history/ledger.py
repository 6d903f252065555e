"""The ledger: outcomes of cycles, what is missing, and the devices that were read."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from pathlib import Path

import attrs

from adapters.sqlite.history.queries import open_for_reading
from adapters.sqlite.rows.measurements import count_mended
from adapters.sqlite.rows.readings import (
    as_instant,
    as_text,
    reading_tables,
)
from adapters.sqlite.rows.slots import newest_slot_after
from domain.cycle import PASSING_CAUSES, Cause
from domain.gaps import is_of_wrong_clock
from domain.history.coverage import UNKNOWN, Absence, in_a_row
from domain.history.ledger import LedgerRow
from ports.stored_data import KnownDevice, SourceRecord

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
# Slots are a year apart at most, far more than the configuration takes.
_SELECT_ABSENCES = """
SELECT
    CAST(strftime('%s', slot) AS INTEGER), interval_s, state <> 'stored' AS is_whole,
    CASE WHEN state <> 'stored' THEN cause END, CASE WHEN state <> 'stored' THEN detail END,
    CASE WHEN state = 'stored' THEN unread END
FROM outcomes
WHERE source = ? AND scheduled = 1 AND slot >= ? AND slot < ? AND (state <> 'stored' OR unread IS NOT NULL)
    AND interval_s BETWEEN 1 AND 31622400
ORDER BY slot
"""
# A device is looked up by its id as the table of devices has it, which the index finds, then in any case.
_SELECT_UNREAD = """
SELECT CAST(strftime('%s', slot) AS INTEGER), slot, interval_s, unread, device_id
FROM outcomes JOIN devices USING (source)
WHERE source = ? AND scheduled = 1 AND state = 'stored' AND slot >= ? AND slot < ? AND first_slot <= slot
    AND interval_s BETWEEN 1 AND 31622400 {without_reading}
ORDER BY slot
"""
_WITHOUT_READING = """
    AND NOT EXISTS (
        SELECT 1 FROM {table} WHERE {table}.device_id = devices.device_id AND timestamp = slot
    )
    AND NOT EXISTS (
        SELECT 1 FROM {table} WHERE lower({table}.device_id) = lower(devices.device_id) AND timestamp = slot
    )
"""
# From the newest row before on.
_SELECT_SLOTS = """
SELECT CAST(strftime('%s', slot) AS INTEGER), interval_s FROM outcomes
WHERE source = :source AND scheduled = 1 AND slot < :until AND slot >= coalesce(
    (SELECT max(slot) FROM outcomes WHERE source = :source AND scheduled = 1 AND slot < :since), :since
)
ORDER BY slot
"""
_COUNT_RECORDED = "SELECT total(readings) FROM outcomes WHERE source = ? AND slot = ?"
_SELECT_ROWS = """
SELECT slot, interval_s, scheduled, state, cause, detail, readings, unread FROM outcomes
WHERE source = ? AND slot >= ? AND slot < ? AND interval_s BETWEEN 1 AND 31622400 ORDER BY slot
"""
_COUNT_STATES = """
SELECT state, cause, count(*) FROM outcomes
WHERE source = ? AND scheduled = 1 AND slot BETWEEN ? AND ? GROUP BY state, cause
"""


_YEAR_S = 31_622_400


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

    def unexplained(self, since: datetime, until: datetime) -> Sequence[Absence]:
        found: list[Absence] = []
        with open_for_reading(self._path, self._busy_timeout_ms) as connection:
            sources = [source for (source,) in connection.execute(_SELECT_SOURCES)]
            tables = reading_tables(connection)
            select = _SELECT_UNREAD.format(
                without_reading="".join(_WITHOUT_READING.format(table=table) for table in tables)
            )

            @cache
            def is_lost(slot: str) -> bool:
                counts = [f"SELECT count(*) FROM {table} WHERE timestamp = ?" for table in tables]  # noqa: S608
                present = sum(connection.execute(count, (slot,)).fetchone()[0] for count in counts)
                rows = (connection.execute(_COUNT_RECORDED, (source, slot)).fetchone() for source in sources)
                return bool(present < sum(recorded for (recorded,) in rows))

            for source in sources:
                span = {"source": source, "since": as_text(since), "until": as_text(until)}
                found += _without_row(source, connection.execute(_SELECT_SLOTS, span), since)
                rows = connection.execute(select, (source, as_text(since), as_text(until))).fetchall()
                for slot_s, slot, interval_s, unread, device_id in rows:
                    if isinstance(slot_s, int) and str(device_id).lower() not in _lower_ids(unread):
                        found.append(
                            Absence(
                                source=source,
                                device_id=str(device_id),
                                slot=datetime.fromtimestamp(slot_s, UTC),
                                interval_s=interval_s,
                                cause=UNKNOWN if is_lost(slot) else Cause.NOT_LISTED.value,
                            )
                        )
        return in_a_row(found)

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


def _without_row(source: str, rows: Iterable[tuple[object, ...]], since: datetime) -> Iterator[Absence]:
    """Yield the slots from `since` on between two rows. A clock that was wrong leaves longer gaps."""
    end: datetime | None = None
    for slot_s, interval_s in rows:
        if not isinstance(slot_s, int) or not isinstance(interval_s, int) or not 1 <= interval_s <= _YEAR_S:
            continue
        slot, interval = datetime.fromtimestamp(slot_s, UTC), timedelta(seconds=interval_s)
        slots = 0 if end is None or is_of_wrong_clock(end, slot) else (slot - max(end, since)) // interval
        if slots > 0:
            yield Absence(
                source=source,
                device_id=None,
                slot=slot - slots * interval,
                interval_s=interval_s,
                cause=UNKNOWN,
                slots=slots,
            )
        end = slot + interval


@lru_cache(maxsize=16)
def _lower_ids(unread: object) -> frozenset[str]:
    return frozenset(device_id.lower() for device_id in _unread(unread))


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
    later = newest_slot_after(connection, source, until)
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
