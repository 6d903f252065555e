"""One cycle: every source that is due is asked, and what came and what did not is stored in one go."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import TypeVar

import attrs

from domain.cycle import (
    Cause,
    Collected,
    Cycle,
    CycleReport,
    Deferred,
    Failed,
    Missed,
    NotStored,
    Outcome,
    SourceReply,
    Spooled,
    Stored,
    Unread,
    cause_of,
    is_whole,
)
from domain.errors import CredentialsRefused, SourceError, SourceThrottled
from domain.measurements import ATTEMPT, READ, Measurement, measurement_of
from domain.progress import SourceProgress
from domain.reading import Quantity, Range, flagged
from domain.schedule import Due
from domain.services.cycle_storage import CycleStorage
from domain.services.retry_policy import RetryPolicy
from domain.services.source_backoff import SourceBackoff
from ports.clock import Clock
from ports.journal import Journal, Level
from ports.meter import Meter
from ports.retrier import Retrier
from ports.source import Source
from ports.spool import SlotsInProgress

SOURCE_BUDGET_S = 18.0
_FAREWELL_S = 0.5  # what a source that is out of time gets for letting go
_KEPT = {Stored: "stored", Spooled: "spooled", NotStored: "in memory"}  # the journal's words

T = TypeVar("T")


@attrs.frozen(kw_only=True)
class SourcePlan:
    """A source, and the terms on which it is asked: how often, how patiently, what is plausible."""

    source: Source
    interval_s: int
    policy: RetryPolicy = attrs.field(factory=RetryPolicy)
    budget_s: float = SOURCE_BUDGET_S
    plausible: Mapping[Quantity, Range] = attrs.field(factory=dict)


class CollectionCycle:
    """Asks sources and keeps what they say; never raises for anything outside the process.

    `redact` blots secrets out of what sources say in words.
    """

    def __init__(
        self,
        *,
        plans: Sequence[SourcePlan],
        storage: CycleStorage,
        backoff: SourceBackoff,
        slots_in_progress: SlotsInProgress,
        retrier: Retrier,
        clock: Clock,
        meter: Meter,
        journal: Journal,
        redact: Callable[[str], str] = str,
    ) -> None:
        self.plans: Mapping[str, SourcePlan] = {plan.source.name: plan for plan in plans}
        self._storage = storage
        self._backoff = backoff
        self._slots_in_progress = slots_in_progress
        self._retrier = retrier
        self._clock = clock
        self._meter = meter
        self._journal = journal
        self._wording = Wording(redact)
        self._completed: tuple[Measurement, ...] = ()  # of the last cycle, stored with the next one

    async def run(
        self,
        dues: Sequence[Due],
        missed: Sequence[Missed] = (),
        progress: Mapping[str, SourceProgress] | None = None,
    ) -> Cycle:
        """Ask the sources that are due, all at once, and store the outcomes. Ends within its budgets.

        `standings` says where the sources stand, where the caller has asked already.
        """
        began_s, began_cpu_s = self._clock.elapsed_s(), self._meter.cpu_s()
        known = self.progress(dues) if progress is None else progress
        planned = [due for due in dues if due.scheduled]
        for due in planned:
            self._slots_in_progress.begin(due.source, due.slot)
        outcomes = await asyncio.gather(
            *(self._outcome(due, known.get(due.source, SourceProgress()).expected) for due in dues)
        )
        operations = self._meter.drain()
        measurements = [
            measurement_of(
                outcome.due.slot,
                outcome.due.source,
                operations,
                succeeded=isinstance(outcome, Collected),
            )
            for outcome in outcomes
        ]
        report = CycleReport(
            outcomes=tuple(outcomes),
            missed=tuple(missed),
            measurements=(*self._completed, *measurements),
        )
        asked_s = self._clock.elapsed_s()
        cycle = await self._storage.store(report)
        if not isinstance(cycle, NotStored):  # what only memory has is lost with the process
            for due in planned:
                self._slots_in_progress.finish(due.source)
        ended_s = self._clock.elapsed_s()
        self._completed = ()
        if is_whole(cycle):
            self._completed = tuple(
                attrs.evolve(
                    one,
                    cycle_s=ended_s - began_s,
                    commit_s=ended_s - asked_s,
                    cpu_s=self._meter.cpu_s() - began_cpu_s,
                )
                for one in measurements
            )
        self._tell(cycle, measurements, duration_s=ended_s - began_s, commit_s=ended_s - asked_s)
        return cycle

    def progress(self, dues: Iterable[Due]) -> Mapping[str, SourceProgress]:
        """Where the due sources stand, as far as is known."""
        return self._storage.progress(dues)

    def interrupted(self, source: str) -> AbstractSet[datetime]:
        """The slots whose cycles earlier processes did not bring to their end."""
        return self._slots_in_progress.interrupted(source)

    def reset(self, cause: Cause) -> None:
        """Ask every source at its next slot that was left in peace because of that cause."""
        self._backoff.reset(self.plans, cause)

    async def close(self) -> None:
        """Let go of the sources and the store."""
        for name, plan in self.plans.items():
            try:
                await plan.source.close()
            except Exception as error:  # noqa: BLE001 - the isolation boundary: what waits must still be put by
                self._journal.record(Level.ERROR, "source.not_closed", source=name, error=str(error))
        self._storage.close(self._completed)

    async def _outcome(self, due: Due, expected: AbstractSet[str]) -> Outcome:
        streak = self._backoff.of(due.source)
        if due.scheduled and streak.until and streak.cause and streak.defers(self._clock.now()):
            unread = all_unread(expected, streak.cause)
            return Deferred(due=due, cause=streak.cause, until=streak.until, unread=unread)
        plan = self.plans[due.source]
        if streak.gets_one_attempt:
            plan = attrs.evolve(plan, policy=attrs.evolve(plan.policy, attempts=1))
        outcome, retry_after_s = await self._answer(plan, due, expected)
        self._backoff.record(outcome, retry_after_s)
        return outcome

    async def _answer(
        self, plan: SourcePlan, due: Due, expected: AbstractSet[str]
    ) -> tuple[Outcome, float | None]:
        """What came of asking, and the wait that the source named."""
        try:
            reply = await self._within(plan.budget_s, self._asked(plan, due))
        except (SourceError, TimeoutError) as error:
            named_s = error.retry_after_s if isinstance(error, SourceThrottled) else None
            return self._failed(due, error, expected), named_s
        except Exception as error:  # noqa: BLE001 - the isolation boundary: a source's bug costs only that source
            return self._failed(due, error, expected), None
        if lost := numbers_lost(reply):
            self._journal.record(Level.WARNING, "source.not_finite", source=due.source, values=lost)
        return _collected(due, self._wording.reply(reply), plan, expected), None

    async def _asked(self, plan: SourcePlan, due: Due) -> SourceReply:
        deadline_s = self._clock.elapsed_s() + plan.budget_s

        async def attempt() -> SourceReply:
            with self._meter.measuring(ATTEMPT, due.source):
                return await plan.source.read(due.slot, deadline_s)

        with self._meter.measuring(READ, due.source) as tally:
            reply = await self._retrier.call(
                attempt,
                name=f"{due.source}.read",
                policy=plan.policy,
                deadline_s=deadline_s,
            )
            tally.strategy = reply.strategy
            return reply

    async def _within(self, budget_s: float, asking: Coroutine[object, object, T]) -> T:
        """The result, or TimeoutError when the budget, as the clock port counts it, is over first."""
        task = asyncio.ensure_future(asking)
        try:
            await self._wait(task, budget_s)
            if task.done():
                return task.result()
        finally:
            if not task.done():
                task.cancel()
                await self._wait(task, _FAREWELL_S)
        raise TimeoutError(f"no complete answer within {budget_s:g} s")

    async def _wait(self, task: asyncio.Future[T], limit_s: float) -> None:
        limit: asyncio.Future[None] = asyncio.ensure_future(self._clock.sleep(limit_s))
        both: set[asyncio.Future[T] | asyncio.Future[None]] = {task, limit}
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            limit.cancel()

    def _failed(self, due: Due, error: Exception, expected: Iterable[str]) -> Failed:
        cause = cause_of(error)
        detail = (
            str(error)
            if isinstance(error, (SourceError, TimeoutError))
            else f"{type(error).__name__}: {error}"
        )
        detail = self._wording.words(detail)
        if cause is Cause.INTERNAL:
            self._journal.record(Level.ERROR, "source.bug", source=due.source, error=detail)
        return Failed(
            due=due,
            cause=cause,
            detail=detail,
            unread=all_unread(expected, cause),
            needs_person=isinstance(error, CredentialsRefused),
        )

    def _tell(
        self, cycle: Cycle, measurements: Sequence[Measurement], *, duration_s: float, commit_s: float
    ) -> None:
        for outcome in cycle.report.outcomes:
            if isinstance(outcome, Failed):
                self._journal.record(
                    Level.WARNING,
                    "source.failed",
                    source=outcome.due.source,
                    cause=outcome.cause,
                    detail=outcome.detail,
                )
        report = cycle.report
        self._journal.record(
            Level.INFO,
            "cycle",
            slot=",".join(sorted({outcome.due.slot.isoformat() for outcome in report.outcomes})),
            kept=_KEPT[type(cycle)],
            readings=len(report.readings),
            failed=sum(isinstance(outcome, Failed) for outcome in report.outcomes),
            deferred=sum(isinstance(outcome, Deferred) for outcome in report.outcomes),
            attempts=sum(one.attempts for one in measurements),
            duration_s=f"{duration_s:.3f}",
            commit_s=f"{commit_s:.3f}",
            wire_bytes=sum(one.wire_bytes for one in measurements),
            payload_bytes=sum(one.payload_bytes for one in measurements),
        )


def all_unread(expected: Iterable[str], cause: Cause) -> tuple[Unread, ...]:
    """Every expected device, unread for the one cause."""
    return tuple(Unread(device_id=device_id, cause=cause) for device_id in sorted(expected))


def _collected(due: Due, reply: SourceReply, plan: SourcePlan, expected: Iterable[str]) -> Collected:
    by_device = {reading.device_id: flagged(reading, plan.plausible) for reading in reversed(reply.readings)}
    accounted = {*by_device, *(unread.device_id for unread in reply.unread)}
    silent = all_unread(set(expected) - accounted, Cause.NOT_LISTED)
    readings = tuple(reversed(by_device.values()))
    return Collected(due=due, readings=readings, unread=(*reply.unread, *silent), notes=reply.notes)


# What a source says in words, as far as the cycle repeats it: without secrets, and to a length.

LONGEST_WORDS = 1_000  # characters
MOST_NOTES = 20


@attrs.frozen
class Wording:
    """`redact` blots secrets out."""

    redact: Callable[[str], str]

    def words(self, said: str) -> str:
        """What somebody said, as the terminal, the journal and the ledger get it."""
        return self.redact(said)[:LONGEST_WORDS]

    def reply(self, reply: SourceReply) -> SourceReply:
        """The reply with its words so, and a note on numbers that were none."""
        return attrs.evolve(
            reply,
            unread=tuple(attrs.evolve(one, detail=self.words(one.detail)) for one in reply.unread),
            notes=self._notes((*_note_on(numbers_lost(reply)), *reply.notes)),
        )

    def _notes(self, notes: tuple[str, ...]) -> tuple[str, ...]:
        surplus = len(notes) - MOST_NOTES
        told = tuple(map(self.words, notes[:MOST_NOTES]))
        return (*told, f"and {surplus:,} more remarks") if surplus > 0 else told


def numbers_lost(reply: SourceReply) -> int:
    """How many numbers no table can hold, where the source found them and in its readings."""
    values = (value for one in reply.readings for value in (*one.values.values(), *one.other_values.values()))
    return reply.not_finite + sum(not math.isfinite(value) for value in values)


def _note_on(lost: int) -> Iterable[str]:
    if lost == 1:
        yield "1 value was NaN or infinite, and is not stored"
    elif lost:
        yield f"{lost:,} values were NaN or infinite, and are not stored"
