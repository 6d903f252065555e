"""What troubles do to the clocks of the collector's machine."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from adapters.runtime.virtual_time import VirtualTimeLoop
from adapters.simulator.home import SimulatedHome
from adapters.simulator.simulation.clocks import RecordedClock
from adapters.simulator.simulation.effects import (
    Collector,
    DriftingClock,
    Effect,
    Place,
    SetClock,
    StartedIn1970,
)
from tests.support.builders import NOON

HOUR_S = 3600.0


def a_place(tmp_path: Path, start: datetime = NOON) -> Place:
    clock = RecordedClock(start)
    return Place(
        home=SimulatedHome(clock=clock),
        clock=clock,
        folder=tmp_path,
        database=tmp_path / "readings.db",
        collector=Collector(),
    )


def after(place: Place, effect: Effect) -> list[tuple[datetime, bool]]:
    """Return what the clock shows and whether the collector is on: after two minutes, an hour and the end."""
    seen = []

    async def look() -> None:
        with effect.during(place, HOUR_S):
            for seconds in (120, HOUR_S - 120):
                await place.clock.sleep(seconds)
                seen.append((place.clock.now(), place.collector.is_on.is_set()))
        seen.append((place.clock.now(), place.collector.is_on.is_set()))

    with asyncio.Runner(loop_factory=lambda: VirtualTimeLoop(place.clock)) as runner:
        runner.run(look())
    return seen


@pytest.mark.parametrize("effect", [SetClock(), SetClock(is_back=True), DriftingClock()])
def test_a_clock_is_wrong_until_it_is_set_right(tmp_path: Path, effect: Effect) -> None:
    place = a_place(tmp_path)
    *_, wrong, right = after(place, effect)
    assert wrong[0] != NOON + timedelta(hours=1) == right[0]
    assert place.clock.stepped == timedelta()


def test_a_clock_that_drifts_makes_small_steps(tmp_path: Path) -> None:
    place = a_place(tmp_path)
    after(place, DriftingClock())
    steps = [(change.shown_after - change.shown_before).total_seconds() for change in place.clock.changes]
    assert {abs(step) for step in steps[:-1]} == {2.0}
    assert steps[-1] == -sum(steps[:-1])


def test_no_clock_is_set_before_1970(tmp_path: Path) -> None:
    place = a_place(tmp_path, datetime(1970, 1, 1, 0, 0, 5, tzinfo=UTC))
    (shown, _), *_ = after(place, SetClock(is_back=True))
    assert shown == datetime(1970, 1, 1, 0, 2, 5, tzinfo=UTC)


def test_a_clock_that_is_set_back_in_1970_is_set_right_later(tmp_path: Path) -> None:
    place = a_place(tmp_path)
    shown = []

    async def set_clock() -> None:
        forward, start = SetClock().during(place, HOUR_S), StartedIn1970().during(place, HOUR_S)
        forward.__enter__()
        start.__enter__()
        for effect in (forward, start):
            effect.__exit__(None, None, None)
            shown.append(place.clock.now())

    with asyncio.Runner(loop_factory=lambda: VirtualTimeLoop(place.clock)) as runner:
        runner.run(set_clock())
    assert shown == [datetime(1970, 1, 1, tzinfo=UTC), NOON]


def test_a_machine_starts_in_1970_and_gets_its_time(tmp_path: Path) -> None:
    seen = after(a_place(tmp_path), StartedIn1970())
    assert seen == [
        (datetime(1970, 1, 1, 0, 2, tzinfo=UTC), True),
        (datetime(1970, 1, 1, 1, 0, tzinfo=UTC), True),
        (NOON + timedelta(hours=1), True),
    ]
