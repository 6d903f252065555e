"""The system clock."""

from __future__ import annotations

from datetime import timedelta

import pytest
from freezegun.api import FrozenDateTimeFactory

from adapters.runtime.clock import SystemClock
from tests.support.builders import NOON


async def test_wall_time_is_the_systems(frozen: FrozenDateTimeFactory) -> None:
    clock = SystemClock()
    assert clock.now() == NOON
    frozen.tick(timedelta(seconds=5))
    assert clock.now() == NOON + timedelta(seconds=5)
    await clock.sleep(0.001)  # asyncio's own time goes on


def test_elapsed_time_ignores_wall_clock_steps(frozen: FrozenDateTimeFactory) -> None:
    clock = SystemClock()
    began_s = clock.elapsed_s()
    frozen.tick(timedelta(seconds=5))
    assert clock.elapsed_s() == pytest.approx(began_s + 5)
