"""The contract of clocks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest

from adapters.memory.runtime import MemoryClock
from adapters.runtime.clock import SystemClock
from adapters.simulator.clock import MovedClock
from ports.clock import Clock
from tests.support.builders import NOON

CLOCKS: dict[str, Callable[[], Clock]] = {
    "memory": lambda: MemoryClock(NOON),
    "system": SystemClock,
    "moved": lambda: MovedClock(SystemClock()),
    "moved memory": lambda: MovedClock(MemoryClock(NOON)),
}
A_MOMENT_S = 0.02


@pytest.fixture(params=CLOCKS)
def clock(request: pytest.FixtureRequest) -> Clock:
    return CLOCKS[request.param]()


def test_wall_time_is_aware_utc(clock: Clock) -> None:
    assert clock.now().utcoffset() == timedelta(0)


async def test_sleep_lasts_at_least_its_time(clock: Clock) -> None:
    began_s, began_at = clock.elapsed_s(), clock.now()
    await clock.sleep(A_MOMENT_S)
    # The system's timers are a little coarser than its stopwatch.
    assert clock.elapsed_s() - began_s >= A_MOMENT_S * 0.9
    assert clock.now() - began_at >= timedelta(seconds=A_MOMENT_S * 0.9)


async def test_elapsed_time_never_decreases(clock: Clock) -> None:
    seen = []
    for _ in range(50):
        seen.append(clock.elapsed_s())
        await clock.sleep(0)
    assert seen == sorted(seen)


@pytest.mark.parametrize("seconds", [0, -1.0])
async def test_zero_sleep_only_yields(clock: Clock, seconds: float) -> None:
    ran = []

    async def speak() -> None:
        ran.append("other")

    other = asyncio.create_task(speak())
    await clock.sleep(seconds)
    ran.append("sleeper")
    await other
    assert ran == ["other", "sleeper"]


async def test_sleepers_wake_in_order(clock: Clock) -> None:
    woken: list[float] = []

    async def sleep(seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append(seconds)

    await asyncio.gather(*(sleep(A_MOMENT_S * share) for share in (3, 1, 2)))
    assert woken == [A_MOMENT_S * share for share in (1, 2, 3)]


async def test_cancelled_sleep_ends_at_once(clock: Clock) -> None:
    sleeper = asyncio.create_task(clock.sleep(3600))
    await asyncio.sleep(0)
    sleeper.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sleeper
