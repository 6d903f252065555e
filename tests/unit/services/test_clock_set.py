"""Collecting while the computer's clock is set back or forward: nothing is lost, and the incident is seen."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise

import pytest

from domain.cycle import Cause, Collected, Missed, SourceReply
from domain.errors import StoreBusy
from domain.schedule import slot_at, slots_between
from domain.services.continuous_collection import (
    ContinuousCollection,
    PlannedCycle,
    Timetable,
    run_planned,
    unscheduled_cycle,
)
from ports.journal import Level
from tests.support.builders import NOON, a_cycle, a_due, a_failed, a_reading
from tests.support.running import Running, minutes

MINUTE_S, HOUR_S, YEAR_S = 60, 3600, 365 * 86_400


class Moved(Running):
    """A home whose sources note when they are asked, by the wall and by the stopwatch."""

    def __init__(self, start: datetime = NOON, amazon_every_s: int = 0) -> None:
        super().__init__(start, amazon_every_s=amazon_every_s)
        self.asked: list[tuple[str, datetime, float]] = []
        self.planned: list[PlannedCycle] = []
        for source in (self.hue, self.amazon):
            source.read = partial(self._read, source.name, source.read)  # type: ignore[method-assign]

    async def _read(
        self,
        name: str,
        read: Callable[[datetime, float], Awaitable[SourceReply]],
        slot: datetime,
        limit_s: float,
    ) -> SourceReply:
        self.asked.append((name, self.clock.now(), self.clock.elapsed_s()))
        return await read(slot, limit_s)

    async def go_on(self, seconds: float) -> None:
        """Collect for that long, by the stopwatch."""

        async def end() -> None:
            await self.clock.sleep(seconds)
            self.stop.set()

        self.stop.clear()
        ending = asyncio.ensure_future(end())
        await self.service.run(self.stop, lambda _, planned: self.planned.append(planned))
        await ending

    def start(self) -> None:
        """Start a process on what is stored."""
        self.service = ContinuousCollection(
            collection=self.collection, clock=self.clock, journal=self.journal
        )

    def outside(self) -> list[datetime]:
        return [slot for (_, slot), entry in self.store.ledger.items() if not entry.due.scheduled]

    def longest_pause_s(self, source: str = "hue") -> float:
        asked = [at_s for name, _, at_s in self.asked if name == source]
        return max(later - earlier for earlier, later in pairwise(asked))

    def without_a_row(self, source: str = "hue", interval_s: int = 300) -> int:
        """Return how many slots between the source's first and last one have no row."""
        planned = {
            slot for (one, slot), entry in self.store.ledger.items() if one == source and entry.due.scheduled
        }
        return len(set(slots_between(min(planned), max(planned), interval_s)) - planned)


async def until_half_past(moved: Moved) -> None:
    """Collect for half an hour; the last cycle is 12:30, and it is 12:32 then."""
    moved.start()
    await moved.go_on(32 * MINUTE_S)


@pytest.mark.parametrize("back_s", [61, 10 * MINUTE_S, 30 * MINUTE_S, 3 * HOUR_S, YEAR_S])
async def test_a_clock_that_is_set_back_loses_nothing(back_s: int) -> None:
    moved = Moved()
    await until_half_past(moved)
    moved.clock.step_wall(-back_s)
    await moved.go_on(back_s % (4 * HOUR_S) + 30 * MINUTE_S)
    assert moved.longest_pause_s() <= 301
    assert len(moved.store.readings) == len(moved.asked), "each reading has a key of its own"
    assert back_s == YEAR_S or moved.without_a_row() == 0, "a year ago there was no home"
    (stepped,) = moved.journal.of("clock.stepped")
    assert (stepped.level, stepped.fields["by_s"]) == (Level.CRITICAL, f"{-back_s}")
    (step,) = [planned.clock_step for planned in moved.planned if planned.clock_step]
    assert step == timedelta(seconds=-back_s)
    assert moved.missed() == []
    newest = [slot for _, slot in moved.store.ledger][-1]
    assert newest == slot_at(moved.clock.now(), 300), "the schedule goes on"


async def test_readings_have_the_true_second_until_slots_are_new() -> None:
    moved = Moved()
    await until_half_past(moved)
    moved.clock.step_wall(-10 * MINUTE_S)
    await moved.go_on(15 * MINUTE_S)
    seconds = [slot - NOON for slot in moved.outside()]
    assert [timedelta(seconds=int(each.total_seconds())) for each in seconds] == seconds
    first, *others = seconds
    assert minutes(22) <= first <= minutes(22) + timedelta(seconds=15), "at the first look after the step"
    assert others == [minutes(25) + timedelta(seconds=1), minutes(30) + timedelta(seconds=1)]
    assert list(moved.store.ledger)[-1] == ("hue", NOON + minutes(35))
    assert [bool(planned.clock_behind) for planned in moved.planned][-4:] == [True, True, False, False]


@pytest.mark.parametrize("step_s", [-59, -30, -5, 4])
async def test_steps_of_seconds_are_invisible(step_s: int) -> None:
    moved = Moved()
    moved.start()
    await moved.go_on(30 * MINUTE_S + 1)  # just after a cycle
    moved.clock.step_wall(step_s)
    await moved.go_on(20 * MINUTE_S)
    assert (moved.outside(), moved.missed(), set(moved.journal.events())) == ([], [], {"cycle"})
    assert len(moved.asked) == (11 if step_s > 0 else 10)


async def test_small_steps_that_add_up_are_noticed() -> None:
    moved = Moved()
    moved.start()
    await moved.go_on(30 * MINUTE_S + 1)
    for _ in range(2):
        moved.clock.step_wall(-50)
        await moved.go_on(16)
    await moved.go_on(10 * MINUTE_S)
    assert [bool(planned.clock_behind) for planned in moved.planned].count(True) == 1
    assert len(moved.outside()) >= 1
    assert moved.longest_pause_s() <= 301


@pytest.mark.parametrize("forward_s", [10 * MINUTE_S, HOUR_S, 10 * HOUR_S])
async def test_a_clock_that_is_set_forward_has_no_slots_without_a_row(forward_s: int) -> None:
    moved = Moved()
    await until_half_past(moved)
    moved.clock.step_wall(forward_s)
    await moved.go_on(12 * MINUTE_S)
    assert {cause for _, cause in moved.missed()} == {Cause.CLOCK_STEPPED}
    assert (moved.without_a_row(), moved.outside()) == (0, [])
    assert len(moved.store.readings) == len(moved.asked)
    assert [record.level for record in moved.journal.of("clock.stepped")] == [Level.WARNING]


@pytest.mark.parametrize("forward_s", [10 * MINUTE_S, HOUR_S, 10 * HOUR_S, YEAR_S])
async def test_a_clock_that_was_ahead_and_is_put_right_loses_nothing(forward_s: int) -> None:
    moved = Moved()
    await until_half_past(moved)
    moved.clock.step_wall(forward_s)
    await moved.go_on(12 * MINUTE_S)
    moved.clock.step_wall(-forward_s)
    await moved.go_on(2 * HOUR_S)
    assert moved.longest_pause_s() <= 301
    assert len(moved.store.readings) == len(moved.asked)
    present = slot_at(moved.clock.now(), 300)
    planned = [present - each * minutes(5) for each in range(6)]
    assert all(isinstance(moved.store.ledger["hue", slot], Collected) for slot in planned)


@pytest.mark.parametrize("back_s", [30 * MINUTE_S, 3 * HOUR_S, 30 * HOUR_S])
async def test_a_clock_that_was_behind_and_is_put_right_leaves_no_slot_without_a_row(back_s: int) -> None:
    moved = Moved()
    await until_half_past(moved)
    moved.clock.step_wall(-back_s)
    await moved.go_on(12 * MINUTE_S)
    moved.clock.step_wall(back_s)
    await moved.go_on(12 * MINUTE_S)
    assert moved.longest_pause_s() <= 301
    assert len(moved.store.readings) == len(moved.asked)
    assert moved.without_a_row() == 0


@pytest.mark.parametrize(("asleep_s", "cause"), [(20 * MINUTE_S, Cause.ASLEEP), (0, Cause.OVERRUN)])
async def test_sleep_is_no_step(asleep_s: int, cause: Cause) -> None:
    moved = Moved()
    await until_half_past(moved)
    if asleep_s:
        moved.clock.sleep_machine(asleep_s)
    else:
        moved.clock.advance(20 * MINUTE_S)
    await moved.go_on(10 * MINUTE_S)
    assert {cause for _, cause in moved.missed()} == {cause}
    assert not moved.journal.of("clock.stepped")


async def test_a_clock_that_is_set_right_at_the_wake_makes_no_step_of_the_sleep() -> None:
    moved = Moved()
    await until_half_past(moved)
    moved.clock.sleep_machine(3 * HOUR_S)
    moved.clock.step_wall(-200)
    await moved.go_on(10 * MINUTE_S)
    assert {cause for _, cause in moved.missed()} == {Cause.ASLEEP}
    assert len(moved.journal.of("clock.stepped")) == 1


async def test_a_step_within_a_cycle_is_noticed_after_it() -> None:
    moved = Moved()
    moved.start()
    read = moved.hue.read

    async def stepping(slot: datetime, deadline_s: float) -> SourceReply:
        if len(moved.asked) == 3:
            moved.clock.step_wall(-30 * MINUTE_S)
        return await read(slot, deadline_s)

    moved.hue.read = stepping  # type: ignore[method-assign]
    await moved.go_on(HOUR_S)
    assert moved.longest_pause_s() <= 301
    assert len(moved.store.readings) == len(moved.asked)
    assert len(moved.journal.of("clock.stepped")) == 1


async def test_sources_with_other_intervals_are_read_on() -> None:
    moved = Moved(amazon_every_s=3600)
    await until_half_past(moved)
    moved.clock.step_wall(-45 * MINUTE_S)
    await moved.go_on(3 * HOUR_S)
    assert moved.longest_pause_s() <= 301
    assert moved.longest_pause_s("amazon") <= 3601
    assert len(moved.store.readings) == len(moved.asked)
    assert (moved.without_a_row(), moved.without_a_row("amazon", 3600)) == (0, 0)


@pytest.mark.parametrize(
    ("back_s", "is_behind"),
    [(20, False), (MINUTE_S, False), (10 * MINUTE_S, True), (3 * HOUR_S, True), (YEAR_S, True)],
)
async def test_a_clock_that_was_set_back_before_the_start(back_s: int, *, is_behind: bool) -> None:
    earlier = Moved()
    await until_half_past(earlier)  # the newest slot is 12:30
    moved = Moved(start=NOON + minutes(30) - timedelta(seconds=back_s))
    for entry in earlier.store.ledger.values():
        assert isinstance(entry, Collected)
        moved.store.append(a_cycle(entry))
    stored = len(moved.store.readings)
    moved.start()
    await moved.go_on(20 * MINUTE_S)
    assert any(planned.clock_behind or planned.clock_faults for planned in moved.planned) is is_behind
    assert len(moved.store.readings) == stored + len(moved.asked)
    assert len(moved.asked) >= 3
    assert bool(moved.outside()) is (back_s == 10 * MINUTE_S)


async def test_a_clock_that_is_wrong_at_boot_and_put_right() -> None:
    moved = Moved(start=datetime.fromisoformat("1970-01-01T00:00:20+00:00"))
    for slot in (NOON, NOON + minutes(5)):
        moved.store.append(a_cycle(Collected(due=a_due(slot=slot), readings=(a_reading(collected_at=slot),))))
    moved.start()
    await moved.go_on(12 * MINUTE_S)
    moved.clock.step_wall((NOON + minutes(60) - moved.clock.now()).total_seconds())
    await moved.go_on(12 * MINUTE_S)
    missed = [(slot - NOON, cause) for slot, cause in moved.missed()]
    # it was booted twelve minutes before the hour
    assert missed[:7] == [(minutes(each), Cause.STOPPED) for each in range(10, 45, 5)]
    assert missed[7:] == [(minutes(each), Cause.CLOCK_STEPPED) for each in range(45, 60, 5)]
    assert moved.longest_pause_s() <= 301


async def test_no_slot_is_run_twice_while_the_store_is_unreadable() -> None:
    moved = Moved()
    await until_half_past(moved)
    moved.clock.step_wall(-20 * MINUTE_S)
    moved.store.fault = StoreBusy("locked by another program")
    await moved.go_on(15 * MINUTE_S)
    moved.store.fault = None
    await moved.go_on(30 * MINUTE_S)
    assert len(moved.store.readings) == len(moved.asked)
    assert moved.without_a_row() == 0


async def _by_cron(moved: Moved, runs: int, *, every_s: float) -> list[PlannedCycle]:
    """Run `collect --once` that often."""
    planned = []
    for _ in range(runs):
        one = Timetable(moved.collection, moved.clock).next_unstored()
        if not one.dues and not one.outside:
            one = unscheduled_cycle(moved.collection, moved.clock)
        await run_planned(moved.collection, moved.clock, one)
        planned.append(one)
        moved.clock.advance(every_s)
    return planned


@pytest.mark.parametrize("back_s", [10 * MINUTE_S, 30 * MINUTE_S, 3 * HOUR_S])
@pytest.mark.parametrize("amazon_every_s", [0, 3600])
async def test_runs_by_cron_lose_nothing_when_the_clock_is_set_back(back_s: int, amazon_every_s: int) -> None:
    moved = Moved(amazon_every_s=amazon_every_s)
    await _by_cron(moved, 6, every_s=300)
    moved.clock.step_wall(-back_s)
    planned = await _by_cron(moved, 40, every_s=300)
    assert planned[0].clock_behind or planned[0].clock_faults
    assert len(moved.store.readings) == len(moved.asked)
    assert len([name for name, *_ in moved.asked if name == "hue"]) == 46
    assert moved.without_a_row() == 0


@pytest.mark.parametrize(
    ("before", "at_noon", "is_planned"),
    [
        (Cause.NETWORK, None, True),
        (Cause.NETWORK, Cause.STOPPED, True),
        (Cause.NETWORK, Cause.NETWORK, False),
        (Cause.STOPPED, Cause.STOPPED, False),
        (None, None, False),
    ],
)
async def test_a_slot_that_follows_the_schedule_is_planned_whatever_comes_later(
    before: Cause | None, at_noon: Cause | None, *, is_planned: bool
) -> None:
    moved = Moved(start=NOON + timedelta(seconds=20))
    other = a_failed(a_due("other"))
    moved.store.append(a_cycle(a_failed(a_due(slot=NOON + minutes(30)))))
    for cause, due in ((before, a_due(slot=NOON - minutes(5))), (at_noon, a_due())):
        if cause is Cause.STOPPED:
            moved.store.append(a_cycle(other, missed=(Missed(due=due, cause=cause),)))
        elif cause is not None:
            moved.store.append(a_cycle(a_failed(due)))
    moved.start()
    await moved.go_on(MINUTE_S)
    assert isinstance(moved.store.ledger.get(("hue", NOON)), Collected) is is_planned
    assert bool(moved.outside()) is not is_planned
