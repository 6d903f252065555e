"""Collect until the process is stopped: each slot once, on time, and every missed slot accounted for."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

import attrs

from domain.cycle import Cause, Cycle, Gap
from domain.progress import SourceProgress
from domain.schedule import Due, is_clock_fault, is_due, next_slot, slot_at
from domain.services.collection_cycle import CollectionCycle
from domain.services.database_upkeep import DailyUpkeep
from ports.clock import Clock
from ports.journal import Journal, Level

LONGEST_NAP_S = 15.0  # the wall clock may jump: look at it this often
_MOST_RUNS = 100
_WAITS = 3
_MOST_SECONDS = 3600
_SLEEP_NOTICED_S = 5.0  # if the wall clock gains more than this on the stopwatch, the machine slept


@attrs.frozen(kw_only=True)
class PlannedCycle:
    """The sources that are due, the causes of slots before without a row, and how far they have come.

    `clock_faults` are sources with a slot so far in the future that a clock must have been wrong, and that
    slot; each is reported once.
    """

    dues: tuple[Due, ...]
    gaps: tuple[Gap, ...] = ()
    progress: Mapping[str, SourceProgress] | None = None
    clock_faults: Mapping[str, datetime] = attrs.field(factory=dict)


class ContinuousCollection:
    """Runs a cycle whenever a source is due, until it is stopped."""

    def __init__(
        self,
        *,
        collection: CollectionCycle,
        clock: Clock,
        journal: Journal,
        upkeep: DailyUpkeep | None = None,
    ) -> None:
        self._collection = collection
        self._timetable = Timetable(collection, clock)
        self._clock = clock
        self._journal = journal
        self._upkeep = upkeep
        self._last_look: tuple[datetime, float] | None = None

    async def run(self, stop: asyncio.Event, on_cycle: Callable[[Cycle, PlannedCycle], None]) -> None:
        """Collect until `stop` is set; a cycle in progress is finished first. Report each to `on_cycle`."""
        self._collection.backoff.reset(
            self._collection.plans, Cause.CREDENTIALS
        )  # they may have been corrected before this start
        while not stop.is_set():
            planned = self._timetable.next_cycle(self._clock.now(), self._cause_of_a_gap())
            for source, slot in planned.clock_faults.items():
                self._journal.record(
                    Level.CRITICAL, "clock.fault", source=source, slot=slot, now=self._clock.now()
                )
            if planned.dues:
                cycle = await self._collection.run(planned.dues, planned.gaps, planned.progress)
                self._timetable.mark_run(planned)
                on_cycle(cycle, planned)
            if self._upkeep is not None:
                await self._upkeep.start_if_due()
            await self._nap(stop)

    def _cause_of_a_gap(self) -> Cause:
        """Return why slots since the last look were missed, if any were."""
        now, elapsed_s = self._clock.now(), self._clock.elapsed_s()
        last, self._last_look = self._last_look, (now, elapsed_s)
        if last is None:
            return Cause.STOPPED
        gained = (now - last[0]) - timedelta(seconds=elapsed_s - last[1])
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


class Timetable:
    """Finds the sources that are due by what this process remembers and what is stored.

    The memory keeps a store in trouble from making a source due again at every look.
    """

    def __init__(self, collection: CollectionCycle, clock: Clock) -> None:
        self._collection = collection
        self._clock = clock
        self._began_s = clock.elapsed_s()
        self._last: dict[str, datetime] = {}  # the newest slot of each source
        self._runs: dict[str, deque[datetime]] = {}  # where rows of each source's planned slots ended
        self._reported: dict[str, datetime] = {}  # the clock faults

    def next_cycle(self, now: datetime, cause: Cause) -> PlannedCycle:
        """Return what is due; `cause` is that of slots since the last look."""
        candidates = [due for due in self._present(now) if is_due(due.slot, self._last.get(due.source))]
        if not candidates:
            return PlannedCycle(dues=())
        progress = self._collection.storage.progress(candidates)
        for name, known in progress.items():
            if known.newest_slot is not None:
                self._last.setdefault(name, known.newest_slot)
        dues = [due for due in candidates if is_due(due.slot, self._last.get(due.source))]
        return self._plan(dues, progress, cause, now)

    def next_unstored(self, now: datetime, cause: Cause) -> PlannedCycle:
        """Return the present slot of each source that has not stored it, though it may have been asked."""
        present = list(self._present(now))
        progress = self._collection.storage.progress(present)
        dues = [due for due in present if is_due(due.slot, progress[due.source].last_stored_slot)]
        return self._plan(dues, progress, cause, now)

    def mark_run(self, planned: PlannedCycle) -> None:
        """Note that the cycle was run."""
        for due in planned.dues:
            self._last[due.source] = due.slot
            runs = self._runs.setdefault(due.source, deque(maxlen=_MOST_RUNS))
            if runs and next_slot(runs[-1], due.interval_s) == due.slot:
                runs.pop()
            runs.append(due.slot)

    def _present(self, now: datetime) -> Iterator[Due]:
        for name, plan in self._collection.plans.items():
            yield Due(source=name, slot=slot_at(now, plan.interval_s), interval_s=plan.interval_s)

    def _plan(
        self, dues: Sequence[Due], progress: Mapping[str, SourceProgress], cause: Cause, now: datetime
    ) -> PlannedCycle:
        gaps: list[Gap] = []
        faults: dict[str, datetime] = {}
        for due in dues:
            known = progress[due.source]
            ahead = self._slot_ahead(due, known)
            if ahead is not None and ahead != self._reported.get(due.source):
                self._reported[due.source] = faults[due.source] = ahead
            gaps.append(self._gap(due, Cause.CLOCK_STEPPED if due.source in faults else cause, now))
        return PlannedCycle(dues=tuple(dues), gaps=tuple(gaps), progress=progress, clock_faults=faults)

    def _slot_ahead(self, due: Due, progress: SourceProgress) -> datetime | None:
        """Return a slot that a wrong clock gave the source, in this process or before."""
        last = self._last.get(due.source)
        if last is not None and is_clock_fault(due.slot, last):
            return last
        return progress.ahead

    def _gap(self, due: Due, cause: Cause, now: datetime) -> Gap:
        uptime = timedelta(seconds=self._clock.elapsed_s() - self._began_s)
        return Gap(
            source=due.source,
            cause=cause,
            first=slot_at(now - uptime, due.interval_s),
            last=max((one for one in self._runs.get(due.source, ()) if one < due.slot), default=None),
            interrupted=tuple(sorted(self._collection.slots_in_progress.interrupted(due.source))),
            not_stored=self._collection.slots_in_progress.not_stored(due.source),
        )


async def unscheduled_cycle(collection: CollectionCycle, clock: Clock) -> PlannedCycle:
    """Return a cycle of every source at the present second, outside the schedule."""
    second = await _unused_second(collection, clock, collection.plans)
    return PlannedCycle(
        dues=tuple(
            [
                Due(source=name, slot=second, interval_s=plan.interval_s, scheduled=False)
                for name, plan in collection.plans.items()
            ]
        )
    )


async def _unused_second(collection: CollectionCycle, clock: Clock, sources: Iterable[str]) -> datetime:
    """Return the present second, or wait for one that no cycle of the sources has used, or will use by plan.

    After `_WAITS` waits do without: a clock that was set back can show used seconds for long.
    """

    def is_used(second: datetime) -> bool:
        return any(
            slot_at(second, collection.plans[source].interval_s) == second
            or collection.storage.is_used(source, second)
            for source in sources
        )

    second = clock.now().replace(microsecond=0)
    for _ in range(_WAITS):
        if not is_used(second):
            return second
        following = second + timedelta(seconds=1)
        await clock.sleep((following - clock.now()).total_seconds())
        second = clock.now().replace(microsecond=0)
    for number in range(_MOST_SECONDS):
        if not is_used(later := second + timedelta(seconds=number)):
            return later
    return second
