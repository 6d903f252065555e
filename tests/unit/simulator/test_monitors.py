"""Air of the simulated home, and what its monitors report: plausible, and the same for the same seed."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from itertools import pairwise

import pytest

from adapters.simulator import air
from adapters.simulator.amazon import monitors as module
from adapters.simulator.amazon.monitors import (
    Monitor,
    is_reachable,
    monitors,
    quiet_spell,
    sample_at,
    stamp,
)
from adapters.simulator.house import House
from adapters.simulator.weather import DAY_S
from domain.reading import STORABLE, Quantity

JANUARY = datetime(2026, 1, 12, tzinfo=UTC).timestamp()
JULY = datetime(2026, 7, 6, tzinfo=UTC).timestamp()
WEEK = range(0, 7 * DAY_S, 1800)
KITCHEN, BEDROOM, LIVING = monitors(1)


@cache
def course(monitor: Monitor, quantity: Quantity, begin_s: float = JANUARY, seed: int = 1) -> list[float]:
    return [sample_at(seed, monitor, quantity, begin_s + at_s).value for at_s in WEEK]


def test_three_monitors_have_ids_of_their_own() -> None:
    assert [monitor.room for monitor in monitors(1)] == ["kitchen", "bedroom", "living"]
    assert [Quantity.PM10 in monitor.quantities for monitor in monitors(1)] == [True, False, True]
    assert all(Quantity.CARBON_DIOXIDE not in monitor.quantities for monitor in monitors(1))
    ids = {name for each in monitors(1) for name in (each.serial, each.entity_id, each.appliance_id)}
    assert len(ids) == 9
    assert monitors(2)[0].serial != KITCHEN.serial
    assert course(KITCHEN, Quantity.PM25) != course(KITCHEN, Quantity.PM25, seed=2)


@pytest.mark.parametrize("begin_s", [JANUARY, JULY])
@pytest.mark.parametrize("monitor", monitors(1), ids=lambda monitor: monitor.room)
def test_values_are_plausible_in_winter_and_summer(monitor: Monitor, begin_s: float) -> None:
    for quantity in monitor.quantities:
        values = course(monitor, quantity, begin_s)
        assert all(value in STORABLE[quantity] for value in values)
        assert len(set(values)) > 1 or (quantity is Quantity.CARBON_MONOXIDE and monitor is BEDROOM)
    humidity = course(monitor, Quantity.RELATIVE_HUMIDITY, begin_s)
    assert 15 <= min(humidity) < max(humidity) <= 90
    assert max(course(monitor, Quantity.CARBON_MONOXIDE, begin_s)) <= 8
    score = course(monitor, Quantity.IAQ_SCORE, begin_s)
    assert 0 <= min(score) < 90 <= max(score)
    for at_s in WEEK[::4]:
        sample = sample_at(1, monitor, Quantity.TEMPERATURE, begin_s + at_s)
        assert (4 * sample.value).is_integer()
        room = House(1).room_celsius(monitor.room, sample.at.timestamp())
        assert 0.0 <= sample.value - room <= 0.9


def test_samples_do_not_depend_on_the_order_of_calls() -> None:
    first = [sample_at(23, KITCHEN, Quantity.IAQ_SCORE, JULY + at_s) for at_s in WEEK]
    for cached in (air._day, air._conditions, module._values, module._sampled_s, module._report_s):
        cached.cache_clear()
    module._last_changes.clear()
    assert first == [sample_at(23, KITCHEN, Quantity.IAQ_SCORE, JULY + at_s) for at_s in reversed(WEEK)][::-1]


def test_monitors_report_about_every_five_minutes() -> None:
    moments = set()
    for monitor in monitors(1):
        reports = [module._report_s(1, monitor, number) for number in range(5_000_000, 5_000_050)]
        assert all(285 < later - earlier < 315 for earlier, later in pairwise(reports))
        moments.add(round(reports[0] % 300))
    assert len(moments) == 3


@pytest.mark.parametrize("quantity", Quantity)
def test_the_time_of_a_sample_moves_only_when_its_value_changes(quantity: Quantity) -> None:
    samples = {
        monitor: [sample_at(1, monitor, quantity, JANUARY + at_s) for at_s in range(0, DAY_S, 137)]
        for monitor in (KITCHEN, BEDROOM)
        if quantity in monitor.quantities
    }
    for several in samples.values():
        assert all(
            (earlier.value == later.value) == (earlier.at == later.at) for earlier, later in pairwise(several)
        )
        assert several[0].at.timestamp() < JANUARY


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_living_room_monitor_drops_out_every_third_day(seed: int) -> None:
    kitchen, _, living = monitors(seed)
    spells = [quiet_spell(seed, day) for day in range(20_400, 20_412)]
    quiet = [(begins_s, ends_s) for begins_s, ends_s in spells if ends_s > begins_s]
    assert len(quiet) == 4
    for begins_s, ends_s in quiet:
        assert 3 * 3600 <= ends_s - begins_s <= 8 * 3600
        instants_s = (begins_s + 599, begins_s + 600, ends_s - 1, ends_s)
        assert [is_reachable(seed, living, at_s) for at_s in instants_s] == [True, False, False, True]
        last = sample_at(seed, living, Quantity.PM25, ends_s - 1)
        assert last == sample_at(seed, living, Quantity.PM25, begins_s)
        assert last.at.timestamp() <= begins_s
        assert is_reachable(seed, kitchen, begins_s + 3600)


@pytest.mark.parametrize(
    ("digits", "text"), [(0, "05Z"), (2, "05.25Z"), (6, "05.250000Z"), (9, "05.250000000Z")]
)
def test_times_have_so_many_digits(digits: int, text: str) -> None:
    assert stamp(datetime(2026, 3, 1, 12, 0, 5, 250_000, UTC), digits) == f"2026-03-01T12:00:{text}"
