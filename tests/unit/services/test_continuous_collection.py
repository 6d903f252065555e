"""Continuous collection: each slot once, and missed slots explained."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta

import attrs
import pytest

from adapters.files.saved_state import SavedState
from adapters.memory.runtime import MemoryClock
from adapters.memory.source import MemorySource
from adapters.memory.spool import MemorySlotsInProgress
from adapters.memory.state import MemoryState
from adapters.memory.store import MemoryStore
from adapters.memory.upkeep import MemoryUpkeep, MemoryUpkeepLease
from domain.cycle import (
    Cause,
    Collected,
    Cycle,
    CycleReport,
    NotStored,
    SourceReply,
    Spooled,
    Stored,
)
from domain.errors import CredentialsRefused, SourceError, SourceThrottled, SpoolError, StoreBusy, StoreError
from domain.progress import SourceProgress
from domain.schedule import Due
from domain.services.collection_cycle import SourcePlan
from domain.services.continuous_collection import (
    ContinuousCollection,
    PlannedCycle,
    Timetable,
    run_planned,
    unscheduled_cycle,
)
from domain.services.database_upkeep import DailyUpkeep
from ports.upkeep import Checked
from tests.support.builders import NOON, a_cycle, a_due, a_failed, a_reading, a_reply
from tests.support.collecting import a_collection
from tests.support.running import Running, minutes


async def outside(running: Running) -> Due:
    """Run a cycle outside the schedule; return what was due."""
    planned = unscheduled_cycle(running.collection, running.clock)
    cycle = await run_planned(running.collection, running.clock, planned)
    return cycle.report.outcomes[0].due


async def test_each_source_has_its_own_interval() -> None:
    running = Running(amazon_every_s=600)
    await running.until(cycles=4)
    assert len(running.hue.requested) == 4
    assert running.amazon.requested == [NOON, NOON + minutes(10)]
    assert running.missed() == []


async def test_slot_is_in_progress_until_its_cycle_is_stored() -> None:
    slots_in_progress = MemorySlotsInProgress()
    seen: list[dict[str, datetime]] = []

    class Looking(MemorySource):
        async def read(self, slot: datetime, deadline_s: float) -> SourceReply:
            seen.append(dict(slots_in_progress.slots))
            return await super().read(slot, deadline_s)

    running = Running(slots_in_progress=slots_in_progress, hue=Looking("hue", [a_reply()] * 2))
    await running.until(cycles=2)
    assert seen == [{"hue": NOON}, {"hue": NOON + minutes(5)}]
    assert slots_in_progress.slots == {}


async def test_clock_stepping_back_runs_no_slot_twice() -> None:
    running = Running()
    await running.until(cycles=4, after=lambda count: running.clock.step_wall(-900) if count == 2 else None)
    assert len(running.hue.requested) == len(set(running.hue.requested)) == 4
    assert running.missed() == []


async def test_future_slot_is_reported_once_and_delays_nothing() -> None:
    running = Running()
    far = NOON + timedelta(days=400)
    running.store.append(a_cycle(Collected(due=a_due(slot=far), readings=(a_reading(collected_at=far),))))
    await running.until(cycles=3)
    assert running.hue.requested == [NOON, NOON + minutes(5), NOON + minutes(10)]
    assert len(running.journal.of("clock.fault")) == 1


FAR = NOON + timedelta(days=4000)


def _in_the_future(store: MemoryStore, *slots: datetime) -> None:
    for slot in slots:
        store.append(a_cycle(Collected(due=a_due(slot=slot), readings=(a_reading(collected_at=slot),))))


async def test_gaps_are_explained_despite_a_future_slot() -> None:
    running = Running(start=NOON + minutes(15))
    running.store.append(a_cycle())
    _in_the_future(running.store, FAR)
    await running.until(cycles=2, after=lambda count: running.clock.step_wall(900) if count == 1 else None)
    assert running.missed() == [
        (NOON + minutes(5), Cause.STOPPED),
        (NOON + minutes(10), Cause.STOPPED),
        (NOON + minutes(20), Cause.CLOCK_STEPPED),
        (NOON + minutes(25), Cause.CLOCK_STEPPED),
    ]


async def test_slots_lost_to_a_clock_jump_are_explained() -> None:
    running = Running()
    jump = FAR - NOON

    def jumps(count: int) -> None:
        if count in (1, 2):
            running.clock.step_wall(jump.total_seconds() * (1 if count == 1 else -1) + 600 * (count - 1))

    await running.until(cycles=4, after=jumps)
    missed = [(slot, cause) for slot, cause in running.missed() if slot < NOON + timedelta(days=1)]
    assert missed == [(NOON + minutes(5), Cause.CLOCK_STEPPED)]
    assert running.hue.requested[2:] == [NOON + minutes(10), NOON + minutes(15)]
    (fault,) = running.journal.of("clock.fault")
    assert fault.fields["slot"] == running.hue.requested[1]


async def test_gaps_after_a_wrong_start_time_have_their_cause() -> None:
    running = Running(start=FAR)
    there = (NOON - FAR).total_seconds()
    steps = {1: there, 2: 900.0}
    await running.until(cycles=3, after=lambda count: running.clock.step_wall(steps.get(count, 0.0)))
    assert [cause for slot, cause in running.missed() if slot < FAR] == [Cause.CLOCK_STEPPED] * 2


async def test_waiting_future_slot_hides_no_gap() -> None:
    running = Running(start=NOON + minutes(10))
    running.store.append(a_cycle())
    for at in (NOON + minutes(5), FAR):
        running.spool.add(a_cycle(Collected(due=a_due(slot=at), readings=(a_reading(collected_at=at),))))
    planned = Timetable(running.collection, running.clock).next_unstored()
    assert planned.clock_faults == {"hue": FAR}
    assert planned.progress is not None
    assert planned.progress["hue"].newest_slot == NOON + minutes(5)


async def test_single_cycle_reports_the_fault_and_the_gap() -> None:
    running = Running(start=NOON + minutes(10))
    running.store.append(a_cycle())
    _in_the_future(running.store, FAR)
    planned = Timetable(running.collection, running.clock).next_unstored()
    assert planned.clock_faults == {"hue": FAR}
    await running.collection.run(planned.dues, planned.gaps)
    assert running.missed() == [(NOON + minutes(5), Cause.STOPPED)]


@pytest.mark.parametrize("spool_fault", [None, SpoolError("no room left in data/spool")])
async def test_waiting_slots_are_stored_later(
    spool_fault: SpoolError | None,
) -> None:
    running = Running()
    running.spool.fault = spool_fault

    def trouble(count: int) -> None:
        running.store.fault = StoreBusy("locked by another program") if count in (1, 2) else None

    await running.until(cycles=5, after=trouble)
    kept = Spooled if spool_fault is None else NotStored
    assert [type(cycle) for cycle in running.cycles] == [Stored, kept, kept, Stored, Stored]
    assert running.missed() == []
    assert [slot for _, slot in running.store.ledger] == running.hue.requested


async def test_spooled_slots_of_another_process_are_not_missed() -> None:
    earlier = Running()
    earlier.store.append(a_cycle())
    earlier.store.fault = StoreBusy("locked by another program")
    earlier.clock.advance(300)
    await earlier.until(cycles=2)
    running = Running(start=NOON + minutes(20), store=earlier.store)
    running.store.fault = None
    for report in earlier.spool.reports:
        running.spool.add(report)
    await running.until(cycles=1)
    assert running.missed() == [(NOON + minutes(15), Cause.STOPPED)]
    assert [slot for _, slot in running.store.ledger] == [
        NOON, NOON + minutes(5), NOON + minutes(10), NOON + minutes(20), NOON + minutes(15)
    ]  # fmt: skip


async def test_read_only_store_repeats_no_missed_slot() -> None:
    class ReadOnly(MemoryStore):
        is_read_only = True

        def append(self, report: CycleReport, *, waits: bool = True) -> CycleReport:
            if self.is_read_only:
                raise StoreError("it may only be read")
            return super().append(report, waits=waits)

    store = ReadOnly()
    running = Running(start=NOON + minutes(10), store=store)
    MemoryStore.append(store, a_cycle())

    def mend(count: int) -> None:
        store.is_read_only = count < 3

    await running.until(cycles=4, after=mend)
    assert running.missed() == [(NOON + minutes(5), Cause.STOPPED)]
    assert len(store.readings) == 5


async def test_progress_is_read_once_a_cycle_and_not_from_a_failing_store() -> None:
    asked: list[str] = []

    class Counting(MemoryStore):
        def progress(self, source: str, at: datetime) -> SourceProgress:
            asked.append(source)
            return super().progress(source, at)

    running = Running(store=Counting(), amazon_every_s=300)
    await running.until(cycles=2)
    assert asked == ["hue", "amazon"] * 2
    asked.clear()
    running = Running(store=Counting(), amazon_every_s=300)
    running.store.fault = StoreBusy("locked by another program")
    await running.until(cycles=1)
    assert asked == ["hue"]


async def test_stop_ends_a_nap_at_once() -> None:
    running = Running()
    service = ContinuousCollection(
        collection=running.collection, clock=running.clock, journal=running.journal
    )

    def stop_in_the_nap(cycle: Cycle, _: PlannedCycle) -> None:
        asyncio.get_running_loop().call_soon(running.stop.set)

    await service.run(running.stop, stop_in_the_nap)
    assert running.clock.now() == NOON


async def test_stop_finishes_the_cycle_in_progress() -> None:
    running = Running()

    class Stopping(MemorySource):
        async def read(self, slot: datetime, deadline_s: float) -> SourceReply:
            running.stop.set()
            await running.clock.sleep(2)
            return a_reply()

    running.collection = a_collection(
        [SourcePlan(source=Stopping("hue"), interval_s=300)],
        store=running.store,
        clock=running.clock,
        journal=running.journal,
    )
    await running.until(cycles=99)
    assert len(running.cycles) == 1
    assert len(running.store.readings) == 1


@pytest.mark.parametrize(
    ("error", "asked"), [(CredentialsRefused("revoked"), 1), (SourceThrottled("429", retry_after_s=1800), 0)]
)
async def test_restart_ends_deferrals_for_credentials_only(error: SourceError, asked: int) -> None:
    before = Running()
    before.hue.forget_answers()
    before.hue.will_answer(*[error] * 12)
    await before.until(cycles=3)
    running = Running(start=before.clock.now())
    running.collection = a_collection(
        [SourcePlan(source=running.hue, interval_s=300)],
        state=before.state,
        clock=running.clock,
        journal=running.journal,
    )
    await running.until(cycles=1)
    assert len(running.hue.requested) == asked


@pytest.mark.parametrize(("interval_s", "looks_at"), [(240, [0, 4, 8]), (600, [0, 5, 10, 15, 20])])
async def test_upkeep_is_looked_at_after_each_cycle_and_every_five_minutes(
    interval_s: int, looks_at: list[int]
) -> None:
    running = Running(hue_every_s=interval_s)
    looks: list[datetime] = []

    class Looked(DailyUpkeep):
        async def start_if_due(self) -> None:
            looks.append(running.clock.now())

    upkeep = Looked(
        upkeep=MemoryUpkeep(),
        lease=MemoryUpkeepLease(),
        state=SavedState(MemoryState()),
        clock=running.clock,
        journal=running.journal,
    )
    await running.until(cycles=3, upkeep=upkeep)
    assert looks == [NOON + minutes(number) for number in looks_at]


async def test_upkeep_delays_no_cycle() -> None:
    running = Running()
    port = MemoryUpkeep()

    async def never_ending() -> Checked:
        port.calls.append("check")
        await asyncio.Event().wait()
        return Checked()

    port.check = never_ending  # type: ignore[method-assign]
    upkeep = DailyUpkeep(
        upkeep=port,
        lease=MemoryUpkeepLease(),
        state=SavedState(MemoryState()),
        clock=running.clock,
        journal=running.journal,
    )
    await running.until(cycles=4, upkeep=upkeep)
    assert running.hue.requested == [NOON, NOON + minutes(5), NOON + minutes(10), NOON + minutes(15)]
    assert port.calls == ["check"]
    await upkeep.close()


@pytest.mark.parametrize(
    ("start", "is_stored", "fault", "slots"),
    [
        (0, False, None, [0, 5, 10]),
        (3, False, None, [0, 5, 10]),  # a start within a slot
        (1, True, None, [5, 10, 15]),
        (0, False, StoreBusy("locked by another program"), [0, 5, 10]),
    ],
)
async def test_each_slot_gets_one_cycle_on_time(
    start: int, fault: StoreError | None, slots: list[int], *, is_stored: bool
) -> None:
    running = Running(start=NOON + minutes(start))
    if is_stored:
        running.store.append(a_cycle())
    running.store.fault = fault
    await running.until(cycles=3)
    assert running.hue.requested == [NOON + minutes(each) for each in slots]
    retries = timedelta(seconds=3 if fault else 0)  # of storing
    assert running.clock.now() == NOON + minutes(slots[-1]) + retries


@pytest.mark.parametrize("is_late", [False, True])
async def test_slots_before_the_start_are_missed_with_their_devices(*, is_late: bool) -> None:
    slots_in_progress = MemorySlotsInProgress({"hue": {NOON + minutes(5)}})
    running = Running(start=NOON + minutes(15), slots_in_progress=slots_in_progress)
    running.store.append(a_cycle())
    running.store.fault = StoreBusy("locked by another program") if is_late else None

    def recover(_: int) -> None:
        running.store.fault = None

    await running.until(cycles=2, after=recover)
    assert running.missed() == [(NOON + minutes(5), Cause.INTERRUPTED), (NOON + minutes(10), Cause.STOPPED)]
    if not is_late:
        missed = running.store.ledger["hue", NOON + minutes(5)]
        assert [unread.device_id for unread in missed.unread] == [a_reading().device_id]


@pytest.mark.parametrize(("is_asleep", "cause"), [(True, Cause.ASLEEP), (False, Cause.OVERRUN)])
async def test_slots_between_two_cycles_have_their_cause(cause: Cause, *, is_asleep: bool) -> None:
    running = Running()
    pass_time = running.clock.sleep_machine if is_asleep else running.clock.advance
    await running.until(cycles=2, after=lambda count: pass_time(1000) if count == 1 else None)
    assert len(running.hue.requested) == 2
    assert running.missed() == [(NOON + minutes(each), cause) for each in (5, 10)]


class ReplacedStore(MemoryStore):
    """A store in the place of another one, which may have the slot of noon."""

    def progress(self, source: str, at: datetime) -> SourceProgress:
        progress = super().progress(source, at)
        return attrs.evolve(progress, last_slot=NOON) if at == NOON else progress


@pytest.mark.parametrize(
    ("ran", "cause"), [((), Cause.STOPPED), ((NOON - minutes(5), NOON), Cause.NOT_STORED)]
)
async def test_slots_before_a_start_without_the_database_were_stopped_unless_they_ran(
    ran: tuple[datetime, ...], cause: Cause
) -> None:
    clock = MemoryClock(NOON)
    store = ReplacedStore(clock)
    store.append(a_cycle(a_failed(a_due(slot=NOON - minutes(10)))))
    running = Running(
        start=NOON + timedelta(seconds=100),
        store=store,
        slots_in_progress=MemorySlotsInProgress(ran={"hue": set(ran)}),
    )
    await running.until(cycles=2)
    assert running.missed() == [(NOON - minutes(5), cause), (NOON, cause)]


async def test_cycle_by_hand_is_at_the_present_second_and_not_planned() -> None:
    running = Running(start=NOON.replace(second=7, microsecond=9))
    due = await outside(running)
    assert due == a_due(slot=NOON.replace(second=7), scheduled=False)
    running.store.append(a_cycle(Collected(due=due, readings=(a_reading(collected_at=due.slot),))))
    planned = Timetable(running.collection, running.clock).next_cycle()
    assert [due.slot for due in planned.dues] == [NOON]


@pytest.mark.parametrize(
    ("start_s", "used_s", "second"),
    [
        (7.4, (), 7),
        (7.4, (7,), 8),
        (7.4, (7, 8), 9),
        (0.2, (), 1),  # a slot keeps its key
        (299.5, (299,), 301),
        (7.4, range(7, 60), 60),  # after three waits without waiting
    ],
)
@pytest.mark.parametrize("where", ["store", "spool", "another source"])
async def test_cycle_by_hand_takes_a_second_of_its_own(
    start_s: float, used_s: Iterable[int], second: int, where: str
) -> None:
    running = Running(start=NOON + timedelta(seconds=start_s))
    for used in used_s:
        at = NOON + timedelta(seconds=used)
        due = a_due("amazon" if where == "another source" else "hue", at, scheduled=False)
        report = a_cycle(Collected(due=due, readings=(a_reading(collected_at=at),)))
        if where == "spool":
            running.spool.add(report)
        else:
            running.store.append(report)
    due = await outside(running)
    assert due.slot == NOON + timedelta(seconds=second)
    assert running.clock.elapsed_s() < 4


async def test_cycles_by_hand_share_no_second_while_the_store_is_unreadable() -> None:
    running = Running(start=NOON + timedelta(seconds=7))
    running.store.fault = StoreBusy("locked by another program")
    seconds = [(await outside(running)).slot.second for _ in range(2)]
    assert seconds[0] == 8, "another process may have used the second in which this one began"
    assert len(set(seconds)) == 2


class UnreadableAtFirst(MemoryStore):
    """A store whose first look-up fails, though it takes the cycle: its lock was let go in between."""

    looks = 0

    def progress(self, source: str, at: datetime) -> SourceProgress:
        self.looks += 1
        if self.looks == 1:
            raise StoreBusy("locked by another program")
        return super().progress(source, at)


@pytest.mark.parametrize("failures", [0, 3], ids=["stored", "spooled and drained"])
async def test_gap_is_explained_although_the_look_up_failed(failures: int) -> None:
    store = UnreadableAtFirst()
    store.append(a_cycle())
    running = Running(
        start=NOON + minutes(20),
        store=store,
        slots_in_progress=MemorySlotsInProgress({"hue": {NOON + minutes(5)}}),
    )

    def trouble(count: int) -> None:
        store.fault = StoreBusy("locked by another program") if count < failures else None

    trouble(0)
    await running.until(cycles=4, after=trouble)
    assert running.missed() == [
        (NOON + minutes(5), Cause.INTERRUPTED),
        (NOON + minutes(10), Cause.STOPPED),
        (NOON + minutes(15), Cause.STOPPED),
    ]
    assert [slot for _, slot in store.ledger if slot >= NOON + minutes(20)] == running.hue.requested


async def test_gap_of_months_is_written_with_the_following_cycles() -> None:
    running = Running(start=NOON + timedelta(days=60))
    running.store.append(a_cycle())
    await running.until(cycles=9)
    assert len(running.missed()) == 60 * 288 - 1
    assert {cause for _, cause in running.missed()} == {Cause.STOPPED}


async def test_interval_that_changed_meanwhile_leaves_no_slot_without_a_row() -> None:
    running = Running(start=NOON + minutes(60), amazon_every_s=600)
    running.store.append(a_cycle(Collected(due=a_due("amazon", interval_s=300), readings=())))
    await running.until(cycles=1)
    assert [slot for slot, _ in running.missed()] == [NOON + minutes(each) for each in range(10, 60, 10)]


async def test_slots_that_a_restored_backup_lacks_were_not_stored() -> None:
    running = Running()

    def restore(count: int) -> None:
        if count == 4:  # a backup from before the third cycle takes the place of the database
            for minute in (10, 15):
                del running.store.ledger["hue", NOON + minutes(minute)]

    await running.until(cycles=5, after=restore)
    assert running.missed() == [(NOON + minutes(each), Cause.NOT_STORED) for each in (10, 15)]


async def test_cycle_by_hand_shares_no_second_with_one_that_was_stored_before_the_trouble() -> None:
    running = Running(start=NOON + timedelta(seconds=7))
    running.clock.advance(1)
    assert (await outside(running)).slot.second == 8
    running.store.fault = StoreBusy("locked by another program")
    assert (await outside(running)).slot.second == 9
