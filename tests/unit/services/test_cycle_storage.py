"""Storing cycles: in the store, else in the spool, else in memory, and later in the store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from adapters.memory.runtime import MemoryClock, MemoryJournal
from adapters.memory.spool import MemorySpool
from adapters.memory.store import MemoryStore
from domain.cycle import Cause, Collected, CycleReport, Missed, NotStored, Spooled, Stored
from domain.errors import CycleUnstorable, SpoolError, StoreBusy, StoreError, StoreFull, StoreMissing
from domain.progress import SourceProgress, Waiting
from domain.services.cycle_storage import KEPT_IN_MEMORY, STORE_BUDGET_S
from ports.journal import Level
from tests.support.builders import NOON, a_collected, a_cycle, a_due, a_failed, a_reading, an_unread
from tests.support.collecting import a_cycle_storage

FULL = StoreFull("no room left in data/")
SPOOL_FULL = SpoolError("no room left in data/spool")


class SlowStore(MemoryStore):
    """A store whose every commit takes a while, and that fails as often as a test says."""

    def __init__(self, clock: MemoryClock, commit_s: float = 0.0) -> None:
        super().__init__()
        self.clock = clock
        self.commit_s = commit_s
        self.failures: list[Exception] = []
        self.appended: list[CycleReport] = []

    def append(self, report: CycleReport, *, waits: bool = True) -> CycleReport:
        self.clock.advance(self.commit_s)
        if self.failures:
            raise self.failures.pop(0)
        stored = super().append(report, waits=waits)
        self.appended.append(report)
        return stored


class Bench:
    """A cycle storage with fakes."""

    def __init__(self, commit_s: float = 0.0) -> None:
        self.clock = MemoryClock(NOON)
        self.store = SlowStore(self.clock, commit_s)
        self.spool = MemorySpool()
        self.journal = MemoryJournal()
        self.begin()

    def begin(self) -> None:
        """Another process with the same store and the same spool."""
        self.storage = a_cycle_storage(
            clock=self.clock, journal=self.journal, store=self.store, spool=self.spool
        )

    def slots(self) -> list[datetime]:
        """Return the stored slots in the order of storing."""
        return [outcome.due.slot for report in self.store.appended for outcome in report.outcomes]


def slot(minute: int) -> datetime:
    return NOON + timedelta(minutes=minute)


def a_cycle_at(minute: int) -> CycleReport:
    return a_cycle(a_collected(a_reading(collected_at=slot(minute)), due=a_due(slot=slot(minute))))


async def test_busy_store_is_retried_by_the_policy() -> None:
    bench = Bench()
    bench.store.failures = [StoreBusy("locked")] * 3
    assert isinstance(await bench.storage.store(a_cycle()), Stored)
    assert bench.clock.elapsed_s() == 1 + 2
    assert bench.journal.events() == ("retry", "retry", "retry_recovered")


async def test_busy_store_spools_the_cycle_after_three_attempts() -> None:
    bench = Bench()
    bench.store.fault = StoreBusy("locked by another program")
    cycle = await bench.storage.store(a_cycle())
    assert cycle == Spooled(report=a_cycle(), reason="locked by another program", place="memory")
    assert len(bench.journal.of("retry")) == 2
    assert bench.clock.elapsed_s() <= STORE_BUDGET_S


async def test_cycle_is_spooled_before_anything_is_waited_for() -> None:
    class Waiting(SlowStore):
        def append(self, report: CycleReport, *, waits: bool = True) -> CycleReport:
            if not waits:
                raise StoreBusy("locked")
            assert bench.spool.reports == [a_cycle()]
            return super().append(report, waits=waits)

    bench = Bench()
    bench.store = Waiting(bench.clock)
    bench.begin()
    assert await bench.storage.store(a_cycle()) == Stored(report=a_cycle())
    assert bench.spool.reports == []


async def test_cycle_is_spooled_before_a_backlog_is_stored() -> None:
    class Killed(SlowStore):
        def append(self, report: CycleReport, *, waits: bool = True) -> CycleReport:
            raise KeyboardInterrupt

    bench = Bench()
    bench.spool.add(a_cycle_at(0))
    bench.store = Killed(bench.clock)
    bench.begin()
    with pytest.raises(KeyboardInterrupt):
        await bench.storage.store(a_cycle_at(5))
    assert bench.spool.reports == [a_cycle_at(0), a_cycle_at(5)]


class DrainedByAnother(MemorySpool):
    """A spool that another process empties at once; `drained` gets the cycles."""

    def __init__(self, drained: Callable[[CycleReport], object]) -> None:
        super().__init__()
        self.drained = drained

    def add(self, report: CycleReport) -> str:
        self.drained(report)
        return self.place


async def test_cycle_that_another_process_has_drained_is_stored() -> None:
    bench = Bench()
    bench.store.failures = [StoreBusy("locked")]
    bench.spool = DrainedByAnother(lambda report: MemoryStore.append(bench.store, report))
    bench.begin()
    assert await bench.storage.store(a_cycle()) == Stored(report=a_cycle())


async def test_cycle_that_another_process_could_not_store_is_not_called_stored() -> None:
    bench = Bench()
    bench.store.failures = [StoreBusy("locked"), CycleUnstorable("a number that is too large")]
    bench.spool = DrainedByAnother(lambda _: None)
    bench.begin()
    assert isinstance(await bench.storage.store(a_cycle()), Spooled)


async def test_own_cycle_counts_as_stored_though_the_backlog_behind_it_is_not() -> None:
    bench = Bench()
    bench.spool.add(a_cycle_at(5))
    own = a_cycle_at(0)

    class InOrder(MemorySpool):
        def add(self, report: CycleReport) -> str:
            self.reports.insert(0, report)
            return self.place

        def drain(self, take: Callable[[CycleReport], bool]) -> int:
            if self.reports[0] == own:
                assert take(self.reports.pop(0))
                raise StoreFull("no room for the next one")
            return super().drain(take)

    spool = InOrder()
    spool.reports = bench.spool.reports
    bench.spool = spool
    bench.begin()
    assert await bench.storage.store(own) == Stored(report=own)
    assert bench.spool.reports == [a_cycle_at(5)]


async def test_memory_gets_a_last_chance_in_the_store() -> None:
    bench = Bench()
    bench.store.fault, bench.spool.fault = FULL, SPOOL_FULL
    await bench.storage.store(a_cycle_at(0))
    bench.store.fault = None
    bench.storage.close()
    assert bench.slots() == [slot(0)]
    assert bench.journal.of("cycles.lost") == ()


def test_spool_is_made_ready_in_the_data_folder_unless_that_is_away() -> None:
    for fault, is_data_there in ((None, True), (FULL, True), (StoreMissing("away"), False)):
        bench = Bench()
        bench.store.fault = fault
        bench.storage.open(checking=False)
        assert bench.spool.is_data_there is is_data_there


async def test_spool_is_made_ready_once_the_data_folder_is_back() -> None:
    bench = Bench()
    bench.store.fault = StoreMissing("away")
    bench.storage.open(checking=False)
    await bench.storage.store(a_cycle_at(0))
    bench.store.fault = None
    await bench.storage.store(a_cycle_at(5))
    assert bench.spool.is_data_there


@pytest.mark.parametrize("error", [FULL, StoreError("no file"), ZeroDivisionError("a bug in the store")])
async def test_other_store_errors_spool_at_once(error: Exception) -> None:
    bench = Bench()
    bench.store.failures = [error]
    cycle = await bench.storage.store(a_cycle())
    assert isinstance(cycle, Spooled)
    assert str(error) in cycle.reason
    assert (bench.spool.reports, bench.clock.elapsed_s()) == ([a_cycle()], 0)


async def test_memory_keeps_a_day_and_the_ledger_the_rest() -> None:
    bench = Bench()
    bench.store.fault, bench.spool.fault = FULL, SPOOL_FULL
    hours = range(0, 30 * 60, 60)
    for minute in hours:
        bench.clock.advance((slot(minute) - bench.clock.now()).total_seconds())
        await bench.storage.store(a_cycle_at(minute))
    bench.store.fault = None
    await bench.storage.store(a_cycle_at(30 * 60))
    oldest = slot(29 * 60) - KEPT_IN_MEMORY
    ledger = {due_slot: entry for (_, due_slot), entry in bench.store.ledger.items() if not due_slot.minute}
    assert list(ledger) == [slot(minute) for minute in (*hours, 30 * 60)]
    for due_slot, entry in ledger.items():
        if due_slot < oldest:
            assert isinstance(entry, Missed)
            assert entry.cause is Cause.NOT_STORED
        else:
            assert isinstance(entry, Collected)
    assert len(bench.journal.of("cycle.forgotten")) == 5


async def test_memory_is_spooled_at_the_end_or_logged_as_lost() -> None:
    bench = Bench()
    bench.store.fault, bench.spool.fault = FULL, SPOOL_FULL
    await bench.storage.store(a_cycle())
    bench.storage.close()
    (record,) = bench.journal.of("cycles.lost")
    assert (record.level, record.fields["readings"]) == (Level.CRITICAL, 1)
    bench.begin()
    await bench.storage.store(a_cycle())
    bench.spool.fault = None
    bench.storage.close()
    assert bench.spool.reports == [a_cycle()]
    assert len(bench.journal.of("cycles.lost")) == 1


async def test_long_backlog_is_stored_over_several_cycles() -> None:
    bench = Bench(commit_s=1.0)
    for minute in range(0, 60, 5):
        bench.spool.add(a_cycle_at(minute))
    cycle = await bench.storage.store(a_cycle_at(60))
    assert isinstance(cycle, Spooled)
    assert "more is waiting" in cycle.reason
    assert bench.clock.elapsed_s() <= STORE_BUDGET_S
    assert 0 < len(bench.slots()) < 12
    while not isinstance(cycle, Stored):
        cycle = await bench.storage.store(a_cycle_at(65))
    assert bench.slots()[:14] == [slot(minute) for minute in range(0, 70, 5)]


async def test_unstorable_cycle_in_memory_is_set_aside_by_the_spool() -> None:
    bench = Bench()
    bench.spool.fault = SPOOL_FULL
    for minute in (0, 5):
        bench.store.failures = [CycleUnstorable("a number that is too large")]
        await bench.storage.store(a_cycle_at(minute))
    assert bench.slots() == [slot(5)]
    bench.spool.fault = None
    bench.store.failures = [CycleUnstorable("a number that is too large")]
    for minute in (10, 15):
        await bench.storage.store(a_cycle_at(minute))
    assert bench.spool.aside == [a_cycle_at(0)]
    assert bench.slots() == [slot(minute) for minute in (5, 10, 15)]


async def test_interrupted_backlog_continues_where_it_stopped() -> None:
    bench = Bench()
    for minute in (0, 5, 10):
        bench.spool.add(a_cycle_at(minute))

    class FailingOnce(SlowStore):
        def append(self, report: CycleReport, *, waits: bool = True) -> CycleReport:
            if len(self.appended) == 1 and not self.failures:
                self.failures = [StoreBusy("locked")]
            return super().append(report, waits=waits)

    bench.store = FailingOnce(bench.clock)
    bench.begin()
    bench.store.failures = []
    assert isinstance(await bench.storage.store(a_cycle_at(15)), Spooled)
    assert bench.slots() == [slot(0)]
    assert len(bench.spool.reports) == 3


def test_progress_includes_what_waits() -> None:
    bench = Bench()
    bench.spool.add(a_cycle_at(5))
    bench.spool.add(a_cycle(a_failed(a_due(slot=slot(10)))))
    MemoryStore.append(bench.store, a_cycle_at(0))
    progress = bench.storage.progress([a_due(slot=slot(15))])["hue"]
    assert (progress.last_slot, progress.is_stored) == (NOON, False)
    assert progress.waiting == {slot(5), slot(10)}
    assert progress.newest_slot == slot(10)
    present = [bench.storage.progress([a_due(slot=slot(minute))])["hue"].is_stored for minute in (0, 5, 10)]
    assert present == [True, True, False]


async def test_unreadable_store_keeps_the_last_known_progress() -> None:
    bench = Bench()
    await bench.storage.store(a_cycle_at(0))
    expected = bench.storage.progress([a_due(slot=slot(5))])["hue"].expected
    assert expected == {a_reading().device_id}
    await bench.storage.store(a_cycle_at(5))
    bench.store.fault = FULL
    progress = bench.storage.progress([a_due(slot=slot(10))])["hue"]
    assert progress == SourceProgress(last_slot=slot(5), expected=expected)


async def test_unreadable_spool_entries_still_count_as_waiting() -> None:
    class Unreadable(MemorySpool):
        def drain(self, take: Callable[[CycleReport], bool]) -> int:
            raise SPOOL_FULL

    bench = Bench()
    bench.spool = Unreadable()
    bench.spool.add(a_cycle_at(5))
    bench.begin()
    bench.storage.progress([a_due(slot=slot(10))])
    assert isinstance(await bench.storage.store(a_cycle_at(10)), Stored)
    assert bench.storage.progress([a_due(slot=slot(15))])["hue"].waiting == {slot(5)}


NOT_LISTED = an_unread(a_reading().device_id, Cause.NOT_LISTED)


class CountingStore(SlowStore):
    """A store that counts how often the progress of a source is read."""

    reads = 0

    def progress(self, source: str, at: datetime) -> SourceProgress:
        self.reads += 1
        return super().progress(source, at)


def counting() -> tuple[Bench, CountingStore]:
    bench = Bench()
    store = CountingStore(bench.clock)
    bench.store = store
    bench.begin()
    return bench, store


@pytest.mark.parametrize(
    ("next_report", "reads"),
    [
        (a_cycle_at(5), 0),  # the expected devices again
        (a_cycle(a_failed(a_due(slot=slot(5)))), 1),
        (a_cycle(a_collected(a_reading("hue:new"), a_reading(), due=a_due(slot=slot(5)))), 1),
        (
            a_cycle(
                a_collected(
                    due=a_due(slot=slot(5)), unread=(an_unread(a_reading().device_id, Cause.NOT_LISTED),)
                )
            ),
            1,
        ),
    ],
)
async def test_progress_is_read_again_only_after_a_change(next_report: CycleReport, reads: int) -> None:
    bench, store = counting()
    await bench.storage.store(a_cycle_at(0))
    bench.storage.progress([a_due(slot=slot(5))])
    store.reads = 0
    await bench.storage.store(next_report)
    known = bench.storage.progress([a_due(slot=slot(10))])["hue"]
    assert store.reads == reads
    assert known == MemoryStore.progress(store, "hue", slot(10))


@pytest.mark.parametrize(("minute", "reads"), [(60, 0), (66, 1), (-180, 1)])
async def test_progress_in_memory_is_valid_for_an_hour(minute: int, reads: int) -> None:
    bench, store = counting()
    bench.storage.progress([a_due(slot=slot(0))])
    await bench.storage.store(a_cycle_at(0))
    bench.storage.progress([a_due(slot=slot(5))])
    await bench.storage.store(a_cycle_at(5))
    store.reads = 0
    bench.storage.progress([a_due(slot=slot(minute))])
    assert store.reads == reads


async def test_progress_is_read_again_after_trouble_and_after_a_backlog() -> None:
    bench, store = counting()
    for minute in (0, 5):
        bench.storage.progress([a_due(slot=slot(minute))])
        await bench.storage.store(a_cycle_at(minute))
    store.fault = FULL
    await bench.storage.store(a_cycle_at(10))
    store.fault, store.reads = None, 0
    bench.storage.progress([a_due(slot=slot(15))])
    await bench.storage.store(a_cycle_at(15))
    assert bench.storage.progress([a_due(slot=slot(20))])["hue"] == SourceProgress(
        last_slot=slot(15), expected={a_reading().device_id}
    )
    assert store.reads >= 1


@pytest.mark.parametrize("is_spooled", [True, False])
async def test_backlog_is_stored_once_and_in_order(*, is_spooled: bool) -> None:
    bench = Bench()
    bench.store.fault, bench.spool.fault = FULL, None if is_spooled else SPOOL_FULL
    for minute in (0, 5, 10):
        cycle = await bench.storage.store(a_cycle_at(minute))
        assert type(cycle) is (Spooled if is_spooled else NotStored)
    bench.store.fault = None
    if is_spooled:
        bench.begin()
    for minute in (15, 20):
        report = a_cycle_at(minute)
        assert await bench.storage.store(report) == Stored(report=report)
    assert bench.slots() == [slot(0), slot(5), slot(10), slot(15), slot(20)]
    assert bench.spool.reports == []


async def test_recovered_spool_gets_the_cycles_in_memory_first() -> None:
    bench = Bench()
    bench.store.fault, bench.spool.fault = FULL, SPOOL_FULL
    await bench.storage.store(a_cycle_at(0))
    bench.spool.fault = None
    assert isinstance(await bench.storage.store(a_cycle_at(5)), Spooled)
    assert bench.spool.reports == [a_cycle_at(0), a_cycle_at(5)]


async def test_unstorable_cycle_in_the_spool_blocks_no_other() -> None:
    bench = Bench()
    bench.store.failures = [CycleUnstorable("a number that is too large"), CycleUnstorable("the same")]
    assert isinstance(await bench.storage.store(a_cycle_at(0)), Spooled)
    assert isinstance(await bench.storage.store(a_cycle_at(5)), Stored)
    assert (bench.slots(), bench.spool.aside) == ([slot(5)], [a_cycle_at(0)])
    assert bench.journal.of("cycle.unstorable")[0].level is Level.CRITICAL


def test_unreadable_store_and_spool_cost_no_cycle() -> None:
    class Unreadable(MemorySpool):
        def waiting(self) -> Waiting:
            return Waiting(unreadable=["data/spool cannot be used"])

    class Buggy(SlowStore):
        def progress(self, source: str, at: datetime) -> SourceProgress:
            raise ZeroDivisionError(source)

    bench = Bench()
    bench.store, bench.spool = Buggy(bench.clock), Unreadable()
    bench.begin()
    assert bench.storage.progress([a_due()]) == {"hue": SourceProgress()}
    assert bench.journal.events() == ("spool.unreadable", "store.unreadable")
    assert "ZeroDivisionError" in str(bench.journal.of("store.unreadable")[0].fields["error"])
