"""Motion sensors of the simulated home: what they report, and when they cannot."""

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
    temperature_at,
)
from adapters.simulator.weather import DAY_S

SEED = 1
BEGIN_S = datetime(2026, 3, 1, tzinfo=UTC).timestamp()
A_DAY = [BEGIN_S + at_s for at_s in range(0, DAY_S, 100)]
HOURS = [BEGIN_S + at_s for at_s in range(0, 60 * DAY_S, 3600)]


def in_room(room: str) -> MotionSensor:
    return next(sensor for sensor in motion_sensors(SEED) if sensor.room == room)


def test_sensors_have_ids_and_names_of_their_own() -> None:
    few, many = motion_sensors(SEED), motion_sensors(SEED, 20)
    assert many[:8] == few
    assert [sensor.room for sensor in many[8:16]] == [sensor.room for sensor in few]
    assert len({sensor.uniqueid for sensor in many}) == len({sensor.name for sensor in many}) == 20
    assert all(re.fullmatch(r"hue:00:17:88:01(:[0-9a-f]{2}){4}-02-0402", each.device_id) for each in many)
    assert {sensor.mac for sensor in few}.isdisjoint(sensor.mac for sensor in motion_sensors(2))


def test_temperature_is_that_of_the_room_minutes_ago() -> None:
    house, sensor = House(SEED), in_room("living")
    for now_s in A_DAY:
        shown = temperature_at(SEED, sensor, now_s).value / 100
        recent = [house.room_celsius("living", now_s - ago_s) for ago_s in range(0, 310, 10)]
        assert min(recent) - 0.01 <= shown <= max(recent) + 0.01


def test_value_changed_at_its_date_and_not_since() -> None:
    for now_s in A_DAY:
        report = temperature_at(SEED, in_room("bedroom"), now_s)
        assert report.changed_s <= now_s
        assert temperature_at(SEED, in_room("bedroom"), report.changed_s) == report
        assert temperature_at(SEED, in_room("bedroom"), report.changed_s - 0.01).value != report.value
    assert max(now_s - temperature_at(SEED, in_room("cellar"), now_s).changed_s for now_s in A_DAY) > 1200


def test_reports_are_about_five_minutes_apart() -> None:
    reported = sorted({light_at(SEED, in_room("kitchen"), now_s).changed_s for now_s in A_DAY})
    gaps_s = [after - before for before, after in pairwise(reported)]
    assert all(290 <= gap_s <= 310 for gap_s in gaps_s)
    assert len(set(gaps_s)) > 10
    phases = {round(light_at(SEED, sensor, BEGIN_S).changed_s % 300) for sensor in motion_sensors(SEED)}
    assert len(phases) >= 6


def test_cellar_sensor_is_silent_for_hours_and_keeps_its_value() -> None:
    sensor = in_room("cellar")
    reached = [is_reachable(SEED, sensor, BEGIN_S + at_s) for at_s in range(0, 7 * DAY_S, 300)]
    assert 2 * 12 <= reached.count(False) <= 3 * 7 * 12 + 3
    quiet_s = BEGIN_S + 300 * reached.index(False)
    assert not is_reachable(SEED, sensor, quiet_s + 1.5 * 3600)
    assert temperature_at(SEED, sensor, quiet_s + 1.5 * 3600) == temperature_at(SEED, sensor, quiet_s)


@pytest.mark.parametrize("room", ["living", "kitchen", "bedroom", "bathroom", "office", "attic"])
def test_other_sensors_are_always_reachable(room: str) -> None:
    assert all(is_reachable(SEED, in_room(room), at_s) for at_s in HOURS)
    levels = [battery_percent(SEED, in_room(room), BEGIN_S + day * DAY_S) for day in range(800)]
    assert 15 <= min(levels) <= max(levels) <= 100


def test_hall_battery_dies_and_the_sensor_keeps_its_last_value() -> None:
    sensor = in_room("hall")
    hours = [BEGIN_S + at_s for at_s in range(0, 90 * DAY_S, 3600)]
    levels = [battery_percent(SEED, sensor, at_s) for at_s in hours]
    assert set(levels) == set(range(101))
    assert {after - before for before, after in pairwise(levels)} == {0, -1, 100}  # 100: it is replaced
    assert [is_reachable(SEED, sensor, at_s) for at_s in hours] == [level > 0 for level in levels]
    died_s = hours[levels.index(0)]
    shown = temperature_at(SEED, sensor, died_s)
    assert temperature_at(SEED, sensor, died_s + DAY_S) == shown
    assert shown.changed_s < died_s
