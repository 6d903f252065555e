"""Collect until the process is stopped: each slot once, on time, and every missed slot accounted for."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import attrs

from domain.cycle import Cause, Cycle, Gap
from domain.progress import SourceProgress
from domain.schedule import Due, next_slot, slot_at
from domain.services.collection_cycle import CollectionCycle
from domain.services.database_upkeep import DailyUpkeep
from ports.clock import Clock
from ports.journal import Journal, Level

LONGEST_NAP_S = 15.0  # the wall clock may jump: look at it this often
_UPKEEP_LOOK_S = (
    300.0  # and after each cycle: often enough for what is due once a day, or an hour after it failed
)
STEP_NOTICED = timedelta(minutes=1)  # a smaller step back is a time service's, and nothing to report
_MOST_RUNS = 100
_WAITS = 3
_MOST_SECONDS = 3600
_GAIN_NOTICED = timedelta(seconds=5)


@attrs.frozen(kw_only=True)
class PlannedCycle:
    """The sources that are due, the causes of slots before without a row, and how far they have come.

    `outside` are those whose present slot is not new, since the clock was set back: they are read outside the
    schedule. `clock_faults` are sources with a slot so far in the future that a clock must have been
    wrong, and that slot; each is reported once. `clock_step` is by how much the clock has just been set,
    `clock_behind` how far it is behind slots that are stored; less than a minute counts as zero.
    """

    dues: tuple[Due, ...]
    outside: tuple[Due, ...] = ()
    gaps: tuple[Gap, ...] = ()
    progress: Mapping[str, SourceProgress] | None = None
    clock_faults: Mapping[str, datetime] = attrs.field(factory=dict)
    clock_step: timedelta = timedelta()
    clock_behind: timedelta = timedelta()


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
        self._upkeep_look_at_s = -math.inf

    async def run(self, stop: asyncio.Event, on_cycle: Callable[[Cycle, PlannedCycle], None]) -> None:
        """Collect until `stop` is set; a cycle in progress is finished first. Report each to `on_cycle`."""
        self._collection.backoff.reset(
            self._collection.plans, Cause.CREDENTIALS
        )  # they may have been corrected before this start
        stopped = asyncio.ensure_future(stop.wait())
        try:
            while not stop.is_set():
                await self._look(on_cycle)
                await self._nap(stopped)
        finally:
            stopped.cancel()

    async def _look(self, on_cycle: Callable[[Cycle, PlannedCycle], None]) -> None:
        """Run the cycle that is due, if any, and start the upkeep that is due."""
        planned = self._timetable.next_cycle()
        now = self._clock.now()
        for source, slot in planned.clock_faults.items():
            self._journal.record(Level.CRITICAL, "clock.fault", source=source, slot=slot, now=now)
        if planned.clock_step:
            level = Level.CRITICAL if planned.clock_step < timedelta() else Level.WARNING
            by_s = f"{planned.clock_step.total_seconds():.0f}"
            self._journal.record(level, "clock.stepped", by_s=by_s, now=now)
        is_due = bool(planned.dues or planned.outside)
        if is_due:
            cycle = await run_planned(self._collection, self._clock, planned)
            self._timetable.mark_run(planned)
            on_cycle(cycle, planned)
        elapsed_s = self._clock.elapsed_s()
        if self._upkeep is not None and (is_due or elapsed_s >= self._upkeep_look_at_s):
            self._upkeep_look_at_s = elapsed_s + _UPKEEP_LOOK_S
            await self._upkeep.start_if_due()

    async def _nap(self, stopped: asyncio.Future[Any]) -> None:
        """Sleep until the next slot or look at the clock, or until `stopped` is done."""
        now = self._clock.now()
        soonest = min(next_slot(now, plan.interval_s) for plan in self._collection.plans.values())
        nap_s = min(LONGEST_NAP_S, (soonest - now).total_seconds())
        nap = asyncio.timeout(None)

        def wake(_: asyncio.Future[Any]) -> None:
            nap.reschedule(asyncio.get_running_loop().time())

        with suppress(TimeoutError):
            async with nap:
                stopped.add_done_callback(wake)
                try:
                    await self._clock.sleep(nap_s)
                finally:
                    stopped.remove_done_callback(wake)


class Timetable:
    """Finds the sources that are due by what this process remembers and what is stored.

    The memory keeps a store in trouble from making a source due again at every look.
    """

    def __init__(self, collection: CollectionCycle, clock: Clock) -> None:
        self._collection = collection
        self._clock = clock
        self._began = self._look = _look_at(clock)
        self._is_first_look = True
        self._last: dict[str, datetime] = {}  # the slot of each source's last cycle
        self._runs: dict[str, deque[datetime]] = {}  # where rows of each source's planned slots ended
        self._had_slot: set[str] = set()  # sources of which an earlier process may have run the first slot
        self._reported: dict[str, datetime] = {}  # the clock faults

    def next_cycle(self) -> PlannedCycle:
        """Return what is due now: sources whose slot is another one than that of their last cycle.

        A slot that has had its cycle before is due again after the clock was set back by more than a minute.
        """
        change = change_between(self._look, look := _look_at(self._clock))
        self._look = look
        step = change.stepped if change.is_notable else timedelta()
        is_back = step < timedelta()
        candidates = [
            due for due in present_slots(self._collection, look.now) if is_back or self._is_due(due, look.now)
        ]
        if not candidates:
            return PlannedCycle(dues=(), clock_step=step)
        progress = self._collection.storage.progress(candidates)
        for name, known in progress.items():
            if known.newest_slot is not None:  # at the first look what is stored counts
                self._last.setdefault(name, known.newest_slot)
        dues = [due for due in candidates if is_back or self._is_due(due, look.now)]
        cause = Cause.STOPPED if self._is_first_look else change.cause
        outside = tuple(due for due in dues if not progress[due.source].is_new(due))
        if self._is_first_look:
            self._had_slot = {due.source for due in candidates if due not in dues or due in outside}
        self._is_first_look = False
        planned = self._plan([due for due in dues if due not in outside], progress, cause, look.now)
        return attrs.evolve(
            planned,
            outside=outside,
            clock_step=step,
            clock_behind=_behind(outside, progress, look.now),
        )

    def next_unstored(self) -> PlannedCycle:
        """Return the present slot of each source that has not stored it, though it may have been asked.

        While the clock is behind what is stored, the others are read outside the schedule.
        """
        now = self._clock.now()
        present = list(present_slots(self._collection, now))
        progress = self._collection.storage.progress(present)
        dues, outside = [], []
        for due in present:
            known = progress[due.source]
            if _behind([due], progress, now) and not known.is_new(due):
                outside.append(due)
            elif not known.is_stored:
                dues.append(due)
        planned = self._plan(dues, progress, Cause.STOPPED, now)
        behind = _behind(present, progress, now)
        return attrs.evolve(planned, outside=tuple(outside), clock_behind=behind)

    def mark_run(self, planned: PlannedCycle) -> None:
        """Note that the cycle was run."""
        for due in (*planned.dues, *planned.outside):
            self._last[due.source] = due.slot
        for due in planned.dues:
            runs = self._runs.setdefault(due.source, deque(maxlen=_MOST_RUNS))
            if runs and next_slot(runs[-1], due.interval_s) == due.slot:
                runs.pop()
            runs.append(due.slot)

    def _is_due(self, due: Due, now: datetime) -> bool:
        last = self._last.get(due.source)
        return last is None or due.slot > last or last - now > STEP_NOTICED

    def _plan(
        self, dues: Sequence[Due], progress: Mapping[str, SourceProgress], cause: Cause, now: datetime
    ) -> PlannedCycle:
        faults: dict[str, datetime] = {}
        for source, known in progress.items():
            if known.ahead is not None and known.ahead != self._reported.get(source):
                self._reported[source] = faults[source] = known.ahead
        return PlannedCycle(
            dues=tuple(dues),
            gaps=tuple(self._gap(due, cause, now) for due in dues),
            progress=progress,
            clock_faults=faults,
        )

    def _gap(self, due: Due, cause: Cause, now: datetime) -> Gap:
        slots = self._collection.slots_in_progress
        return Gap(
            source=due.source,
            cause=cause,
            first=self._first_slot(due, now),
            last=max((one for one in self._runs.get(due.source, ()) if one < due.slot), default=None),
            interrupted=tuple(sorted(slots.interrupted(due.source))),
            not_stored=(*slots.not_stored(due.source), *slots.ran(due.source)),
        )

    def _first_slot(self, due: Due, now: datetime) -> datetime:
        """Return the first slot that this process had to run."""
        began = now - passed_between(self._began, _look_at(self._clock))
        if due.source in self._had_slot:
            return next_slot(began, due.interval_s)
        return slot_at(began, due.interval_s)


async def run_planned(collection: CollectionCycle, clock: Clock, planned: PlannedCycle) -> Cycle:
    """Run the planned cycle, with a second of their own for the sources outside the schedule."""
    dues = list(planned.dues)
    if planned.outside:
        second = await _unused_second(collection, clock, [due.source for due in planned.outside])
        dues += [attrs.evolve(due, slot=second, scheduled=False) for due in planned.outside]
    return await collection.run(dues, planned.gaps, planned.progress)


def unscheduled_cycle(collection: CollectionCycle, clock: Clock) -> PlannedCycle:
    """Return a cycle of every source outside the schedule."""
    return PlannedCycle(dues=(), outside=tuple(present_slots(collection, clock.now())))


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


@attrs.frozen(kw_only=True)
class ClockLook:
    """The clocks at one instant: the wall clock, the seconds awake, and those with sleep, if known."""

    now: datetime
    elapsed_s: float
    elapsed_asleep_s: float | None = None


@attrs.frozen(kw_only=True)
class ClockChange:
    """What happened between two looks. `stepped` is by how much the wall clock was set, negative for back.

    Where sleep is not known, a gain of the wall clock counts as sleep. `cause` is that of slots between.
    """

    stepped: timedelta
    asleep: timedelta

    @property
    def cause(self) -> Cause:
        noticed = _GAIN_NOTICED if self.stepped > timedelta() else STEP_NOTICED
        if abs(self.stepped) > max(noticed, self.asleep):
            return Cause.CLOCK_STEPPED
        return Cause.ASLEEP if self.asleep > _GAIN_NOTICED else Cause.OVERRUN

    @property
    def is_notable(self) -> bool:
        """Whether the wall clock was set by more than a minute."""
        return abs(self.stepped) > STEP_NOTICED


def passed_between(before: ClockLook, after: ClockLook) -> timedelta:
    """Return the time that has passed between the looks, with sleep, if that is known.

    A clock that counts sleep and shows less than the stopwatch is set with the wall clock, as under some
    simulators, and does not count.
    """
    awake = timedelta(seconds=after.elapsed_s - before.elapsed_s)
    if before.elapsed_asleep_s is None or after.elapsed_asleep_s is None:
        return awake
    return max(awake, timedelta(seconds=after.elapsed_asleep_s - before.elapsed_asleep_s))


def change_between(before: ClockLook, after: ClockLook) -> ClockChange:
    """Return what happened between the looks."""
    passed = passed_between(before, after)
    asleep = passed - timedelta(seconds=after.elapsed_s - before.elapsed_s)
    stepped = after.now - before.now - passed
    if after.elapsed_asleep_s is None and stepped > timedelta():
        return ClockChange(stepped=timedelta(), asleep=stepped)
    return ClockChange(stepped=stepped, asleep=asleep)


def _look_at(clock: Clock) -> ClockLook:
    return ClockLook(now=clock.now(), elapsed_s=clock.elapsed_s(), elapsed_asleep_s=clock.elapsed_asleep_s())


def present_slots(collection: CollectionCycle, now: datetime) -> Iterator[Due]:
    """Yield every source with its slot at that instant."""
    for name, plan in collection.plans.items():
        yield Due(source=name, slot=slot_at(now, plan.interval_s), interval_s=plan.interval_s)


def _behind(dues: Iterable[Due], progress: Mapping[str, SourceProgress], now: datetime) -> timedelta:
    """Return how far the clock is behind the newest slot of these sources, if by more than a minute."""
    newest = [progress[due.source].newest_slot for due in dues]
    behind = max((slot - now for slot in newest if slot is not None), default=timedelta())
    return behind if behind > STEP_NOTICED else timedelta()
