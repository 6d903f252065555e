"""The air of the simulated home and its monitors: plausible, and the same for everyone who asks."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from itertools import pairwise

import pytest

from adapters.simulator import air as air_module
from adapters.simulator.air import air_at, cooking, relative_humidity
from adapters.simulator.amazon import monitors as monitors_module
from adapters.simulator.amazon.monitors import (
    Monitor,
    changed_sample_at,
    is_reachable,
    monitors,
    quiet_spell,
    sample_at,
    stamp,
)
from adapters.simulator.house import House
from adapters.simulator.weather import DAY_S, local_time
from domain.reading import STORABLE, Quantity

JANUARY = datetime(2026, 1, 12, tzinfo=UTC).timestamp()
JULY = datetime(2026, 7, 6, tzinfo=UTC).timestamp()
WEEK = range(0, 7 * DAY_S, 600)
KITCHEN, BEDROOM, LIVING = monitors(1)


@cache
def course(monitor: Monitor, quantity: Quantity, begin_s: float = JANUARY, seed: int = 1) -> list[float]:
    return [sample_at(seed, monitor, quantity, begin_s + at_s).value for at_s in WEEK]


def test_three_monitors_stand_in_rooms_of_the_house_and_one_has_no_pm10() -> None:
    assert [monitor.room for monitor in monitors(1)] == ["kitchen", "bedroom", "living"]
    assert [Quantity.PM10 in monitor.quantities for monitor in monitors(1)] == [True, False, True]
    assert all(Quantity.CARBON_DIOXIDE not in monitor.quantities for monitor in monitors(1))
    ids = {name for each in monitors(1) for name in (each.serial, each.entity_id, each.appliance_id)}
    assert len(ids) == 9
    assert monitors(1) == monitors(1)
    assert monitors(2)[0].serial != KITCHEN.serial


@pytest.mark.parametrize("begin_s", [JANUARY, JULY])
@pytest.mark.parametrize("monitor", monitors(1), ids=lambda monitor: monitor.room)
def test_every_value_is_plausible_in_winter_and_summer(monitor: Monitor, begin_s: float) -> None:
    for quantity in monitor.quantities:
        values = course(monitor, quantity, begin_s)
        assert all(value in STORABLE[quantity] for value in values)
        assert len(set(values)) > 1 or (quantity is Quantity.CARBON_MONOXIDE and monitor is BEDROOM)
    humidity = course(monitor, Quantity.RELATIVE_HUMIDITY, begin_s)
    assert 15 <= min(humidity) < max(humidity) <= 90
    assert max(course(monitor, Quantity.CARBON_MONOXIDE, begin_s)) <= 8
    assert min(course(monitor, Quantity.IAQ_SCORE, begin_s)) >= 0
    assert max(course(monitor, Quantity.IAQ_SCORE, begin_s)) >= 90


@pytest.mark.parametrize("monitor", monitors(1), ids=lambda monitor: monitor.room)
def test_temperatures_come_in_quarters_of_a_degree_and_follow_the_room(monitor: Monitor) -> None:
    house = House(1)
    for at_s in WEEK[::12]:
        sample = sample_at(1, monitor, Quantity.TEMPERATURE, JANUARY + at_s)
        assert (4 * sample.value).is_integer()
        room = house.room_celsius(monitor.room, sample.at.timestamp())
        assert 0.0 <= sample.value - room <= 0.9


def test_cooking_shows_as_peaks_that_decay() -> None:
    dust = course(KITCHEN, Quantity.PM25)
    peaks = [
        at for at in range(6, len(dust) - 12) if dust[at] == max(dust[at - 6 : at + 7]) and dust[at] > 25
    ]
    assert len(peaks) >= 3
    for at in peaks:
        assert dust[at + 12] < 0.6 * dust[at]  # two hours later
    cooked = [cooking(1, local_time(JANUARY + at_s)) for at_s in WEEK]
    for at in peaks:
        assert max(cooked[at - 6 : at + 1]) > 0
    assert sorted(dust)[len(dust) // 2] <= 8


def test_cooking_reaches_the_living_room_less_and_the_bedroom_least() -> None:
    highest = [max(course(monitor, Quantity.PM25)) for monitor in (KITCHEN, LIVING, BEDROOM)]
    assert highest[0] > 1.5 * highest[1] > 2 * highest[2]
    assert max(course(KITCHEN, Quantity.CARBON_MONOXIDE)) >= 2


def test_pm10_is_equal_to_pm25() -> None:
    assert course(KITCHEN, Quantity.PM10) == course(KITCHEN, Quantity.PM25)


def test_sleepers_make_the_bedroom_damp_and_stuffy() -> None:
    by_hour: dict[Quantity, dict[bool, list[float]]] = {}
    for quantity in (Quantity.RELATIVE_HUMIDITY, Quantity.VOC_INDEX):
        for at_s, value in zip(WEEK, course(BEDROOM, quantity), strict=True):
            hour = local_time(JANUARY + at_s).hour
            if 3 <= hour < 6 or 13 <= hour < 16:
                by_hour.setdefault(quantity, {}).setdefault(hour < 6, []).append(value)
    for values in by_hour.values():
        night, day = (sum(values[is_night]) / len(values[is_night]) for is_night in (True, False))
        assert night > 1.2 * day


def test_bad_air_has_a_low_score() -> None:
    dust, score = course(KITCHEN, Quantity.PM25), course(KITCHEN, Quantity.IAQ_SCORE)
    worst = dust.index(max(dust))
    assert score[worst] < 65 < sorted(score)[len(score) // 2]


def test_the_order_of_asking_makes_no_difference() -> None:
    forwards = [air_at(23, "kitchen", JULY + at_s) for at_s in WEEK]
    air_module._day.cache_clear()
    assert forwards == [air_at(23, "kitchen", JULY + at_s) for at_s in reversed(WEEK)][::-1]
    first = [sample_at(23, KITCHEN, Quantity.IAQ_SCORE, JULY + at_s) for at_s in WEEK]
    for cached in (monitors_module._values, monitors_module._sampled_s, monitors_module._report_s):
        cached.cache_clear()
    assert first == [sample_at(23, KITCHEN, Quantity.IAQ_SCORE, JULY + at_s) for at_s in reversed(WEEK)][::-1]


def test_nothing_jumps_at_midnight() -> None:
    for day in range(20_400, 20_410):
        for room in ("kitchen", "bedroom", "living"):
            ended, begun = air_module._day(1, room, day - 1)[-1], air_module._day(1, room, day)[0]
            assert begun.water == pytest.approx(ended.water, rel=0.02)
            assert begun.particles == pytest.approx(ended.particles, rel=0.02, abs=0.3)
            assert begun.organic == pytest.approx(ended.organic, rel=0.02, abs=0.3)


def test_another_seed_is_another_home() -> None:
    assert course(KITCHEN, Quantity.PM25) != course(KITCHEN, Quantity.PM25, seed=2)


def test_warm_air_of_the_same_water_is_drier() -> None:
    assert relative_humidity(17.3, 20) == pytest.approx(100, abs=1)
    assert relative_humidity(8.65, 20) == pytest.approx(50, abs=1)
    assert relative_humidity(8.65, 25) < 40


def test_a_monitor_reports_about_every_five_minutes_at_its_own_moment() -> None:
    moments = []
    for monitor in monitors(1):
        at = [
            sample_at(1, monitor, Quantity.PM25, JANUARY + second).at.timestamp()
            for second in range(0, 3600, 30)
        ]
        reports = sorted(set(at))
        assert all(285 < later - earlier < 315 for earlier, later in pairwise(reports))
        moments.append(round(reports[0] % 300))
    assert len(set(moments)) == 3


def test_a_sample_is_never_from_the_future_and_never_old_while_the_monitor_is_there() -> None:
    for at_s in range(0, 6 * 3600, 37):
        now_s = JANUARY + at_s
        for monitor in (KITCHEN, BEDROOM):
            for quantity in monitor.quantities:
                sample = sample_at(1, monitor, quantity, now_s)
                assert 0 <= now_s - sample.at.timestamp() < 320
                assert changed_sample_at(1, monitor, quantity, now_s).at <= sample.at


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_monitor_in_the_living_room_drops_out_for_hours_every_third_day(seed: int) -> None:
    living = monitors(seed)[2]
    days = range(20_400, 20_412)
    spells = [quiet_spell(seed, day) for day in days]
    quiet = [(begins_s, ends_s) for begins_s, ends_s in spells if ends_s > begins_s]
    assert len(quiet) == 4
    for begins_s, ends_s in quiet:
        assert 3 * 3600 <= ends_s - begins_s <= 8 * 3600
        assert is_reachable(seed, living, begins_s + 599)
        assert not is_reachable(seed, living, begins_s + 600)
        assert not is_reachable(seed, living, ends_s - 1)
        assert is_reachable(seed, living, ends_s)
        last = sample_at(seed, living, Quantity.PM25, ends_s - 1)
        assert begins_s - 320 < last.at.timestamp() <= begins_s
        assert is_reachable(seed, monitors(seed)[0], begins_s + 3600)


@pytest.mark.parametrize(
    ("digits", "text"),
    [
        (0, "2026-03-01T12:00:05Z"),
        (2, "2026-03-01T12:00:05.25Z"),
        (6, "2026-03-01T12:00:05.250000Z"),
        (9, "2026-03-01T12:00:05.250000000Z"),
    ],
)
def test_an_instant_is_written_with_so_many_digits(digits: int, text: str) -> None:
    assert stamp(datetime(2026, 3, 1, 12, 0, 5, 250_000, UTC), digits) == text
