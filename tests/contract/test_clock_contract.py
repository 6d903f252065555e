"""The contract of clocks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

import pytest

from adapters.memory.runtime import MemoryClock
from adapters.runtime.clock import SystemClock
from adapters.runtime.virtual_time import TrueClock, VirtualClock, VirtualTimeLoop
from adapters.simulator.clock import MovedClock
from ports.clock import Clock
from tests.support.builders import NOON

Run = Callable[[Clock, Coroutine[Any, Any, None]], None]
CLOCKS: dict[str, Callable[[], Clock]] = {
    "memory": lambda: MemoryClock(NOON),
    "virtual": lambda: VirtualClock(NOON),
    "system": SystemClock,
    "moved": lambda: MovedClock(SystemClock()),
    "moved memory": lambda: MovedClock(MemoryClock(NOON)),
}
A_MOMENT_S = 0.02
HOUR_S = 3600.0


def run(clock: Clock, work: Coroutine[Any, Any, None]) -> None:
    """Run the coroutine in the event loop that the clock needs."""
    with asyncio.Runner(
        loop_factory=lambda: (
            VirtualTimeLoop(clock) if type(clock) is VirtualClock else asyncio.new_event_loop()
        )
    ) as runner:
        runner.run(work)


@pytest.fixture(params=CLOCKS)
def clock(request: pytest.FixtureRequest) -> Clock:
    return CLOCKS[request.param]()


@pytest.fixture(params=[MemoryClock, VirtualClock])
def machine(request: pytest.FixtureRequest) -> VirtualClock:
    """Return a clock that can be set."""
    made: VirtualClock = request.param(NOON)
    return made


def test_wall_time_is_aware_utc(clock: Clock) -> None:
    assert clock.now().utcoffset() == timedelta(0)


def test_sleep_lasts_at_least_its_time(clock: Clock) -> None:
    began_s, began_at = clock.elapsed_s(), clock.now()
    run(clock, clock.sleep(A_MOMENT_S))
    # The system's timers are a little coarser than its stopwatch.
    assert clock.elapsed_s() - began_s >= A_MOMENT_S * 0.9
    assert clock.now() - began_at >= timedelta(seconds=A_MOMENT_S * 0.9)


def test_elapsed_time_never_decreases(clock: Clock) -> None:
    seen = []

    async def look() -> None:
        for _ in range(50):
            seen.append(clock.elapsed_s())
            await clock.sleep(0)

    run(clock, look())
    assert seen == sorted(seen)


@pytest.mark.parametrize("seconds", [0, -1.0])
def test_zero_sleep_only_yields(clock: Clock, seconds: float) -> None:
    ran = []

    async def speak() -> None:
        ran.append("other")

    async def both() -> None:
        other = asyncio.create_task(speak())
        await clock.sleep(seconds)
        ran.append("sleeper")
        await other

    run(clock, both())
    assert ran == ["other", "sleeper"]


def test_sleepers_wake_in_order(clock: Clock) -> None:
    woken: list[float] = []

    async def sleep(seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append(seconds)

    async def all_of_them() -> None:
        await asyncio.gather(*(sleep(A_MOMENT_S * share) for share in (3, 1, 2)))

    run(clock, all_of_them())
    assert woken == [A_MOMENT_S * share for share in (1, 2, 3)]


def test_cancelled_sleep_ends_at_once(clock: Clock) -> None:
    async def cancel() -> None:
        sleeper = asyncio.create_task(clock.sleep(HOUR_S))
        await asyncio.sleep(0)
        sleeper.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sleeper

    run(clock, cancel())


@pytest.mark.parametrize("by_s", [HOUR_S, -HOUR_S])
def test_a_step_moves_the_wall_clock_alone(machine: VirtualClock, by_s: float) -> None:
    machine.advance(10)
    machine.step_wall(by_s)
    assert machine.now() == NOON + timedelta(seconds=10 + by_s)
    assert (machine.elapsed_s(), machine.elapsed_asleep_s()) == (10, 10)


def test_while_the_machine_sleeps_only_the_stopwatch_stands(machine: VirtualClock) -> None:
    machine.advance(10)
    machine.sleep_machine(HOUR_S)
    assert machine.now() == NOON + timedelta(seconds=10 + HOUR_S)
    assert (machine.elapsed_s(), machine.elapsed_asleep_s()) == (10, 10 + HOUR_S)


def test_a_sleeper_waits_by_the_stopwatch(machine: VirtualClock) -> None:
    async def sleep() -> None:
        sleeper = asyncio.create_task(machine.sleep(10))
        await asyncio.sleep(0)
        machine.sleep_machine(HOUR_S)
        machine.step_wall(HOUR_S)
        await sleeper

    run(machine, sleep())
    assert machine.elapsed_s() == 10


def test_the_true_time_goes_on_while_the_machine_sleeps_and_is_never_set() -> None:
    machine = VirtualClock(NOON)
    true = TrueClock(machine)
    woken = []

    async def sleep(seconds: float) -> None:
        await true.sleep(seconds)
        woken.append((seconds, machine.elapsed_s()))

    async def all_of_them() -> None:
        sleepers = asyncio.gather(sleep(5), sleep(60), sleep(2 * HOUR_S))
        await machine.sleep(10)
        machine.step_wall(-HOUR_S)
        machine.sleep_machine(HOUR_S)
        await sleepers

    run(machine, all_of_them())
    assert woken == [(5, 5), (60, 10), (2 * HOUR_S, HOUR_S)]
    assert true.now() == NOON + timedelta(hours=2)
