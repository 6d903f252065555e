"""What the simulated Alexa service answers about endpoints: GraphQL, its schema, and the second reader."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.memory.runtime import MemoryClock
from adapters.simulator.amazon.endpoints import thermostat_appliance, thermostat_celsius
from adapters.simulator.amazon.monitors import RANGE_INSTANCES, is_reachable, sample_at
from domain.reading import Quantity
from tests.support.simulated_services import GRAPHQL, READINGS, AlexaClient, content

FEATURES = {
    "temperatureSensor": Quantity.TEMPERATURE,
    **{f"range:{instance}": quantity for quantity, instance in RANGE_INSTANCES.items()},
}
QUERIES = (Path(__file__).parent / "queries.graphql").read_text("utf-8")


def value_of(shown: dict[str, Any]) -> float:
    value: float = (shown.get("rangeValue") or shown["value"])["value"]
    return value


def second_values(reply: Any) -> dict[str, float]:
    values = {}
    for item in map(json.loads, reply["deviceStates"][0]["capabilityStates"]):
        if item["name"] == "rangeValue":
            values[f"range:{item['instance']}"] = item["value"]
        elif item["name"] == "temperature":
            values["temperatureSensor"] = item["value"]["value"]
    return values


def test_readings_are_the_samples_with_their_times(alexa: AlexaClient, home_clock: MemoryClock) -> None:
    lengths = set()
    for _ in range(4):
        home_clock.advance(3600)
        now_s = home_clock.now().timestamp()
        for monitor, shown in zip(alexa.monitors, alexa.properties(), strict=True):
            wanted = {name for name, quantity in FEATURES.items() if quantity in monitor.quantities}
            assert set(shown) == {*wanted, "toggle:11", "connectivity"}
            for name in wanted:
                sample = sample_at(1, monitor, FEATURES[name], now_s)
                assert value_of(shown[name]) == sample.value
                assert datetime.fromisoformat(shown[name]["timeOfSample"]) == sample.at
                time = re.fullmatch(r".{19}(\.\d{1,9})?Z", shown[name]["timeOfSample"])
                assert time
                lengths.add(len(time[1] or ""))
            assert shown["temperatureSensor"]["value"]["scale"] == "CELSIUS"
            assert shown["connectivity"]["reachabilityStatusValue"] == "OK"
    assert len(lengths) >= 4


def test_reply_holds_only_the_fields_of_the_query(alexa: AlexaClient) -> None:
    without = READINGS.replace("name instance properties", "name properties")
    ids = [alexa.monitors[0].endpoint_id]
    (endpoint,) = alexa.query(without, variables={"ids": ids})["data"]["listEndpoints"]["endpoints"]
    assert set(endpoint) == {"id", "features"}
    assert all(set(feature) == {"name", "properties"} for feature in endpoint["features"])
    (led,) = (feature for feature in endpoint["features"] if feature["name"] == "toggle")
    assert set(led["properties"][0]) == {"name", "type", "accuracy", "error"}


def test_a_query_that_asks_for_no_values_is_a_discovery(alexa: AlexaClient) -> None:
    names = "{ listEndpoints { endpoints { id } } }"
    ids = {"ids": [alexa.monitors[0].endpoint_id]}
    assert alexa.post(GRAPHQL, {"query": names}).is_discovery
    assert not alexa.post(GRAPHQL, {"query": READINGS, "variables": ids}).is_discovery


def test_only_the_named_endpoints_come_back(alexa: AlexaClient) -> None:
    wanted = [alexa.monitors[2].endpoint_id, "amzn1.alexa.endpoint.unknown"]
    found = alexa.query(READINGS, variables={"ids": wanted})["data"]["listEndpoints"]["endpoints"]
    assert [endpoint["id"] for endpoint in found] == wanted[:1]


def test_a_list_of_operations_gets_a_list(alexa: AlexaClient) -> None:
    operation = {"query": READINGS, "variables": {"ids": [alexa.monitors[0].endpoint_id]}}
    alone = content(alexa.post(GRAPHQL, operation))
    assert content(alexa.post(GRAPHQL, [operation, operation])) == [alone, alone]
    assert content(alexa.post(GRAPHQL, operation, alexa.bearer())) == alone


def test_appliances_describe_the_monitors_among_other_things(alexa: AlexaClient) -> None:
    items = alexa.query(QUERIES, operationName="CustomerSmartHome")["data"]["endpoints"]["items"]
    appliances = [item["legacyAppliance"] for item in items]
    types = [appliance["applianceTypes"][0] for appliance in appliances if appliance]
    assert sorted(set(types)) == ["AIR_QUALITY_MONITOR", "ALEXA_VOICE_ENABLED", "LIGHT"]
    assert None in appliances
    found = [each for each in appliances if each and "AIR_QUALITY_MONITOR" in each["applianceTypes"]]
    for monitor, appliance in zip(alexa.monitors, found, strict=True):
        assert appliance["friendlyDescription"] == "Amazon Indoor Air Quality Monitor"
        assert (appliance["friendlyName"], appliance["entityId"]) == (monitor.name, monitor.entity_id)
        assert appliance["applianceId"] == monitor.appliance_id
        assert appliance["alexaDeviceIdentifierList"] == [
            {"dmsDeviceSerialNumber": monitor.serial, "dmsDeviceTypeId": "AEZME1X38KDRA"}
        ]
        assert re.fullmatch("GAJ[0-9A-Z]{13}", monitor.serial)
    names = {
        capability["instance"]: capability["resources"]["friendlyNames"][0]["value"]
        for capability in found[0]["capabilities"]
        if capability["interfaceName"] == "Alexa.RangeController"
    }
    assert {instance: name.get("assetId", "").rpartition(".")[2] for instance, name in names.items()} == {
        "4": "Humidity",
        "5": "VolatileOrganicCompounds",
        "6": "ParticulateMatter",
        "7": "",  # PM10 has only a text
        "8": "CarbonMonoxide",
        "9": "IndoorAirQuality",
    }
    assert "PM10" in names["7"]["text"]


def test_devices_are_listed_by_category_under_other_names(alexa: AlexaClient) -> None:
    data = alexa.query(QUERIES, operationName="Devices")["data"]
    assert [
        (
            each["endpointId"],
            each["friendlyNameObject"]["value"]["text"],
            each["serialNumber"]["value"]["text"],
            each["legacyIdentifiers"]["chrsIdentifier"]["entityId"],
        )
        for each in data["air"]["endpoints"]
    ] == [(each.endpoint_id, each.name, each.serial, each.entity_id) for each in alexa.monitors]
    (echo,) = data["voice"]["endpoints"]
    assert echo["model"]["value"]["text"] == "Echo Dot (3rd Generation)"
    assert "MICROPHONE" in echo["alexaEnabledMetadata"]["capabilities"]


def test_queries_of_public_clients_are_valid(alexa: AlexaClient) -> None:
    ids = [alexa.monitors[0].endpoint_id]
    states = alexa.query(QUERIES, operationName="getEndpointState", variables={"endpointIds": ids})["data"][
        "listEndpoints"
    ]["endpoints"]
    assert {"RangeValue", "TemperatureSensor", "ToggleState", "Reachability"} == {
        feature["properties"][0]["__typename"] for feature in states[0]["features"]
    }
    assert "errors" not in alexa.query(
        QUERIES, operationName="getDevicesState", variables={"latencyTolerance": "LOW"}
    )
    assert "errors" not in alexa.query(QUERIES, operationName="getEndpointFeatures", variables={"ids": ids})
    one = alexa.query(QUERIES, operationName="getRangeStates", variables={"endpointId": ids[0]})["data"][
        "endpoint"
    ]
    assert one["features"][0]["configuration"]["friendlyName"]["value"]["text"] == "Humidity"
    assert alexa.query(QUERIES, operationName="getRangeStates", variables={"endpointId": "unknown"})[
        "data"
    ] == {"endpoint": None}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{ readings { id } }", "FieldUndefined@[readings]) : Field 'readings' in type 'Query' is undefined"),
        ("{ endpoints { items { new } } }", "FieldUndefined@[endpoints/items/new]) : Field 'new' in type"),
        ("{ endpoints { ...F } } fragment F on EndpointsResponse { x }", "FieldUndefined@[F/x])"),
        ("{ endpoints { items } }", "SubselectionRequired@[endpoints/items]"),
        ("{ endpoints { items { id { x } } } }", "SubselectionNotAllowed@[endpoints/items/id]"),
        ("{ endpoints(first: 3) { items { id } } }", "UnknownArgument@[endpoints]"),
        ("mutation { endpoints { items { id } } }", "in type 'Mutation' is undefined"),
        ("{ endpoints { items { ...Nothing } } }", "Undefined fragment 'Nothing'"),
        ("{ endpoints { items { ... on Nothing { id } } } }", "Unknown type 'Nothing'"),
        ("query A { __typename } query B { __typename }", "Must provide operation name"),
        ("{ endpoints { items { id }", "Invalid Syntax : offending token '<EOF>'"),
        ("{ endpoints { } }", "Invalid Syntax : offending token '}'"),
        ("", "Invalid Syntax"),
        ("{ endpoints ; }", "offending token ';'"),
        (READINGS, "Variable 'ids' must not be null"),
    ],
)
def test_invalid_queries_are_rejected_at_status_200(alexa: AlexaClient, text: str, message: str) -> None:
    reply = alexa.post(GRAPHQL, {"query": text})
    assert reply.status == 200
    assert set(content(reply)) == {"errors"}
    assert message in content(reply)["errors"][0]["message"]


@pytest.mark.parametrize("body", [{}, {"query": 3}, "x", [{}]])
def test_body_without_a_query_is_rejected(alexa: AlexaClient, body: object) -> None:
    reply = content(alexa.post(GRAPHQL, json.dumps(body)))
    assert (reply[0] if isinstance(reply, list) else reply)["errors"][0]["message"] == "Query is missing"


def test_operation_is_chosen_by_name(alexa: AlexaClient) -> None:
    text = "query A { __typename } query B { again: __typename }"
    assert alexa.query(text, operationName="B")["data"] == {"again": "Query"}
    assert "Unknown operation named 'C'" in alexa.query(text, operationName="C")["errors"][0]["message"]
    assert alexa.post(GRAPHQL, b"{").status == 400
    assert alexa.query("{ __typename }", operationName=3, variables=[1])["data"] == {"__typename": "Query"}


def test_request_without_credentials_is_forbidden_at_status_200(alexa: AlexaClient) -> None:
    reply = alexa.readings(headers={})
    assert reply["errors"][0]["extensions"]["errorCode"] == "FORBIDDEN"
    assert "Unauthenticated call" in reply["errors"][0]["message"]
    assert reply["data"] == {"listEndpoints": None}
    assert content(alexa.post(GRAPHQL, [{"query": QUERIES, "operationName": "Devices"}], {}))[0]["data"] == {
        "voice": None,
        "air": None,
    }


def test_second_reader_agrees_with_the_first(alexa: AlexaClient, home_clock: MemoryClock) -> None:
    reachable = []
    for _ in range(5):
        home_clock.advance(18_000)
        for monitor, shown in zip(alexa.monitors, alexa.properties(), strict=True):
            reply = alexa.state((monitor.entity_id, "ENTITY"))
            reachable.append(shown["connectivity"]["reachabilityStatusValue"] == "OK")
            if not reachable[-1]:
                assert reply["errors"][0]["code"] == "ENDPOINT_UNREACHABLE"
                continue
            assert second_values(reply) == {name: value_of(shown[name]) for name in FEATURES if name in shown}
            items = [json.loads(text) for text in reply["deviceStates"][0]["capabilityStates"]]
            timed = {"timeOfSample" in item for item in items if item["name"] == "rangeValue"}
            assert timed == {monitor.room != "bedroom"}
    assert set(reachable) == {True, False}


def test_second_reader_knows_monitors_as_entities_only(alexa: AlexaClient) -> None:
    reply = alexa.state((alexa.monitors[0].entity_id, "APPLIANCE"), ("unknown", "ENTITY"))
    assert reply["deviceStates"] == []
    assert {error["code"] for error in reply["errors"]} == {"TargetApplianceNotFoundException"}
    items = alexa.query(QUERIES, operationName="CustomerSmartHome")["data"]["endpoints"]["items"]
    light = next(each["legacyAppliance"] for each in items if each["friendlyName"] == "Reading lamp")
    reply = alexa.state((light["entityId"], "ENTITY"), (light["applianceId"], "APPLIANCE"))
    assert (len(reply["deviceStates"]), reply["errors"]) == (2, [])


@pytest.mark.parametrize("body", [{}, [], {"stateRequests": [{}]}, {"stateRequests": 3}, b"{"])
def test_invalid_state_request_is_400(alexa: AlexaClient, body: object) -> None:
    assert alexa.post("/api/phoenix/state", body).status == 400


def test_unreachable_monitor_keeps_its_last_samples(alexa: AlexaClient, home_clock: MemoryClock) -> None:
    living = alexa.monitors[2]
    while is_reachable(1, living, home_clock.now().timestamp()):
        home_clock.advance(600)
    first = alexa.properties()[2]
    home_clock.advance(3600)
    shown = alexa.properties()[2]
    assert shown["connectivity"]["reachabilityStatusValue"] == "UNREACHABLE"
    assert shown["range:6"] == first["range:6"]
    sampled = datetime.fromisoformat(shown["range:6"]["timeOfSample"])
    assert home_clock.now() - sampled > timedelta(hours=1)


@pytest.mark.parametrize(
    ("scale", "convert"),
    [("FAHRENHEIT", lambda celsius: celsius * 1.8 + 32), ("KELVIN", lambda celsius: celsius + 273.15)],
)
def test_temperatures_have_the_scale_of_the_account(
    alexa: AlexaClient, scale: str, convert: Callable[[float], float]
) -> None:
    celsius = alexa.properties()[0]["temperatureSensor"]["value"]["value"]
    alexa.api.scale = scale
    shown = alexa.properties()[0]["temperatureSensor"]["value"]
    assert shown == {"value": pytest.approx(convert(celsius)), "scale": scale}
    assert (
        second_values(alexa.state((alexa.monitors[0].entity_id, "ENTITY")))["temperatureSensor"]
        == (shown["value"])
    )
    nest = alexa.with_faults("kind=thermostat")
    (state,) = nest.state((thermostat_appliance(alexa.api.seed), "APPLIANCE"))["deviceStates"]
    temperature = json.loads(state["capabilityStates"][0])["value"]
    celsius = thermostat_celsius(alexa.api.seed, alexa.api.clock.now())
    assert temperature == {"value": pytest.approx(convert(celsius), abs=0.01), "scale": scale}
