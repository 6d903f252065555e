"""A cycle report as rows: readings, the ledger, the devices, and what was measured."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from datetime import datetime

from adapters.sqlite import measurements
from adapters.sqlite.checksums import DEVICES, OUTCOMES, checksum, sealing_readings, sealing_rows
from adapters.sqlite.reading_rows import INSERT_READING, Cell, as_text, clean, row_of
from domain.cycle import (
    Cause,
    Collected,
    CycleReport,
    Deferred,
    Failed,
    LedgerEntry,
    Missed,
    Outcome,
    Unread,
)
from domain.reading import Reading, storable
from domain.schedule import CLOCK_FAULT_AHEAD

# What is stored stays. Where a manual cycle and a planned one share a slot, the row counts as planned.
_UPSERT_OUTCOME = """
INSERT INTO outcomes (
    source, slot, interval_s, scheduled, state, cause, detail, readings, unread, until, notes
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (source, slot) DO UPDATE SET
    interval_s = excluded.interval_s,
    scheduled = max(scheduled, excluded.scheduled),
    state = excluded.state,
    cause = excluded.cause,
    detail = excluded.detail,
    readings = excluded.readings,
    unread = excluded.unread,
    until = excluded.until,
    notes = excluded.notes
WHERE state <> 'stored' OR (scheduled < excluded.scheduled AND excluded.state = 'stored')
"""
# That nothing was asked at a slot is only said where nothing else is known of it.
_INSERT_MISSED = """
INSERT INTO outcomes (
    source, slot, interval_s, scheduled, state, cause, detail, readings, unread, until, notes, crc
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (source, slot) DO NOTHING
"""
# Reports can come late and out of order: the newest word on a device is the one of the newest slot, unless
# that lies ahead of the clock, or is no time at all.
_UPSERT_DEVICE = """
INSERT INTO devices (device_id, source, kind, location, first_slot, last_read_slot, last_listed_slot)
VALUES (:device_id, :source, :kind, :location, :slot, :slot, :slot)
ON CONFLICT (device_id) DO UPDATE SET
    source = CASE WHEN :slot >= last_read_slot OR last_read_slot > :ahead THEN :source ELSE source END,
    kind = CASE WHEN :slot >= last_read_slot OR last_read_slot > :ahead THEN :kind ELSE kind END,
    location = CASE WHEN :slot >= last_read_slot OR last_read_slot > :ahead THEN :location ELSE location END,
    first_slot = min(first_slot, :slot),
    last_read_slot = CASE WHEN last_read_slot > :ahead THEN :slot ELSE max(last_read_slot, :slot) END,
    last_listed_slot = CASE WHEN last_listed_slot > :ahead THEN :slot ELSE max(last_listed_slot, :slot) END
"""
_LIST_DEVICE = """
UPDATE devices SET
    last_listed_slot = CASE WHEN last_listed_slot > :ahead THEN :slot ELSE max(last_listed_slot, :slot) END
WHERE device_id = :device_id
"""
# How long a device has not been listed is counted from now on, where the clock was wrong when it was.
_MISS_DEVICE = """
UPDATE devices SET last_listed_slot = :slot WHERE device_id = :device_id AND last_listed_slot > :ahead
"""


def write(connection: sqlite3.Connection, report: CycleReport, now: datetime) -> tuple[Unread, ...]:
    """Write the whole report inside the caller's transaction. Returns what the readings table refused."""
    refusals: list[Unread] = []
    with sealing_readings(connection):
        for outcome in report.outcomes:
            refusals += _write_outcome(connection, outcome, now)
    missed = (_ledger_row(missed) for missed in report.missed)
    connection.executemany(_INSERT_MISSED, ((*row, checksum(row)) for row in missed))
    measurements.write(connection, report.measurements, _ahead(now))
    return tuple(refusals)


def _write_outcome(connection: sqlite3.Connection, outcome: Outcome, now: datetime) -> tuple[Unread, ...]:
    refused: tuple[Unread, ...] = ()
    if isinstance(outcome, Collected):
        devices = {one.device_id for one in outcome.readings} | {one.device_id for one in outcome.unread}
        with sealing_rows(connection, DEVICES, [(clean(device_id),) for device_id in sorted(devices)]):
            refused = _write_collected(connection, outcome, now)
    row = _ledger_row(outcome, refused)
    with sealing_rows(connection, OUTCOMES, [row[:2]]):
        connection.execute(_UPSERT_OUTCOME, row)
    return refused


def _write_collected(connection: sqlite3.Connection, outcome: Collected, now: datetime) -> tuple[Unread, ...]:
    times = {"slot": as_text(outcome.due.slot), "ahead": _ahead(now)}
    refused = _insert(connection, outcome.readings, f"{now:%Y-%m-%d %H:%M:%S}")
    not_kept = {one.device_id for one in refused}
    connection.executemany(
        _UPSERT_DEVICE,
        [
            {
                "device_id": clean(reading.device_id),
                "source": outcome.due.source,
                "kind": reading.kind.value,
                "location": clean(reading.location),
                **times,
            }
            for reading in outcome.readings
            if reading.device_id not in not_kept
        ],
    )
    for unread in (*outcome.unread, *refused):
        statement = _MISS_DEVICE if unread.cause is Cause.NOT_LISTED else _LIST_DEVICE
        connection.execute(statement, {"device_id": clean(unread.device_id), **times})
    return refused


def _insert(
    connection: sqlite3.Connection, readings: Sequence[Reading], created_at: str
) -> tuple[Unread, ...]:
    """Insert the readings, and say why the table cannot take some: one reading never costs the others."""
    rows = [row_of(reading, created_at) for reading in readings]
    try:
        connection.executemany(INSERT_READING, rows)
    except sqlite3.IntegrityError:  # those before it are in, and are left alone when they come again
        each = (_inserted(connection, *pair) for pair in zip(readings, rows, strict=True))
        return tuple(refusal for refusal in each if refusal is not None)
    return ()


def _inserted(connection: sqlite3.Connection, reading: Reading, row: tuple[Cell, ...]) -> Unread | None:
    try:
        connection.execute(INSERT_READING, row)
    except sqlite3.IntegrityError as error:
        kept = storable(reading)
        named = (*kept.other_values.items(), *kept.values.items())
        values = ", ".join(f"{name} {value:g}" for name, value in named)
        return Unread(
            device_id=reading.device_id,
            cause=Cause.OUT_OF_RANGE,
            detail=f"the readings table takes no such row ({error}): {values or 'no values'}",
        )
    return None


def _ledger_row(entry: LedgerEntry, refused: tuple[Unread, ...] = ()) -> tuple[Cell, ...]:
    due = entry.due
    key = (due.source, as_text(due.slot), due.interval_s, int(due.scheduled))
    unread = _unread_json((*entry.unread, *refused))
    match entry:
        case Collected():
            notes = clean(json.dumps(entry.notes, ensure_ascii=False)) if entry.notes else None
            return (*key, "stored", None, None, len(entry.readings) - len(refused), unread, None, notes)
        case Failed():
            return (*key, "failed", entry.cause.value, clean(entry.detail), 0, unread, None, None)
        case Deferred():
            return (*key, "deferred", entry.cause.value, None, 0, unread, as_text(entry.until), None)
        case Missed():
            return (*key, "missed", entry.cause.value, None, 0, unread, None, None)


def _unread_json(unread: Iterable[Unread]) -> str | None:
    causes: dict[str, str | list[str]] = {}
    for one in unread:
        causes[one.device_id] = _why(one)
    return clean(json.dumps(causes, ensure_ascii=False)) if causes else None


def _why(one: Unread) -> str | list[str]:
    return [one.cause.value, one.detail] if one.detail else one.cause.value


def _ahead(now: datetime) -> str:
    """A time later than this was written by a wrong clock."""
    return as_text(now + CLOCK_FAULT_AHEAD)
