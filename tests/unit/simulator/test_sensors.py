"""The simulated sensors: what they report, and when they cannot."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from adapters.simulator.house import House
from adapters.simulator.sensors import (
    MotionSensor,
    battery_percent,
    is_reachable,
    light_at,
    motion_sensors,
    presence_at,
    temperature_at,
)
from adapters.simulator.weather import DAY_S

SEED = 1
BEGIN_S = datetime(2026, 3, 1, tzinfo=UTC).timestamp()
A_DAY = range(0, DAY_S, 100)


def in_room(room: str, seed: int = SEED) -> MotionSensor:
    return next(sensor for sensor in motion_sensors(seed) if sensor.room == room)


def test_every_sensor_has_an_identity_of_its_own() -> None:
    sensors = motion_sensors(SEED)
    assert len({sensor.uniqueid for sensor in sensors}) == len(sensors) == 8
    for sensor in sensors:
        assert re.fullmatch(r"hue:00:17:88:01(:[0-9a-f]{2}){4}-02-0402", sensor.device_id)


def test_another_seed_has_other_sensors() -> None:
    assert {sensor.mac for sensor in motion_sensors(1)}.isdisjoint(s.mac for s in motion_sensors(2))


def test_a_home_of_many_sensors_has_those_of_a_home_of_few_and_more_in_the_same_rooms() -> None:
    few, many = motion_sensors(SEED), motion_sensors(SEED, 20)
    assert many[:8] == few
    assert [sensor.room for sensor in many[8:16]] == [sensor.room for sensor in few]
    assert len({sensor.uniqueid for sensor in many}) == len({sensor.name for sensor in many}) == 20


def test_a_second_sensor_in_a_room_has_not_the_trouble_of_the_first() -> None:
    days = range(0, 60 * DAY_S, 3600)
    second = [sensor for sensor in motion_sensors(SEED, 16)[8:] if sensor.room in ("hall", "cellar")]
    assert len(second) == 2
    assert all(is_reachable(SEED, sensor, BEGIN_S + at_s) for sensor in second for at_s in days)


def test_a_report_is_the_room_s_warmth_of_a_few_minutes_ago_at_most() -> None:
    house, sensor = House(SEED), in_room("living")
    for at_s in A_DAY:
        shown = temperature_at(SEED, sensor, BEGIN_S + at_s).value / 100
        lately = [house.room_celsius("living", BEGIN_S + at_s - ago_s) for ago_s in range(0, 310, 10)]
        assert min(lately) - 0.01 <= shown <= max(lately) + 0.01


def test_a_value_has_changed_when_its_date_says_so_and_not_since() -> None:
    sensor = in_room("bedroom")
    for at_s in A_DAY:
        now_s = BEGIN_S + at_s
        report = temperature_at(SEED, sensor, now_s)
        assert report.changed_s <= now_s
        assert temperature_at(SEED, sensor, report.changed_s) == report
        assert temperature_at(SEED, sensor, report.changed_s - 0.01).value != report.value


def test_a_value_that_stays_keeps_its_date() -> None:
    sensor = in_room("cellar")
    ages_s = [BEGIN_S + at_s - temperature_at(SEED, sensor, BEGIN_S + at_s).changed_s for at_s in A_DAY]
    assert max(ages_s) > 1200


def test_each_sensor_reports_at_its_own_moment() -> None:
    phases = {round(light_at(SEED, sensor, BEGIN_S).changed_s % 300) for sensor in motion_sensors(SEED)}
    assert len(phases) >= 6


def test_reports_are_about_five_minutes_apart() -> None:
    sensor = in_room("kitchen")
    reported = sorted({light_at(SEED, sensor, BEGIN_S + at_s).changed_s for at_s in A_DAY})
    gaps_s = [after - before for before, after in pairwise(reported)]
    assert all(290 <= gap_s <= 310 for gap_s in gaps_s)
    assert len(set(gaps_s)) > 10


def test_light_and_presence_were_there_before_they_are_shown() -> None:
    for sensor in motion_sensors(SEED):
        for at_s in A_DAY:
            assert light_at(SEED, sensor, BEGIN_S + at_s).changed_s <= BEGIN_S + at_s
            assert presence_at(SEED, sensor, BEGIN_S + at_s).changed_s <= BEGIN_S + at_s


def test_the_sensor_in_the_cellar_falls_quiet_for_hours_and_keeps_its_last_value() -> None:
    sensor = in_room("cellar")
    reached = [is_reachable(SEED, sensor, BEGIN_S + at_s) for at_s in range(0, 7 * DAY_S, 300)]
    assert 2 * 12 <= reached.count(False) <= 3 * 7 * 12 + 3
    quiet_s = BEGIN_S + 300 * reached.index(False)
    shown = temperature_at(SEED, sensor, quiet_s)
    later_s = quiet_s + 1.5 * 3600
    assert not is_reachable(SEED, sensor, later_s)
    assert temperature_at(SEED, sensor, later_s) == shown


@pytest.mark.parametrize("room", ["living", "kitchen", "bedroom", "bathroom", "office", "attic"])
def test_the_others_are_always_reached(room: str) -> None:
    sensor = in_room(room)
    assert all(is_reachable(SEED, sensor, BEGIN_S + at_s) for at_s in range(0, 60 * DAY_S, 3600))
    assert all(
        15 <= battery_percent(SEED, sensor, BEGIN_S + at_s) <= 100 for at_s in range(0, 800 * DAY_S, DAY_S)
    )


def test_the_battery_in_the_hall_dies_and_takes_the_sensor_with_it() -> None:
    sensor = in_room("hall")
    hours = [BEGIN_S + at_s for at_s in range(0, 90 * DAY_S, 3600)]
    percents = [battery_percent(SEED, sensor, at_s) for at_s in hours]
    assert set(percents) == set(range(101))
    steps = {after - before for before, after in pairwise(percents)}
    assert steps == {0, -1, 100}, "it falls by single percents and is changed when it is empty"
    for at_s, percent in zip(hours, percents, strict=True):
        assert is_reachable(SEED, sensor, at_s) == (percent > 0)


def test_a_dead_sensor_keeps_its_last_value() -> None:
    sensor = in_room("hall")
    died_s = next(
        BEGIN_S + at_s
        for at_s in range(0, 60 * DAY_S, 3600)
        if not is_reachable(SEED, sensor, BEGIN_S + at_s)
    )
    shown = temperature_at(SEED, sensor, died_s)
    assert temperature_at(SEED, sensor, died_s + DAY_S) == shown
    assert shown.changed_s < died_s
