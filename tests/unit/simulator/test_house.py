"""The simulated home's physics: plausible, and the same for everyone who asks."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import pytest

from adapters.simulator import house as house_module
from adapters.simulator.house import ROOMS, House, wanted_celsius
from adapters.simulator.weather import DAY_S, local_time, utc_offset_s

JANUARY = datetime(2026, 1, 12, tzinfo=UTC).timestamp()
JULY = datetime(2026, 7, 6, tzinfo=UTC).timestamp()
EVERY_5_MINUTES = range(0, 7 * DAY_S, 300)
ROOM_KEYS = [room.key for room in ROOMS]


def course(house: House, room: str, begin_s: float) -> list[float]:
    return [house.room_celsius(room, begin_s + at_s) for at_s in EVERY_5_MINUTES]


def test_there_are_the_rooms_of_a_home() -> None:
    assert {"living", "kitchen", "bedroom", "bathroom", "hall", "office", "cellar"} <= set(ROOM_KEYS)


@pytest.mark.parametrize("room", ROOM_KEYS)
@pytest.mark.parametrize("begin_s", [JANUARY, JULY])
def test_no_room_freezes_or_boils(room: str, begin_s: float) -> None:
    temperatures = course(House(1), room, begin_s)
    assert min(temperatures) > 4
    assert max(temperatures) < 35


def test_the_order_of_asking_makes_no_difference() -> None:
    house = House(23)
    forwards = [house.room_celsius("office", JANUARY + at_s) for at_s in EVERY_5_MINUTES]
    house_module._day.cache_clear()
    backwards = [house.room_celsius("office", JANUARY + at_s) for at_s in reversed(EVERY_5_MINUTES)]
    assert forwards == backwards[::-1]


def test_a_single_instant_is_the_same_as_one_on_the_way() -> None:
    house = House(29)
    on_the_way = course(house, "living", JANUARY)[1000]
    house_module._day.cache_clear()
    assert house.room_celsius("living", JANUARY + 1000 * 300) == on_the_way


def test_another_seed_is_another_home() -> None:
    assert course(House(1), "living", JANUARY) != course(House(2), "living", JANUARY)
    assert House(1).outdoor_celsius(JANUARY) != House(2).outdoor_celsius(JANUARY)


def test_nothing_jumps_where_one_chain_of_days_ends_and_the_next_begins() -> None:
    for chain in range(5000, 5004):
        edge = 4 * chain
        ended = house_module._day(1, edge - 1)[-1]
        began = house_module._day(1, edge)[0]
        assert began == pytest.approx(ended, abs=0.1)


def test_the_warmth_changes_smoothly_between_steps() -> None:
    house = House(1)
    minutes = [house.room_celsius("attic", JULY + 60 * minute) for minute in range(600)]
    assert max(abs(after - before) for before, after in pairwise(minutes)) < 0.3


def test_summer_is_warmer_than_winter_outside_and_under_the_roof() -> None:
    house = House(1)
    assert house.outdoor_celsius(JULY + DAY_S / 2) > house.outdoor_celsius(JANUARY + DAY_S / 2) + 5
    assert min(course(house, "attic", JULY)) > max(course(house, "attic", JANUARY))


def test_the_afternoon_is_warmer_than_the_night_on_average() -> None:
    house = House(1)
    days = range(0, 60 * DAY_S, DAY_S)
    nights = [house.outdoor_celsius(JULY + day + 3 * 3600) for day in days]
    afternoons = [house.outdoor_celsius(JULY + day + 14 * 3600) for day in days]
    assert sum(afternoons) / 60 > sum(nights) / 60 + 1


def test_heating_follows_its_schedule() -> None:
    house = House(1)
    living = next(room for room in ROOMS if room.key == "living")
    for day in range(5):
        night_s = JANUARY + day * DAY_S + 3 * 3600
        evening_s = JANUARY + day * DAY_S + 20.5 * 3600
        assert wanted_celsius(living, local_time(night_s)) == living.setback_celsius
        assert wanted_celsius(living, local_time(evening_s)) == living.comfort_celsius
        assert house.room_celsius("living", evening_s) > house.room_celsius("living", night_s) + 1


def test_an_open_window_cools_the_room_in_winter() -> None:
    house = House(1)
    opened = [
        JANUARY + at_s
        for at_s in EVERY_5_MINUTES
        if house.is_window_open("bedroom", JANUARY + at_s)
        and house.is_window_open("bedroom", JANUARY + at_s + 300)
        and not house.is_window_open("bedroom", JANUARY + at_s - 300)
    ]
    assert len(opened) >= 5
    for at_s in opened:
        assert house.room_celsius("bedroom", at_s + 300) < house.room_celsius("bedroom", at_s) - 0.3


def test_no_window_is_open_at_night() -> None:
    house = House(1)
    for room in ROOM_KEYS:
        assert not any(house.is_window_open(room, JANUARY + day * DAY_S + 2 * 3600) for day in range(30))


def test_the_sun_warms_each_side_at_its_own_time() -> None:
    assert gained("living", 8, 13) > gained("hall", 8, 13) + 0.4, "the hall has no window to the south"
    assert gained("kitchen", 5, 10) > gained("office", 5, 10) + 0.4
    assert gained("office", 11, 16) > gained("kitchen", 11, 16) + 0.4


def gained(room: str, from_h: int, to_h: int) -> float:
    """How much warmer it gets between two hours of UTC, on average over two weeks of July."""
    house = House(1)
    days = range(0, 14 * DAY_S, DAY_S)
    before = sum(house.room_celsius(room, JULY + day + from_h * 3600) for day in days)
    after = sum(house.room_celsius(room, JULY + day + to_h * 3600) for day in days)
    return (after - before) / len(days)


def test_the_cellar_barely_notices_the_day() -> None:
    cellar = course(House(1), "cellar", JANUARY)
    living = course(House(1), "living", JANUARY)
    assert max(cellar) - min(cellar) < (max(living) - min(living)) / 3


@pytest.mark.parametrize(
    ("instant", "offset_h"),
    [
        (datetime(2026, 3, 29, 0, 59, tzinfo=UTC), 1),
        (datetime(2026, 3, 29, 1, 0, tzinfo=UTC), 2),
        (datetime(2026, 10, 25, 0, 59, tzinfo=UTC), 2),
        (datetime(2026, 10, 25, 1, 0, tzinfo=UTC), 1),
    ],
)
def test_the_home_s_clock_knows_summer_time(instant: datetime, offset_h: int) -> None:
    assert utc_offset_s(instant.timestamp()) == offset_h * 3600
    assert local_time(instant.timestamp()).is_weekend
