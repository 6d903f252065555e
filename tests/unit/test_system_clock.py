"""The computer's own clocks, and the one whose wall was moved."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta, timezone

import pytest
from freezegun.api import FrozenDateTimeFactory

from adapters.memory.runtime import MemoryClock
from adapters.runtime.clock import SystemClock
from adapters.simulator.clock import MovedClock
from tests.support.builders import NOON

A_WEEK = timedelta(days=7)


async def test_the_wall_is_the_system_s(frozen: FrozenDateTimeFactory) -> None:
    clock = SystemClock()
    assert clock.now() == NOON
    frozen.tick(timedelta(seconds=5))
    assert clock.now() == NOON + timedelta(seconds=5)
    await clock.sleep(0.001)  # asyncio's own time goes on


def test_the_stopwatch_does_not_follow_a_wall_that_steps_back(frozen: FrozenDateTimeFactory) -> None:
    clock = SystemClock()
    began_s = clock.elapsed_s()
    frozen.tick(timedelta(seconds=5))
    assert clock.elapsed_s() == pytest.approx(began_s + 5)


def test_a_moved_wall_shows_what_it_was_moved_to_and_goes_on() -> None:
    inner = MemoryClock(NOON)
    clock = MovedClock(inner)
    assert clock.now() == NOON
    clock.move_to(NOON - A_WEEK)
    assert clock.now() == NOON - A_WEEK
    inner.advance(5)
    assert clock.now() == NOON - A_WEEK + timedelta(seconds=5)
    clock.move_back()
    assert clock.now() == NOON + timedelta(seconds=5)


def test_a_moved_wall_moves_no_stopwatch() -> None:
    inner = MemoryClock(NOON)
    clock = MovedClock(inner)
    clock.move_to(NOON + A_WEEK)
    assert clock.elapsed_s() == inner.elapsed_s() == 0


async def test_a_moved_wall_makes_no_sleep_longer() -> None:
    inner = MemoryClock(NOON)
    clock = MovedClock(inner)
    clock.move_to(NOON + A_WEEK)
    await clock.sleep(5)
    assert inner.elapsed_s() == 5
    assert clock.now() == NOON + A_WEEK + timedelta(seconds=5)


def test_an_instant_of_another_zone_is_shown_in_utc() -> None:
    clock = MovedClock(MemoryClock(NOON))
    clock.move_to(datetime(2026, 1, 1, 12, 0, tzinfo=timezone(timedelta(hours=2))))
    assert clock.now() == datetime(2026, 1, 1, 10, 0, tzinfo=UTC)
    assert clock.now().utcoffset() == timedelta(0)


def test_a_clock_is_not_moved_to_a_naive_instant() -> None:
    with pytest.raises(ValueError, match="aware"):
        MovedClock(MemoryClock(NOON)).move_to(datetime(2026, 1, 1))  # noqa: DTZ001 - the point of the test


def test_threads_that_read_while_the_wall_is_moved_see_one_of_the_two_times() -> None:
    clock = MovedClock(MemoryClock(NOON))
    seen: list[datetime] = []
    reader = threading.Thread(target=lambda: seen.extend(clock.now() for _ in range(2000)))
    reader.start()
    for number in range(200):
        clock.move_to(NOON + A_WEEK * (number % 2))
    reader.join()
    assert set(seen) <= {NOON, NOON + A_WEEK}
