"""Which readings are made of a bridge's sensors, and what their places are called."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from adapters.hue.sensors import Keeping, Sensor, reply_of
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


def reply(*sensors: Sensor, **keeping: Any) -> SourceReply:
    return reply_of(sensors, NOON, Keeping(**keeping))


def location(sensor: Sensor, **keeping: Any) -> str:
    return reply(sensor, **keeping).readings[0].location


def test_a_sensor_makes_a_reading_of_the_slot() -> None:
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
    ],
    ids=str,
)
def test_a_sensor_without_a_reading_is_accounted_for(changes: Any, cause: Cause) -> None:
    unread = Unread(device_id=f"hue:{UNIQUEID}", cause=cause, detail="Landing sensor")
    assert reply(a_sensor(**changes)) == SourceReply(readings=(), unread=(unread,))


def test_a_sensor_of_unknown_reachability_makes_a_reading() -> None:
    assert len(reply(a_sensor(is_reachable=None)).readings) == 1


def test_a_sensor_without_an_identity_is_not_stored_and_that_is_said() -> None:
    answer = reply(a_sensor(uniqueid=None))
    assert (answer.readings, answer.unread) == ((), ())
    assert answer.notes == ("a sensor without a unique id is not stored: Landing sensor (/sensors/4)",)


@pytest.mark.parametrize("silent_first", [True, False])
def test_a_sensor_that_is_listed_twice_counts_once_and_as_the_one_that_answers(silent_first: bool) -> None:
    both = [a_sensor(is_reachable=False), a_sensor(temperature=20.0)]
    answer = reply(*(both if silent_first else reversed(both)))
    assert [reading.values[Quantity.TEMPERATURE] for reading in answer.readings] == [20.0]
    assert answer.unread == ()


@pytest.mark.parametrize(
    "known",
    [
        UNIQUEID,
        UNIQUEID.upper(),
        f"hue:{UNIQUEID}",
        f"HUE:{UNIQUEID.upper()}",
        MAC,
        MAC.upper(),
        f"hue:{MAC}",
    ],
)
def test_a_home_s_own_name_is_found_by_any_way_to_write_the_sensor(known: str) -> None:
    assert location(a_sensor(), locations={known: "Landing"}) == "Landing"
    assert location(a_sensor(uniqueid=UNIQUEID.upper()), locations={known: "Landing"}) == "Landing"


@pytest.mark.parametrize("known", [MAC[:-1], "hue:", "", UNIQUEID[:-1], "Landing sensor"])
def test_half_a_sensor_is_none(known: str) -> None:
    assert location(a_sensor(), locations={known: "elsewhere"}) == "Landing sensor"


def test_without_a_name_of_its_own_a_sensor_s_place_is_unknown() -> None:
    assert location(a_sensor(name="")) == "unknown"
    assert location(a_sensor(name=""), unnamed="Hall") == "Hall"


def test_a_home_may_want_no_names_but_its_own() -> None:
    assert location(a_sensor(), fall_back_to_name=False) == "unknown"
    assert location(a_sensor(), fall_back_to_name=False, locations={MAC: "Landing"}) == "Landing"


def test_a_home_keeps_only_what_it_wants() -> None:
    [reading] = reply(a_sensor(), battery=False, reachability=False).readings
    assert (reading.battery_percent, reading.is_reachable, reading.raw_response) == (None, None, None)


def test_the_raw_response_is_the_sensor_s_own_entry() -> None:
    [reading] = reply(a_sensor(), raw_response=True).readings
    assert json.loads(reading.raw_response or "") == {"type": "ZLLTemperature"}


def test_a_raw_response_that_is_too_deep_to_write_costs_no_reading() -> None:
    raw: Any = "end"
    for _ in range(200_000):
        raw = [raw]
    [reading] = reply(a_sensor(raw=raw), raw_response=True).readings
    assert (reading.values[Quantity.TEMPERATURE], reading.raw_response) == (21.43, None)
    while raw != "end":  # or the interpreter's own recursion would end it
        raw = raw[0]
