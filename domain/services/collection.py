"""One cycle: every source that is due is asked, and what came and what did not is stored in one go."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TypeVar

import attrs

from domain.errors import CredentialsRefused, SourceError, StoreError
from domain.outcome import (
    Cause,
    Collected,
    Cycle,
    CycleReport,
    Failed,
    Missed,
    NotStored,
    Outcome,
    SourceReply,
    Stored,
    Unread,
    cause_of,
)
from domain.reading import Quantity, Range, flagged
from domain.retry import RetryPolicy
from domain.schedule import Due
from ports.clock import Clock
from ports.journal import Journal, Level
from ports.meter import Meter
from ports.retrier import Retrier
from ports.source import Source
from ports.store import Standing, Store

SOURCE_BUDGET_S = 18.0
_FAREWELL_S = 0.5  # what a source that is out of time gets for letting go

T = TypeVar("T")


@attrs.frozen(kw_only=True)
class SourcePlan:
    """A source, and the terms on which it is asked: how often, how patiently, what is plausible."""

    source: Source
    interval_s: int
    policy: RetryPolicy = attrs.field(factory=RetryPolicy)
    budget_s: float = SOURCE_BUDGET_S
    plausible: Mapping[Quantity, Range] = attrs.field(factory=dict)


class Collection:
    """Asks sources and stores what they say; never raises for anything outside the process.

    `redact` blots secrets out of what sources say in words.
    """

    def __init__(
        self,
        *,
        plans: Sequence[SourcePlan],
        store: Store,
        retrier: Retrier,
        clock: Clock,
        meter: Meter,
        journal: Journal,
        redact: Callable[[str], str] = str,
    ) -> None:
        self.plans: Mapping[str, SourcePlan] = {plan.source.name: plan for plan in plans}
        self._store = store
        self._retrier = retrier
        self._clock = clock
        self._meter = meter
        self._journal = journal
        self._redact = redact

    async def run(
        self,
        dues: Sequence[Due],
        missed: Sequence[Missed] = (),
        standings: Mapping[str, Standing] | None = None,
    ) -> Cycle:
        """Ask the sources that are due, all at once, and store the outcomes. Ends within its budgets.

        `standings` says where the sources stand, where the caller has asked already.
        """
        began_s = self._clock.elapsed_s()
        known = self.standings(dues) if standings is None else standings
        outcomes = await asyncio.gather(
            *(self._outcome(due, known.get(due.source, Standing()).expected) for due in dues)
        )
        report = CycleReport(outcomes=tuple(outcomes), missed=tuple(missed), measurements=self._meter.drain())
        cycle = self._stored(report)
        self._tell(cycle, self._clock.elapsed_s() - began_s)
        return cycle

    def standings(self, dues: Iterable[Due]) -> Mapping[str, Standing]:
        """Where the due sources stand; none of them, as soon as the store does not say.

        A store in trouble takes its time to say so; asking it for each source would cost the cycle's budget.
        """
        try:
            return {due.source: self._store.standing(due.source, due.slot) for due in dues}
        except StoreError as error:
            self._journal.record(Level.ERROR, "store.unreadable", error=str(error))
            return {}

    async def close(self) -> None:
        """Let go of the sources and the store."""
        for plan in self.plans.values():
            await plan.source.close()
        self._store.close()

    async def _outcome(self, due: Due, expected: AbstractSet[str]) -> Outcome:
        plan = self.plans[due.source]
        try:
            reply = await self._within(plan.budget_s, self._asked(plan, due))
        except (SourceError, TimeoutError) as error:
            return self._failed(due, error, expected)
        except Exception as error:  # noqa: BLE001 - the isolation boundary: a source's bug costs only that source
            return self._failed(due, error, expected)
        return _collected(due, self._redacted(reply), plan, expected)

    async def _asked(self, plan: SourcePlan, due: Due) -> SourceReply:
        deadline_s = self._clock.elapsed_s() + plan.budget_s
        with self._meter.measuring("source.read", due.source):
            return await self._retrier.call(
                lambda: plan.source.read(due.slot, deadline_s),
                name=f"{due.source}.read",
                policy=plan.policy,
                deadline_s=deadline_s,
            )

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
        detail = self._redact(detail)
        if cause is Cause.INTERNAL:
            self._journal.record(Level.ERROR, "source.bug", source=due.source, error=detail)
        return Failed(
            due=due,
            cause=cause,
            detail=detail,
            unread=all_unread(expected, cause),
            needs_person=isinstance(error, CredentialsRefused),
        )

    def _redacted(self, reply: SourceReply) -> SourceReply:
        """The reply without a secret in its words: they go to the terminal and into the ledger."""
        return attrs.evolve(
            reply,
            unread=tuple(attrs.evolve(one, detail=self._redact(one.detail)) for one in reply.unread),
            notes=tuple(map(self._redact, reply.notes)),
        )

    def _stored(self, report: CycleReport) -> Cycle:
        try:
            with self._meter.measuring("store.append", ""):
                self._store.append(report)
        except StoreError as error:
            self._journal.record(
                Level.ERROR, "store.refused", error=str(error), readings=len(report.readings)
            )
            return NotStored(report=report, reason=str(error))
        return Stored(report=report)

    def _tell(self, cycle: Cycle, duration_s: float) -> None:
        for outcome in cycle.report.outcomes:
            if isinstance(outcome, Failed):
                self._journal.record(
                    Level.WARNING,
                    "source.failed",
                    source=outcome.due.source,
                    cause=outcome.cause,
                    detail=outcome.detail,
                )
        self._journal.record(
            Level.INFO,
            "cycle",
            slot=",".join(sorted({outcome.due.slot.isoformat() for outcome in cycle.report.outcomes})),
            stored=isinstance(cycle, Stored),
            readings=len(cycle.report.readings),
            failed=sum(isinstance(outcome, Failed) for outcome in cycle.report.outcomes),
            duration_s=f"{duration_s:.3f}",
            wire_bytes=sum(measurement.wire_bytes for measurement in cycle.report.measurements),
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
