"""The table of devices: what each is, and when it was read and listed last."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from adapters.sqlite.rows.readings import as_instant, as_text, clean
from domain.cycle import Cause, Collected, Unread
from domain.gaps import is_of_wrong_clock
from domain.schedule import CLOCK_FAULT_AHEAD

_LISTED_WITHIN = timedelta(days=1)
_DEVICE_ROW_LAG = timedelta(hours=1)  # how far the slots of a device row may lag behind its newest reading

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


class _DeviceRow(NamedTuple):
    """A row of `devices`, in the order of its columns; a damaged file can hold anything in it."""

    device_id: str
    source: object
    kind: object
    location: object
    first_slot: object
    last_read_slot: object
    last_listed_slot: object


class DeviceRows:
    """Writes the rows through one connection, inside transactions of the caller, and reads them."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._listed: dict[str, str] = {}  # the newest slot that listed each device; its row may lag behind
        # Rows as they are in the table, with the columns of _DeviceRow; None for a device without one.
        self._stored: dict[str, Sequence[object] | None] = {}

    def expected(self, source: str, at: datetime) -> frozenset[str]:
        """Return the devices that have had a reading and that the source has listed within a day."""
        since = as_text(at - _LISTED_WITHIN)
        select = (source, as_text(at - _LISTED_WITHIN - _DEVICE_ROW_LAG))
        listed = self._connection.execute(_SELECT_LISTED, select).fetchall()
        return frozenset(
            device_id
            for device_id, slot in listed
            if not isinstance(slot, str) or max(slot, self._listed.get(device_id, "")) > since
        )

    def forget(self) -> None:
        """Read the rows again: others may have changed them, or what was read was rolled back."""
        self._stored.clear()

    def write(self, outcome: Collected, refused: tuple[Unread, ...], now: datetime) -> None:
        """Write the rows of devices that changed, or whose slots lag by an hour."""
        unread = {clean(one.device_id): one for one in (*outcome.unread, *refused)}
        readings = {clean(one.device_id): one for one in outcome.readings}
        for one in refused:
            readings.pop(clean(one.device_id), None)
        ids, stored = {*unread, *readings}, self._stored
        if not ids:
            return
        if not ids <= stored.keys():
            stored.update(dict.fromkeys(ids))
            select = self._connection.execute(_SELECT_DEVICES, (min(ids), max(ids)))
            stored.update((row[0], row) for row in select)
        slot, ahead = as_text(outcome.due.slot), as_text(now + CLOCK_FAULT_AHEAD)
        lagging = as_text(outcome.due.slot - _DEVICE_ROW_LAG)
        devices: dict[str, _DeviceRow] = {}
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
                new = _DeviceRow(device_id, *names, slot, slot, slot)
                devices[device_id] = new if row is None else _merge(self._current(row), new, ahead)
        for device_id, one in unread.items():
            row = stored.get(device_id)
            old = devices.get(device_id) or (None if row is None else self._current(row))
            if old is not None:  # one that never had a reading has no row
                is_listed = one.cause is not Cause.NOT_LISTED or _is_ahead(old.last_listed_slot, ahead)
                newest = _newer(old.last_listed_slot, slot, ahead) if is_listed else old.last_listed_slot
                devices[device_id] = old._replace(last_listed_slot=newest)
        if not devices:
            return
        self._listed.update((name, str(device.last_listed_slot)) for name, device in devices.items())
        gone = {name for name, one in unread.items() if one.cause is Cause.NOT_LISTED}
        changed = [
            device
            for name, device in devices.items()
            if _must_write(stored.get(name), device, lagging, ahead)
            or (name in gone and device != stored[name])
        ]
        for device in changed:
            stored.pop(device.device_id, None)
        self._connection.executemany(_UPSERT_DEVICE, changed)

    def _current(self, stored: Sequence[object]) -> _DeviceRow:
        """Return the row with storable texts and the newest slot that listed the device."""
        row = _DeviceRow._make([clean(cell) if isinstance(cell, str) else cell for cell in stored])
        listed = row.last_listed_slot
        if isinstance(listed, str):
            listed = max(listed, self._listed.get(row.device_id, ""))
        return row._replace(last_listed_slot=listed)


def _is_ahead(slot: object, ahead: str) -> bool:
    """Return whether a wrong clock wrote the slot, or damage made it no text."""
    return not isinstance(slot, str) or slot > ahead


def _newer(old: object, new: str, ahead: str) -> str:
    return new if not isinstance(old, str) or old > ahead else max(old, new)


def _merge(old: _DeviceRow, new: _DeviceRow, ahead: str) -> _DeviceRow:
    """Return the row after a reading at `new`'s slot; reports can come late and out of order."""
    slot = str(new.last_read_slot)
    is_newest = _is_ahead(old.last_read_slot, ahead) or slot >= str(old.last_read_slot)
    newest = new if is_newest else old
    return newest._replace(
        first_slot=_first(old, slot),
        last_read_slot=_newer(old.last_read_slot, slot, ahead),
        last_listed_slot=_newer(old.last_listed_slot, slot, ahead),
    )


def _first(old: _DeviceRow, slot: str) -> object:
    """Return the first slot of a device that was read at this one, but none of a clock decades behind."""
    first, last = (as_instant(text, UTC) for text in (old.first_slot, old.last_read_slot))
    at = datetime.fromisoformat(slot)
    if first is None:
        return slot
    if at < first:
        return old.first_slot if is_of_wrong_clock(at, first) else slot
    was_always_wrong = last is not None and first <= last and is_of_wrong_clock(last, at)
    return slot if was_always_wrong else old.first_slot


def _must_write(row: Sequence[object] | None, device: _DeviceRow, lagging: str, ahead: str) -> bool:
    """Return whether the row differs in more than slots that moved by less than an hour."""
    if row is None:
        return True
    stored = _DeviceRow._make(row)
    slots = (
        (stored.last_read_slot, device.last_read_slot),
        (stored.last_listed_slot, device.last_listed_slot),
    )
    same_slots = device._replace(
        last_read_slot=stored.last_read_slot, last_listed_slot=stored.last_listed_slot
    )
    return stored != same_slots or any(
        old != new and (_is_ahead(old, ahead) or str(old) <= lagging) for old, new in slots
    )
