"""What is read out of the v1 API's sensors."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.hue.api_v1 import sensors_of, sensors_of_whole_bridge
from adapters.hue.sensors import Sensor
from domain.errors import SourceGarbled
from tests.support.hue_replies import UNIQUEID, a_v1_presence, a_v1_temperature


def the_sensor(entry: Any, **others: Any) -> Sensor:
    [sensor] = sensors_of({"4": entry, **others})
    return sensor


def test_a_sensor_is_read_in_degrees_with_all_that_the_bridge_knows_of_it() -> None:
    entry = a_v1_temperature()
    assert the_sensor(entry) == Sensor(
        where="/sensors/4",
        uniqueid=UNIQUEID,
        name="Hue temperature sensor 1",
        temperature=21.43,
        observed_at=datetime(2026, 3, 1, 11, 57, 21, tzinfo=UTC),
        battery_percent=83,
        is_reachable=True,
        is_on=True,
        raw=entry,
    )


@pytest.mark.parametrize(
    ("hundredths", "celsius"),
    [(-1234, -12.34), (0, 0.0), (2143.5, 21.435), (10**30, 1e28)],
    ids=["frost", "zero", "a fraction", "huge"],
)
def test_a_number_of_hundredths_becomes_degrees(hundredths: float, celsius: float) -> None:
    assert the_sensor(a_v1_temperature(state={"temperature": hundredths})).temperature == celsius


@pytest.mark.parametrize("nothing", [None, True, False, "2143", [2143], {"value": 2143}, 10**400])
def test_what_is_no_number_is_no_temperature(nothing: Any) -> None:
    assert the_sensor(a_v1_temperature(state={"temperature": nothing})).temperature is None


@pytest.mark.parametrize("state", [{}, [], "none", 7, True])
def test_a_state_without_a_temperature_has_none(state: Any) -> None:
    sensor = the_sensor({**a_v1_temperature(), "state": state})
    assert (sensor.temperature, sensor.observed_at) == (None, None)


@pytest.mark.parametrize(
    "nowhere", ["none", "", None, 0, "yesterday", "2026-03-01T25:00:00", "0001-01-01T00:00:00+14:00"]
)
def test_a_temperature_of_an_unknown_instant_is_still_one(nowhere: Any) -> None:
    sensor = the_sensor(a_v1_temperature(state={"lastupdated": nowhere}))
    assert (sensor.temperature, sensor.observed_at) == (21.43, None)


@pytest.mark.parametrize(
    "written", ["2026-03-01T11:57:21", "2026-03-01T11:57:21.000Z", "2026-03-01T12:57:21+01:00"]
)
def test_an_instant_is_utc_unless_it_says_otherwise(written: str) -> None:
    sensor = the_sensor(a_v1_temperature(state={"lastupdated": written}))
    assert sensor.observed_at == datetime(2026, 3, 1, 11, 57, 21, tzinfo=UTC)
    assert sensor.observed_at.tzinfo is UTC


@pytest.mark.parametrize("charge", [None, True, "83", 101, -1, 83.5, [], {}])
def test_a_charge_that_is_no_percentage_is_not_known(charge: Any) -> None:
    assert the_sensor(a_v1_temperature(config={"battery": charge})).battery_percent is None


@pytest.mark.parametrize("config", [{}, [], None, "on", 1])
def test_a_sensor_without_a_configuration_counts_as_switched_on(config: Any) -> None:
    sensor = the_sensor({**a_v1_temperature(), "config": config})
    assert (sensor.is_on, sensor.is_reachable, sensor.battery_percent) == (True, None, None)


def test_what_is_no_boolean_says_neither_yes_nor_no() -> None:
    sensor = the_sensor(a_v1_temperature(config={"on": 0, "reachable": "false"}))
    assert (sensor.is_on, sensor.is_reachable) == (True, None)


def test_a_sensor_that_is_switched_off_or_unreachable_says_so() -> None:
    sensor = the_sensor(a_v1_temperature(config={"on": False, "reachable": False}))
    assert (sensor.is_on, sensor.is_reachable) == (False, False)


def test_a_sensor_has_the_name_that_somebody_gave_to_its_device() -> None:
    assert the_sensor(a_v1_temperature(), **{"5": a_v1_presence("Landing sensor")}).name == "Landing sensor"


@pytest.mark.parametrize(
    "presence",
    [
        a_v1_presence(uniqueid="00:17:88:01:ff:ff:ff:ff-02-0406"),
        a_v1_presence(uniqueid=None),
        a_v1_presence(""),
        a_v1_presence(type="ZLLLightLevel"),
        {"type": "ZLLPresence"},
    ],
    ids=["another device's", "of no device", "empty", "of a light sensor", "nothing"],
)
def test_a_name_that_is_not_its_device_s_is_not_taken(presence: Any) -> None:
    assert the_sensor(a_v1_temperature(), **{"5": presence}).name == "Hue temperature sensor 1"


def test_the_case_of_a_uniqueid_does_not_part_a_device() -> None:
    presence = a_v1_presence("Landing sensor", uniqueid=f"{UNIQUEID[:23].upper()}-02-0406")
    assert the_sensor(a_v1_temperature(), **{"5": presence}).name == "Landing sensor"


@pytest.mark.parametrize("missing", [None, "", 7, []])
def test_a_sensor_without_an_identity_or_a_name_is_listed_all_the_same(missing: Any) -> None:
    sensor = the_sensor(a_v1_temperature(uniqueid=missing, name=missing))
    assert (sensor.uniqueid, sensor.name, sensor.temperature) == (None, "", 21.43)


@pytest.mark.parametrize(
    "other",
    [
        {
            "type": "CLIPTemperature",
            "state": {"temperature": None, "lastupdated": "none"},
            "config": {"on": True},
        },
        {"type": "CLIPGenericStatus", "name": "SceneCycle", "uniqueid": "WA0001"},
        {"type": "Daylight", "state": {"daylight": True}},
        {"type": "Geofence", "uniqueid": "L_02_abcde"},
        {"type": "ZGPSwitch", "config": {"on": True}},
        {"type": "SomethingOfNextYear", "state": None},
        {"type": None},
        {"type": ["ZLLTemperature"]},
        {},
        None,
        [],
        "ZLLTemperature",
        7,
    ],
    ids=str,
)
def test_whatever_is_no_temperature_sensor_is_passed_over(other: Any) -> None:
    assert the_sensor(a_v1_temperature(), **{"9": other}).uniqueid == UNIQUEID


@pytest.mark.parametrize("content", [None, [], [a_v1_temperature()], "sensors", 7, True], ids=str)
def test_sensors_that_are_no_object_make_no_sense(content: Any) -> None:
    with pytest.raises(SourceGarbled, match="do not come as an object"):
        sensors_of(content)


def test_a_bridge_without_sensors_has_none() -> None:
    assert sensors_of({}) == ()


def test_the_whole_bridge_has_the_same_sensors_and_nothing_else_of_it_is_kept() -> None:
    entries: Any = {"4": a_v1_temperature(), "5": a_v1_presence()}
    whole: Any = {"lights": {"1": {}}, "config": {"whitelist": {"somebody's key": {}}}, "sensors": entries}
    assert sensors_of_whole_bridge(whole) == sensors_of(entries)
    assert "somebody's key" not in repr(sensors_of_whole_bridge(whole))


@pytest.mark.parametrize("content", [None, [], {}, {"sensors": []}, {"sensors": None}, "x"], ids=str)
def test_a_whole_bridge_without_its_sensors_makes_no_sense(content: Any) -> None:
    with pytest.raises(SourceGarbled, match="without its sensors"):
        sensors_of_whole_bridge(content)
