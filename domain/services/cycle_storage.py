"""Store every cycle: in the store, else in the spool until the store takes it, else in memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial

import attrs

from domain.cycle import Cause, Collected, Cycle, CycleReport, Missed, NotStored, Outcome, Spooled, Stored
from domain.device_settings import SettingsByDevice
from domain.errors import CycleUnstorable, SpoolError, StoreBusy, StoreError, StoreMissing, StoreRefused
from domain.measurements import ReadCost
from domain.progress import SourceProgress, Waiting, WaitingSlots
from domain.schedule import Due
from domain.services.retry_policy import RetryPolicy
from ports.clock import Clock
from ports.journal import Journal, Level
from ports.retrier import Retrier
from ports.spool import Spool
from ports.store import Store

STORE_BUDGET_S = 8.0
KEPT_IN_MEMORY = timedelta(days=1)
_TIME_FOR_ONE_S = 1.0  # with less of the budget left, no further cycle of the backlog is stored
_MOST_IN_MEMORY = 10_000  # cycles; of those older than a day only the slots are kept
_PROGRESS_VALID = timedelta(hours=1)


class CycleStorage:
    """Stores cycles in order. Never raises for anything that a store or a spool does."""

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
        self._waiting = Waiting()
        self._has_read_spool = False
        self._is_healthy = False  # whether the store could be opened, and took the last cycle
        self._began = clock.now()
        self._last_seconds: dict[str, datetime] = {}  # of the last cycle outside the schedule of each source
        self._progress: dict[str, SourceProgress] = {}  # as the store gave it, and with what it got since
        self._settings = SettingsByDevice()
        # the last cycle of each source that changed nothing in `expected`
        self._confirmed: dict[str, Due] = {}

    def open(self, *, checking: bool) -> None:
        """Open the store. Raise StoreRefused if it can never be used; other trouble is retried each cycle."""
        try:
            self._store.open(checking=checking)
        except StoreRefused:
            raise
        except StoreError as error:
            self._journal.record(Level.ERROR, "store.not_opened", error=str(error))
            self._spool.prepare(is_data_there=not isinstance(error, StoreMissing))
        else:
            self._is_healthy = True
            self._spool.prepare(is_data_there=True)

    async def store(self, report: CycleReport) -> Cycle:
        """Store the cycle behind all that waits, or let it wait too. Ends within the budget.

        A cycle that cannot be stored at once is spooled before anything is waited for: a process that ends
        meanwhile must not take it along.
        """
        deadline_s = self._clock.elapsed_s() + STORE_BUDGET_S
        for outcome in report.outcomes:
            if not outcome.due.scheduled:
                self._last_seconds[outcome.due.source] = outcome.due.slot
        own = _OwnCycle(report=report)
        try:
            is_drained = self._store_at_once(own)
        except StoreError as error:
            self._memory.append(report)
            place = self._spool_memory()
            reason, is_drained = await self._store_later(own, error, deadline_s)
            if own.stored is None:
                return self._let_wait(report, reason, place)
        self._note_stored(report, is_drained=is_drained)
        return Stored(report=own.stored or report)

    def progress(self, dues: Iterable[Due]) -> Mapping[str, SourceProgress]:
        """Return how far the due sources have come, with what waits.

        The store is asked only if the last cycle may have changed more than is known here. If it cannot be
        read, the last known progress counts; it is not asked for the other sources then, since it may take
        its time.
        """
        if not self._has_read_spool:
            self._read_spool()
        is_readable = True
        progress: dict[str, SourceProgress] = {}
        for due in dues:
            source = due.source
            known = self._progress.get(source, SourceProgress())
            is_past = known.last_slot is not None and due.slot <= known.last_slot
            known = attrs.evolve(known, is_stored=is_past)
            last = self._confirmed.get(source)
            is_confirmed = last is not None and due.slot - last.slot <= _PROGRESS_VALID
            if is_readable and (is_past or not is_confirmed):
                try:
                    known = self._progress[source] = self._store.progress(source, due.slot)
                except Exception as error:  # noqa: BLE001 - isolation boundary: a bug in the store costs no cycle
                    is_readable = False
                    self._record_unreadable(error)
            waiting = self._waiting.by_source.get(source)
            if waiting is not None:
                known = known.with_waiting(waiting.slots, waiting.collected, due.slot)
            progress[source] = known
        return progress

    def settings(self) -> SettingsByDevice:
        """Return the settings of devices; the last known ones while the store cannot be read."""
        with suppress(Exception):  # isolation boundary: a bug in the store costs no cycle
            self._settings = self._store.settings()
        return self._settings

    def is_used(self, source: str, second: datetime) -> bool:
        """Return whether a cycle outside the schedule has used the second, or may have.

        If the store cannot be read, another process may have used any second up to the start of this one.
        """
        if not self._has_read_spool:
            self._read_spool()
        waiting = self._waiting.by_source.get(source, WaitingSlots())
        if second in waiting.slots | waiting.seconds or second == self._last_seconds.get(source):
            return True
        try:
            return self._store.is_used(source, second)
        except Exception as error:  # noqa: BLE001 - isolation boundary: a bug in the store costs no cycle
            self._record_unreadable(error)
            return second <= self._began

    def close(self, measurements: Sequence[ReadCost] = ()) -> None:
        """Spool what is only in memory, and close the store.

        `measurements` are those of the last cycle; a store in trouble does not get them.
        """
        self._spool_memory()
        if self._memory:
            self._store_memory()
        if lost := [report for report in self._memory if report.outcomes]:
            self._journal.record(
                Level.CRITICAL,
                "cycles.lost",
                cycles=len(lost),
                readings=sum(len(report.readings) for report in lost),
                reason="neither the database nor the spool could take them before the end",
            )
        if measurements and self._is_healthy:
            try:
                self._store.append(CycleReport(outcomes=(), measurements=tuple(measurements)))
            except Exception as error:  # noqa: BLE001 - isolation boundary: they are worth no trouble at the end
                self._journal.record(Level.DEBUG, "store.measurements_refused", error=str(error))
        self._store.close()

    def _store_memory(self) -> None:
        """Give the cycles in memory a last chance: each one to the store, else to the spool."""
        for _ in range(len(self._memory)):
            report = self._memory.popleft()
            try:
                self._append(report, waits=False)
            except StoreError:
                self._spool_unstorable(report)

    def _record_unreadable(self, error: Exception) -> None:
        message = str(error) if isinstance(error, StoreError) else f"{type(error).__name__}: {error}"
        self._journal.record(Level.ERROR, "store.unreadable", error=message)

    def _store_at_once(self, own: _OwnCycle) -> bool:
        """Store the cycle unless others wait to be stored first, or the store would have to be waited for.

        Return whether the spool could be read. Raise `StoreBusy` if it is worth waiting, or `StoreError`.
        """

        def refuse(_: CycleReport) -> bool:
            raise StoreBusy("earlier cycles wait to be stored first")

        if self._memory:
            refuse(self._memory[0])
        is_readable = self._drain_spool(refuse)
        own.stored = self._append(own.report, waits=False)
        return is_readable

    async def _store_later(self, own: _OwnCycle, error: StoreError, deadline_s: float) -> tuple[str, bool]:
        """Wait for a store that is busy. Return why the cycle was not stored, and whether nothing waits."""
        if not isinstance(error, StoreBusy):
            return str(error), False
        try:
            is_drained = await self._retrier.call(
                partial(self._store_in_turn, own, deadline_s),
                name="store.append",
                policy=self._policy,
                deadline_s=deadline_s,
            )
        except StoreError as later:
            return str(later), False
        return "", is_drained

    async def _store_in_turn(self, own: _OwnCycle, deadline_s: float) -> bool:
        """Store what waits, the cycle among it; return whether the spool could be read.

        Raise `StoreError` while some of it has to go on waiting.
        """
        is_readable = self._drain(deadline_s, own)
        if own.stored is None:  # another process has drained it: it counts once the store is seen to have it
            own.note(self._append(own.report))
        return is_readable

    def _drain(self, deadline_s: float, own: _OwnCycle) -> bool:
        """Store what is in the spool and in memory, oldest first, and note what was stored of the own cycle.

        Return whether the spool could be read. Raise `StoreError` while some of it has to go on waiting.
        """
        cycles = readings = 0

        def take(report: CycleReport) -> bool:
            nonlocal cycles, readings
            is_own = own.is_in(report)
            if not is_own:
                if self._clock.elapsed_s() > deadline_s - _TIME_FOR_ONE_S:
                    raise StoreError("more is waiting than one cycle has time to store; the next one goes on")
                self._confirmed.clear()
            try:
                stored = self._append(own.report if is_own else report)
            except CycleUnstorable as error:
                self._journal.record(Level.CRITICAL, "cycle.unstorable", error=str(error))
                return False
            if is_own:
                own.note(stored)
            else:
                cycles += 1
                readings += len(stored.readings)
            return True

        is_readable = self._drain_spool(take)
        for report in tuple(self._memory):
            if not take(report):
                self._spool_unstorable(report)
            self._memory.popleft()
        if cycles:
            self._journal.record(Level.WARNING, "spool.drained", cycles=cycles, readings=readings)
        return is_readable

    def _drain_spool(self, take: Callable[[CycleReport], bool]) -> bool:
        """Drain the spool; return whether all of it could be read."""
        try:
            self._spool.drain(take)
        except SpoolError as error:
            self._journal.record(Level.ERROR, "spool.unreadable", error=str(error))
            return False
        return True

    def _spool_unstorable(self, report: CycleReport) -> None:
        """Let the spool set the cycle aside at its next drain; keep it in memory while the spool cannot."""
        try:
            self._spool.add(report)
        except SpoolError:
            self._memory.append(report)

    def _append(self, report: CycleReport, *, waits: bool = True) -> CycleReport:
        try:
            return self._store.append(report, waits=waits)
        except StoreError:
            raise
        except Exception as error:  # isolation boundary: a bug in the store costs no reading
            raise StoreError(f"internal error: {type(error).__name__}: {error}") from error

    def _note_stored(self, report: CycleReport, *, is_drained: bool) -> None:
        if not self._is_healthy:
            self._is_healthy = True
            self._spool.prepare(is_data_there=True)  # the data may have been away until now
        if is_drained:
            self._waiting = Waiting()
            for unstorable in self._memory:
                self._waiting.add(unstorable)
        for entry in (*report.missed, *report.outcomes):
            source = entry.due.source
            known = self._progress.get(source, SourceProgress())
            self._progress[source] = known.after(entry)
            self._confirmed.pop(source, None)
            if isinstance(entry, Collected) and _lists_exactly(entry, known):
                self._confirmed[source] = entry.due

    def _let_wait(self, report: CycleReport, reason: str, place: str | None) -> Cycle:
        self._is_healthy = False
        self._confirmed.clear()
        self._waiting.add(report)
        self._journal.record(Level.ERROR, "store.refused", error=reason, readings=len(report.readings))
        if place is None:
            place = self._spool_memory()  # there may be room now
        if place is not None:
            return Spooled(report=report, reason=reason, place=place)
        horizon = self._clock.now() - KEPT_IN_MEMORY
        for number, old in enumerate(self._memory):
            if old.outcomes and all(outcome.due.slot < horizon for outcome in old.outcomes):
                self._memory[number] = _without_readings(old)
                self._journal.record(Level.CRITICAL, "cycle.forgotten", readings=len(old.readings))
        while len(self._memory) > _MOST_IN_MEMORY:
            self._memory.popleft()
        return NotStored(report=report, reason=reason)

    def _spool_memory(self) -> str | None:
        """Move the cycles in memory to the spool; return the last one's place, None if one was refused."""
        place = ""
        while self._memory:
            try:
                place = self._spool.add(self._memory[0])
            except SpoolError as error:
                self._journal.record(
                    Level.CRITICAL, "spool.refused", error=str(error), cycles_in_memory=len(self._memory)
                )
                return None
            self._memory.popleft()
        return place

    def _read_spool(self) -> None:
        """Find the cycles that an earlier process left in the spool: their slots are not missed."""
        waiting = self._spool.waiting()
        if waiting.unreadable:
            self._journal.record(Level.ERROR, "spool.unreadable", error="; ".join(waiting.unreadable))
        self._has_read_spool = not waiting.unreadable
        for report in self._memory:
            waiting.add(report)
        self._waiting = waiting
        if waiting.cycles:
            self._journal.record(
                Level.WARNING, "spool.waiting", cycles=waiting.cycles, readings=waiting.readings
            )


@attrs.define(kw_only=True)
class _OwnCycle:
    """The cycle that is being stored, which may wait in the spool; `stored` is what the store took of it."""

    report: CycleReport
    stored: CycleReport | None = None

    def is_in(self, waiting: CycleReport) -> bool:
        """Return whether that is this cycle, not stored so far; in the spool it has no measurements."""
        return self.stored is None and _identity(waiting) == _identity(self.report)

    def note(self, stored: CycleReport) -> None:
        """Note what the store took. What it has in full was drained by another process: it is stored too."""
        outcomes = zip(self.report.outcomes, stored.outcomes, strict=True)
        self.stored = attrs.evolve(
            stored,
            outcomes=tuple(
                own if isinstance(own, Collected) and _is_stored_already(now) else now
                for own, now in outcomes
            ),
        )


def _is_stored_already(outcome: Outcome) -> bool:
    return isinstance(outcome, Collected) and bool(outcome.already_stored) and not outcome.readings


def _identity(report: CycleReport) -> object:
    return [entry.due for entry in (*report.outcomes, *report.missed)], [
        reading.device_id for reading in report.readings
    ]


def _lists_exactly(collected: Collected, known: SourceProgress) -> bool:
    """Return whether the source listed the expected devices and no other, and no slot is in the future."""
    listed = set()
    for reading in collected.readings:
        listed.add(reading.device_id)
    for unread in collected.unread:
        if unread.cause is Cause.NOT_LISTED:
            return False
        listed.add(unread.device_id)
    return listed == known.expected and known.ahead is None


def _without_readings(report: CycleReport) -> CycleReport:
    not_stored = [
        Missed(due=outcome.due, cause=Cause.NOT_STORED, unread=outcome.unread) for outcome in report.outcomes
    ]
    return CycleReport(outcomes=(), missed=(*report.missed, *not_stored), gaps=report.gaps)
