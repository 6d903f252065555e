"""The promises of every history."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from adapters.memory.stored_data import MemoryHistory
from adapters.sqlite.history.queries import SqliteHistory
from domain.reading import Quantity
from ports.store import Store
from ports.stored_data import History
from tests.support.builders import NOON, a_reading
from tests.support.stored_pairs import keep, pair_fixture

LATER_BY = timedelta(minutes=5)
LATER = NOON + LATER_BY

Pair = tuple[Store, History]
pair = pair_fixture(MemoryHistory, SqliteHistory)


def test_an_empty_store_has_no_history(pair: Pair) -> None:
    _, history = pair
    assert list(history.newest()) == []
    assert list(history.series("hue:a", Quantity.TEMPERATURE, NOON)) == []


def test_anomalous_readings_are_those_of_the_device_and_time(pair: Pair) -> None:
    store, history = pair
    for number, (anomalous, celsius) in enumerate(((True, 21.0), (False, 21.0), (True, 61.0), (True, 21.0))):
        slot = NOON + number * LATER_BY
        keep(
            store,
            a_reading("a", collected_at=slot, is_anomalous=anomalous, temperature=celsius),
            a_reading("b", collected_at=slot + timedelta(seconds=1), is_anomalous=True),
        )
    assert list(history.anomalies("a", NOON, NOON + 2 * LATER_BY)) == [NOON, NOON + 2 * LATER_BY]


def test_the_newest_reading_is_that_of_the_latest_slot(pair: Pair) -> None:
    store, history = pair
    keep(store, a_reading(collected_at=LATER, temperature=22.0), a_reading(temperature=21.0))
    assert [reading.collected_at for reading in history.newest()] == [LATER]


def test_readings_after_the_end_are_skipped(pair: Pair) -> None:
    store, history = pair
    far = NOON + timedelta(days=4000)
    for at in (NOON, LATER, far):
        keep(store, a_reading("hue:a", collected_at=at))
    keep(store, a_reading("hue:b", collected_at=far))
    assert [(reading.device_id, reading.collected_at) for reading in history.newest(LATER)] == [
        ("hue:a", LATER)
    ]


YEAR = timedelta(days=365)


@pytest.mark.parametrize(
    ("instants", "first"),
    [
        ([], None),
        ([NOON], NOON),
        ([NOON, NOON + 9 * YEAR, NOON + 18 * YEAR], NOON),
        ([NOON - 56 * YEAR, NOON - 56 * YEAR + LATER_BY, NOON, LATER], NOON),  # a start in 1970
        ([NOON - 56 * YEAR, NOON - 26 * YEAR, NOON - 26 * YEAR + LATER_BY, NOON], NOON),
        ([NOON - 56 * YEAR], NOON - 56 * YEAR),
    ],
)
def test_the_first_reading_is_none_of_a_clock_that_was_decades_behind(
    pair: Pair, instants: list[datetime], first: datetime | None
) -> None:
    store, history = pair
    for instant in instants:
        keep(store, a_reading("a", collected_at=instant))
        keep(store, a_reading("b", collected_at=instant + 2 * LATER_BY))
    assert history.first() == first


def test_fractions_of_a_second_count(pair: Pair) -> None:
    store, history = pair
    just_after = NOON + timedelta(microseconds=1)
    keep(store, a_reading(collected_at=just_after), a_reading())
    assert [reading.collected_at for reading in history.newest()] == [just_after]


def test_the_newest_readings_are_ordered_by_location_then_device(pair: Pair) -> None:
    store, history = pair
    keep(
        store,
        a_reading("hue:c", location="Attic"),
        a_reading("hue:a", location="Kitchen"),
        a_reading("hue:b", location="Attic"),
    )
    assert [reading.device_id for reading in history.newest()] == ["hue:b", "hue:c", "hue:a"]


def test_a_series_is_one_quantity_of_one_device_oldest_first(pair: Pair) -> None:
    store, history = pair
    keep(
        store,
        a_reading("hue:a", collected_at=LATER, temperature=22.0),
        a_reading("hue:a", temperature=21.0, relative_humidity=40.0),
        a_reading("hue:b", temperature=10.0),
    )
    assert list(history.series("hue:a", Quantity.TEMPERATURE, NOON)) == [(NOON, 21.0), (LATER, 22.0)]
    assert list(history.series("hue:a", Quantity.RELATIVE_HUMIDITY, NOON)) == [(NOON, 40.0)]


def test_a_series_begins_at_the_given_instant(pair: Pair) -> None:
    store, history = pair
    keep(store, a_reading(), a_reading(collected_at=LATER))
    device_id = a_reading().device_id
    instants = [instant for instant, _ in history.series(device_id, Quantity.TEMPERATURE, LATER)]
    assert instants == [LATER]


def test_a_reading_without_a_temperature_is_read_like_any_other(pair: Pair) -> None:
    store, history = pair
    humidity = Quantity.RELATIVE_HUMIDITY
    pair_of_values = [{Quantity.TEMPERATURE: 21.0, humidity: 40.0}, {humidity: 44.0}]
    slots = [NOON + number * LATER_BY for number in range(4)]
    for slot, values in zip(slots, pair_of_values * 2, strict=True):
        keep(store, a_reading(collected_at=slot, values=values))
    device = a_reading().device_id
    assert [reading.collected_at for reading in history.newest()] == [slots[3]]
    assert [reading.collected_at for reading in history.newest(slots[2])] == [slots[2]]
    expected = list(zip(slots, [40.0, 44.0] * 2, strict=True))
    assert list(history.series(device, humidity, NOON)) == expected
    (hour,) = history.hours(device, humidity, NOON, slots[3])
    (day,) = history.days(device, humidity, NOON, slots[3], ZoneInfo("Asia/Kolkata"))
    assert [(one.low, one.mean, one.high, one.count) for one in (hour, day)] == [(40.0, 42.0, 44.0, 4)] * 2
    (hour,) = history.hours(device, Quantity.TEMPERATURE, NOON, slots[3])
    assert hour.count == 2
    assert history.newest_id() == 4


def test_later_readings_are_in_the_next_query(pair: Pair) -> None:
    store, history = pair
    keep(store, a_reading())
    assert len(history.newest()) == 1
    keep(store, a_reading("hue:new"))
    assert len(history.newest()) == 2


def test_hours_have_a_row_for_each_hour_with_values(pair: Pair) -> None:
    store, history = pair
    for minutes, celsius in ((0, 20.0), (55, 22.0), (60, 19.0), (180, 25.0)):
        at = NOON + timedelta(minutes=minutes)
        keep(store, a_reading(collected_at=at, temperature=celsius))
    device = a_reading().device_id
    found = history.hours(device, Quantity.TEMPERATURE, NOON + LATER_BY, NOON + timedelta(hours=2))
    assert [(one.at, one.low, one.mean, one.high, one.count) for one in found] == [
        (NOON, 20.0, 21.0, 22.0, 2),
        (NOON + timedelta(hours=1), 19.0, 19.0, 19.0, 1),
    ]
    assert history.newest_id() == 4


def test_a_later_reading_has_a_greater_number(pair: Pair) -> None:
    store, history = pair
    assert history.newest_id() == 0
    keep(store, a_reading())
    first = history.newest_id()
    keep(store, a_reading(collected_at=LATER))
    assert history.newest_id() > first > 0


@pytest.mark.parametrize(
    "name",
    ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe"],
)
def test_days_are_those_of_the_zone(pair: Pair, name: str) -> None:
    """Berlin's clock changes on the second of the days, which has 23 hours."""
    store, history = pair
    zone = ZoneInfo(name)
    midnights = [datetime(2026, 3, day, tzinfo=zone).astimezone(UTC) for day in (28, 29, 30)]
    quarters = (-4, -3, -2, -1, 0, 1, 2, 3, 4, 48)
    instants = [midnight + number * timedelta(minutes=15) for midnight in midnights for number in quarters]
    instants = [instant for instant in instants if instant >= midnights[0]]
    for number, at in enumerate(instants):
        keep(store, a_reading(collected_at=at, temperature=number / 10))
    found = history.days(a_reading().device_id, Quantity.TEMPERATURE, instants[0], instants[-1], zone)
    assert [one.at for one in found] == midnights
    assert [one.count for one in found] == [10, 10, 6]
    assert [(one.low, one.high) for one in found] == [(0.0, 0.9), (1.0, 1.9), (2.0, 2.5)]
    weeks = history.weeks(a_reading().device_id, Quantity.TEMPERATURE, instants[0], instants[-1], zone)
    assert [(one.at, one.count) for one in weeks] == [  # 30 March is a Monday
        (datetime(2026, 3, 23, tzinfo=zone).astimezone(UTC), 20),
        (midnights[2], 6),
    ]
    assert history.backlog() == 0
