"""Progress of a source: its newest slots, its devices, and the cycles that wait to be stored."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from datetime import datetime

import attrs

from domain.cycle import Collected, CycleReport, LedgerEntry, Missed
from domain.schedule import Due, is_clock_fault, next_slot


@attrs.frozen(kw_only=True)
class SourceProgress:
    """How far one source has come at a slot.

    `last_slot` is the newest planned slot that had its cycle, with any outcome. If it is this slot or a later
    one, `previous_slot` is the newest before, `is_recorded` whether this one had its cycle, and `is_stored`
    whether it has readings. `expected` are the devices that should have a reading now: from a device's first
    reading until its source has not listed it for a day. `waiting` are planned slots whose cycles are in the
    spool or in memory; a store leaves it empty. `ahead` is the newest slot so far in the future that only a
    wrong clock can have written it; the other fields leave such slots out.
    """

    last_slot: datetime | None = None
    expected: AbstractSet[str] = frozenset()
    waiting: AbstractSet[datetime] = frozenset()
    ahead: datetime | None = None
    previous_slot: datetime | None = None
    is_recorded: bool = False
    is_stored: bool = False

    @property
    def newest_slot(self) -> datetime | None:
        """The newest slot that had its cycle, stored or waiting."""
        return _later(self.last_slot, max(self.waiting, default=None))

    def is_new(self, due: Due) -> bool:
        """Return whether the slot can be planned: neither it nor a later one had its cycle.

        Later ones do not count if the slot before had its cycle, since the schedule was going on there.
        """
        if self.newest_slot is None or self.newest_slot < due.slot:
            return True
        previous = self.previous_slot
        return (
            not self.is_recorded and previous is not None and next_slot(previous, due.interval_s) >= due.slot
        )

    def after(self, entry: LedgerEntry) -> SourceProgress:
        """Return the progress once the store has that entry too."""
        if not entry.due.scheduled or isinstance(entry, Missed):
            return self
        return attrs.evolve(self, last_slot=_later(self.last_slot, entry.due.slot))

    def with_waiting(
        self, waiting: AbstractSet[datetime], collected: AbstractSet[datetime], at: datetime
    ) -> SourceProgress:
        """Return the progress at that instant, with these slots waiting, some with readings."""
        ahead = {slot for slot in waiting if is_clock_fault(at, slot)}
        return attrs.evolve(
            self,
            waiting=self.waiting | (waiting - ahead),
            ahead=_later(self.ahead, max(ahead, default=None)),
            previous_slot=_later(self.previous_slot, max((one for one in waiting if one < at), default=None)),
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
