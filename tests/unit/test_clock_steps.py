"""Sleep, and steps of the wall clock, told apart by three clocks."""

from __future__ import annotations

from datetime import timedelta

import pytest

from domain.cycle import Cause
from domain.services.continuous_collection import ClockLook, change_between
from tests.support.builders import NOON

BEFORE = ClockLook(now=NOON, elapsed_s=100.0, elapsed_asleep_s=900.0)
HOUR_S, YEAR_S = 3600.0, 365 * 86_400.0


@pytest.mark.parametrize(
    ("wall_s", "awake_s", "asleep_s", "cause", "is_notable"),
    [
        (15, 15, 0, Cause.OVERRUN, False),
        (18, 15, 0, Cause.OVERRUN, False),
        (1015, 1015, 0, Cause.OVERRUN, False),
        (HOUR_S, 15, HOUR_S - 15, Cause.ASLEEP, False),
        (HOUR_S + 3, 15, HOUR_S - 15, Cause.ASLEEP, False),  # a time service corrects the clock after sleep
        (HOUR_S - 40, 15, HOUR_S - 15, Cause.ASLEEP, False),
        (HOUR_S - 300, 15, HOUR_S - 15, Cause.ASLEEP, True),  # it had been ahead when it fell asleep
        (-300, 15, 60, Cause.CLOCK_STEPPED, True),
        (615, 15, 0, Cause.CLOCK_STEPPED, True),
        (15 + HOUR_S, 15, 0, Cause.CLOCK_STEPPED, True),
        (15 + YEAR_S, 15, 0, Cause.CLOCK_STEPPED, True),
        (15 + 2 * HOUR_S, 15, 600, Cause.CLOCK_STEPPED, True),
        (15 + 2 * HOUR_S, 15, 1.5 * HOUR_S, Cause.ASLEEP, True),
        (15 - 59, 15, 0, Cause.OVERRUN, False),
        (15 - 61, 15, 0, Cause.CLOCK_STEPPED, True),
        (15 - 1800, 15, 0, Cause.CLOCK_STEPPED, True),
        (15 - YEAR_S, 15, 0, Cause.CLOCK_STEPPED, True),
        (15 - 1800, 15, -1800, Cause.CLOCK_STEPPED, True),  # all clocks were set but the stopwatch
    ],
)
def test_each_change_has_its_cause(
    wall_s: float, awake_s: float, asleep_s: float, cause: Cause, *, is_notable: bool
) -> None:
    after = ClockLook(
        now=NOON + timedelta(seconds=wall_s),
        elapsed_s=100.0 + awake_s,
        elapsed_asleep_s=900.0 + awake_s + asleep_s,
    )
    change = change_between(BEFORE, after)
    assert (change.cause, change.is_notable) == (cause, is_notable)


@pytest.mark.parametrize(
    ("wall_s", "cause", "stepped_s"),
    [(15, Cause.OVERRUN, 0), (1015, Cause.ASLEEP, 0), (15 - 1800, Cause.CLOCK_STEPPED, -1800)],
)
def test_where_sleep_is_unknown_a_gain_is_sleep(wall_s: float, cause: Cause, stepped_s: float) -> None:
    before, after = (
        ClockLook(now=NOON, elapsed_s=0.0),
        ClockLook(now=NOON + timedelta(seconds=wall_s), elapsed_s=15.0),
    )
    change = change_between(before, after)
    assert (change.cause, change.stepped.total_seconds()) == (cause, stepped_s)
