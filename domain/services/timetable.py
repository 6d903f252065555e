"""Whose turn it is now, and which turns nobody took."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

import attrs

from domain.outcome import Cause, Missed
from domain.schedule import Due, is_clock_fault, is_due, slot_at, slots_between
from domain.services.collection import Collection, all_unread
from domain.values import frozen
from ports.store import Standing


@frozen(kw_only=True)
class Turn:
    """The sources that are due, and where they stand as far as the store says.

    `missed` are the slots that passed without a cycle. `clock_faults` are the sources of which a slot is
    found so far in the future that a clock must have been wrong, and that slot; each is told once.
    """

    dues: tuple[Due, ...]
    missed: tuple[Missed, ...] = ()
    standings: Mapping[str, Standing] | None = None
    clock_faults: Mapping[str, datetime] = attrs.field(factory=dict)


class Timetable:
    """Finds each source's turn: what is due from memory, what was missed from what was kept.

    Memory serves so that a store in trouble does not make a source due again at every look.
    """

    def __init__(self, collection: Collection) -> None:
        self._collection = collection
        self._last: dict[str, datetime] = {}
        self._began: dict[str, datetime] = {}
        self._told: dict[str, datetime] = {}  # the clock faults

    def turn(self, now: datetime, cause: Cause) -> Turn:
        """What is due at `now`; slots of this process in between get `cause`.

        Earlier ones get `stopped`, or `interrupted` where their cycle had begun.
        """
        candidates = [due for due in self._present(now) if is_due(due.slot, self._last.get(due.source))]
        standings = self._collection.standings(candidates) if candidates else {}
        for name, standing in standings.items():
            if standing.newest_slot is not None:
                self._last.setdefault(name, standing.newest_slot)
        dues = [due for due in candidates if is_due(due.slot, self._last.get(due.source))]
        return self._turn(dues, standings, cause)

    def turn_not_stored(self, now: datetime, cause: Cause) -> Turn:
        """The present slot of each source that has not stored it, though it may have been asked in vain."""
        present = list(self._present(now))
        standings = self._collection.standings(present)
        dues = [due for due in present if is_due(due.slot, standings.get(due.source, Standing()).last_stored)]
        return self._turn(dues, standings, cause)

    def taken(self, turn: Turn) -> None:
        """Note that the turn's cycle was run."""
        for due in turn.dues:
            self._last[due.source] = due.slot
            self._began.setdefault(due.source, due.slot)

    def _present(self, now: datetime) -> Iterator[Due]:
        for name, plan in self._collection.plans.items():
            yield Due(source=name, slot=slot_at(now, plan.interval_s), interval_s=plan.interval_s)

    def _turn(self, dues: Iterable[Due], standings: Mapping[str, Standing], cause: Cause) -> Turn:
        missed: list[Missed] = []
        faults: dict[str, datetime] = {}
        for due in dues:
            standing = standings.get(due.source, Standing())
            ahead = self._ahead(due, standing)
            if ahead is not None and ahead != self._told.get(due.source):
                self._told[due.source] = faults[due.source] = ahead
            missed += self._missed(due, standing, Cause.CLOCK_STEPPED if due.source in faults else cause)
        return Turn(dues=tuple(dues), missed=tuple(missed), standings=standings, clock_faults=faults)

    def _ahead(self, due: Due, standing: Standing) -> datetime | None:
        """A slot that a wrong clock gave the source; while it did so, this process may have begun."""
        began, last = self._began.get(due.source), self._last.get(due.source)
        if began is not None and is_clock_fault(due.slot, began):
            del self._began[due.source]
        if last is not None and is_clock_fault(due.slot, last):
            return last
        return standing.ahead

    def _missed(self, due: Due, standing: Standing, cause: Cause) -> Iterator[Missed]:
        if standing.last_slot is None or is_clock_fault(due.slot, standing.last_slot):
            return
        began = self._began.get(due.source, due.slot)
        for slot in slots_between(standing.last_slot, due.slot, due.interval_s):
            if slot in standing.waiting:
                continue
            was_in_hand = slot in self._collection.interrupted(due.source)
            why = cause if slot >= began else Cause.INTERRUPTED if was_in_hand else Cause.STOPPED
            unread = all_unread(standing.expected, why)
            yield Missed(due=attrs.evolve(due, slot=slot), cause=why, unread=unread)


def by_hand(collection: Collection, now: datetime) -> Turn:
    """A turn of every source at the present second, outside the schedule."""
    second = now.replace(microsecond=0)
    return Turn(
        dues=tuple(
            Due(source=name, slot=second, interval_s=plan.interval_s, scheduled=False)
            for name, plan in collection.plans.items()
        )
    )
