"""Version 1 of the simulated bridge's interface, over the wire."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters.memory.runtime import MemoryClock
from adapters.simulator.home import SimulatedHome
from adapters.simulator.hue.service import SimulatedBridge
from tests.support.bridge_client import ask, ask_v1
from tests.support.builders import NOON

COLLECTIONS = ("lights", "groups", "schedules", "scenes", "rules", "sensors", "resourcelinks")
V1_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
NO_RADIO = ("Daylight", "ZGPSwitch", "CLIPPresence", "CLIPTemperature", "CLIPGenericStatus")


@pytest.fixture
def bridge(simulated_home: SimulatedHome) -> SimulatedBridge:
    return simulated_home.bridge


def of_type(sensors: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [sensor for sensor in sensors.values() if sensor["type"] == kind]


@pytest.mark.parametrize("path", ["/api/config", "/api/whatever/config", "/api/nouser/config"])
def test_everybody_may_know_which_bridge_it_is(bridge: SimulatedBridge, path: str) -> None:
    reply = ask(bridge, path)
    assert reply.status == 200
    assert 200 <= len(reply.body) <= 300
    known = reply.json
    assert {"name", "bridgeid", "mac", "modelid", "apiversion", "swversion"} <= set(known)
    assert known["bridgeid"] == bridge.id.upper()
    assert known["modelid"] == "BSB002"
    assert int(known["swversion"]) >= 1948086000
    assert "whitelist" not in known


def test_who_has_a_key_sees_the_keys_of_others(bridge: SimulatedBridge) -> None:
    config = ask_v1(bridge, "config").json
    assert bridge.key in config["whitelist"]
    assert len(config["whitelist"]) > 1
    assert config["UTC"] == "2026-03-01T12:00:00"
    assert config["localtime"] == "2026-03-01T13:00:00"


@pytest.mark.parametrize("path", ["", "sensors", "sensors/5", "lights", "nonsense"])
def test_a_wrong_key_is_told_so_with_status_200(bridge: SimulatedBridge, path: str) -> None:
    reply = ask_v1(bridge, path, key="wrong")
    assert reply.status == 200
    assert reply.json == [{"error": {"type": 1, "address": f"/{path}", "description": "unauthorized user"}}]


@pytest.mark.parametrize("path", ["sensors/999", "nonsense", "sensors/5/state/deeper", "lights/abc"])
def test_what_is_not_there_is_error_3(bridge: SimulatedBridge, path: str) -> None:
    [said] = ask_v1(bridge, path).json
    assert said["error"]["type"] == 3
    assert said["error"]["address"] == f"/{path}"
    assert said["error"]["description"] == f"resource, /{path}, not available"


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE"])
def test_what_cannot_be_changed_is_error_4(bridge: SimulatedBridge, method: str) -> None:
    [said] = ask(bridge, f"/api/{bridge.key}/sensors/5", method=method, body=b"{}").json
    assert said["error"]["type"] == 4
    assert said["error"]["description"] == f"method, {method}, not available for resource, /sensors/5"


def test_a_get_of_the_pairing_address_is_error_4(bridge: SimulatedBridge) -> None:
    [said] = ask(bridge, "/api").json
    assert said["error"]["type"] == 4


def test_a_wrong_key_cannot_change_anything_either(bridge: SimulatedBridge) -> None:
    [said] = ask(bridge, "/api/wrong/sensors/5", method="PUT", body=b"{}").json
    assert said["error"]["type"] == 1


def test_the_search_for_new_things_has_never_been_made(bridge: SimulatedBridge) -> None:
    assert ask_v1(bridge, "sensors/new").json == {"lastscan": "none"}


def test_its_front_page_is_html(bridge: SimulatedBridge) -> None:
    reply = ask(bridge, "/")
    assert (reply.status, reply.is_html) == (200, True)


def test_a_page_that_is_not_there_is_html_404(bridge: SimulatedBridge) -> None:
    reply = ask(bridge, "/nonsense")
    assert reply.status == 404
    assert reply.is_html


def test_sensors_are_an_object_by_number(bridge: SimulatedBridge) -> None:
    reply = ask_v1(bridge, "sensors")
    sensors = reply.json
    assert all(number.isdecimal() for number in sensors)
    assert 18 <= len(sensors) <= 32
    assert 7_000 <= len(reply.body) <= 14_000
    assert b": " not in reply.body, "minified"
    assert ask_v1(bridge, "sensors/5").json == sensors["5"]


def test_every_motion_sensor_has_three_parts_that_share_a_mac(simulated_home: SimulatedHome) -> None:
    sensors = ask_v1(simulated_home.bridge, "sensors").json
    kinds = {"ZLLTemperature": "-02-0402", "ZLLPresence": "-02-0406", "ZLLLightLevel": "-02-0400"}
    for kind, ending in kinds.items():
        parts = of_type(sensors, kind)
        assert {part["uniqueid"] for part in parts} == {
            f"{each.mac}{ending}" for each in simulated_home.sensors
        }
        assert all(len(part["uniqueid"][:23]) == 23 for part in parts)
        assert {part["modelid"] for part in parts} == {"SML001"}


def test_a_temperature_part_is_as_recorded_ones_are(bridge: SimulatedBridge) -> None:
    for part in of_type(ask_v1(bridge, "sensors").json, "ZLLTemperature"):
        assert type(part["state"]["temperature"]) is int
        assert 400 < part["state"]["temperature"] < 3500
        assert V1_TIME.fullmatch(part["state"]["lastupdated"])
        assert part["config"]["on"] is True
        assert type(part["config"]["reachable"]) is bool
        assert 0 <= part["config"]["battery"] <= 100
        assert re.fullmatch(r"Hue temperature sensor \d", part["name"])


def test_the_owner_s_names_are_on_the_presence_parts(simulated_home: SimulatedHome) -> None:
    parts = of_type(ask_v1(simulated_home.bridge, "sensors").json, "ZLLPresence")
    assert {part["uniqueid"][:23]: part["name"] for part in parts} == {
        sensor.mac: sensor.name for sensor in simulated_home.sensors
    }
    assert all(type(part["state"]["presence"]) is bool for part in parts)


def test_the_light_parts_tell_light(bridge: SimulatedBridge) -> None:
    for part in of_type(ask_v1(bridge, "sensors").json, "ZLLLightLevel"):
        assert 1 <= part["state"]["lightlevel"] <= 50_000
        assert type(part["state"]["dark"]) is bool


def test_other_types_lack_what_motion_sensors_have(bridge: SimulatedBridge) -> None:
    sensors = ask_v1(bridge, "sensors").json
    assert {sensor["type"] for sensor in sensors.values()} >= {*NO_RADIO, "Geofence", "ZLLSwitch"}
    for kind in NO_RADIO:
        for sensor in of_type(sensors, kind):
            assert "battery" not in sensor["config"]
    assert "uniqueid" not in of_type(sensors, "Daylight")[0]
    assert "reachable" not in of_type(sensors, "ZGPSwitch")[0]["config"]
    assert of_type(sensors, "CLIPTemperature")[0]["state"] == {"temperature": None, "lastupdated": "none"}
    assert of_type(sensors, "ZLLSwitch")[0]["config"]["battery"] is None


def test_the_values_are_those_of_the_house(simulated_home: SimulatedHome, home_clock: MemoryClock) -> None:
    for _ in range(5):
        home_clock.advance(3 * 3600 + 17)
        now = home_clock.now()
        parts = of_type(ask_v1(simulated_home.bridge, "sensors").json, "ZLLTemperature")
        for part in parts:
            device_id = f"hue:{part['uniqueid']}"
            assert part["state"]["temperature"] == round(100 * simulated_home.temperature(device_id, now))
            assert part["config"]["reachable"] == simulated_home.is_reachable(device_id, now)
            since = datetime.fromisoformat(part["state"]["lastupdated"]).replace(tzinfo=UTC)
            assert timedelta() <= simulated_home.observed_at(device_id, now) - since < timedelta(seconds=1)


def test_time_can_go_back(simulated_home: SimulatedHome, home_clock: MemoryClock) -> None:
    before = ask_v1(simulated_home.bridge, "sensors").json
    home_clock.step_wall(86_400)
    assert ask_v1(simulated_home.bridge, "sensors").json != before
    home_clock.step_wall(-86_400)
    assert ask_v1(simulated_home.bridge, "sensors").json == before


def test_the_whole_bridge_is_big_and_holds_everything(bridge: SimulatedBridge) -> None:
    reply = ask_v1(bridge)
    whole = reply.json
    assert set(whole) == {*COLLECTIONS, "config"}
    assert 30_000 <= len(reply.body) <= 85_000
    assert len(whole["lights"]) == 20
    assert len(whole["scenes"]) == 40
    assert bridge.key in whole["config"]["whitelist"]
    for name in COLLECTIONS:
        assert ask_v1(bridge, name).json == whole[name]


def test_the_collections_name_each_other_rightly(bridge: SimulatedBridge) -> None:
    whole = ask_v1(bridge).json
    for group in whole["groups"].values():
        assert set(group["lights"]) <= set(whole["lights"])
    for scene in whole["scenes"].values():
        assert scene["group"] in whole["groups"]
    for rule in whole["rules"].values():
        assert rule["conditions"][0]["address"].split("/")[2] in whole["sensors"]
    for link in whole["resourcelinks"].values():
        for address in link["links"]:
            _, collection, number = address.split("/")
            assert number in whole[collection]


def test_a_revoked_key_is_a_wrong_key(bridge: SimulatedBridge) -> None:
    bridge.revoke(bridge.key)
    assert ask_v1(bridge, "sensors").json[0]["error"]["type"] == 1


def test_replies_look_like_the_web_server_s_of_a_bridge(bridge: SimulatedBridge) -> None:
    reply = ask(bridge, "/api/config")
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["server"] == "nginx"
    assert reply.headers["date"] == NOON.strftime("%a, %d %b %Y %H:%M:%S GMT")
    assert int(reply.headers["content-length"]) == len(reply.body)
