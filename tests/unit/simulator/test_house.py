"""Warmth of the simulated home: plausible, and a pure function of seed and instant."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import pytest

from adapters.simulator import house as module
from adapters.simulator.house import ROOMS, House, wanted_celsius
from adapters.simulator.weather import DAY_S, local_time, utc_offset_s

JANUARY = datetime(2026, 1, 12, tzinfo=UTC).timestamp()
JULY = datetime(2026, 7, 6, tzinfo=UTC).timestamp()
EVERY_5_MINUTES = range(0, 7 * DAY_S, 300)
HOUSE = House(1)


def course(house: House, room: str, begin_s: float) -> list[float]:
    return [house.room_celsius(room, begin_s + at_s) for at_s in EVERY_5_MINUTES]


@pytest.mark.parametrize("begin_s", [JANUARY, JULY])
def test_no_room_freezes_or_overheats(begin_s: float) -> None:
    for room in ROOMS:
        temperatures = course(HOUSE, room.key, begin_s)
        assert 4 < min(temperatures) <= max(temperatures) < 35


def test_temperatures_do_not_depend_on_the_order_of_calls() -> None:
    house = House(23)
    forwards = course(house, "office", JANUARY)
    module._day.cache_clear()
    assert house.room_celsius("office", JANUARY + 1000 * 300) == forwards[1000]
    module._day.cache_clear()
    backwards = [house.room_celsius("office", JANUARY + at_s) for at_s in reversed(EVERY_5_MINUTES)]
    assert forwards == backwards[::-1]


def test_seed_decides_house_and_weather() -> None:
    assert course(HOUSE, "living", JANUARY) != course(House(2), "living", JANUARY)
    assert HOUSE.outdoor_celsius(JANUARY) != House(2).outdoor_celsius(JANUARY)


def test_temperatures_are_continuous() -> None:
    for chain in range(5000, 5004):
        assert module._day(1, 4 * chain)[0] == pytest.approx(module._day(1, 4 * chain - 1)[-1], abs=0.1)
    minutes = [HOUSE.room_celsius("attic", JULY + 60 * minute) for minute in range(600)]
    assert max(abs(after - before) for before, after in pairwise(minutes)) < 0.3


def test_seasons_and_days_warm_the_outdoors() -> None:
    assert HOUSE.outdoor_celsius(JULY + DAY_S / 2) > HOUSE.outdoor_celsius(JANUARY + DAY_S / 2) + 5
    assert min(course(HOUSE, "attic", JULY)) > max(course(HOUSE, "attic", JANUARY))
    days = range(0, 60 * DAY_S, DAY_S)
    nights = sum(HOUSE.outdoor_celsius(JULY + day + 3 * 3600) for day in days)
    assert sum(HOUSE.outdoor_celsius(JULY + day + 14 * 3600) for day in days) > nights + 60


def test_heating_follows_its_schedule() -> None:
    living = ROOMS[0]
    for day in range(5):
        night_s, evening_s = (JANUARY + day * DAY_S + hour * 3600 for hour in (3, 20.5))
        assert wanted_celsius(living, local_time(night_s)) == living.setback_celsius
        assert wanted_celsius(living, local_time(evening_s)) == living.comfort_celsius
        assert HOUSE.room_celsius("living", evening_s) > HOUSE.room_celsius("living", night_s) + 1


@pytest.mark.parametrize(
    ("instant", "offset_h"),
    [
        (datetime(2026, 3, 29, 0, 59, tzinfo=UTC), 1),
        (datetime(2026, 3, 29, 1, 0, tzinfo=UTC), 2),
        (datetime(2026, 10, 25, 0, 59, tzinfo=UTC), 2),
        (datetime(2026, 10, 25, 1, 0, tzinfo=UTC), 1),
    ],
)
def test_local_time_has_summer_time(instant: datetime, offset_h: int) -> None:
    assert utc_offset_s(instant.timestamp()) == offset_h * 3600
    assert local_time(instant.timestamp()).is_weekend
