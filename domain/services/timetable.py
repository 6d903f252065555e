"""Whose turn it is now, and which turns nobody took."""

from __future__ import annotations

from datetime import datetime

import attrs

from domain.outcome import Cause, Missed
from domain.schedule import Due, is_clock_fault, is_due, slot_at, slots_between
from domain.services.collection import Collection, all_unread
from ports.store import Standing


@attrs.frozen(kw_only=True)
class Turn:
    """The sources that are due, the slots that passed without a cycle, and the sources with a clock fault."""

    dues: tuple[Due, ...]
    missed: tuple[Missed, ...] = ()
    clock_faults: tuple[str, ...] = ()


class Timetable:
    """Finds each source's turn from the store, once, and from memory afterwards.

    Memory serves so that a store that cannot be read does not make a source due again at every look.
    """

    def __init__(self, collection: Collection) -> None:
        self._collection = collection
        self._last: dict[str, datetime | None] = {}

    def turn(self, now: datetime, cause: Cause) -> Turn:
        """What is due at `now`; slots in between get `cause`."""
        dues: list[Due] = []
        missed: list[Missed] = []
        faults: list[str] = []
        for name, plan in self._collection.plans.items():
            due = Due(source=name, slot=slot_at(now, plan.interval_s), interval_s=plan.interval_s)
            if name in self._last and not is_due(due.slot, self._last[name]):
                continue
            standing = self._collection.standing(due)
            last = self._last.get(name) or standing.last_slot
            if not is_due(due.slot, last):
                self._last[name] = last
                continue
            if last is not None and is_clock_fault(due.slot, last):
                faults.append(name)
            elif last is not None:
                missed.extend(_missed(due, last, standing, cause))
            dues.append(due)
        return Turn(dues=tuple(dues), missed=tuple(missed), clock_faults=tuple(faults))

    def taken(self, turn: Turn) -> None:
        """Note that the turn's cycle was run, stored or not."""
        for due in turn.dues:
            self._last[due.source] = due.slot


def by_hand(collection: Collection, now: datetime) -> Turn:
    """A turn of every source at the present second, outside the schedule."""
    second = now.replace(microsecond=0)
    return Turn(
        dues=tuple(
            Due(source=name, slot=second, interval_s=plan.interval_s, scheduled=False)
            for name, plan in collection.plans.items()
        )
    )


def _missed(due: Due, last: datetime, standing: Standing, cause: Cause) -> list[Missed]:
    unread = all_unread(standing.expected, cause)
    return [
        Missed(due=attrs.evolve(due, slot=slot), cause=cause, unread=unread)
        for slot in slots_between(last, due.slot, due.interval_s)
    ]
