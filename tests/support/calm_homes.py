"""Simulated homes of now in which every sensor is heard: whoever counts readings in real time needs one.

A seed's sensor falls quiet for hours every few days, and a battery dies: at some times of some days.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import count

from adapters.runtime.clock import SystemClock
from adapters.simulator.sensors import is_reachable, motion_sensors

_BEFORE, _AFTER, _STEP = timedelta(days=1), timedelta(hours=3), timedelta(minutes=10)


def calm_seed(at: datetime | None = None) -> int:
    """The first seed whose sensors are all heard from a day before to hours after that instant, or now."""
    now = at or SystemClock().now()
    instants = [now - _BEFORE + number * _STEP for number in range((_BEFORE + _AFTER) // _STEP)]
    return next(
        seed
        for seed in count(1)
        if all(
            is_reachable(seed, sensor, instant.timestamp())
            for sensor in motion_sensors(seed)
            for instant in instants
        )
    )
