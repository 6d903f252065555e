"""What the simulated Alexa service says of the monitors in GraphQL, and that it says what was asked for."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from typing import Any

import pytest

from adapters.memory.runtime import MemoryClock
from adapters.simulator.amazon.service import SimulatedAlexa
from adapters.simulator.home import SimulatedHome
from domain.reading import Quantity
from tests.support.alexa_client import (
    GRAPHQL,
    READINGS,
    Answer,
    ask,
    bearer,
    browser,
    endpoints,
    post,
    properties,
    readings,
    state,
)

INSTANCES = {
    "range:4": Quantity.RELATIVE_HUMIDITY,
    "range:5": Quantity.VOC_INDEX,
    "range:6": Quantity.PM25,
    "range:7": Quantity.PM10,
    "range:8": Quantity.CARBON_MONOXIDE,
    "range:9": Quantity.IAQ_SCORE,
}
DISCOVERY = """
query Devices {
  endpoints(endpointsQueryParams: { paginationParams: { disablePagination: true } }) {
    items { legacyAppliance {
      applianceId applianceTypes friendlyName friendlyDescription entityId
      alexaDeviceIdentifierList capabilities
    } }
  }
}
"""


@pytest.fixture
def alexa(simulated_home: SimulatedHome) -> SimulatedAlexa:
    return simulated_home.alexa


def query(alexa: SimulatedAlexa, text: str, **more: Any) -> Answer:
    return post(alexa, GRAPHQL, {"query": text, **more}, browser(alexa.cookies))


def data(alexa: SimulatedAlexa, text: str, **more: Any) -> Any:
    told = query(alexa, text, **more).json
    assert "errors" not in told, told
    return told["data"]


def value_of(shown: dict[str, Any]) -> float:
    value: float = (shown.get("rangeValue") or shown["value"])["value"]
    return value


def test_every_value_is_the_true_one_with_its_own_time(
    alexa: SimulatedAlexa, home_clock: MemoryClock
) -> None:
    for _ in range(3):
        home_clock.advance(3600)
        now = home_clock.now()
        for monitor, endpoint in zip(alexa.monitors, endpoints(alexa), strict=True):
            assert endpoint["id"] == monitor.endpoint_id
            shown = properties(endpoint)
            wanted = {"temperatureSensor": Quantity.TEMPERATURE, **INSTANCES}
            for name, quantity in wanted.items():
                if quantity not in monitor.quantities:
                    continue
                assert value_of(shown[name]) == alexa.value(monitor.serial, quantity, now)
                sampled = datetime.fromisoformat(shown[name]["timeOfSample"])
                assert sampled == alexa.observed_at(monitor.serial, quantity, now)
            assert shown["temperatureSensor"]["value"]["scale"] == "CELSIUS"
            assert shown["connectivity"]["reachabilityStatusValue"] == "OK"


def test_one_of_the_monitors_has_no_pm10(alexa: SimulatedAlexa) -> None:
    have = [("range:7" in properties(endpoint)) for endpoint in endpoints(alexa)]
    assert sorted(have) == [False, True, True]
    for monitor, has_pm10 in zip(alexa.monitors, have, strict=True):
        assert (Quantity.PM10 in monitor.quantities) == has_pm10


def test_times_end_in_z_with_now_more_digits_and_now_fewer(
    alexa: SimulatedAlexa, home_clock: MemoryClock
) -> None:
    lengths = set()
    for _ in range(6):
        home_clock.advance(300)
        for endpoint in endpoints(alexa):
            for name, shown in properties(endpoint).items():
                if name.startswith("range"):
                    time = re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z", shown["timeOfSample"])
                    assert time, shown["timeOfSample"]
                    lengths.add(len(time[1] or ""))
    assert len(lengths) >= 4


def test_what_is_not_asked_for_is_not_there(alexa: SimulatedAlexa) -> None:
    without = READINGS.replace("name instance properties", "name properties")
    asked = {"ids": [alexa.monitors[0].endpoint_id]}
    (endpoint,) = data(alexa, without, variables=asked)["listEndpoints"]["endpoints"]
    assert set(endpoint) == {"id", "features"}
    assert all(set(feature) == {"name", "properties"} for feature in endpoint["features"])
    (led,) = (feature for feature in endpoint["features"] if feature["name"] == "toggle")
    assert set(led["properties"][0]) == {"name", "type", "accuracy", "error"}


def test_only_the_endpoints_that_are_named_come_back(alexa: SimulatedAlexa) -> None:
    wanted = [alexa.monitors[2].endpoint_id, "amzn1.alexa.endpoint.unknown"]
    found = data(alexa, READINGS, variables={"ids": wanted})["listEndpoints"]["endpoints"]
    assert [endpoint["id"] for endpoint in found] == wanted[:1]


def test_a_list_of_one_operation_is_answered_by_a_list_of_one(alexa: SimulatedAlexa) -> None:
    operation = {"query": READINGS, "variables": {"ids": [alexa.monitors[0].endpoint_id]}}
    alone = post(alexa, GRAPHQL, operation, browser(alexa.cookies)).json
    assert post(alexa, GRAPHQL, [operation], browser(alexa.cookies)).json == [alone]


def test_cookies_and_a_bearer_get_the_same(alexa: SimulatedAlexa) -> None:
    assert readings(alexa).json == readings(alexa, bearer(alexa)).json


def test_discovery_shows_the_monitors_among_other_things(alexa: SimulatedAlexa) -> None:
    items = data(alexa, DISCOVERY)["endpoints"]["items"]
    appliances = [item["legacyAppliance"] for item in items]
    assert None in appliances
    types = [appliance["applianceTypes"] for appliance in appliances if appliance]
    assert ["LIGHT"] in types
    assert ["ALEXA_VOICE_ENABLED"] in types
    found = [each for each in appliances if each and "AIR_QUALITY_MONITOR" in each["applianceTypes"]]
    for monitor, appliance in zip(alexa.monitors, found, strict=True):
        assert appliance["friendlyDescription"] == "Amazon Indoor Air Quality Monitor"
        assert appliance["friendlyName"] == monitor.name
        assert appliance["entityId"] == monitor.entity_id
        assert appliance["applianceId"] == monitor.appliance_id
        (identifier,) = appliance["alexaDeviceIdentifierList"]
        assert identifier["dmsDeviceSerialNumber"] == monitor.serial
        assert identifier["dmsDeviceTypeId"] == "AEZME1X38KDRA"
        assert re.fullmatch("GAJ[0-9A-Z]{13}", monitor.serial)
        assert monitor.endpoint_id == f"amzn1.alexa.endpoint.{monitor.entity_id}"


def test_capabilities_tell_by_asset_what_a_range_is_except_for_pm10(alexa: SimulatedAlexa) -> None:
    items = data(alexa, DISCOVERY)["endpoints"]["items"]
    monitor = next(item["legacyAppliance"] for item in items if item["legacyAppliance"]["capabilities"])
    names = {
        capability["instance"]: capability["resources"]["friendlyNames"][0]["value"]
        for capability in monitor["capabilities"]
        if capability["interfaceName"] == "Alexa.RangeController"
    }
    assert {instance: name.get("assetId") for instance, name in names.items()} == {
        "4": "Alexa.AirQuality.Humidity",
        "5": "Alexa.AirQuality.VolatileOrganicCompounds",
        "6": "Alexa.AirQuality.ParticulateMatter",
        "7": None,
        "8": "Alexa.AirQuality.CarbonMonoxide",
        "9": "Alexa.AirQuality.IndoorAirQuality",
    }
    assert "PM10" in names["7"]["text"]


def test_the_newer_form_of_discovery_knows_serials_and_categories(alexa: SimulatedAlexa) -> None:
    text = """{ listEndpoints(listEndpointsInput: {includeHouseholdDevices: true}) { endpoints {
        id friendlyNameObject { value { text } } serialNumber { value { text } }
        displayCategories { primary { value } } legacyIdentifiers { chrsIdentifier { entityId } } } } }"""
    found = data(alexa, text)["listEndpoints"]["endpoints"]
    monitors = [
        each for each in found if each["displayCategories"]["primary"]["value"] == "AIR_QUALITY_MONITOR"
    ]
    assert [
        (
            each["id"],
            each["friendlyNameObject"]["value"]["text"],
            each["serialNumber"]["value"]["text"],
            each["legacyIdentifiers"]["chrsIdentifier"]["entityId"],
        )
        for each in monitors
    ] == [(each.endpoint_id, each.name, each.serial, each.entity_id) for each in alexa.monitors]
    assert len(found) > len(monitors)


def test_endpoints_can_be_asked_for_by_category_under_other_names(alexa: SimulatedAlexa) -> None:
    text = """query Two {
        voice: listEndpoints(listEndpointsInput: {displayCategory: "ALEXA_VOICE_ENABLED"}) { ...Ids }
        air: listEndpoints(listEndpointsInput: {displayCategory: "AIR_QUALITY_MONITOR"}) { ...Ids } }
        fragment Ids on ListEndpointsResponse { endpoints { endpointId: id model { value { text } } } }"""
    found = data(alexa, text)
    assert [each["endpointId"] for each in found["air"]["endpoints"]] == [
        monitor.endpoint_id for monitor in alexa.monitors
    ]
    assert found["voice"]["endpoints"][0]["model"]["value"]["text"] == "Echo Dot (3rd Generation)"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_who_is_not_signed_in_gets_status_200_and_forbidden(alexa: SimulatedAlexa, method: str) -> None:
    reply = readings(alexa, {})
    assert reply.status == 200
    (error,) = reply.json["errors"]
    assert error["extensions"]["errorCode"] == "FORBIDDEN"
    assert "Unauthenticated call" in error["message"]
    assert reply.json["data"] == {"listEndpoints": None}
    discovery = post(alexa, GRAPHQL, [{"query": DISCOVERY}]).json
    assert discovery[0]["data"] == {"endpoints": None}
    other = ask(alexa, "/api/users/me", method=method)
    assert (other.status, other.json) == (401, {"message": "Unauthorized"})


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{ readings { id } }", "FieldUndefined@[readings]"),
        ("{ endpoints { items { bogus } } }", "FieldUndefined@[endpoints/items/bogus]"),
        ("{ endpoints { items } }", "SubselectionRequired@[endpoints/items]"),
        ("mutation { endpoints { items { id } } }", "in type 'Mutation'"),
        ("{ endpoints { items { ...Nothing } } }", "Undefined fragment 'Nothing'"),
        (
            "query A { endpoints { items { id } } } query B { endpoints { items { id } } }",
            "Must provide operation name",
        ),
        ("{ endpoints { items { id }", "Invalid Syntax"),
        ("{ endpoints { } }", "Invalid Syntax"),
        ("", "Invalid Syntax"),
        ("{ endpoints ; }", "offending token ';'"),
        (READINGS, "Variable 'ids' must not be null"),
    ],
)
def test_a_query_that_cannot_be_answered_is_told_why_at_status_200(
    alexa: SimulatedAlexa, text: str, complaint: str
) -> None:
    reply = query(alexa, text)
    assert reply.status == 200
    assert complaint in reply.json["errors"][0]["message"]
    assert "data" not in reply.json


@pytest.mark.parametrize("content", [{}, {"query": 3}, "x"])
def test_a_body_without_a_query_is_told_so(alexa: SimulatedAlexa, content: object) -> None:
    assert post(alexa, GRAPHQL, content, browser(alexa.cookies)).json["errors"][0]["message"] == (
        "Query is missing"
    )


def test_a_body_that_is_no_json_is_a_bad_request(alexa: SimulatedAlexa) -> None:
    reply = ask(alexa, GRAPHQL, method="POST", body=b"{", headers=browser(alexa.cookies))
    assert reply.status == 400


def test_the_same_monitor_looks_the_same_from_both_ways(
    alexa: SimulatedAlexa, home_clock: MemoryClock
) -> None:
    for _ in range(5):
        home_clock.advance(18_000)
        for endpoint, monitor in zip(endpoints(alexa), alexa.monitors, strict=True):
            shown = properties(endpoint)
            second = state(alexa, [monitor])
            if shown["connectivity"]["reachabilityStatusValue"] == "UNREACHABLE":
                assert second["errors"][0]["code"] == "ENDPOINT_UNREACHABLE"
                continue
            from_second = second_values(second)
            assert from_second == {
                name: value_of(shown[name]) for name in shown if name in {"temperatureSensor", *INSTANCES}
            }


def second_values(told: Any) -> dict[str, float]:
    values = {}
    for text in told["deviceStates"][0]["capabilityStates"]:
        item = json.loads(text)
        if item["namespace"] == "Alexa.RangeController":
            values[f"range:{item['instance']}"] = item["value"]
        elif item["namespace"] == "Alexa.TemperatureSensor":
            values["temperatureSensor"] = item["value"]["value"]
    return values


def test_a_monitor_drops_out_for_hours_and_keeps_its_last_samples(
    alexa: SimulatedAlexa, home_clock: MemoryClock
) -> None:
    living = next(monitor for monitor in alexa.monitors if monitor.room == "living")
    while alexa.is_reachable(living.serial, home_clock.now()):
        home_clock.advance(600)
    first = properties(endpoints(alexa)[2])
    home_clock.advance(3600)
    shown = properties(endpoints(alexa)[2])
    assert shown["connectivity"]["reachabilityStatusValue"] == "UNREACHABLE"
    assert shown["range:6"] == first["range:6"]
    sampled = datetime.fromisoformat(shown["range:6"]["timeOfSample"])
    assert home_clock.now() - sampled > timedelta(hours=1)
    half_hours = 0
    while not alexa.is_reachable(living.serial, home_clock.now()):
        home_clock.advance(1800)
        half_hours += 1
    assert properties(endpoints(alexa)[2])["connectivity"]["reachabilityStatusValue"] == "OK"
    assert 2 < half_hours < 20


@pytest.mark.parametrize(
    ("scale", "from_celsius"),
    [("FAHRENHEIT", lambda celsius: celsius * 1.8 + 32), ("KELVIN", lambda celsius: celsius + 273.15)],
)
def test_temperatures_come_in_the_scale_of_the_account(
    alexa: SimulatedAlexa, home_clock: MemoryClock, scale: str, from_celsius: Any
) -> None:
    alexa.set_scale(scale)
    monitor = alexa.monitors[0]
    celsius = alexa.value(monitor.serial, Quantity.TEMPERATURE, home_clock.now())
    shown = properties(endpoints(alexa)[0])["temperatureSensor"]["value"]
    assert shown["scale"] == scale
    assert shown["value"] == pytest.approx(from_celsius(celsius))
    assert second_values(state(alexa, [monitor]))["temperatureSensor"] == shown["value"]
