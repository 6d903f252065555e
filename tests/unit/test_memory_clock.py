"""Virtual time."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest

from adapters.memory.runtime import MemoryClock
from tests.support.builders import NOON


async def test_hanging_source_times_out_at_the_exact_instant() -> None:
    clock = MemoryClock(NOON)
    hanging = asyncio.create_task(asyncio.Event().wait())
    budget = asyncio.create_task(clock.sleep(18))
    done, _ = await asyncio.wait({hanging, budget}, return_when=asyncio.FIRST_COMPLETED)
    assert done == {budget}
    assert clock.elapsed_s() == 18
    assert clock.now() == NOON + timedelta(seconds=18)
    hanging.cancel()


async def test_slow_source_answers_within_its_budget() -> None:
    clock = MemoryClock(NOON)
    source = asyncio.create_task(clock.sleep(2))
    budget = asyncio.create_task(clock.sleep(18))
    done, _ = await asyncio.wait({source, budget}, return_when=asyncio.FIRST_COMPLETED)
    assert done == {source}
    assert clock.elapsed_s() == 2
    budget.cancel()


async def test_no_time_passes_while_a_task_works() -> None:
    clock = MemoryClock(NOON)
    sleeper = asyncio.create_task(clock.sleep(1))
    for _ in range(20):
        await asyncio.sleep(0)
        assert clock.elapsed_s() == 0
    await sleeper
    assert clock.elapsed_s() == 1


async def test_sleepers_see_their_own_instants() -> None:
    clock = MemoryClock(NOON)
    seen: list[float] = []

    async def tick(every_s: float) -> None:
        for _ in range(3):
            await clock.sleep(every_s)
            seen.append(clock.elapsed_s())

    await asyncio.gather(tick(5), tick(7))
    assert seen == [5, 7, 10, 14, 15, 21]


async def test_sleepers_of_one_instant_wake_in_order() -> None:
    clock = MemoryClock(NOON)
    woken: list[int] = []

    async def sleep(number: int) -> None:
        await clock.sleep(4)
        woken.append(number)
        await asyncio.sleep(0)
        woken.append(number)

    await asyncio.gather(*map(sleep, range(3)))
    assert woken == [0, 0, 1, 1, 2, 2]
    assert clock.elapsed_s() == 4


async def test_cancelled_sleeper_moves_no_time() -> None:
    clock = MemoryClock(NOON)
    cancelled = asyncio.create_task(clock.sleep(5))
    await asyncio.sleep(0)
    cancelled.cancel()
    for _ in range(500):
        await asyncio.sleep(0)
    assert cancelled.cancelled()
    assert clock.elapsed_s() == 0
    await clock.sleep(30)
    assert clock.elapsed_s() == 30


async def test_days_pass_in_no_time() -> None:
    clock = MemoryClock(NOON)
    for _ in range(2016):
        await clock.sleep(300)
    assert clock.now() == NOON + timedelta(days=7)


async def test_advance_wakes_only_due_sleepers() -> None:
    clock = MemoryClock(NOON)
    early, late = asyncio.create_task(clock.sleep(5)), asyncio.create_task(clock.sleep(15))
    await asyncio.sleep(0)
    clock.advance(10)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert (early.done(), late.done()) == (True, False)
    assert clock.elapsed_s() == 10
    await late
    assert clock.elapsed_s() == 15


@pytest.mark.parametrize("jump_s", [3600, -3600])
async def test_wall_jump_wakes_no_sleeper(jump_s: float) -> None:
    clock = MemoryClock(NOON)
    sleeper = asyncio.create_task(clock.sleep(5))
    await asyncio.sleep(0)
    clock.step_wall(jump_s)
    assert clock.now() == NOON + timedelta(seconds=jump_s)
    assert clock.elapsed_s() == 0
    await sleeper
    assert clock.elapsed_s() == 5


def test_clock_works_in_successive_loops() -> None:
    clock = MemoryClock(NOON)

    async def leave_a_sleeper_behind() -> None:
        sleeper = asyncio.create_task(clock.sleep(100))
        await clock.sleep(1)
        assert not sleeper.done()

    asyncio.run(leave_a_sleeper_behind())
    asyncio.run(clock.sleep(2))
    assert clock.elapsed_s() == 3


def test_naive_start_is_rejected() -> None:
    with pytest.raises(ValueError, match="aware"):
        MemoryClock(datetime(2026, 1, 1))  # noqa: DTZ001 - the point of the test
