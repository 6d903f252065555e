"""What is read out of the two interfaces' answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import attrs
import pytest

from adapters.amazon.monitors import Monitor
from adapters.amazon.phoenix_states import samples_of_states
from adapters.amazon.states import Samples, samples_of_endpoints
from adapters.http.lenient_json import Json, parse_json
from domain.reading import Quantity
from tests.support.alexa_stand_in import Device
from tests.support.canned_alexa import phoenix_states, states

Read = Callable[[Device], Samples]


def a_monitor(device: Device, **changes: Any) -> Monitor:
    fields: dict[str, Any] = {
        "endpoint_id": device.endpoint,
        "entity_id": device.entity,
        "serial": device.serial,
        "name": device.name,
    }
    return Monitor(**(fields | changes))


def by_graphql(device: Device, **changes: Any) -> Samples:
    content = parse_json(json.dumps(states(device)).encode())
    return samples_of_endpoints(content, [a_monitor(device, **changes)])[device.endpoint]


def by_phoenix(device: Device, **changes: Any) -> Samples:
    content = parse_json(json.dumps(phoenix_states(device)).encode())
    return samples_of_states(content, [a_monitor(device, **changes)])[device.endpoint]


BOTH = pytest.mark.parametrize("read", [by_graphql, by_phoenix])


def values(samples: Samples) -> dict[str, float]:
    return {
        **{quantity.value: each.value for quantity, each in samples.values.items()},
        **{name: each.value for name, each in samples.others.items()},
    }


@BOTH
def test_each_instance_is_the_quantity_of_the_table(read: Read) -> None:
    ranges: dict[str, float | None] = {
        "4": 53.0,
        "5": 12.0,
        "6": 3.0,
        "7": 4.0,
        "8": 0.5,
        "9": 97.0,
        "11": 1.0,
    }
    assert values(read(Device(ranges=ranges))) == {
        "relative_humidity": 53.0,
        "voc_index": 12.0,
        "pm25": 3.0,
        "pm10": 4.0,
        "carbon_monoxide": 0.5,
        "iaq_score": 97.0,
        "temperature": 20.5,
    }


@pytest.mark.parametrize("read", [by_graphql, by_phoenix])
def test_what_amazon_calls_a_range_counts_more_than_its_instance(read: Callable[..., Samples]) -> None:
    samples = read(
        Device(ranges={"4": 1.0, "31": 53.0}),
        assets={"4": "Alexa.AirQuality.CarbonMonoxide", "31": "Alexa.AirQuality.Humidity"},
    )
    assert values(samples) == {"carbon_monoxide": 1.0, "relative_humidity": 53.0, "temperature": 20.5}


@BOTH
def test_an_unknown_range_keeps_its_number(read: Read) -> None:
    assert values(read(Device(ranges={"6": 3.0, "12": 700.0}))) == {
        "pm25": 3.0,
        "range.12": 700.0,
        "temperature": 20.5,
    }


@pytest.mark.parametrize("read", [by_graphql, by_phoenix])
def test_two_ranges_that_claim_one_quantity_do_not_overwrite_each_other(read: Callable[..., Samples]) -> None:
    samples = read(Device(ranges={"4": 53.0, "31": 9.0}), assets={"31": "alexa.airquality.humidity"})
    assert values(samples) == {"relative_humidity": 53.0, "range.31": 9.0, "temperature": 20.5}


@BOTH
@pytest.mark.parametrize(
    ("value", "scale", "celsius"),
    [
        (20.25, "CELSIUS", 20.25),
        (68.45, "FAHRENHEIT", 20.25),
        (293.4, "KELVIN", 20.25),
        (-40, "fahrenheit", -40),
    ],
)
def test_a_temperature_is_converted_from_the_scale_that_the_reply_names(
    read: Read, value: float, scale: str, celsius: float
) -> None:
    samples = read(Device(ranges={}, temperature={"value": value, "scale": scale}))
    assert samples.values[Quantity.TEMPERATURE].value == celsius


@BOTH
@pytest.mark.parametrize("temperature", [{"value": 20.0}, {"value": 20.0, "scale": "REAUMUR"}])
def test_a_temperature_without_a_known_scale_is_left_out(read: Read, temperature: Any) -> None:
    samples = read(Device(temperature=temperature))
    assert Quantity.TEMPERATURE not in samples.values
    assert samples.left_out == ["a temperature without a known scale"]
    assert len(samples.values) == 6


@BOTH
@pytest.mark.parametrize("odd", [float("nan"), float("inf"), None, "53", True, [53], {}])
def test_what_is_no_finite_number_is_no_value(read: Read, odd: Any) -> None:
    samples = read(Device(ranges={"4": odd, "6": 3.0}, temperature={"value": odd, "scale": "CELSIUS"}))
    assert values(samples) == {"pm25": 3.0}


@BOTH
@pytest.mark.parametrize(("word", "is_reachable"), [("OK", True), ("UNREACHABLE", False), ("SLEEPY", None)])
def test_the_reply_says_whether_the_monitor_is_reached(
    read: Read, word: str, is_reachable: bool | None
) -> None:
    assert read(Device(reachability=word)).is_reachable is is_reachable


def test_each_value_keeps_the_time_at_which_it_was_taken() -> None:
    content = states(Device(ranges={"6": 3.0, "8": 0.0}))
    old, new = "2026-03-01T10:00:00Z", "2026-03-01T11:59:00.1234567Z"
    features = content["data"]["listEndpoints"]["endpoints"][0]["features"]
    for feature, taken_at in zip(features, (old, new, old, "2026-03-01T11:59:59Z"), strict=True):
        feature["properties"][0]["timeOfSample"] = taken_at
    samples = samples_of_endpoints(content, [a_monitor(Device())])[Device().endpoint]
    assert samples.values[Quantity.PM25].at == datetime(2026, 3, 1, 10, tzinfo=UTC)
    assert samples.newest == datetime(2026, 3, 1, 11, 59, 0, 123456, tzinfo=UTC)


def test_a_value_in_error_costs_only_itself() -> None:
    samples = by_graphql(Device(errors={"8": "INTERNAL_ERROR", "temperatureSensor": "ENDPOINT_UNREACHABLE"}))
    assert samples.left_out == ["INTERNAL_ERROR", "ENDPOINT_UNREACHABLE"]
    assert len(samples.values) == 5
    assert samples.is_reachable is True


def test_a_monitor_all_of_whose_values_are_unreachable_is() -> None:
    errors = dict.fromkeys(["4", "temperatureSensor"], "ENDPOINT_UNREACHABLE")
    samples = by_graphql(Device(ranges={"4": 1.0}, reachability=None, errors=errors))
    assert (samples.is_empty, samples.is_reachable) == (True, False)


def test_a_value_that_does_not_say_of_what_is_left_out() -> None:
    content = states(Device(ranges={"4": 1.0}))
    content["data"]["listEndpoints"]["endpoints"][0]["features"][0]["instance"] = None
    samples = samples_of_endpoints(content, [a_monitor(Device())])[Device().endpoint]
    assert values(samples) == {"temperature": 20.5}
    assert samples.left_out == ["a value that does not say of what"]


def test_an_instance_may_be_a_number() -> None:
    content = states(Device(ranges={"4": 1.0}))
    content["data"]["listEndpoints"]["endpoints"][0]["features"][0]["instance"] = 4
    samples = samples_of_endpoints(content, [a_monitor(Device())])[Device().endpoint]
    assert values(samples) == {"relative_humidity": 1.0, "temperature": 20.5}


def test_only_the_monitors_that_were_asked_for_are_read_whatever_else_is_listed() -> None:
    other = Device(entity="5c7d3f2e-0000-4000-8000-00000000000b", serial="GAJ2")
    content = states(other, Device())
    assert list(samples_of_endpoints(content, [a_monitor(Device())])) == [Device().endpoint]
    assert samples_of_endpoints(content, [a_monitor(Device(entity="gone"))]) == {}


def test_an_endpoint_may_be_called_endpoint_id_and_in_capitals() -> None:
    content = states(Device())
    item = content["data"]["listEndpoints"]["endpoints"][0]
    item["endpointId"] = item.pop("id").upper().replace("AMZN1.ALEXA.ENDPOINT.", "amzn1.alexa.endpoint.")
    assert list(samples_of_endpoints(content, [a_monitor(Device())])) == [Device().endpoint]


@pytest.mark.parametrize(
    "content",
    [
        {
            "deviceStates": [],
            "errors": [{"code": "ENDPOINT_UNREACHABLE", "entity": {"entityId": Device().entity}}],
        },
        {"deviceStates": [{"entityId": Device().entity, "error": {"code": "ENDPOINT_UNREACHABLE"}}]},
        {"deviceStates": [{"entityId": Device().entity, "error": "ENDPOINT_UNREACHABLE"}]},
    ],
)
def test_the_older_interface_names_unreachable_monitors_among_its_errors(content: Json) -> None:
    (samples,) = samples_of_states(content, [a_monitor(Device())]).values()
    assert samples.is_reachable is False


def test_states_that_are_no_json_are_passed_over() -> None:
    content = phoenix_states(Device(ranges={"6": 3.0}))
    written = content["deviceStates"][0]["capabilityStates"]
    written[0:0] = ["{", "[]", "null", 7, None, "\ud800"]
    content["deviceStates"][0]["capabilityStates"].append(
        {"namespace": "Alexa.RangeController", "instance": 8, "value": 1}
    )
    samples = samples_of_states(content, [a_monitor(Device())])[Device().endpoint]
    assert values(samples) == {"pm25": 3.0, "carbon_monoxide": 1.0, "temperature": 20.5}


def test_states_that_are_no_list_are_none() -> None:
    content: Json = {"deviceStates": [{"entity": {"entityId": Device().entity}, "capabilityStates": "many"}]}
    (samples,) = samples_of_states(content, [a_monitor(Device())]).values()
    assert samples.is_empty


def test_a_state_of_the_older_interface_may_tell_its_time() -> None:
    state = {
        "namespace": "Alexa.RangeController",
        "instance": "6",
        "value": 3,
        "timeOfSample": "2026-03-01T11:00:00Z",
    }
    content = phoenix_states(attrs.evolve(Device(), ranges={}))
    content["deviceStates"][0]["capabilityStates"] = [json.dumps(state)]
    (samples,) = samples_of_states(content, [a_monitor(Device())]).values()
    assert samples.newest == datetime(2026, 3, 1, 11, tzinfo=UTC)
