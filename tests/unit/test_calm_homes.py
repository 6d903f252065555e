"""Tests that count readings in real time get a home in which nobody is quiet, whatever day it is."""

from __future__ import annotations

from datetime import timedelta

import pytest

from adapters.simulator.sensors import is_reachable, motion_sensors
from tests.support.builders import NOON
from tests.support.calm_homes import calm_seed


@pytest.mark.parametrize("day", range(60))
def test_every_day_has_a_home_in_which_every_sensor_is_heard(day: int) -> None:
    now = NOON + timedelta(days=day)
    seed = calm_seed(now)
    for sensor in motion_sensors(seed):
        for minutes in range(0, 180, 10):
            assert is_reachable(seed, sensor, (now + timedelta(minutes=minutes)).timestamp())


def test_no_seed_is_calm_on_all_days() -> None:
    assert len({calm_seed(NOON + timedelta(days=day)) for day in range(60)}) > 1
