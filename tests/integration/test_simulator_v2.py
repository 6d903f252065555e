"""Version 2 of the simulated bridge's interface, over the wire, and its agreement with version 1."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from adapters.memory.runtime import MemoryClock
from adapters.simulator.home import SimulatedHome
from adapters.simulator.hue.service import SimulatedBridge
from tests.support.bridge_client import ask, ask_on, ask_v1, ask_v2, connection

V2_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@pytest.fixture
def bridge(simulated_home: SimulatedHome) -> SimulatedBridge:
    return simulated_home.bridge


def resources(bridge: SimulatedBridge, kind: str) -> list[dict[str, Any]]:
    reply = ask_v2(bridge, f"resource/{kind}")
    assert reply.status == 200
    assert list(reply.json) == ["errors", "data"]
    assert reply.json["errors"] == []
    items: list[dict[str, Any]] = reply.json["data"]
    assert all(item["type"] == kind for item in items)
    return items


def by_owner(bridge: SimulatedBridge, kind: str) -> dict[str, dict[str, Any]]:
    return {item["owner"]["rid"]: item for item in resources(bridge, kind)}


def test_temperatures_are_as_recorded_ones_are(bridge: SimulatedBridge) -> None:
    reply = ask_v2(bridge, "resource/temperature")
    items = reply.json["data"]
    assert len(items) == 8
    assert 280 <= len(reply.body) / 8 <= 360
    for item in items:
        assert UUID.fullmatch(item["id"])
        assert re.fullmatch(r"/sensors/\d+", item["id_v1"])
        assert item["owner"]["rtype"] == "device"
        assert item["enabled"] is True
        report = item["temperature"]["temperature_report"]
        assert V2_TIME.fullmatch(report["changed"])
        assert round(report["temperature"], 2) == report["temperature"]
        assert item["temperature"]["temperature"] == report["temperature"]
        assert item["temperature"]["temperature_valid"] is True


def test_the_two_versions_tell_the_same(simulated_home: SimulatedHome, home_clock: MemoryClock) -> None:
    bridge = simulated_home.bridge
    for _ in range(4):
        home_clock.advance(5 * 3600 + 11)
        sensors = ask_v1(bridge, "sensors").json
        for item in resources(bridge, "temperature"):
            part = sensors[item["id_v1"].removeprefix("/sensors/")]
            assert part["type"] == "ZLLTemperature"
            report = item["temperature"]["temperature_report"]
            assert part["state"]["temperature"] == round(100 * report["temperature"])
            assert report["changed"].startswith(part["state"]["lastupdated"])
            assert datetime.fromisoformat(report["changed"]) <= home_clock.now()


def test_names_batteries_and_addresses_join_on_the_owner(simulated_home: SimulatedHome) -> None:
    bridge = simulated_home.bridge
    sensors = ask_v1(bridge, "sensors").json
    devices = {item["id"]: item for item in resources(bridge, "device")}
    powers = by_owner(bridge, "device_power")
    radios = by_owner(bridge, "zigbee_connectivity")
    names = {sensor.mac: sensor.name for sensor in simulated_home.sensors}
    for item in resources(bridge, "temperature"):
        owner = item["owner"]["rid"]
        part = sensors[item["id_v1"].removeprefix("/sensors/")]
        mac = radios[owner]["mac_address"]
        assert part["uniqueid"] == f"{mac}-02-0402"
        assert devices[owner]["metadata"]["name"] == names[mac]
        assert powers[owner]["power_state"]["battery_level"] == part["config"]["battery"]
        assert (radios[owner]["status"] == "connected") == part["config"]["reachable"]


def test_light_and_motion_agree_with_version_1(bridge: SimulatedBridge) -> None:
    sensors = ask_v1(bridge, "sensors").json
    for item in resources(bridge, "light_level"):
        state = sensors[item["id_v1"].removeprefix("/sensors/")]["state"]
        assert item["light"]["light_level_report"]["light_level"] == state["lightlevel"]
    for item in resources(bridge, "motion"):
        state = sensors[item["id_v1"].removeprefix("/sensors/")]["state"]
        assert item["motion"]["motion_report"]["motion"] == state["presence"]


def test_lights_rooms_and_scenes_are_those_of_version_1(bridge: SimulatedBridge) -> None:
    whole = ask_v1(bridge).json
    for kind, collection in (("light", "lights"), ("room", "groups"), ("scene", "scenes")):
        told = {item["id_v1"]: item["metadata"]["name"] for item in resources(bridge, kind)}
        assert told == {f"/{collection}/{name}": thing["name"] for name, thing in whole[collection].items()}


def test_everything_at_once_is_big_and_the_same(bridge: SimulatedBridge) -> None:
    reply = ask_v2(bridge, "resource")
    items = reply.json["data"]
    assert 56_000 <= len(reply.body) <= 110_000
    for kind in {item["type"] for item in items}:
        assert [item for item in items if item["type"] == kind] == resources(bridge, kind)


def test_every_reference_leads_somewhere(bridge: SimulatedBridge) -> None:
    items = ask_v2(bridge, "resource").json["data"]
    kinds = {item["id"]: item["type"] for item in items}
    assert len(kinds) == len(items)
    references = list(found_references(items))
    assert len(references) > 200
    for rid, kind in references:
        assert kinds[rid] == kind


def found_references(content: Any) -> Iterator[tuple[str, str]]:
    if isinstance(content, dict):
        if "rid" in content:
            yield content["rid"], content["rtype"]
        content = list(content.values())
    if isinstance(content, list):
        for part in content:
            yield from found_references(part)


def test_one_resource_can_be_asked_for(simulated_home: SimulatedHome) -> None:
    bridge = simulated_home.bridge
    for item in resources(bridge, "temperature"):
        assert ask_v2(bridge, f"resource/temperature/{item['id']}").json == {"errors": [], "data": [item]}
    known = {bridge.v2_id(sensor.device_id) for sensor in simulated_home.sensors}
    assert known == {item["id"] for item in resources(bridge, "temperature")}


def test_the_bridge_tells_its_id(bridge: SimulatedBridge) -> None:
    [item] = resources(bridge, "bridge")
    assert item["bridge_id"] == bridge.id


@pytest.mark.parametrize("kind", ["zone", "contact", "smart_scene"])
def test_a_known_type_without_resources_is_empty(bridge: SimulatedBridge, kind: str) -> None:
    assert resources(bridge, kind) == []


@pytest.mark.parametrize("path", ["resource/nonsense", "resource/temperature/nonsense", "nonsense"])
def test_what_is_not_there_is_404_in_an_envelope(bridge: SimulatedBridge, path: str) -> None:
    reply = ask_v2(bridge, path)
    assert reply.status == 404
    assert reply.json["data"] == []
    assert reply.json["errors"][0]["description"]


@pytest.mark.parametrize("key", ["wrong", ""])
def test_a_wrong_key_is_403_and_html(bridge: SimulatedBridge, key: str) -> None:
    reply = ask_v2(bridge, "resource/temperature", key=key)
    assert reply.status == 403
    assert reply.is_html


def test_no_key_is_403_and_html(bridge: SimulatedBridge) -> None:
    reply = ask(bridge, "/clip/v2/resource/temperature")
    assert reply.status == 403
    assert reply.is_html


def test_what_cannot_be_changed_is_405_in_an_envelope(bridge: SimulatedBridge) -> None:
    reply = ask(bridge, "/clip/v2/resource/light", method="PUT", headers={"hue-application-key": bridge.key})
    assert reply.status == 405
    assert reply.json["errors"]


def test_the_header_s_name_is_read_without_regard_to_case(bridge: SimulatedBridge) -> None:
    reply = ask(bridge, "/clip/v2/resource/bridge", headers={"Hue-Application-Key": bridge.key})
    assert reply.status == 200


def test_it_is_not_there_over_plain_http(bridge: SimulatedBridge) -> None:
    reply = ask(bridge, "/clip/v2/resource/bridge", headers={"hue-application-key": bridge.key}, plain=True)
    assert reply.status == 404


def test_many_questions_fit_on_one_connection(simulated_home: SimulatedHome, home_clock: MemoryClock) -> None:
    bridge = simulated_home.bridge
    seen = set()
    with connection(bridge) as kept:
        for _ in range(50):
            home_clock.advance(300)
            reply = ask_on(kept, "/clip/v2/resource/temperature", headers={"hue-application-key": bridge.key})
            seen.add(reply.body)
    assert len(seen) == 50
