"""What is read out of the replies of both interfaces."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.amazon.monitors import Monitor
from adapters.amazon.states import Samples, samples_of_endpoints, samples_of_states
from adapters.http.lenient_json import Json, parse_json
from domain.reading import Quantity
from tests.support.alexa_stand_in import Device
from tests.support.canned_alexa import phoenix_states, states

Read = Callable[..., Samples]
OTHER = Device(entity="5c7d3f2e-0000-4000-8000-00000000000b", serial="GAJ2")


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


def of_features(change: Callable[[list[dict[str, Any]]], object], **fields: Any) -> Samples:
    """The samples of a device whose features were changed."""
    device = Device(**fields)
    content = states(device)
    change(content["data"]["listEndpoints"]["endpoints"][0]["features"])
    return samples_of_endpoints(content, [a_monitor(device)])[device.endpoint]


BOTH = pytest.mark.parametrize("read", [by_graphql, by_phoenix])


def values(samples: Samples) -> dict[str, float]:
    return {**{quantity.value: value for quantity, value in samples.values.items()}, **samples.others}


@BOTH
@pytest.mark.parametrize(
    ("ranges", "assets", "expected"),
    [
        (
            {"4": 53.0, "5": 12.0, "6": 3.0, "7": 4.0, "8": 0.5, "9": 97.0, "11": 1.0},
            {},
            {
                "relative_humidity": 53.0,
                "voc_index": 12.0,
                "pm25": 3.0,
                "pm10": 4.0,
                "carbon_monoxide": 0.5,
                "iaq_score": 97.0,
            },
        ),
        (  # the meaning that Amazon names counts more than the instance
            {"4": 1.0, "31": 53.0},
            {"4": "Alexa.AirQuality.CarbonMonoxide", "31": "Alexa.AirQuality.Humidity"},
            {"carbon_monoxide": 1.0, "relative_humidity": 53.0},
        ),
        ({"6": 3.0, "12": 700.0}, {}, {"pm25": 3.0, "range.12": 700.0}),
        (  # two ranges that claim one quantity
            {"4": 53.0, "31": 9.0},
            {"31": "alexa.airquality.humidity"},
            {"relative_humidity": 53.0, "range.31": 9.0},
        ),
    ],
)
def test_each_range_is_its_quantity_or_keeps_its_number(
    read: Read, ranges: dict[str, float | None], assets: dict[str, str], expected: dict[str, float]
) -> None:
    assert values(read(Device(ranges=ranges), assets=assets)) == {**expected, "temperature": 20.5}


@BOTH
@pytest.mark.parametrize(
    ("value", "scale", "celsius"),
    [
        (20.25, "CELSIUS", 20.25),
        (68.45, "FAHRENHEIT", 20.25),
        (293.4, "KELVIN", 20.25),
        (-40, "fahrenheit", -40),
        ("22.5", "CELSIUS", 22.5),
        ("-1", "CELSIUS", -1.0),
        (" 22,5\n", "CELSIUS", 22.5),
        ("2.25E1", "CELSIUS", 22.5),
        ("72.5", " °F ", 22.5),
        ("295.65", "kelvin", 22.5),
        (22.5, "DEGREES_CELSIUS", 22.5),
        (22.5, "c", 22.5),
    ],
)
def test_temperatures_are_converted_from_the_named_scale(
    read: Read, value: float | str, scale: str, celsius: float
) -> None:
    samples = read(Device(ranges={}, temperature={"value": value, "scale": scale}))
    assert samples.values[Quantity.TEMPERATURE] == celsius


@BOTH
@pytest.mark.parametrize(
    ("temperature", "reason"),
    [
        ({"value": 20.0}, "the scale '' is not known"),
        ({"value": "20.0", "scale": "REAUMUR"}, "the scale 'REAUMUR' is not known"),
        (20.0, "the scale '' is not known"),
        ({"scale": "CELSIUS"}, "no value"),
        (None, "no value"),
    ],
)
def test_a_temperature_that_cannot_be_used_has_a_reason(read: Read, temperature: Any, reason: str) -> None:
    samples = read(Device(temperature=temperature))
    assert Quantity.TEMPERATURE not in samples.values
    assert samples.left_out == [f"temperature: {reason}"]
    assert len(samples.values) == 6


@BOTH
@pytest.mark.parametrize(
    ("odd", "reason"),
    [
        (float("nan"), "nan is not a number"),
        (float("inf"), "inf is not a number"),
        (None, "no value"),
        ("NaN", "'NaN' is not a number"),
        ("Infinity", "'Infinity' is not a number"),
        ("1,234", "'1,234' is not a number"),
        ("1.2.3", "'1.2.3' is not a number"),
        ("22.5 C", "'22.5 C' is not a number"),
        ("", "'' is not a number"),
        (" ", "'' is not a number"),
        (True, "true is not a number"),
        ([53], "not a number"),
        ({}, "not a number"),
        ("x" * 50, "'[...]' is not a number"),
    ],
)
def test_what_is_not_a_finite_number_is_left_out_with_a_reason(read: Read, odd: Any, reason: str) -> None:
    samples = read(Device(ranges={"4": odd, "6": "3"}, temperature={"value": odd, "scale": "CELSIUS"}))  # type: ignore[dict-item]
    assert values(samples) == {"pm25": 3.0}
    reasons = [one.partition(": ")[::2] for one in samples.left_out]
    assert [name for name, _ in reasons] == ["relative_humidity", "temperature"]
    assert {why for _, why in reasons} <= {reason, "no value"}


@BOTH
def test_ranges_may_be_written_as_text(read: Read) -> None:
    written: Any = {"4": "53", "5": " 12.0 ", "6": "3,5", "8": "1.0E-1", "12": "7"}
    samples = read(Device(ranges=written, temperature=None))
    assert values(samples) == {
        "relative_humidity": 53.0,
        "voc_index": 12.0,
        "pm25": 3.5,
        "carbon_monoxide": 0.1,
        "range.12": 7.0,
    }


@BOTH
@pytest.mark.parametrize(("word", "is_reachable"), [("OK", True), ("UNREACHABLE", False), ("SLEEPY", None)])
def test_the_reply_tells_whether_the_monitor_is_reachable(
    read: Read, word: str, is_reachable: bool | None
) -> None:
    assert read(Device(reachability=word)).is_reachable is is_reachable


@pytest.mark.parametrize("is_phoenix", [False, True])
def test_the_newest_times_of_values_and_of_all_samples(is_phoenix: bool) -> None:
    times = ["2026-03-01T10:00:00Z", "2026-03-01T11:59:00.1234567Z", "2026-03-01T09:00:00Z"]
    reached = "2026-03-01T11:59:59Z"
    device = Device(ranges={"6": 3.0, "8": 0.0})
    if is_phoenix:
        content = phoenix_states(device)
        written = content["deviceStates"][0]["capabilityStates"]
        for number, time in enumerate([*times, reached]):
            written[number] = json.dumps(json.loads(written[number]) | {"timeOfSample": time})
        samples = samples_of_states(content, [a_monitor(device)])[device.endpoint]
    else:

        def set_times(features: list[dict[str, Any]]) -> None:
            for feature, time in zip(features, [*times, reached], strict=True):
                feature["properties"][0]["timeOfSample"] = time

        samples = of_features(set_times, ranges=device.ranges)
    assert samples.observed_at == datetime(2026, 3, 1, 11, 59, 0, 123456, tzinfo=UTC)
    assert samples.heard_at == datetime(2026, 3, 1, 11, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("changes", "is_dated"),
    [
        ({}, True),
        ({"sampled_at": None}, False),
        ({"sampled_at": None, "reachability": "UNREACHABLE", "ranges": {}, "temperature": None}, True),
    ],
)
def test_whether_every_sample_has_a_time(changes: dict[str, Any], is_dated: bool) -> None:
    assert by_graphql(Device(**changes)).is_dated is is_dated
    assert by_phoenix(Device()).is_dated is False


def test_a_value_in_error_costs_only_itself() -> None:
    samples = by_graphql(Device(errors={"8": "INTERNAL_ERROR", "temperatureSensor": "NOT_FOUND"}))
    assert samples.left_out == ["carbon_monoxide: INTERNAL_ERROR", "temperature: NOT_FOUND"]
    assert (len(samples.values), samples.is_reachable) == (5, True)

    def fail(features: list[dict[str, Any]]) -> None:
        features[0]["properties"][0] |= {"type": "ERROR", "error": None}

    assert of_features(fail).left_out == ["relative_humidity: an error"]


def test_a_monitor_all_of_whose_values_are_unreachable_is() -> None:
    errors = dict.fromkeys(["4", "temperatureSensor"], "ENDPOINT_UNREACHABLE")
    samples = by_graphql(Device(ranges={"4": 1.0}, reachability=None, errors=errors))
    assert (samples.is_empty, samples.is_reachable) == (True, False)


@pytest.mark.parametrize(
    ("instance", "expected", "left_out"),
    [
        (4, {"relative_humidity": 1.0, "temperature": 20.5}, []),
        (None, {"temperature": 20.5}, ["a value of an unknown range"]),
    ],
)
def test_an_instance_may_be_a_number_and_must_be_named(
    instance: int | None, expected: dict[str, float], left_out: list[str]
) -> None:
    def change(features: list[dict[str, Any]]) -> None:
        features[0]["instance"] = instance

    samples = of_features(change, ranges={"4": 1.0})
    assert (values(samples), samples.left_out) == (expected, left_out)


def test_only_monitors_that_were_asked_for_are_read() -> None:
    content = states(OTHER, Device())
    assert list(samples_of_endpoints(content, [a_monitor(Device())])) == [Device().endpoint]
    assert samples_of_endpoints(content, [a_monitor(Device(entity="gone"))]) == {}


def test_an_endpoint_may_be_named_endpoint_id_and_in_capitals() -> None:
    content = states(Device())
    item = content["data"]["listEndpoints"]["endpoints"][0]
    item["endpointId"] = item.pop("id").upper().replace("AMZN1.ALEXA.ENDPOINT.", "amzn1.alexa.endpoint.")
    assert list(samples_of_endpoints(content, [a_monitor(Device())])) == [Device().endpoint]


@pytest.mark.parametrize("is_first", [True, False])
def test_a_monitor_listed_twice_keeps_its_newest_values(is_first: bool) -> None:
    full = Device()
    for worse in (Device(ranges={}, temperature=None), Device(sampled_at="2026-02-01T00:00:00Z")):
        pair = (full, worse) if is_first else (worse, full)
        for samples in (
            samples_of_endpoints(states(*pair), [a_monitor(full)]),
            samples_of_states(phoenix_states(*pair), [a_monitor(full)]) if not worse.ranges else {},
        ):
            for each in samples.values():
                assert len(each.values) == 7
                assert each.observed_at is None or each.observed_at.month == 3


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
def test_the_older_interface_names_unreachable_monitors_in_errors(content: Json) -> None:
    (samples,) = samples_of_states(content, [a_monitor(Device())]).values()
    assert samples.is_reachable is False


def test_states_that_are_not_json_are_skipped() -> None:
    content = phoenix_states(Device(ranges={"6": 3.0}))
    written = content["deviceStates"][0]["capabilityStates"]
    written[0:0] = ["{", "[]", "null", 7, None, "\ud800"]
    written.append({"namespace": "Alexa.RangeController", "instance": 8, "value": 1})
    samples = samples_of_states(content, [a_monitor(Device())])[Device().endpoint]
    assert values(samples) == {"pm25": 3.0, "carbon_monoxide": 1.0, "temperature": 20.5}
    assert set(samples.left_out) == {"a state that is not JSON"}
    content["deviceStates"][0]["capabilityStates"] = "many"
    (samples,) = samples_of_states(content, [a_monitor(Device())]).values()
    assert samples.is_empty
