"""Collecting for as long as the process lives: each slot once, on time, and the lost ones explained."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from domain.outcome import Cause, Cycle
from domain.schedule import next_slot
from domain.services.collection import Collection
from domain.services.timetable import Timetable, Turn
from domain.services.upkeep import DailyUpkeep
from ports.clock import Clock
from ports.journal import Journal, Level

LONGEST_NAP_S = 15.0  # the wall clock may jump: look at it this often
_SLEEP_NOTICED_S = 5.0  # the wall gained more than this on the stopwatch: the machine slept


class ContinuousCollection:
    """Runs a cycle whenever a source is due, until it is told to stop."""

    def __init__(
        self, *, collection: Collection, clock: Clock, journal: Journal, upkeep: DailyUpkeep | None = None
    ) -> None:
        self._collection = collection
        self._timetable = Timetable(collection)
        self._clock = clock
        self._journal = journal
        self._upkeep = upkeep
        self._seen: tuple[datetime, float] | None = None

    async def run(self, stop: asyncio.Event, on_cycle: Callable[[Cycle, Turn], None]) -> None:
        """Collect until `stop` is set; a cycle in hand is finished first. `on_cycle` hears of each."""
        self._collection.forgive(Cause.CREDENTIALS)  # whoever starts it anew may have mended them
        while not stop.is_set():
            turn = self._timetable.turn(self._clock.now(), self._cause_of_a_gap())
            for source, slot in turn.clock_faults.items():
                self._journal.record(
                    Level.CRITICAL, "clock.fault", source=source, slot=slot, now=self._clock.now()
                )
            if turn.dues:
                cycle = await self._collection.run(turn.dues, turn.missed, turn.standings)
                self._timetable.taken(turn)
                on_cycle(cycle, turn)
            if self._upkeep is not None:
                await self._upkeep.if_due()  # only begins it
            await self._nap(stop)

    def _cause_of_a_gap(self) -> Cause:
        now, elapsed_s = self._clock.now(), self._clock.elapsed_s()
        seen, self._seen = self._seen, (now, elapsed_s)
        if seen is None:
            return Cause.STOPPED
        gained = (now - seen[0]) - timedelta(seconds=elapsed_s - seen[1])
        return Cause.ASLEEP if gained.total_seconds() > _SLEEP_NOTICED_S else Cause.OVERRUN

    async def _nap(self, stop: asyncio.Event) -> None:
        now = self._clock.now()
        soonest = min(next_slot(now, plan.interval_s) for plan in self._collection.plans.values())
        nap_s = min(LONGEST_NAP_S, (soonest - now).total_seconds())
        stopped = asyncio.ensure_future(stop.wait())
        rested = asyncio.ensure_future(self._clock.sleep(nap_s))
        try:
            await asyncio.wait({stopped, rested}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopped.cancel()
            rested.cancel()
