"""A cycle report as rows: readings, the ledger, the devices, and what was measured."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable
from datetime import timedelta

from adapters.sqlite.checksums import DEVICES, OUTCOMES, checksum, sealing_readings, sealing_rows
from adapters.sqlite.rows import INSERT_READING, Cell, as_text, clean, row_of
from domain.baseline import Measurement
from domain.outcome import (
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

MEASUREMENTS_KEPT = timedelta(days=30)

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
# Reports can come late and out of order: the newest word on a device is the one of the newest slot.
_UPSERT_DEVICE = """
INSERT INTO devices (device_id, source, kind, location, first_slot, last_read_slot, last_listed_slot)
VALUES (:device_id, :source, :kind, :location, :slot, :slot, :slot)
ON CONFLICT (device_id) DO UPDATE SET
    source = CASE WHEN excluded.last_read_slot >= last_read_slot THEN excluded.source ELSE source END,
    kind = CASE WHEN excluded.last_read_slot >= last_read_slot THEN excluded.kind ELSE kind END,
    location = CASE WHEN excluded.last_read_slot >= last_read_slot THEN excluded.location ELSE location END,
    first_slot = min(first_slot, excluded.first_slot),
    last_read_slot = max(last_read_slot, excluded.last_read_slot),
    last_listed_slot = max(last_listed_slot, excluded.last_listed_slot)
"""
_LIST_DEVICE = "UPDATE devices SET last_listed_slot = max(last_listed_slot, ?) WHERE device_id = ?"
_INSERT_MEASUREMENT = """
INSERT INTO measurements (
    began_at, operation, source, number, duration_s, wire_bytes, payload_bytes, succeeded, crc
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (began_at, operation, source, number) DO NOTHING
"""
_FORGET_MEASUREMENTS = "DELETE FROM measurements WHERE began_at < ?"


def write(connection: sqlite3.Connection, report: CycleReport, created_at: str) -> tuple[Unread, ...]:
    """Write the whole report inside the caller's transaction. Returns what the readings table refused."""
    refusals: list[Unread] = []
    with sealing_readings(connection):
        for outcome in report.outcomes:
            refusals += _write_outcome(connection, outcome, created_at)
    missed = (_ledger_row(missed) for missed in report.missed)
    connection.executemany(_INSERT_MISSED, ((*row, checksum(row)) for row in missed))
    _write_measurements(connection, report.measurements)
    return tuple(refusals)


def _write_outcome(connection: sqlite3.Connection, outcome: Outcome, created_at: str) -> tuple[Unread, ...]:
    refused: tuple[Unread, ...] = ()
    if isinstance(outcome, Collected):
        devices = {one.device_id for one in outcome.readings} | {one.device_id for one in outcome.unread}
        with sealing_rows(connection, DEVICES, [(clean(device_id),) for device_id in sorted(devices)]):
            refused = _write_collected(connection, outcome, created_at)
    row = _ledger_row(outcome, refused)
    with sealing_rows(connection, OUTCOMES, [row[:2]]):
        connection.execute(_UPSERT_OUTCOME, row)
    return refused


def _write_collected(
    connection: sqlite3.Connection, outcome: Collected, created_at: str
) -> tuple[Unread, ...]:
    slot = as_text(outcome.due.slot)
    refused: list[Unread] = []
    for reading in outcome.readings:
        if (refusal := _insert(connection, reading, created_at)) is not None:
            refused.append(refusal)
            continue
        connection.execute(
            _UPSERT_DEVICE,
            {
                "device_id": clean(reading.device_id),
                "source": outcome.due.source,
                "kind": reading.kind.value,
                "location": clean(reading.location),
                "slot": slot,
            },
        )
    listed = [unread.device_id for unread in outcome.unread if unread.cause is not Cause.NOT_LISTED]
    listed += [unread.device_id for unread in refused]
    connection.executemany(_LIST_DEVICE, ((slot, clean(device_id)) for device_id in listed))
    return tuple(refused)


def _insert(connection: sqlite3.Connection, reading: Reading, created_at: str) -> Unread | None:
    """Insert the reading, or say why the table cannot take it: one reading never costs the others."""
    try:
        connection.execute(INSERT_READING, row_of(reading, created_at))
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


def _write_measurements(connection: sqlite3.Connection, measurements: Iterable[Measurement]) -> None:
    numbers: Counter[tuple[str, str, str]] = Counter()
    newest = None
    for one in measurements:
        key = (as_text(one.began_at), one.operation, one.source)
        # as the column makes it: a real number, and zero without a sign
        duration_s = float(one.duration_s) + 0.0
        cost = (duration_s, one.wire_bytes, one.payload_bytes, int(one.succeeded))
        row = (*key, numbers[key], *cost)
        connection.execute(_INSERT_MEASUREMENT, (*row, checksum(row)))
        numbers[key] += 1
        newest = one.began_at if newest is None else max(newest, one.began_at)
    if newest is not None:
        connection.execute(_FORGET_MEASUREMENTS, (as_text(newest - MEASUREMENTS_KEPT),))
