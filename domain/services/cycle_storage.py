"""Keeps every cycle: in the store, in the spool until the store can take it, or in memory for a while."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

from domain.cycle import Cause, Cycle, CycleReport, Missed, NotStored, Spooled, Stored
from domain.errors import CycleUnstorable, SpoolError, StoreError
from domain.measurements import Measurement
from domain.progress import SourceProgress, Waiting, WaitingSlots
from domain.schedule import Due
from domain.services.retry_policy import RetryPolicy
from ports.clock import Clock
from ports.journal import Journal, Level
from ports.retrier import Retrier
from ports.spool import Spool
from ports.store import Store

STORE_BUDGET_S = 8.0
_LEFT_FOR_ONE_S = 1.0  # of the budget; with less left no further cycle of the backlog is begun
KEPT_IN_MEMORY = timedelta(days=1)
_MEMORY_BOUND = 10_000  # cycles; of older ones than the newest day only the slots are remembered


class CycleStorage:
    """Never raises for anything that a store or a spool does. Cycles are stored in the order they came in."""

    def __init__(
        self,
        *,
        store: Store,
        spool: Spool,
        retrier: Retrier,
        clock: Clock,
        journal: Journal,
        policy: RetryPolicy | None = None,
    ) -> None:
        self._store = store
        self._spool = spool
        self._retrier = retrier
        self._clock = clock
        self._journal = journal
        self._policy = policy or RetryPolicy()
        self._memory: deque[CycleReport] = deque()
        self._said: dict[str, SourceProgress] = {}  # what the store said last, and what it has got since
        self._waiting = Waiting()
        self._has_looked = False
        self._is_well = False  # whether the store took the last cycle

    async def store(self, report: CycleReport) -> Cycle:
        """Store the cycle behind all that waits, or put it by. Ends within the budget."""
        deadline_s = self._clock.elapsed_s() + STORE_BUDGET_S

        async def everything() -> bool:
            is_drained = self._drain(deadline_s)
            self._append(report)
            return is_drained

        try:
            is_drained = await self._retrier.call(
                everything, name="store.append", policy=self._policy, deadline_s=deadline_s
            )
        except StoreError as error:
            self._is_well = False
            self._waiting.add(report)
            return self._put_by(report, str(error))
        if is_drained:
            self._waiting = Waiting()  # all of it was stored before
        self._is_well = True
        for entry in (*report.outcomes, *report.missed):
            self._said[entry.due.source] = self._said.get(entry.due.source, SourceProgress()).after(entry)
        return Stored(report=report)

    def progress(self, dues: Iterable[Due]) -> Mapping[str, SourceProgress]:
        """Where the due sources stand, with what waits; what was known last where the store does not say.

        A store in trouble takes its time to say so: after the first refusal it is not asked for the others.
        """
        self._look_once()
        known = list(dues)
        try:
            for due in known:
                self._said[due.source] = self._store.progress(due.source, due.slot)
        except Exception as error:  # noqa: BLE001 - the isolation boundary: a bug in the store costs no cycle
            told = str(error) if isinstance(error, StoreError) else f"{type(error).__name__}: {error}"
            self._journal.record(Level.ERROR, "store.unreadable", error=told)
        return {due.source: self._standing(due) for due in known}

    def close(self, measurements: Sequence[Measurement] = ()) -> None:
        """Put by what is only in memory, and let go of the store.

        `measurements` are those that no cycle comes to take any more; a store in trouble is spared them.
        """
        self._move_to_spool()
        if lost := [report for report in self._memory if report.outcomes]:
            self._journal.record(
                Level.CRITICAL,
                "cycles.lost",
                cycles=len(lost),
                readings=sum(len(report.readings) for report in lost),
                reason="neither the database nor the spool could take them before the end",
            )
        if measurements and self._is_well:
            self._add(measurements)
        self._store.close()

    def _add(self, measurements: Sequence[Measurement]) -> None:
        try:
            self._store.append(CycleReport(outcomes=(), measurements=tuple(measurements)))
        except Exception as error:  # noqa: BLE001 - the isolation boundary: they are worth no trouble at the end
            self._journal.record(Level.DEBUG, "store.measurements_refused", error=str(error))

    def _drain(self, deadline_s: float) -> bool:
        """Store what waits, oldest first; whether the spool could be read for it.

        Raises `StoreError` while some of it has to go on waiting.
        """

        def take(report: CycleReport) -> bool:
            if self._clock.elapsed_s() > deadline_s - _LEFT_FOR_ONE_S:
                raise StoreError("there is more waiting than one cycle has time to store; the next goes on")
            return self._was_stored(report)

        is_read = True
        try:
            taken = self._spool.drain(take)
        except SpoolError as error:
            self._journal.record(Level.ERROR, "spool.unreadable", error=str(error))
            taken, is_read = 0, False
        while self._memory:
            taken += take(self._memory[0])
            self._memory.popleft()
        if taken:
            self._journal.record(Level.WARNING, "spool.drained", cycles=taken)
        return is_read

    def _was_stored(self, report: CycleReport) -> bool:
        try:
            self._append(report)
        except CycleUnstorable as error:
            self._journal.record(Level.CRITICAL, "cycle.unstorable", error=str(error))
            return False
        return True

    def _append(self, report: CycleReport) -> None:
        try:
            self._store.append(report)
        except StoreError:
            raise
        except Exception as error:  # the isolation boundary: a bug in the store costs no reading
            raise StoreError(f"a fault of this program: {type(error).__name__}: {error}") from error

    def _put_by(self, report: CycleReport, reason: str) -> Cycle:
        self._journal.record(Level.ERROR, "store.refused", error=reason, readings=len(report.readings))
        self._memory.append(report)
        if self._move_to_spool():
            return Spooled(report=report, reason=reason)
        self._forget_old()
        return NotStored(report=report, reason=reason)

    def _move_to_spool(self) -> bool:
        """Whether nothing is left in memory alone."""
        while self._memory:
            try:
                self._spool.add(self._memory[0])
            except SpoolError as error:
                self._journal.record(
                    Level.CRITICAL, "spool.refused", error=str(error), cycles_in_memory=len(self._memory)
                )
                return False
            self._memory.popleft()
        return True

    def _forget_old(self) -> None:
        """Keep the readings of the newest day; of older cycles only that their slots could not be stored."""
        horizon = self._clock.now() - KEPT_IN_MEMORY
        for number, report in enumerate(self._memory):
            if report.outcomes and all(outcome.due.slot < horizon for outcome in report.outcomes):
                self._memory[number] = _without_readings(report)
                self._journal.record(Level.CRITICAL, "cycle.forgotten", readings=len(report.readings))
        while len(self._memory) > _MEMORY_BOUND:
            self._memory.popleft()

    def _standing(self, due: Due) -> SourceProgress:
        said = self._said.get(due.source, SourceProgress())
        waiting = self._waiting.by_source.get(due.source, WaitingSlots())
        return said.with_waiting(waiting.slots, waiting.collected, due.slot)

    def _look_once(self) -> None:
        """Learn what an earlier process left in the spool: those slots had their cycle."""
        if self._has_looked:
            return
        try:
            waiting = self._spool.waiting()
        except SpoolError as error:
            self._journal.record(Level.ERROR, "spool.unreadable", error=str(error))
            return
        self._has_looked = True
        self._waiting = waiting
        if waiting.cycles:
            self._journal.record(
                Level.WARNING, "spool.waiting", cycles=waiting.cycles, readings=waiting.readings
            )


def _without_readings(report: CycleReport) -> CycleReport:
    gone = (
        Missed(due=outcome.due, cause=Cause.NOT_STORED, unread=outcome.unread) for outcome in report.outcomes
    )
    return CycleReport(outcomes=(), missed=(*report.missed, *gone))
