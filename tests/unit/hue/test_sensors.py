"""Readings made of sensors, and the names of their locations."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from adapters.hue.sensors import STALE_AFTER, ReadingSettings, Sensor, make_reply
from domain.cycle import Cause, SourceReply, Unread
from domain.reading import DeviceKind, Quantity, Reading
from tests.support.builders import NOON
from tests.support.hue_replies import MAC, UNIQUEID


def a_sensor(**changes: Any) -> Sensor:
    fields: dict[str, Any] = {
        "where": "/sensors/4",
        "uniqueid": UNIQUEID,
        "name": "Landing sensor",
        "temperature": 21.43,
        "observed_at": NOON - timedelta(minutes=3),
        "battery_percent": 83,
        "is_reachable": True,
        "raw": {"type": "ZLLTemperature"},
    }
    return Sensor(**(fields | changes))


def reply(*sensors: Sensor, **settings: Any) -> SourceReply:
    return make_reply(sensors, NOON, ReadingSettings(**settings))


def location(sensor: Sensor, **settings: Any) -> str:
    return reply(sensor, **settings).readings[0].location


def test_sensor_makes_a_reading_of_the_slot() -> None:
    assert reply(a_sensor()).readings == (
        Reading(
            device_id=f"hue:{UNIQUEID}",
            kind=DeviceKind.HUE_SENSOR,
            location="Landing sensor",
            collected_at=NOON,
            observed_at=NOON - timedelta(minutes=3),
            values={Quantity.TEMPERATURE: 21.43},
            battery_percent=83,
            is_reachable=True,
        ),
    )


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"temperature": None}, Cause.NO_VALUE),
        ({"is_reachable": False}, Cause.UNREACHABLE),
        ({"is_on": False}, Cause.SWITCHED_OFF),
        ({"is_on": False, "is_reachable": False, "temperature": None}, Cause.SWITCHED_OFF),
        ({"is_reachable": False, "temperature": None}, Cause.UNREACHABLE),
        ({"reported_at": NOON - STALE_AFTER - timedelta(seconds=1)}, Cause.STALE),
        ({"reported_at": NOON - timedelta(days=3), "temperature": None}, Cause.NO_VALUE),
    ],
    ids=str,
)
def test_sensor_without_a_reading_has_a_cause(changes: Any, cause: Cause) -> None:
    unread = Unread(device_id=f"hue:{UNIQUEID}", cause=cause, detail="Landing sensor")
    assert reply(a_sensor(**changes)) == SourceReply(readings=(), unread=(unread,))


@pytest.mark.parametrize(
    "changes",
    [
        {"is_reachable": None},
        {"reported_at": NOON - STALE_AFTER},
        {"observed_at": NOON - timedelta(days=3)},  # v2: the value did not change for days
    ],
    ids=str,
)
def test_sensor_that_may_be_alive_makes_a_reading(changes: Any) -> None:
    assert len(reply(a_sensor(**changes)).readings) == 1


def test_sensor_without_a_uniqueid_is_noted_and_not_stored() -> None:
    answer = reply(a_sensor(uniqueid=None))
    assert (answer.readings, answer.unread) == ((), ())
    assert answer.notes == ("a sensor without a unique id is not stored: Landing sensor (/sensors/4)",)


@pytest.mark.parametrize(
    "other",
    [
        {"is_reachable": False},
        {"observed_at": NOON - timedelta(days=90)},  # the old entry of a moved sensor
        {"observed_at": None},
        {"observed_at": NOON + timedelta(days=400)},
        {"reported_at": NOON - timedelta(days=90), "observed_at": NOON - timedelta(days=90)},
        {"is_on": False},
        {"temperature": None},
        {"uniqueid": UNIQUEID.upper(), "observed_at": NOON - timedelta(days=90)},
        {"uniqueid": UNIQUEID.upper(), "is_reachable": False},
    ],
    ids=str,
)
@pytest.mark.parametrize("is_first", [True, False])
def test_newest_observation_of_a_sensor_listed_twice_counts(other: Any, is_first: bool) -> None:
    both = [a_sensor(**other), a_sensor(temperature=20.0)]
    answer = reply(*(both if is_first else reversed(both)))
    assert [reading.values[Quantity.TEMPERATURE] for reading in answer.readings] == [20.0]
    assert answer.unread == ()


@pytest.mark.parametrize("known", [UNIQUEID.upper(), f"HUE:{UNIQUEID}", MAC.upper(), f"hue:{MAC}"])
def test_configured_location_is_by_uniqueid_or_mac(known: str) -> None:
    assert location(a_sensor(), locations={known: "Landing"}) == "Landing"
    assert location(a_sensor(uniqueid=UNIQUEID.upper()), locations={known: "Landing"}) == "Landing"


@pytest.mark.parametrize("known", [MAC[:-1], "hue:", "", UNIQUEID[:-1], "Landing sensor"])
def test_part_of_an_id_does_not_match(known: str) -> None:
    assert location(a_sensor(), locations={known: "elsewhere"}) == "Landing sensor"


def test_location_without_any_name_is_unknown() -> None:
    assert location(a_sensor(name="")) == "unknown"
    assert location(a_sensor(name=""), unnamed="Hall") == "Hall"
    assert location(a_sensor(), fall_back_to_name=False) == UNIQUEID
    assert location(a_sensor(), fall_back_to_name=False, locations={MAC: "Landing"}) == "Landing"


def test_location_of_earlier_rows_stays() -> None:
    earlier = {f"hue:{UNIQUEID}": "Hue temperature sensor 8"}
    assert location(a_sensor(), earlier=earlier) == "Hue temperature sensor 8"
    assert location(a_sensor(uniqueid=UNIQUEID.upper()), earlier=earlier) == "Hue temperature sensor 8"
    assert location(a_sensor(), earlier=earlier, locations={MAC: "Landing"}) == "Landing"
    assert location(a_sensor(), earlier=earlier, fall_back_to_name=False) == UNIQUEID
    assert location(a_sensor(), earlier={"hue:another": "Attic"}) == "Landing sensor"


@pytest.mark.parametrize("raw", [{"type": "temperature", "id": "a"}, {"state": {"temperature": 2143}}])
def test_raw_response_answers_queries_of_version_1(raw: Any) -> None:
    sensor = a_sensor(raw=raw, battery_percent=88, is_reachable=True, observed_at=NOON)
    [reading] = reply(sensor, raw_response=True).readings
    stored = json.loads(reading.raw_response or "")
    assert stored["state"]["temperature"] == 2143
    assert stored.items() >= raw.items()
    if "state" not in raw:
        assert stored["state"]["lastupdated"] == "2026-03-01T12:00:00"
        assert stored["config"] == {"on": True, "battery": 88, "reachable": True}


def test_unwanted_values_are_left_out() -> None:
    [reading] = reply(a_sensor(), battery=False, reachability=False).readings
    assert (reading.battery_percent, reading.is_reachable, reading.raw_response) == (None, None, None)
    [reading] = reply(a_sensor(), raw_response=True).readings
    assert json.loads(reading.raw_response or "")["type"] == "ZLLTemperature"


def test_raw_response_nested_too_deeply_costs_no_reading() -> None:
    raw: Any = "end"
    for _ in range(200_000):
        raw = [raw]
    [reading] = reply(a_sensor(raw=raw), raw_response=True).readings
    assert (reading.values[Quantity.TEMPERATURE], reading.raw_response) == (21.43, None)
    while raw != "end":  # or the interpreter's own recursion would end it
        raw = raw[0]
