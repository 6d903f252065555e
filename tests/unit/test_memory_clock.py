"""Virtual time."""

from __future__ import annotations

import asyncio
from datetime import timedelta

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


async def test_no_time_passes_while_a_task_works() -> None:
    clock = MemoryClock(NOON)
    sleeper = asyncio.create_task(clock.sleep(1))
    for _ in range(20):
        await asyncio.sleep(0)
        assert clock.elapsed_s() == 0
    await sleeper
    assert clock.elapsed_s() == 1


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
