"""Collecting for as long as the process lives: each slot once, and the lost ones explained."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from adapters.memory.clock import MemoryClock
from adapters.memory.journal import MemoryJournal
from adapters.memory.meter import MemoryMeter
from adapters.memory.retrier import MemoryRetrier
from adapters.memory.source import MemorySource
from adapters.memory.store import MemoryStore
from domain.errors import StoreBusy
from domain.outcome import Cause, Collected, Cycle, Missed, SourceReply
from domain.services.collection import Collection, SourcePlan
from domain.services.continuous import ContinuousCollection
from domain.services.timetable import Timetable, by_hand
from ports.store import Standing
from tests.builders import NOON, a_cycle, a_due, a_reading, a_reply


class Running:
    """A continuous collection of one or two sources over fakes; a hook may act after each cycle."""

    def __init__(
        self, start: datetime = NOON, store: MemoryStore | None = None, amazon_every_s: int = 0
    ) -> None:
        self.clock = MemoryClock(start)
        self.store = store or MemoryStore()
        self.journal = MemoryJournal()
        self.hue = MemorySource("hue", [a_reply()] * 500)
        self.amazon = MemorySource("amazon", [a_reply(a_reading("alexa:1"))] * 500)
        plans = [SourcePlan(source=self.hue, interval_s=300)]
        if amazon_every_s:
            plans.append(SourcePlan(source=self.amazon, interval_s=amazon_every_s))
        self.collection = Collection(
            plans=plans,
            store=self.store,
            retrier=MemoryRetrier(clock=self.clock, journal=self.journal),
            clock=self.clock,
            meter=MemoryMeter(self.clock),
            journal=self.journal,
        )
        self.stop = asyncio.Event()
        self.cycles: list[Cycle] = []

    async def until(self, cycles: int, after: Callable[[int], None] = lambda _: None) -> None:
        def on_cycle(cycle: Cycle) -> None:
            self.cycles.append(cycle)
            after(len(self.cycles))
            if len(self.cycles) == cycles:
                self.stop.set()

        service = ContinuousCollection(collection=self.collection, clock=self.clock, journal=self.journal)
        await service.run(self.stop, on_cycle)

    def missed(self) -> list[tuple[datetime, Cause]]:
        return sorted(
            (entry.due.slot, entry.cause) for entry in self.store.ledger.values() if isinstance(entry, Missed)
        )


def minutes(count: int) -> timedelta:
    return timedelta(minutes=count)


async def test_each_slot_gets_one_cycle_at_its_time() -> None:
    running = Running()
    await running.until(cycles=4)
    assert running.hue.asked == [NOON, NOON + minutes(5), NOON + minutes(10), NOON + minutes(15)]
    assert running.clock.now() == NOON + minutes(15)


async def test_a_start_in_the_middle_of_a_slot_still_collects_that_slot() -> None:
    running = Running(start=NOON + minutes(3))
    await running.until(cycles=2)
    assert running.hue.asked == [NOON, NOON + minutes(5)]


async def test_a_slot_that_is_stored_already_is_not_collected_again() -> None:
    running = Running(start=NOON + minutes(1))
    running.store.append(a_cycle())
    await running.until(cycles=1)
    assert running.hue.asked == [NOON + minutes(5)]


async def test_each_source_has_its_own_interval() -> None:
    running = Running(amazon_every_s=600)
    await running.until(cycles=4)
    assert len(running.hue.asked) == 4
    assert running.amazon.asked == [NOON, NOON + minutes(10)]
    assert running.missed() == []


async def test_the_slots_of_a_time_without_the_program_are_missed_because_it_was_stopped() -> None:
    running = Running(start=NOON + minutes(15))
    running.store.append(a_cycle())
    await running.until(cycles=1)
    assert running.missed() == [(NOON + minutes(5), Cause.STOPPED), (NOON + minutes(10), Cause.STOPPED)]


async def test_a_missed_slot_names_the_devices_that_were_expected() -> None:
    running = Running(start=NOON + minutes(10))
    running.store.append(a_cycle())
    await running.until(cycles=1)
    missed = running.store.ledger["hue", NOON + minutes(5)]
    assert [unread.device_id for unread in missed.unread] == [a_reading().device_id]


async def test_after_a_sleep_of_the_machine_one_cycle_runs_and_the_rest_is_missed_asleep() -> None:
    running = Running()
    await running.until(cycles=2, after=lambda count: running.clock.step_wall(3600) if count == 1 else None)
    assert len(running.hue.asked) == 2
    assert len(running.missed()) == 11
    assert {cause for _, cause in running.missed()} == {Cause.ASLEEP}


async def test_slots_that_pass_while_the_process_stands_still_are_missed_by_overrun() -> None:
    running = Running()
    await running.until(cycles=2, after=lambda count: running.clock.advance(1000) if count == 1 else None)
    assert {cause for _, cause in running.missed()} == {Cause.OVERRUN}


async def test_a_clock_that_steps_back_runs_nothing_twice() -> None:
    running = Running()
    await running.until(cycles=4, after=lambda count: running.clock.step_wall(-900) if count == 2 else None)
    assert len(running.hue.asked) == len(set(running.hue.asked)) == 4
    assert running.missed() == []


async def test_a_slot_stored_far_in_the_future_holds_nothing_up_and_is_said_once() -> None:
    running = Running()
    far = NOON + timedelta(days=400)
    running.store.append(a_cycle(Collected(due=a_due(slot=far), readings=(a_reading(collected_at=far),))))
    await running.until(cycles=3)
    assert running.hue.asked == [NOON, NOON + minutes(5), NOON + minutes(10)]
    assert len(running.journal.of("clock.fault")) == 1


async def test_a_store_that_cannot_be_read_does_not_make_a_source_due_again() -> None:
    running = Running()
    running.store.fault = StoreBusy("locked by another program")
    await running.until(cycles=3)
    assert running.hue.asked == [NOON, NOON + minutes(5), NOON + minutes(10)]


async def test_slots_that_could_not_be_stored_are_explained_once_they_can() -> None:
    running = Running()

    def trouble(count: int) -> None:
        running.store.fault = StoreBusy("locked by another program") if count in (1, 2) else None

    await running.until(cycles=5, after=trouble)
    assert running.missed() == [
        (NOON + minutes(5), Cause.NOT_STORED),
        (NOON + minutes(10), Cause.NOT_STORED),
    ]
    assert len(running.store.readings) == 3


async def test_a_store_that_answers_late_still_learns_of_the_time_before_the_start() -> None:
    running = Running(start=NOON + minutes(10))
    running.store.append(a_cycle())
    running.store.fault = StoreBusy("locked by another program")

    def mend(count: int) -> None:
        running.store.fault = None

    await running.until(cycles=3, after=mend)
    assert running.missed() == [
        (NOON + minutes(5), Cause.STOPPED),
        (NOON + minutes(10), Cause.NOT_STORED),
    ]


async def test_where_a_source_stands_is_asked_once_a_cycle_and_never_again_of_a_store_in_trouble() -> None:
    asked: list[str] = []

    class Counting(MemoryStore):
        def standing(self, source: str, at: datetime) -> Standing:
            asked.append(source)
            return super().standing(source, at)

    running = Running(store=Counting(), amazon_every_s=300)
    await running.until(cycles=2)
    assert asked == ["hue", "amazon"] * 2
    asked.clear()
    running = Running(store=Counting(), amazon_every_s=300)
    running.store.fault = StoreBusy("locked by another program")
    await running.until(cycles=1)
    assert asked == ["hue"]


async def test_stopping_ends_a_nap_at_once() -> None:
    running = Running()
    service = ContinuousCollection(
        collection=running.collection, clock=running.clock, journal=running.journal
    )

    def stop_in_the_nap(cycle: Cycle) -> None:
        asyncio.get_running_loop().call_soon(running.stop.set)

    await service.run(running.stop, stop_in_the_nap)
    assert running.clock.now() == NOON


async def test_stopping_during_a_cycle_finishes_it() -> None:
    running = Running()

    class Stopping(MemorySource):
        async def read(self, slot: datetime, deadline_s: float) -> SourceReply:
            running.stop.set()
            await running.clock.sleep(2)
            return a_reply()

    running.collection = Collection(
        plans=[SourcePlan(source=Stopping("hue"), interval_s=300)],
        store=running.store,
        retrier=MemoryRetrier(clock=running.clock, journal=running.journal),
        clock=running.clock,
        meter=MemoryMeter(running.clock),
        journal=running.journal,
    )
    await running.until(cycles=99)
    assert len(running.cycles) == 1
    assert len(running.store.readings) == 1


def test_a_turn_by_hand_is_at_the_present_second_and_outside_the_schedule() -> None:
    running = Running()
    (due,) = by_hand(running.collection, NOON.replace(second=7, microsecond=9)).dues
    assert due == a_due(slot=NOON.replace(second=7), scheduled=False)


def test_a_cycle_by_hand_leaves_the_timetable_as_it_was() -> None:
    running = Running()
    by_hand_slot = NOON.replace(second=7)
    running.store.append(
        a_cycle(
            Collected(
                due=a_due(slot=by_hand_slot, scheduled=False),
                readings=(a_reading(collected_at=by_hand_slot),),
            )
        )
    )
    turn = Timetable(running.collection).turn(NOON + minutes(1), Cause.STOPPED)
    assert [due.slot for due in turn.dues] == [NOON]
