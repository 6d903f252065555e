"""One cycle: ask every source that is due, and store what came and what did not in one go."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

import attrs

from domain.backoff import SINGLE_ATTEMPT_FROM
from domain.cycle import (
    Cause,
    Collected,
    Cycle,
    CycleReport,
    Deferred,
    Failed,
    Gap,
    NotStored,
    Outcome,
    SourceReply,
    Spooled,
    Stored,
    Unread,
    all_unread,
    cause_of,
    without_duplicates,
)
from domain.device_settings import SettingsByDevice
from domain.errors import CredentialsRefused, SourceError
from domain.measurements import ATTEMPT, READ, ReadCost, read_cost
from domain.progress import SourceProgress
from domain.reading import Quantity, Range, Reading, is_newer
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
LONGEST_TEXT = 1_000  # characters of one text of a source
MOST_NOTES = 20
_CANCEL_S = 0.5  # for a source that is out of time to release what it holds
_KEPT = {Stored: "stored", Spooled: "spooled", NotStored: "in memory"}  # the journal's words


@attrs.frozen(kw_only=True)
class SourcePlan:
    """A source, and how it is asked: how often, with which retries, within which time; what is plausible."""

    source: Source
    interval_s: int
    policy: RetryPolicy = attrs.field(factory=RetryPolicy)
    budget_s: float = SOURCE_BUDGET_S
    plausible: Mapping[Quantity, Range] = attrs.field(factory=dict)


class CollectionCycle:
    """Asks sources and stores their replies. Never raises for anything outside the process.

    `redact` removes secrets from the texts of sources.
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
        self.storage = storage
        self.backoff = backoff
        self.slots_in_progress = slots_in_progress
        self._retrier = retrier
        self._clock = clock
        self._meter = meter
        self._journal = journal
        self._redact = redact
        self._completed: tuple[ReadCost, ...] = ()  # of the last complete cycle, stored with the next one

    async def run(
        self,
        dues: Sequence[Due],
        gaps: Sequence[Gap] = (),
        progress: Mapping[str, SourceProgress] | None = None,
    ) -> Cycle:
        """Ask the sources that are due, all at once, and store the outcomes, within the budgets.

        `gaps` explain slots before without a row. `progress` is that of the sources, if the caller has it.
        """
        began_s, began_cpu_s = self._clock.elapsed_s(), self._meter.cpu_s()
        if progress is None:
            progress = self.storage.progress(dues)
        settings = self.storage.settings()
        scheduled = [due for due in dues if due.scheduled]
        for due in scheduled:
            self.slots_in_progress.begin(due.source, due.slot)
        outcomes = await asyncio.gather(
            *[self._collect(due, progress.get(due.source), settings) for due in dues]
        )
        if len(outcomes) > 1:
            outcomes = without_duplicates(outcomes)
        operations = self._meter.drain()
        costs: list[ReadCost] = []
        is_complete = True
        for outcome in outcomes:
            is_collected = isinstance(outcome, Collected)
            is_complete = is_complete and is_collected
            costs.append(read_cost(outcome.due, operations, succeeded=is_collected))
        collected_s = self._clock.elapsed_s()
        cycle = await self.storage.store(
            CycleReport(outcomes=tuple(outcomes), gaps=tuple(gaps), measurements=(*self._completed, *costs))
        )
        for due in scheduled:
            if isinstance(cycle, NotStored):  # what is only in memory can still be lost
                self.slots_in_progress.keep(due.source)
            else:
                self.slots_in_progress.finish(due.source)
        ended_s = self._clock.elapsed_s()
        duration_s, commit_s = ended_s - began_s, ended_s - collected_s
        self._log(cycle, costs, duration_s=duration_s, commit_s=commit_s)
        self._completed = ()
        if is_complete and isinstance(cycle, Stored):
            cpu_s = self._meter.cpu_s() - began_cpu_s
            self._completed = tuple(
                [attrs.evolve(one, cycle_s=duration_s, commit_s=commit_s, cpu_s=cpu_s) for one in costs]
            )
        return cycle

    async def close(self) -> None:
        """Close the sources and the store."""
        for name, plan in self.plans.items():
            try:
                await plan.source.close()
            except Exception as error:  # noqa: BLE001 - isolation boundary: the storage must still be closed
                self._journal.record(Level.ERROR, "source.not_closed", source=name, error=str(error))
        self.storage.close(self._completed)

    async def _collect(
        self, due: Due, progress: SourceProgress | None, settings: SettingsByDevice
    ) -> Outcome:
        expected = settings.without_ignored(progress.expected) if progress is not None else frozenset()
        failures, plan = self.backoff.of(due.source), self.plans[due.source]
        if due.scheduled and failures.until and failures.cause and failures.defers(self._clock.now()):
            return Deferred(
                due=due,
                cause=failures.cause,
                until=failures.until,
                unread=all_unread(expected, failures.cause),
            )
        policy = plan.policy
        if failures.failures >= SINGLE_ATTEMPT_FROM:
            policy = attrs.evolve(policy, attempts=1)
        outcome: Outcome
        retry_after_s = None
        try:
            reply = await self._read(plan, due, policy)
            outcome = self._collected(plan, due, reply, expected, settings)
        except Exception as error:  # noqa: BLE001 - isolation boundary: a source's bug costs only that source
            outcome = self._failed(due, error, expected)
            if isinstance(error, SourceError):
                retry_after_s = error.retry_after_s
        self.backoff.record(outcome, retry_after_s)
        return outcome

    async def _read(self, plan: SourcePlan, due: Due, policy: RetryPolicy) -> SourceReply:
        """Return the reply, or raise TimeoutError when the budget is over by the clock port."""
        deadline_s = self._clock.elapsed_s() + plan.budget_s

        async def attempt() -> SourceReply:
            with self._meter.measuring(ATTEMPT, due.source):
                return await plan.source.read(due.slot, deadline_s)

        async def read() -> SourceReply:
            with self._meter.measuring(READ, due.source) as tally:
                reply = await self._retrier.call(
                    attempt, name=f"{due.source}.read", policy=policy, deadline_s=deadline_s
                )
                tally.strategy = reply.strategy
                return reply

        task = asyncio.ensure_future(read())
        try:
            await self._wait(task, plan.budget_s)
            if task.done():
                return task.result()
        finally:
            if not task.done():
                task.cancel()
                await self._wait(task, _CANCEL_S)
        raise TimeoutError(f"no complete answer within {plan.budget_s:g} s")

    async def _wait(self, task: asyncio.Future[SourceReply], limit_s: float) -> None:
        limit = asyncio.ensure_future(self._clock.sleep(limit_s))
        both: set[asyncio.Future[Any]] = {task, limit}
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            limit.cancel()

    def _collected(
        self,
        plan: SourcePlan,
        due: Due,
        reply: SourceReply,
        expected: AbstractSet[str],
        settings: SettingsByDevice,
    ) -> Collected:
        """Return the outcome of a reply: one reading a device, flagged, and every other device unread.

        Ignored devices are left out. Device ids are compared without case.
        """
        lost = reply.not_finite
        readings: dict[str, Reading] = {}
        for reading in reply.readings:
            own = settings.of(reading.device_id)
            if own.is_ignored:
                continue
            for value in (*reading.values.values(), *reading.other_values.values()):
                lost += not math.isfinite(value)
            key = reading.device_id.lower()
            present = readings.get(key)
            if present is None or is_newer(reading, present):
                readings[key] = own.named(own.flagged(reading, plan.plausible))
        listed = set(readings)
        unread: list[Unread] = []
        for one in reply.unread:
            key = one.device_id.lower()
            if key not in listed and not settings.is_ignored(key):
                listed.add(key)
                unread.append(attrs.evolve(one, detail=self._text(one.detail)) if one.detail else one)
        not_listed = [device_id for device_id in expected if device_id.lower() not in listed]
        if not_listed:
            unread += all_unread(not_listed, Cause.NOT_LISTED)
        notes = self._notes(due, reply.notes, lost) if lost or reply.notes else ()
        return Collected(due=due, readings=tuple(readings.values()), unread=tuple(unread), notes=notes)

    def _notes(self, due: Due, notes: Sequence[str], lost: int) -> tuple[str, ...]:
        """Return the notes that are stored, redacted and limited, the number of lost values first."""
        if lost:
            self._journal.record(Level.WARNING, "source.not_finite", source=due.source, values=lost)
            count = "1 value was" if lost == 1 else f"{lost:,} values were"
            notes = (f"{count} NaN or infinite, and not stored", *notes)
        kept = tuple(map(self._text, notes[:MOST_NOTES]))
        surplus = len(notes) - MOST_NOTES
        return (*kept, f"and {surplus:,} more notes") if surplus > 0 else kept

    def _failed(self, due: Due, error: Exception, expected: AbstractSet[str]) -> Failed:
        cause = cause_of(error)
        is_known = isinstance(error, (SourceError, TimeoutError))
        detail = self._text(str(error) if is_known else f"{type(error).__name__}: {error}")
        if cause is Cause.INTERNAL:
            self._journal.record(Level.ERROR, "source.bug", source=due.source, error=detail)
        return Failed(
            due=due,
            cause=cause,
            detail=detail,
            unread=all_unread(expected, cause),
            needs_person=isinstance(error, CredentialsRefused),
        )

    def _text(self, text: str) -> str:
        """Return a source's text for the terminal, the journal and the ledger: redacted and shortened."""
        return self._redact(text)[:LONGEST_TEXT]

    def _log(self, cycle: Cycle, costs: Sequence[ReadCost], *, duration_s: float, commit_s: float) -> None:
        slots, readings, failed, deferred = set(), 0, 0, 0
        for outcome in cycle.report.outcomes:
            slots.add(outcome.due.slot.isoformat())
            match outcome:
                case Collected():
                    readings += len(outcome.readings)
                case Failed(due=due, cause=cause, detail=detail):
                    failed += 1
                    self._journal.record(
                        Level.WARNING, "source.failed", source=due.source, cause=cause, detail=detail
                    )
                case Deferred():
                    deferred += 1
        attempts = wire_bytes = payload_bytes = 0
        for one in costs:
            attempts += one.attempts
            wire_bytes += one.wire_bytes
            payload_bytes += one.payload_bytes
        self._journal.record(
            Level.INFO,
            "cycle",
            slot=",".join(sorted(slots)),
            kept=_KEPT[type(cycle)],
            readings=readings,
            failed=failed,
            deferred=deferred,
            attempts=attempts,
            duration_s=f"{duration_s:.3f}",
            commit_s=f"{commit_s:.3f}",
            wire_bytes=wire_bytes,
            payload_bytes=payload_bytes,
        )
