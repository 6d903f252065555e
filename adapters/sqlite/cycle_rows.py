"""A cycle report as rows: readings, the ledger, the devices, and what was measured."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import attrs

from adapters.sqlite import measurements
from adapters.sqlite.checksums import (
    SELECT_NEWEST_ID,
    SELECT_OUTCOMES,
    checksum,
    insert_run,
    is_wrong,
    read_run,
    run_of,
)
from adapters.sqlite.reading_rows import INSERT_READING, Cell, as_text, clean, keeps_rows_as_given, row_of
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
from domain.reading import Reading, fit_to_table
from domain.schedule import CLOCK_FAULT_AHEAD

_LISTED_WITHIN = timedelta(days=1)
_DEVICE_ROW_LAG = timedelta(hours=1)  # how far the slots of a device row may lag behind its newest reading

_SELECT_OUTCOME = f"{SELECT_OUTCOMES} WHERE source = ? AND slot = ?"
_INSERT_OUTCOME = """
INSERT INTO outcomes (
    source, slot, interval_s, scheduled, state, cause, detail, readings, unread, until, notes, crc
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_INSERT_MISSED = f"{_INSERT_OUTCOME} ON CONFLICT (source, slot) DO NOTHING"
_UPDATE_OUTCOME = """
UPDATE outcomes SET
    interval_s = ?, scheduled = ?, state = ?, cause = ?, detail = ?, readings = ?, unread = ?, until = ?,
    notes = ?, crc = ?
WHERE source = ? AND slot = ?
"""
_SELECT_DEVICES = """
SELECT device_id, source, kind, location, first_slot, last_read_slot, last_listed_slot FROM devices
WHERE device_id BETWEEN ? AND ?
"""
_UPSERT_DEVICE = """
INSERT INTO devices (device_id, source, kind, location, first_slot, last_read_slot, last_listed_slot)
VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (device_id) DO UPDATE SET
    source = excluded.source, kind = excluded.kind, location = excluded.location,
    first_slot = excluded.first_slot, last_read_slot = excluded.last_read_slot,
    last_listed_slot = excluded.last_listed_slot
"""
_SELECT_LISTED = """
SELECT device_id, last_listed_slot FROM devices
WHERE source = ? AND last_listed_slot > ? AND typeof(device_id) = 'text'
"""


@attrs.frozen
class _Device:
    """A row of `devices`; a damaged file can hold anything in it."""

    device_id: str
    source: object
    kind: object
    location: object
    first_slot: object
    last_read_slot: object
    last_listed_slot: object


class CycleWriter:
    """Writes cycle reports through one connection, inside transactions of the caller."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._schema_version: int | None = None
        self._keeps_rows_as_given = False
        self._listed: dict[str, str] = {}  # the newest slot that listed each device; its row may lag behind

    def write(self, report: CycleReport, now: datetime) -> tuple[Unread, ...]:
        """Write the whole report; return what the readings table refused."""
        (version,) = self._connection.execute("PRAGMA schema_version").fetchone()
        if version != self._schema_version:
            self._keeps_rows_as_given = keeps_rows_as_given(self._connection)
            self._schema_version = version
        (before,) = self._connection.execute(SELECT_NEWEST_ID).fetchone()
        created_at = f"{now:%Y-%m-%d %H:%M:%S}"
        rows: list[tuple[Cell, ...]] = []
        inserted = 0
        refusals: list[Unread] = []
        for outcome in report.outcomes:
            refused: tuple[Unread, ...] = ()
            if isinstance(outcome, Collected):
                rows_of_outcome = [row_of(reading, created_at) for reading in outcome.readings]
                count, refused = self._insert_readings(outcome.readings, rows_of_outcome)
                self._write_devices(outcome, refused, now)
                rows += rows_of_outcome
                inserted += count
            self._write_outcome(outcome, refused)
            refusals += refused
        self._insert_checksum(before, rows, is_complete=inserted == len(rows))
        for missed in report.missed:
            row = _ledger_row(missed)
            self._connection.execute(_INSERT_MISSED, (*row, checksum(row)))
        measurements.write(self._connection, report.measurements, as_text(now + CLOCK_FAULT_AHEAD))
        return tuple(refusals)

    def expected_devices(self, source: str, at: datetime) -> frozenset[str]:
        """Return the devices that have had a reading and that the source has listed within a day."""
        since = as_text(at - _LISTED_WITHIN)
        select = (source, as_text(at - _LISTED_WITHIN - _DEVICE_ROW_LAG))
        listed = self._connection.execute(_SELECT_LISTED, select).fetchall()
        return frozenset(
            device_id
            for device_id, slot in listed
            if not isinstance(slot, str) or max(slot, self._listed.get(device_id, "")) > since
        )

    def _insert_readings(
        self, readings: Sequence[Reading], rows: Sequence[tuple[Cell, ...]]
    ) -> tuple[int, tuple[Unread, ...]]:
        """Return how many rows are new for certain, and why the table refuses others: one costs no other."""
        if not rows:
            return 0, ()
        try:
            return self._connection.executemany(INSERT_READING, rows).rowcount, ()
        except sqlite3.IntegrityError:  # the rows before the refused one are in, and are skipped now
            each = (self._insert_reading(*pair) for pair in zip(readings, rows, strict=True))
            return 0, tuple(refusal for refusal in each if refusal is not None)

    def _insert_reading(self, reading: Reading, row: tuple[Cell, ...]) -> Unread | None:
        try:
            self._connection.execute(INSERT_READING, row)
        except sqlite3.IntegrityError as error:
            kept = fit_to_table(reading)
            named = (*kept.other_values.items(), *kept.values.items())
            values = ", ".join(f"{name} {value:g}" for name, value in named)
            return Unread(
                device_id=reading.device_id,
                cause=Cause.OUT_OF_RANGE,
                detail=f"the readings table refuses the row ({error}): {values or 'no values'}",
            )
        return None

    def _insert_checksum(self, before: int, rows: Sequence[tuple[Cell, ...]], *, is_complete: bool) -> None:
        """Store the checksum of the new readings; read them back only where they may differ from the rows."""
        (newest,) = self._connection.execute(SELECT_NEWEST_ID).fetchone()
        if newest <= before:
            return
        if is_complete and self._keeps_rows_as_given:
            first = newest - len(rows) + 1
            numbered = [(row_id, *row) for row_id, row in enumerate(rows, first)]
            insert_run(self._connection, run_of(numbered, first, newest))
        else:
            insert_run(self._connection, read_run(self._connection, before + 1, newest))

    def _write_outcome(self, outcome: Outcome, refused: tuple[Unread, ...]) -> None:
        """Keep what is stored; where a manual cycle and a planned one share a slot, the row is planned."""
        row = _ledger_row(outcome, refused)
        old = self._connection.execute(_SELECT_OUTCOME, row[:2]).fetchone()
        if old is None:
            self._connection.execute(_INSERT_OUTCOME, (*row, checksum(row)))
            return
        was_planned, is_planned = old[3] == 1, row[3] == 1
        if old[4] == "stored" and not (row[4] == "stored" and is_planned and not was_planned):
            return
        row = (*row[:3], int(was_planned or is_planned), *row[4:])
        # a damaged row must not come to look sound: it keeps its checksum
        crc = old[-1] if is_wrong(old) else checksum(row)
        self._connection.execute(_UPDATE_OUTCOME, (*row[2:], crc, *row[:2]))

    def _write_devices(self, outcome: Collected, refused: tuple[Unread, ...], now: datetime) -> None:
        """Write the rows of devices that changed, or whose slots lag by an hour."""
        unread = {clean(one.device_id): one for one in (*outcome.unread, *refused)}
        refused_ids = {one.device_id for one in refused}
        readings = {clean(one.device_id): one for one in outcome.readings if one.device_id not in refused_ids}
        ids = sorted({*unread, *readings})
        if not ids:
            return
        stored = {row[0]: row for row in self._connection.execute(_SELECT_DEVICES, (ids[0], ids[-1]))}
        slot, ahead = as_text(outcome.due.slot), as_text(now + CLOCK_FAULT_AHEAD)
        lagging = as_text(outcome.due.slot - _DEVICE_ROW_LAG)
        devices: dict[str, _Device] = {}
        for device_id, reading in readings.items():
            names = (outcome.due.source, reading.kind.value, clean(reading.location))
            row = stored.get(device_id)
            if (
                row is not None
                and row[1:4] == names
                and lagging < str(row[5]) <= slot
                and lagging < str(row[6]) <= slot
            ):
                self._listed[device_id] = max(slot, self._listed.get(device_id, ""))
            else:
                new = _Device(device_id, *names, slot, slot, slot)
                devices[device_id] = new if row is None else _merge(self._device_of(row), new, ahead)
        for device_id, one in unread.items():
            row = stored.get(device_id)
            old = devices.get(device_id) or (None if row is None else self._device_of(row))
            if old is not None:  # one that never had a reading has no row
                is_listed = one.cause is not Cause.NOT_LISTED or _is_ahead(old.last_listed_slot, ahead)
                newest = _newer(old.last_listed_slot, slot, ahead) if is_listed else old.last_listed_slot
                devices[device_id] = attrs.evolve(old, last_listed_slot=newest)
        if not devices:
            return
        self._listed.update((name, str(device.last_listed_slot)) for name, device in devices.items())
        gone = {name for name, one in unread.items() if one.cause is Cause.NOT_LISTED}
        changed = [
            row
            for name, row in ((name, attrs.astuple(device)) for name, device in devices.items())
            if _must_write(stored.get(name), row, lagging, ahead) or (name in gone and row != stored[name])
        ]
        self._connection.executemany(_UPSERT_DEVICE, changed)

    def _device_of(self, row: tuple[Any, ...]) -> _Device:
        """Return the device of a row, with the newest slot that listed it."""
        device = _Device(*(clean(cell) if isinstance(cell, str) else cell for cell in row))
        listed = device.last_listed_slot
        if isinstance(listed, str):
            listed = max(listed, self._listed.get(device.device_id, ""))
        return attrs.evolve(device, last_listed_slot=listed)


def _is_ahead(slot: object, ahead: str) -> bool:
    """Return whether a wrong clock wrote the slot, or damage made it no text."""
    return not isinstance(slot, str) or slot > ahead


def _newer(old: object, new: str, ahead: str) -> str:
    return new if not isinstance(old, str) or old > ahead else max(old, new)


def _merge(old: _Device, new: _Device, ahead: str) -> _Device:
    """Return the row after a reading at `new`'s slot; reports can come late and out of order."""
    slot = str(new.last_read_slot)
    is_newest = _is_ahead(old.last_read_slot, ahead) or slot >= str(old.last_read_slot)
    newest = new if is_newest else old
    return attrs.evolve(
        newest,
        first_slot=min(old.first_slot, slot) if isinstance(old.first_slot, str) else slot,
        last_read_slot=_newer(old.last_read_slot, slot, ahead),
        last_listed_slot=_newer(old.last_listed_slot, slot, ahead),
    )


def _must_write(
    stored: tuple[object, ...] | None, device: tuple[object, ...], lagging: str, ahead: str
) -> bool:
    """Return whether the row differs in more than slots that moved by less than an hour."""
    if stored is None or stored[:5] != device[:5]:
        return True
    slots = zip(stored[5:], device[5:], strict=True)
    return any(old != new and (_is_ahead(old, ahead) or str(old) <= lagging) for old, new in slots)


def _ledger_row(entry: LedgerEntry, refused: tuple[Unread, ...] = ()) -> tuple[Cell, ...]:
    due = entry.due
    key = (due.source, as_text(due.slot), due.interval_s, int(due.scheduled))
    unread = None
    if entry.unread or refused:
        causes = {
            one.device_id: [one.cause.value, one.detail] if one.detail else one.cause.value
            for one in (*entry.unread, *refused)
        }
        unread = clean(json.dumps(causes, ensure_ascii=False))
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
