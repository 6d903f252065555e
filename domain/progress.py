"""Progress of a source: its newest slots, its devices, and the cycles that wait to be stored."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from datetime import datetime

import attrs

from domain.cycle import Collected, CycleReport, LedgerEntry
from domain.schedule import is_clock_fault


@attrs.frozen(kw_only=True)
class SourceProgress:
    """How far one source has come at a slot.

    `is_recorded` if the slot waits or has a ledger row, other than of a missed one; `is_stored` if it has
    readings. `last_slot` is the newest planned slot with a ledger row, with any outcome, `last_stored_slot`
    the newest one whose readings are stored. `expected` are the devices that should have a reading now: from
    a device's first reading until its source has not listed it for a day. `waiting` are planned slots whose
    cycles are in the spool or in memory; a store leaves it empty. `ahead` is the newest slot so far in the
    future that only a wrong clock can have written it; the other fields leave such slots out.
    """

    last_slot: datetime | None = None
    last_stored_slot: datetime | None = None
    expected: AbstractSet[str] = frozenset()
    waiting: AbstractSet[datetime] = frozenset()
    ahead: datetime | None = None
    is_recorded: bool = False
    is_stored: bool = False

    @property
    def newest_slot(self) -> datetime | None:
        """The newest slot that had its cycle, stored or waiting."""
        return _later(self.last_slot, max(self.waiting, default=None))

    def after(self, entry: LedgerEntry) -> SourceProgress:
        """Return the progress once the store has that entry too."""
        if not entry.due.scheduled:
            return self
        slot = entry.due.slot
        is_stored = isinstance(entry, Collected)
        return attrs.evolve(
            self,
            last_slot=_later(self.last_slot, slot),
            last_stored_slot=_later(self.last_stored_slot, slot) if is_stored else self.last_stored_slot,
        )

    def with_waiting(
        self, waiting: AbstractSet[datetime], collected: AbstractSet[datetime], at: datetime
    ) -> SourceProgress:
        """Return the progress at that instant, with these slots waiting, some with readings."""
        ahead = {slot for slot in waiting if is_clock_fault(at, slot)}
        return attrs.evolve(
            self,
            waiting=self.waiting | (waiting - ahead),
            last_stored_slot=_later(self.last_stored_slot, max(collected - ahead, default=None)),
            ahead=_later(self.ahead, max(ahead, default=None)),
            is_recorded=self.is_recorded or at in waiting,
            is_stored=self.is_stored or at in collected,
        )


@attrs.define
class WaitingSlots:
    """What waits of one source: its planned slots, those with readings, and seconds outside the schedule."""

    slots: set[datetime] = attrs.field(factory=set)
    collected: set[datetime] = attrs.field(factory=set)
    seconds: set[datetime] = attrs.field(factory=set)


@attrs.define(kw_only=True)
class Waiting:
    """The cycles that wait to be stored, their readings, and their planned slots by source.

    `places` are where they wait, and `unreadable` the places that cannot be read, and why, for people.
    """

    cycles: int = 0
    readings: int = 0
    places: list[str] = attrs.field(factory=list)
    unreadable: list[str] = attrs.field(factory=list)
    by_source: dict[str, WaitingSlots] = attrs.field(factory=dict)

    def add(self, report: CycleReport) -> None:
        """Count one more cycle."""
        self.cycles += 1
        self.readings += len(report.readings)
        for entry in (*report.outcomes, *report.missed):
            waiting = self.by_source.setdefault(entry.due.source, WaitingSlots())
            if not entry.due.scheduled:
                waiting.seconds.add(entry.due.slot)
                continue
            waiting.slots.add(entry.due.slot)
            if isinstance(entry, Collected):
                waiting.collected.add(entry.due.slot)


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    if one is None or other is None:
        return one or other
    return max(one, other)
