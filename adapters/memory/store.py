"""A store that is gone with the process."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

import attrs

from domain.baseline import Measurement
from domain.errors import StoreError
from domain.outcome import Cause, Collected, CycleReport, LedgerEntry
from domain.reading import Reading, storable
from domain.schedule import CLOCK_FAULT_AHEAD, is_clock_fault
from ports.clock import Clock
from ports.store import Standing

_LISTED_WITHIN = timedelta(days=1)


@attrs.define
class _Device:
    source: str
    last_listed_slot: datetime


class MemoryStore:
    """Keeps readings by device and slot, and the ledger by source and slot.

    While `fault` is set, every call raises it and nothing is kept. Without a clock, every slot is believed.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock
        self.readings: dict[tuple[str, datetime], Reading] = {}
        self.ledger: dict[tuple[str, datetime], LedgerEntry] = {}
        self.measurements: dict[tuple[Measurement, int], Measurement] = {}
        self.fault: StoreError | None = None
        self._devices: dict[str, _Device] = {}

    def append(self, report: CycleReport) -> None:
        self._raise_fault()
        for outcome in report.outcomes:
            if isinstance(outcome, Collected):
                self._keep(outcome)
            self._enter(outcome)
        for missed in report.missed:
            self.ledger.setdefault((missed.due.source, missed.due.slot), missed)
        numbers: Counter[Measurement] = Counter()
        for one in report.measurements:
            self.measurements.setdefault((one, numbers[one]), one)
            numbers[one] += 1

    def standing(self, source: str, at: datetime) -> Standing:
        self._raise_fault()
        planned = [
            entry for entry in self.ledger.values() if entry.due.source == source and entry.due.scheduled
        ]
        scheduled = [entry for entry in planned if not is_clock_fault(at, entry.due.slot)]
        ahead = [entry.due.slot for entry in planned if is_clock_fault(at, entry.due.slot)]
        return Standing(
            ahead=max(ahead, default=None),
            last_slot=max((entry.due.slot for entry in scheduled), default=None),
            last_stored=max(
                (entry.due.slot for entry in scheduled if isinstance(entry, Collected)), default=None
            ),
            expected=frozenset(
                device_id
                for device_id, device in self._devices.items()
                if device.source == source and device.last_listed_slot > at - _LISTED_WITHIN
            ),
        )

    def close(self) -> None:
        """Nothing to let go of: what was stored can still be looked at."""

    def _raise_fault(self) -> None:
        if self.fault is not None:
            raise self.fault

    def _keep(self, collected: Collected) -> None:
        for reading in collected.readings:
            self.readings.setdefault((reading.device_id, reading.collected_at), storable(reading))
            self._devices.setdefault(reading.device_id, _Device(collected.due.source, collected.due.slot))
        listed = {reading.device_id for reading in collected.readings}
        listed |= {unread.device_id for unread in collected.unread if unread.cause is not Cause.NOT_LISTED}
        for device_id in listed & self._devices.keys():
            device = self._devices[device_id]
            if self._is_ahead(device):
                device.last_listed_slot = collected.due.slot
            device.last_listed_slot = max(device.last_listed_slot, collected.due.slot)
        for unread in collected.unread:  # from now on it counts for how long it has not been listed
            if (missing := self._devices.get(unread.device_id)) is not None and self._is_ahead(missing):
                missing.last_listed_slot = collected.due.slot

    def _is_ahead(self, device: _Device) -> bool:
        return self._clock is not None and device.last_listed_slot > self._clock.now() + CLOCK_FAULT_AHEAD

    def _enter(self, entry: LedgerEntry) -> None:
        """What is stored stays, unless the slot was planned and only a manual cycle stands there."""
        key = (entry.due.source, entry.due.slot)
        present = self.ledger.get(key)
        if present is None:
            self.ledger[key] = entry
            return
        becomes_planned = entry.due.scheduled and not present.due.scheduled
        if not isinstance(present, Collected) or (becomes_planned and isinstance(entry, Collected)):
            scheduled = entry.due.scheduled or present.due.scheduled
            self.ledger[key] = attrs.evolve(entry, due=attrs.evolve(entry.due, scheduled=scheduled))
