"""What is bounded of a reply that is whole, JSON, and larger than any home's."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.amazon.cookies import LONGEST_VALUE, is_header_text, sendable
from adapters.amazon.monitors import merge_mentions, monitors_of_appliances, monitors_of_endpoints
from adapters.amazon.states import samples_of_endpoints
from adapters.http.lenient_json import MAX_DEVICES, MAX_NAME_LENGTH
from adapters.hue.parsing import parse_batteries, parse_links, parse_names, parse_sensors, parse_temperatures
from domain.errors import SourceGarbled
from tests.support.alexa_stand_in import Device
from tests.support.canned_alexa import discovered, listed, states
from tests.support.hue_replies import (
    UNIQUEID,
    a_v1_presence,
    a_v1_temperature,
    a_v2_device,
    a_v2_link,
    a_v2_power,
    a_v2_temperature,
    an_envelope,
)

LONG = "x" * 3_000_000


def many_v1(count: int) -> dict[str, Any]:
    return {str(number): a_v1_temperature(uniqueid=f"{number:08}") for number in range(count)}


def many_devices(count: int) -> list[Device]:
    return [Device(entity=f"entity-{number}", serial=f"SERIAL{number}") for number in range(count)]


def test_v1_reply_with_too_many_sensors_is_rejected() -> None:
    assert len(parse_sensors(many_v1(MAX_DEVICES))) == MAX_DEVICES
    with pytest.raises(SourceGarbled, match="more than 1,000 temperature sensors"):
        parse_sensors(many_v1(MAX_DEVICES + 1))


@pytest.mark.parametrize(
    ("read", "item"),
    [
        (parse_temperatures, a_v2_temperature),
        (parse_names, a_v2_device),
        (parse_batteries, a_v2_power),
        (parse_links, a_v2_link),
    ],
    ids=lambda value: value.__name__,
)
def test_v2_reply_with_too_many_devices_is_rejected(read: Any, item: Any) -> None:
    assert len(read(an_envelope(*[item()] * MAX_DEVICES))) > 0
    with pytest.raises(SourceGarbled, match="more than 1,000 devices"):
        read(an_envelope(*[item()] * (MAX_DEVICES + 1)))


def test_account_with_too_many_monitors_is_rejected() -> None:
    for count in (MAX_DEVICES, MAX_DEVICES + 1):
        devices = many_devices(count)
        both = (*monitors_of_appliances(discovered(*devices)), *monitors_of_endpoints(listed(*devices)))
        if count <= MAX_DEVICES:
            assert len(merge_mentions(both)) == count
        else:
            with pytest.raises(SourceGarbled, match="more than 1,000 monitors"):
                merge_mentions(both)


def test_sensor_names_are_cut_and_long_identifiers_rejected() -> None:
    (sensor,) = parse_sensors({"4": a_v1_temperature(name=LONG)})
    assert sensor.name == "x" * MAX_NAME_LENGTH
    (sensor,) = parse_sensors({"4": a_v1_temperature(), "5": a_v1_presence(LONG)})
    assert (sensor.uniqueid, sensor.name) == (UNIQUEID, "x" * MAX_NAME_LENGTH)
    (sensor,) = parse_sensors({"4": a_v1_temperature(uniqueid=LONG)})
    assert sensor.uniqueid is None
    assert parse_temperatures(an_envelope(a_v2_temperature(id=LONG))) == ()
    assert parse_names(an_envelope(a_v2_device(LONG))).popitem()[1] == "x" * MAX_NAME_LENGTH
    owner = {"owner": {"rid": LONG}}
    assert not parse_batteries(an_envelope(a_v2_power(**owner)))
    assert not parse_links(an_envelope(a_v2_link(**owner)))


def test_monitor_names_and_ranges_are_bounded() -> None:
    (monitor,) = monitors_of_appliances(discovered(Device(name=LONG)))
    assert monitor.name == "x" * MAX_NAME_LENGTH
    (monitor,) = monitors_of_endpoints(listed(Device(name=LONG)))
    assert monitor.name == "x" * MAX_NAME_LENGTH
    assert not list(monitors_of_appliances(discovered(Device(entity=LONG))))
    assert not list(monitors_of_endpoints(listed(Device(entity=LONG))))
    appliance = Device().appliance()
    appliance["capabilities"] = [
        {
            "instance": str(number),
            "resources": {"friendlyNames": [{"value": {"assetId": "Alexa.AirQuality.Humidity"}}]},
        }
        for number in range(5000)
    ]
    (monitor,) = monitors_of_appliances({"data": {"endpoints": {"items": [{"legacyAppliance": appliance}]}}})
    assert len(monitor.assets) == 100


def test_unnamed_values_of_a_monitor_are_bounded() -> None:
    device = Device(ranges={str(number): 1.0 for number in range(100, 5000)})
    (monitor,) = monitors_of_endpoints(listed(device))
    (samples,) = samples_of_endpoints(states(device), [monitor]).values()
    assert len(samples.others) == 100
    assert set(samples.left_out) == {"more than 100 values without a name"}


def test_long_tokens_and_too_many_cookies_are_rejected() -> None:
    assert is_header_text("a" * LONGEST_VALUE)
    assert not is_header_text("a" * (LONGEST_VALUE + 1))
    assert len(sendable({f"name-{number}": "value" for number in range(100_000)})) == 200
