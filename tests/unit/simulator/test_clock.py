"""The clock whose wall time can be moved."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from adapters.memory.runtime import MemoryClock
from adapters.simulator.clock import MovedClock
from tests.support.builders import NOON

A_WEEK = timedelta(days=7)


def test_moved_clock_shows_another_time_and_goes_on() -> None:
    inner = MemoryClock(NOON)
    clock = MovedClock(inner)
    assert clock.now() == NOON
    clock.move_to(NOON - A_WEEK)
    inner.advance(5)
    assert clock.now() == NOON - A_WEEK + timedelta(seconds=5)
    clock.move_back()
    assert clock.now() == NOON + timedelta(seconds=5)


async def test_elapsed_time_and_sleep_stay_real() -> None:
    inner = MemoryClock(NOON)
    clock = MovedClock(inner)
    clock.move_to(NOON + A_WEEK)
    await clock.sleep(5)
    assert clock.elapsed_s() == inner.elapsed_s() == 5
    assert clock.now() == NOON + A_WEEK + timedelta(seconds=5)


def test_clock_shows_utc_and_needs_an_aware_instant() -> None:
    clock = MovedClock(MemoryClock(NOON))
    clock.move_to(datetime(2026, 1, 1, 12, 0, tzinfo=timezone(timedelta(hours=2))))
    assert clock.now() == datetime(2026, 1, 1, 10, 0, tzinfo=UTC)
    assert clock.now().utcoffset() == timedelta(0)
    with pytest.raises(ValueError, match="aware"):
        clock.move_to(datetime(2026, 1, 1))  # noqa: DTZ001 - the point of the test


def test_clocks_on_one_file_show_the_same_time(tmp_path: Path) -> None:
    real = MemoryClock(NOON)
    leading, following = (MovedClock(real, tmp_path / "clock") for _ in range(2))
    leading.move_to(NOON - A_WEEK)
    assert following.now() == leading.now() == NOON - A_WEEK
    assert MovedClock(real, tmp_path / "clock").now() == NOON - A_WEEK
    leading.move_back()
    assert following.now() == NOON
