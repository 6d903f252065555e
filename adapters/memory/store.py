"""A store in memory."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta

import attrs

from adapters.memory.device_settings import MemoryDeviceSettings
from domain.cycle import (
    Cause,
    Collected,
    CycleReport,
    LedgerEntry,
    Missed,
    Outcome,
)
from domain.device_settings import SettingsByDevice
from domain.errors import StoreError
from domain.gaps import Hole, fill, find_holes
from domain.measurements import ReadCost
from domain.progress import SourceProgress
from domain.reading import Reading, fit_to_table
from domain.schedule import CLOCK_FAULT_AHEAD
from ports.clock import Clock

_LISTED_WITHIN = timedelta(days=1)


@attrs.define
class _Device:
    source: str
    last_listed_slot: datetime


class MemoryStore:
    """A store with readings by device and slot, and the ledger by source and slot.

    While `fault` is set, every call raises it and stores nothing. Without a clock, no slot counts as future.
    """

    def __init__(self, clock: Clock | None = None, settings: MemoryDeviceSettings | None = None) -> None:
        self._clock = clock
        self._settings = settings or MemoryDeviceSettings()
        self.readings: dict[tuple[str, datetime], Reading] = {}
        self.ledger: dict[tuple[str, datetime], LedgerEntry] = {}
        self.measurements: dict[tuple[datetime, str], ReadCost] = {}
        self.fault: StoreError | None = None
        self._keys: set[tuple[str, datetime]] = set()  # of the readings, device ids in lower case
        self._devices: dict[str, _Device] = {}
        self._holes: list[Hole] = []

    def open(self, *, checking: bool) -> None:  # noqa: ARG002 - there is nothing to check
        self._raise_fault()

    def append(self, report: CycleReport, *, waits: bool = True) -> CycleReport:  # noqa: ARG002
        self._raise_fault()
        holes = list(find_holes(report, self._newest_before, self._expected))
        outcomes: list[Outcome] = []
        for outcome in map(self._settings.current().applied_to, report.outcomes):
            stored = self._add_readings(outcome) if isinstance(outcome, Collected) else outcome
            self._add_entry(stored)
            outcomes.append(stored)
        self._add_missed(report.missed)
        now = None if self._clock is None else self._clock.now()
        filled = list(fill((*holes, *self._holes), now, self._newest_before))
        self._holes = [left for _, _, left in filled if left is not None]
        for _, missed, _ in filled:
            self._add_missed(missed)
        for one in report.measurements:
            present = self.measurements.setdefault((one.slot, one.source), one)
            if one.cycle_s is not None:
                self.measurements[one.slot, one.source] = attrs.evolve(
                    present, cycle_s=one.cycle_s, commit_s=one.commit_s, cpu_s=one.cpu_s
                )
        return attrs.evolve(report, outcomes=tuple(outcomes))

    def progress(self, source: str, at: datetime) -> SourceProgress:
        self._raise_fault()
        planned = [
            entry for entry in self.ledger.values() if entry.due.source == source and entry.due.scheduled
        ]
        until = at + CLOCK_FAULT_AHEAD
        ran = [one.due.slot for one in planned if one.due.slot <= until and not isinstance(one, Missed)]
        ahead = [one.due.slot for one in planned if one.due.slot > until]
        last_slot = max(ran, default=None)
        progress = SourceProgress(
            ahead=max(ahead, default=None), last_slot=last_slot, expected=self._expected(source, at)
        )
        if last_slot is None or last_slot < at:
            return progress
        return attrs.evolve(
            progress,
            previous_slot=max((slot for slot in ran if slot < at), default=None),
            is_recorded=at in ran,
            is_stored=any(isinstance(one, Collected) and one.due.slot == at for one in planned),
        )

    def settings(self) -> SettingsByDevice:
        self._raise_fault()
        return self._settings.current()

    def is_used(self, source: str, instant: datetime) -> bool:
        self._raise_fault()
        return (source, instant) in self.ledger or any(at == instant for _, at in self._keys)

    def close(self) -> None:
        """Do nothing: the contents can still be read."""

    def _expected(self, source: str, at: datetime) -> AbstractSet[str]:
        listed = frozenset(
            device_id
            for device_id, device in self._devices.items()
            if device.source == source and device.last_listed_slot > at - _LISTED_WITHIN
        )
        return self._settings.current().without_ignored(listed)

    def _newest_before(self, source: str, instant: datetime) -> datetime | None:
        planned = (
            slot
            for (one, slot), entry in self.ledger.items()
            if one == source and slot < instant and entry.due.scheduled
        )
        return max(planned, default=None)

    def _add_missed(self, missed: Iterable[Missed]) -> None:
        for one in missed:
            self.ledger.setdefault((one.due.source, one.due.slot), one)

    def _raise_fault(self) -> None:
        if self.fault is not None:
            raise self.fault

    def _add_readings(self, collected: Collected) -> Collected:
        inserted: list[Reading] = []
        for reading in collected.readings:
            key = (reading.device_id.lower(), reading.collected_at)
            if key not in self._keys:
                self._keys.add(key)
                self.readings[reading.device_id, reading.collected_at] = fit_to_table(reading)
                inserted.append(reading)
            self._devices.setdefault(reading.device_id, _Device(collected.due.source, collected.due.slot))
        listed = {reading.device_id for reading in collected.readings}
        listed |= {unread.device_id for unread in collected.unread if unread.cause is not Cause.NOT_LISTED}
        for device_id in listed & self._devices.keys():
            device = self._devices[device_id]
            if self._is_ahead(device):
                device.last_listed_slot = collected.due.slot
            device.last_listed_slot = max(device.last_listed_slot, collected.due.slot)
        for unread in collected.unread:  # from now on the day without being listed counts
            if (missing := self._devices.get(unread.device_id)) is not None and self._is_ahead(missing):
                missing.last_listed_slot = collected.due.slot
        return collected.as_stored(tuple(inserted))

    def _is_ahead(self, device: _Device) -> bool:
        return self._clock is not None and device.last_listed_slot > self._clock.now() + CLOCK_FAULT_AHEAD

    def _add_entry(self, entry: LedgerEntry) -> None:
        """Replace an entry that is not stored, and one by hand by a planned one."""
        key = (entry.due.source, entry.due.slot)
        present = self.ledger.get(key)
        if present is None:
            self.ledger[key] = entry
            return
        becomes_planned = entry.due.scheduled and not present.due.scheduled
        if not isinstance(present, Collected) or (becomes_planned and isinstance(entry, Collected)):
            scheduled = entry.due.scheduled or present.due.scheduled
            if isinstance(present, Collected) and isinstance(entry, Collected):
                entry = attrs.evolve(entry, readings=(*present.readings, *entry.readings))
            self.ledger[key] = attrs.evolve(entry, due=attrs.evolve(entry.due, scheduled=scheduled))
