"""Parsing of v1's sensors and v2's resources."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.hue.parsing import (
    Link,
    parse_batteries,
    parse_links,
    parse_names,
    parse_sensors,
    parse_temperatures,
    parse_whole_bridge,
)
from adapters.hue.sensors import Sensor
from domain.errors import SourceGarbled
from tests.support.hue_replies import (
    DEVICE,
    MAC,
    RESOURCE,
    UNIQUEID,
    a_v1_presence,
    a_v1_temperature,
    a_v2_device,
    a_v2_link,
    a_v2_power,
    a_v2_temperature,
    an_envelope,
)

REPORTED = datetime(2026, 3, 1, 11, 57, 21, tzinfo=UTC)


def v1_sensor(entry: Any, **others: Any) -> Sensor:
    [sensor] = parse_sensors({"4": entry, **others})
    return sensor


def v2_sensor(item: Any) -> Sensor:
    [sensor] = parse_temperatures(an_envelope(item))
    return sensor


def test_v1_sensor_is_parsed() -> None:
    entry = a_v1_temperature()
    assert v1_sensor(entry) == Sensor(
        where="/sensors/4",
        uniqueid=UNIQUEID,
        name="Hue temperature sensor 1",
        temperature=21.43,
        observed_at=REPORTED,
        reported_at=REPORTED,
        battery_percent=83,
        is_reachable=True,
        raw=entry,
    )


@pytest.mark.parametrize(("hundredths", "celsius"), [(-1234, -12.34), (0, 0.0), (2143.5, 21.435)])
def test_v1_hundredths_become_degrees(hundredths: float, celsius: float) -> None:
    assert v1_sensor(a_v1_temperature(state={"temperature": hundredths})).temperature == celsius


@pytest.mark.parametrize(
    "state",
    [
        *({"temperature": value} for value in (None, True, "2143", 10**400)),
        {"temperature": 0, "lastupdated": "none"},
        {"lastupdated": "none"},
        {"lastupdated": "None "},
    ],
    ids=str,
)
def test_v1_temperature_needs_a_number_and_a_report(state: Any) -> None:
    assert v1_sensor(a_v1_temperature(state=state)).temperature is None


@pytest.mark.parametrize("part", ["state", "config"])
@pytest.mark.parametrize("content", [{}, None, "none"], ids=str)
def test_v1_sensor_without_state_or_config_is_kept(part: str, content: Any) -> None:
    sensor = v1_sensor({**a_v1_temperature(), part: content})
    if part == "state":
        assert (sensor.temperature, sensor.observed_at) == (None, None)
    else:
        assert (sensor.is_on, sensor.is_reachable, sensor.battery_percent) == (True, None, None)


@pytest.mark.parametrize("when", ["", None, 0, "yesterday", "0001-01-01T00:00+14:00"])
def test_temperature_with_an_invalid_time_is_kept(when: Any) -> None:
    sensor = v1_sensor(a_v1_temperature(state={"lastupdated": when}))
    assert (sensor.temperature, sensor.observed_at) == (21.43, None)
    report = {"temperature": 21.43, "changed": when}
    sensor = v2_sensor(a_v2_temperature(temperature={"temperature_report": report}))
    assert (sensor.temperature, sensor.observed_at) == (21.43, None)


@pytest.mark.parametrize("when", ["2026-03-01T11:57:21.000Z", "2026-03-01T12:57:21+01:00"])
def test_time_is_utc_unless_it_has_an_offset(when: str) -> None:
    assert v1_sensor(a_v1_temperature(state={"lastupdated": when})).observed_at == REPORTED


@pytest.mark.parametrize("charge", [None, True, "83", 101, -1, 83.5], ids=str)
def test_invalid_battery_charge_is_unknown(charge: Any) -> None:
    assert v1_sensor(a_v1_temperature(config={"battery": charge})).battery_percent is None
    assert parse_batteries(an_envelope(a_v2_power(charge))) == {}


def test_v1_flags_that_are_not_boolean_are_unknown() -> None:
    sensor = v1_sensor(a_v1_temperature(config={"on": 0, "reachable": "false"}))
    assert (sensor.is_on, sensor.is_reachable) == (True, None)
    sensor = v1_sensor(a_v1_temperature(config={"on": False, "reachable": False}))
    assert (sensor.is_on, sensor.is_reachable) == (False, False)


@pytest.mark.parametrize(
    ("presence", "name"),
    [
        (a_v1_presence("Landing sensor", uniqueid=f"{MAC.upper()}-02-0406"), "Landing sensor"),
        (a_v1_presence(uniqueid="00:17:88:01:ff:ff:ff:ff-02-0406"), "by itself"),
        (a_v1_presence(uniqueid=None), "by itself"),
        (a_v1_presence(""), "by itself"),
        (a_v1_presence(type="ZLLLightLevel"), "by itself"),
    ],
    ids=str,
)
def test_v1_name_is_that_of_the_motion_sensor_of_the_device(presence: Any, name: str) -> None:
    assert v1_sensor(a_v1_temperature(name="by itself"), **{"5": presence}).name == name


@pytest.mark.parametrize("missing", [None, "", 7])
def test_v1_sensor_without_a_uniqueid_is_kept(missing: Any) -> None:
    sensor = v1_sensor(a_v1_temperature(uniqueid=missing, name=missing))
    assert (sensor.uniqueid, sensor.name, sensor.temperature) == (None, "", 21.43)


@pytest.mark.parametrize(
    "other",
    [
        {"type": "CLIPTemperature", "state": {"temperature": None, "lastupdated": "none"}},
        {"type": ["ZLLTemperature"]},
        {},
        None,
        [],
        "ZLLTemperature",
    ],
    ids=str,
)
def test_v1_entries_of_other_types_are_skipped(other: Any) -> None:
    assert v1_sensor(a_v1_temperature(), **{"9": other}).uniqueid == UNIQUEID


@pytest.mark.parametrize("content", [None, [a_v1_temperature()], "sensors", 7], ids=str)
def test_v1_sensors_must_be_an_object(content: Any) -> None:
    with pytest.raises(SourceGarbled, match="do not come as an object"):
        parse_sensors(content)
    with pytest.raises(SourceGarbled, match="without its sensors"):
        parse_whole_bridge({"sensors": content})


def test_nothing_but_the_sensors_of_the_whole_bridge_is_kept() -> None:
    entries: Any = {"4": a_v1_temperature(), "5": a_v1_presence()}
    whole: Any = {"lights": {"1": {}}, "config": {"whitelist": {"a key": {}}}, "sensors": entries}
    assert parse_whole_bridge(whole) == parse_sensors(entries)
    assert "a key" not in repr(parse_whole_bridge(whole))


def test_v2_resource_is_parsed() -> None:
    item = a_v2_temperature()
    assert v2_sensor(item) == Sensor(
        where="/sensors/4",
        resource_id=RESOURCE,
        owner=DEVICE,
        temperature=21.43,
        observed_at=datetime(2026, 3, 1, 11, 57, 21, 698_000, tzinfo=UTC),
        raw=item,
    )
    bare = Sensor(
        where=RESOURCE, resource_id=RESOURCE, owner=RESOURCE, temperature=None, raw={"id": RESOURCE}
    )
    assert v2_sensor({"id": RESOURCE}) == bare


@pytest.mark.parametrize(
    ("temperature", "value"),
    [
        ({"temperature": 18.9, "temperature_valid": True}, 18.9),
        ({"temperature": 18.0, "temperature_report": {"temperature": 19.0}}, 19.0),
        ({"temperature": 18.0, "temperature_report": {"temperature": None}}, 18.0),
        ({"temperature": 18.0, "temperature_report": []}, 18.0),
        ({"temperature": 18.0, "temperature_valid": False}, None),
        ({"temperature": None, "temperature_report": None}, None),
        ([], None),
    ],
    ids=str,
)
def test_v2_deprecated_field_replaces_a_missing_one(temperature: Any, value: float | None) -> None:
    assert v2_sensor({**a_v2_temperature(), "temperature": temperature}).temperature == value


@pytest.mark.parametrize(("enabled", "is_on"), [(False, False), (True, True), (None, True), ("no", True)])
def test_v2_sensor_is_off_only_if_enabled_is_false(enabled: Any, is_on: bool) -> None:
    assert v2_sensor(a_v2_temperature(enabled=enabled)).is_on is is_on


@pytest.mark.parametrize("item", [None, "x", {}, {"id": 7}, {"id": ""}], ids=str)
def test_v2_resource_without_an_id_is_skipped(item: Any) -> None:
    assert parse_temperatures(an_envelope(item)) == ()


@pytest.mark.parametrize("content", [None, [], {}, {"data": {}}, "x"], ids=str)
def test_v2_content_without_an_envelope_is_empty(content: Any) -> None:
    for parse in (parse_temperatures, parse_names, parse_batteries, parse_links):
        assert not parse(content)


def test_v2_names_and_charges_are_by_device() -> None:
    assert parse_names(an_envelope(a_v2_device("Attic"))) == {DEVICE: "Attic"}
    assert parse_batteries(an_envelope(a_v2_power(77))) == {DEVICE: 77}
    for item in ({}, {"id": DEVICE}, a_v2_device(metadata=None), a_v2_device(""), 7):
        assert parse_names(an_envelope(item)) == {}


@pytest.mark.parametrize(
    ("status", "is_up"),
    [
        ("connected", True),
        ("unidirectional_incoming", True),
        ("disconnected", False),
        ("connectivity_issue", False),
        ("pending_discovery", None),
        (7, None),
    ],
)
def test_v2_link_is_up_down_or_unknown(status: Any, is_up: bool | None) -> None:
    assert parse_links(an_envelope(a_v2_link(status))) == {DEVICE: Link(MAC, is_up)}


@pytest.mark.parametrize("owner", [None, {}, "x", {"rid": ""}], ids=str)
def test_v2_resource_without_an_owner_is_skipped(owner: Any) -> None:
    assert parse_links(an_envelope(a_v2_link(owner=owner))) == {}
    assert parse_batteries(an_envelope(a_v2_power(owner=owner))) == {}
