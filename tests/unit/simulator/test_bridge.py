"""Replies of a simulated bridge: v1, v2, their agreement, and its models. No network."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.memory.runtime import MemoryClock
from adapters.simulator.hue.model import BSB001, BSB002, BSB002_OLD, BSB002_SECOND, BSB003, BridgeModel
from adapters.simulator.sensors import is_reachable, motion_sensors, temperature_at
from tests.support.simulated_services import BridgeClient, alexa_client, bridge_client, content, is_html

COLLECTIONS = ("lights", "groups", "schedules", "scenes", "rules", "sensors", "resourcelinks")
V1_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
V2_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
PARTS = {"ZLLTemperature": "-02-0402", "ZLLPresence": "-02-0406", "ZLLLightLevel": "-02-0400"}


def of_type(sensors: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [sensor for sensor in sensors.values() if sensor["type"] == kind]


# v1


@pytest.mark.parametrize("path", ["/api/config", "/api/whatever/config", "/api/nouser/config"])
def test_short_config_needs_no_key(bridge: BridgeClient, path: str) -> None:
    reply = bridge.ask(path)
    config = content(reply)
    assert 200 <= len(reply.body) <= 300
    assert config["bridgeid"] == BSB002.bridge_id.upper()
    assert int(config["swversion"]) >= 1948086000
    assert {"name", "mac", "modelid", "apiversion"} <= set(config)
    assert "whitelist" not in config


def test_full_config_lists_the_keys_of_all_apps(bridge: BridgeClient) -> None:
    config = content(bridge.v1("config"))
    assert len(config["whitelist"]) > 1
    assert bridge.key in config["whitelist"]
    assert (config["UTC"], config["localtime"]) == ("2026-03-01T12:00:00", "2026-03-01T13:00:00")


@pytest.mark.parametrize(
    ("method", "path", "kind", "address", "description"),
    [
        ("GET", "/api/wrong", 1, "/", "unauthorized user"),
        ("GET", "/api/wrong/sensors/5", 1, "/sensors/5", "unauthorized user"),
        ("PUT", "/api/wrong/sensors/5", 1, "/sensors/5", "unauthorized user"),
        ("GET", "/api/KEY/sensors/999", 3, "/sensors/999", "resource, /sensors/999, not available"),
        ("GET", "/api/KEY/nonsense", 3, "/nonsense", "resource, /nonsense, not available"),
        ("GET", "/api/KEY/lights/2/on", 3, "/lights/2/on", "resource, /lights/2/on, not available"),
        ("PUT", "/api/KEY/sensors/5", 4, "/sensors/5", "method, PUT, not available for resource, /sensors/5"),
        ("POST", "/api/KEY/lights", 4, "/lights", "method, POST, not available for resource, /lights"),
        ("GET", "/api", 4, "/", "method, GET, not available for resource, /"),
    ],
)  # fmt: skip
def test_v1_errors_have_status_200(
    bridge: BridgeClient, method: str, path: str, kind: int, address: str, description: str
) -> None:
    reply = bridge.ask(path.replace("KEY", bridge.key), method, b"{}")
    assert reply.status == 200
    assert content(reply) == [{"error": {"type": kind, "address": address, "description": description}}]


def test_sensors_are_minified_and_sized_like_recorded_ones(bridge: BridgeClient) -> None:
    reply = bridge.v1("sensors")
    sensors = content(reply)
    assert all(number.isdecimal() for number in sensors)
    assert 18 <= len(sensors) <= 32
    assert 7_000 <= len(reply.body) <= 14_000
    assert b": " not in reply.body
    assert content(bridge.v1("sensors/5")) == sensors["5"]
    assert content(bridge.v1("sensors/new")) == {"lastscan": "none"}


def test_motion_sensor_has_three_parts_with_one_mac(bridge: BridgeClient) -> None:
    sensors = content(bridge.v1("sensors"))
    for kind, ending in PARTS.items():
        parts = of_type(sensors, kind)
        assert [part["uniqueid"] for part in parts] == [f"{each.mac}{ending}" for each in motion_sensors(1)]
        assert {part["modelid"] for part in parts} == {"SML001"}
    names = {part["uniqueid"][:23]: part["name"] for part in of_type(sensors, "ZLLPresence")}
    assert names == {sensor.mac: sensor.name for sensor in motion_sensors(1)}
    assert all(1 <= part["state"]["lightlevel"] <= 50_000 for part in of_type(sensors, "ZLLLightLevel"))


def test_temperatures_are_those_of_the_house(bridge: BridgeClient, home_clock: MemoryClock) -> None:
    for _ in range(5):
        home_clock.advance(3 * 3600 + 17)
        now_s = home_clock.now().timestamp()
        parts = of_type(content(bridge.v1("sensors")), "ZLLTemperature")
        for part, sensor in zip(parts, motion_sensors(1), strict=True):
            report = temperature_at(1, sensor, now_s)
            assert part["state"]["temperature"] == report.value
            assert V1_TIME.fullmatch(part["state"]["lastupdated"])
            since = datetime.fromisoformat(part["state"]["lastupdated"]).replace(tzinfo=UTC)
            assert since.timestamp() == int(report.changed_s)
            assert part["config"]["reachable"] == is_reachable(1, sensor, now_s)
            assert 0 <= part["config"]["battery"] <= 100


def test_values_follow_the_clock_back(bridge: BridgeClient, home_clock: MemoryClock) -> None:
    before = content(bridge.v1("sensors"))
    home_clock.step_wall(86_400)
    assert content(bridge.v1("sensors")) != before
    home_clock.step_wall(-86_400)
    assert content(bridge.v1("sensors")) == before


def test_sensors_of_apps_and_switches_lack_fields(bridge: BridgeClient) -> None:
    sensors = content(bridge.v1("sensors"))
    no_radio = ("Daylight", "ZGPSwitch", "CLIPPresence", "CLIPTemperature", "CLIPGenericStatus")
    assert {sensor["type"] for sensor in sensors.values()} >= {*no_radio, "Geofence", "ZLLSwitch"}
    assert not any("battery" in each["config"] for kind in no_radio for each in of_type(sensors, kind))
    assert "uniqueid" not in of_type(sensors, "Daylight")[0]
    assert "reachable" not in of_type(sensors, "ZGPSwitch")[0]["config"]
    assert of_type(sensors, "CLIPTemperature")[0]["state"] == {"temperature": None, "lastupdated": "none"}
    assert of_type(sensors, "ZLLSwitch")[0]["config"]["battery"] is None


def test_whole_bridge_holds_every_collection(bridge: BridgeClient) -> None:
    reply = bridge.v1()
    whole = content(reply)
    assert list(whole) == [*COLLECTIONS, "config"]
    assert 30_000 <= len(reply.body) <= 85_000
    assert (len(whole["lights"]), len(whole["scenes"])) == (20, 40)
    for name in COLLECTIONS:
        assert content(bridge.v1(name)) == whole[name]


def test_v1_references_resolve(bridge: BridgeClient) -> None:
    whole = content(bridge.v1())
    assert all(set(group["lights"]) <= set(whole["lights"]) for group in whole["groups"].values())
    assert all(scene["group"] in whole["groups"] for scene in whole["scenes"].values())
    addresses = [rule["conditions"][0]["address"] for rule in whole["rules"].values()]
    addresses += [address for link in whole["resourcelinks"].values() for address in link["links"]]
    assert len(addresses) == 40
    for address in addresses:
        _, collection, number, *_ = address.split("/")
        assert number in whole[collection]


# v2


def test_v2_temperatures_look_like_recorded_ones(bridge: BridgeClient) -> None:
    reply = bridge.v2("resource/temperature")
    items = content(reply)["data"]
    assert len(items) == 8
    assert 280 <= len(reply.body) / 8 <= 360
    for item in items:
        assert UUID.fullmatch(item["id"])
        assert re.fullmatch(r"/sensors/\d+", item["id_v1"])
        assert (item["owner"]["rtype"], item["enabled"]) == ("device", True)
        report = item["temperature"]["temperature_report"]
        assert V2_TIME.fullmatch(report["changed"])
        assert item["temperature"]["temperature"] == report["temperature"] == round(report["temperature"], 2)
        assert item["temperature"]["temperature_valid"] is True


def test_v1_and_v2_agree(bridge: BridgeClient, home_clock: MemoryClock) -> None:
    for _ in range(4):
        home_clock.advance(5 * 3600 + 11)
        sensors = content(bridge.v1("sensors"))
        for kind, (value, name) in {
            "temperature": ("temperature", "temperature"),
            "light_level": ("light", "lightlevel"),
            "motion": ("motion", "presence"),
        }.items():
            for item in bridge.resources(kind):
                state = sensors[item["id_v1"].removeprefix("/sensors/")]["state"]
                report = item[value][f"{kind}_report"]
                shown = report[kind] * 100 if kind == "temperature" else report[kind]
                assert state[name] == pytest.approx(shown)
                assert report["changed"].startswith(state["lastupdated"])
                assert datetime.fromisoformat(report["changed"]) <= home_clock.now()


def test_names_batteries_and_macs_join_on_the_owner(bridge: BridgeClient) -> None:
    sensors = content(bridge.v1("sensors"))
    devices = {item["id"]: item["metadata"]["name"] for item in bridge.resources("device")}
    powers = {item["owner"]["rid"]: item["power_state"] for item in bridge.resources("device_power")}
    radios = {item["owner"]["rid"]: item for item in bridge.resources("zigbee_connectivity")}
    names = {sensor.mac: sensor.name for sensor in motion_sensors(1)}
    for item in bridge.resources("temperature"):
        owner = item["owner"]["rid"]
        part = sensors[item["id_v1"].removeprefix("/sensors/")]
        assert part["uniqueid"] == f"{radios[owner]['mac_address']}-02-0402"
        assert devices[owner] == names[radios[owner]["mac_address"]]
        assert powers[owner]["battery_level"] == part["config"]["battery"]
        assert (radios[owner]["status"] == "connected") == part["config"]["reachable"]


def test_all_resources_are_those_of_each_type(bridge: BridgeClient) -> None:
    reply = bridge.v2()
    items = content(reply)["data"]
    assert 56_000 <= len(reply.body) <= 110_000
    for kind in {item["type"] for item in items}:
        found = bridge.resources(kind)
        assert [item for item in items if item["type"] == kind] == found
        assert content(bridge.v2(f"resource/{kind}/{found[0]['id']}"))["data"] == found[:1]


def test_v2_references_resolve(bridge: BridgeClient) -> None:
    items = content(bridge.v2())["data"]
    kinds = {item["id"]: item["type"] for item in items}
    assert len(kinds) == len(items)
    references = list(find_references(items))
    assert len(references) > 200
    assert all(kinds[rid] == kind for rid, kind in references)


def find_references(part: Any) -> Iterator[tuple[str, str]]:
    if isinstance(part, dict):
        if "rid" in part:
            yield part["rid"], part["rtype"]
        part = list(part.values())
    if isinstance(part, list):
        for each in part:
            yield from find_references(each)


@pytest.mark.parametrize("path", ["resource/nonsense", "resource/temperature/nonsense", "nonsense"])
def test_unknown_resource_is_404_in_an_envelope(bridge: BridgeClient, path: str) -> None:
    reply = bridge.v2(path)
    assert reply.status == 404
    assert content(reply) == {"errors": [{"description": "Not Found"}], "data": []}
    assert content(bridge.v2("resource/zone")) == {"errors": [], "data": []}  # a known type without things
    assert [(bridge.ask(other).status, is_html(bridge.ask(other))) for other in ("/", "/x")] == [
        (200, True),
        (404, True),
    ]


def test_v2_refuses_wrong_keys_with_403_html_and_writes_with_405(bridge: BridgeClient) -> None:
    for reply in (bridge.v2(key="wrong"), bridge.v2(key=""), bridge.ask("/clip/v2/resource")):
        assert (reply.status, is_html(reply)) == (403, True)
    reply = bridge.ask("/clip/v2/resource/light", "PUT", headers={"hue-application-key": bridge.key})
    assert (reply.status, bool(content(reply)["errors"])) == (405, True)


# Models


def test_v2_needs_https_and_a_model_that_has_it(bridge: BridgeClient, home_clock: MemoryClock) -> None:
    assert bridge.ask("/clip/v2/resource", is_secure=False).status == 404
    for model in (BSB001, BSB002_OLD):
        old = bridge_client(home_clock, model)
        assert old.v2().status == 404
        assert content(old.ask("/api/config"))["modelid"] == model.model_id
        assert len(content(old.v1("sensors"))) > 8
    pro = bridge_client(home_clock, BSB003)
    [item] = pro.resources("bridge")
    assert item["bridge_id"] == BSB003.bridge_id
    assert [each["product_data"]["product_name"] for each in pro.resources("device")][-1] == "Hue Bridge Pro"


@pytest.mark.parametrize("model", [BSB001, BSB002, BSB002_OLD, BSB002_SECOND, BSB003])
def test_bridge_id_holds_the_mac(model: BridgeModel) -> None:
    assert model.bridge_id.startswith(("001788", "ecb5fa", "c42996"))
    assert (len(model.bridge_id), model.bridge_id[6:10]) == (16, "fffe")
    assert model.mac.replace(":", "") == model.bridge_id.replace("fffe", "", 1)


@pytest.mark.parametrize("count", [0, 50])
def test_any_number_of_sensors_has_its_own_ids(home_clock: MemoryClock, count: int) -> None:
    bridge = bridge_client(home_clock, sensors=count)
    sensors = content(bridge.v1("sensors"))
    found = [sensor["uniqueid"] for sensor in of_type(sensors, "ZLLTemperature")]
    assert found == [sensor.uniqueid for sensor in motion_sensors(1, count)]
    assert len(sensors) == 8 + 3 * count  # daylight, two switches, and five of apps
    items = bridge.resources("temperature")
    assert len({item["id"] for item in items}) == len({item["id_v1"] for item in items}) == count


def test_seed_decides_ids_and_keys(home_clock: MemoryClock) -> None:
    one, same, other = (bridge_client(home_clock, seed=seed) for seed in (5, 5, 6))
    assert one.key == same.key != other.key
    assert content(one.v1("sensors")) == content(same.v1("sensors")) != content(other.v1("sensors"))
    tokens = [alexa_client(home_clock, seed).api.account.ready.refresh_token for seed in (5, 5, 6)]
    assert tokens[0] == tokens[1] != tokens[2]


# Faults


@pytest.mark.parametrize(
    ("fault", "status", "headers"),
    [
        ("throttle", 429, {}),
        ("throttle retry_after=2", 429, {"Retry-After": "2"}),
        ("throttle retry_after_date=90", 429, {"Retry-After": "Sun, 01 Mar 2026 12:01:30 GMT"}),
        ("unavailable", 503, {}),
        ("html", 200, {}),
        ("redirect location=https://x/", 301, {"Location": "https://x/"}),
    ],
)
def test_web_server_faults_are_html(
    bridge: BridgeClient, fault: str, status: int, headers: dict[str, str]
) -> None:
    reply = bridge.with_faults(f"kind={fault}").v1("sensors")
    assert (reply.status, is_html(reply)) == (status, True)
    assert {
        name: reply.headers[name] for name in ("Retry-After", "Location") if name in reply.headers
    } == headers


def test_cut_bodies(bridge: BridgeClient) -> None:
    whole = bridge.v2().body
    half, garbled, huge = (
        bridge.with_faults(f"kind={kind}").v2() for kind in ("half", "garbled", "huge bytes=1000")
    )
    assert (half.body, half.promised_bytes) == (whole[: len(whole) // 2], len(whole))
    assert (garbled.body, garbled.promised_bytes) == (half.body, None)
    assert huge.body == whole + b" " * 1000


def test_application_error_has_the_form_of_each_version(bridge: BridgeClient) -> None:
    client = bridge.with_faults("kind=error")
    assert content(client.v1("sensors"))[0]["error"] == {
        "type": 901,
        "address": "/sensors",
        "description": "Internal error, 404",
    }
    reply = client.v2("resource/temperature")
    assert (reply.status, content(reply)["data"]) == (200, [])
    assert content(reply)["errors"]


def test_revoked_keys_are_refused_as_wrong_ones(bridge: BridgeClient) -> None:
    client = bridge.with_faults("kind=revoked")
    assert content(client.v1("sensors"))[0]["error"]["type"] == 1
    assert client.v2().status == 403
    assert "whitelist" not in content(client.v1("config"))


def temperature_parts(client: BridgeClient) -> list[dict[str, Any]]:
    return of_type(content(client.v1("sensors")), "ZLLTemperature")


def test_null_temperatures_affect_all_or_one(bridge: BridgeClient) -> None:
    everywhere = bridge.with_faults("kind=null")
    assert {part["state"]["temperature"] for part in temperature_parts(everywhere)} == {None}
    assert all(part["config"]["battery"] is not None for part in temperature_parts(everywhere))
    for item in everywhere.resources("temperature"):
        assert item["temperature"]["temperature"] is None
        assert item["temperature"]["temperature_report"]["temperature"] is None
    sensor = motion_sensors(1)[2]
    one = bridge.with_faults(f"kind=null where={sensor.uniqueid}")
    null = [each["uniqueid"] for each in temperature_parts(one) if each["state"]["temperature"] is None]
    assert null == [sensor.uniqueid]


def test_fields_can_be_missing(bridge: BridgeClient) -> None:
    client = bridge.with_faults("kind=missing")
    for part in temperature_parts(client):
        assert {"battery", "reachable", "lastupdated"}.isdisjoint({**part["config"], **part["state"]})
    for item in client.resources("temperature"):
        assert set(item["temperature"]) == {"temperature", "temperature_valid"}
    for item in bridge.with_faults("kind=missing fields=owner,id_v1").resources("temperature"):
        assert {"owner", "id_v1"}.isdisjoint(item)
    assert is_html(client.ask("/nonsense"))


def test_fields_can_have_other_values(bridge: BridgeClient) -> None:
    dates = {part["state"]["lastupdated"] for part in temperature_parts(bridge.with_faults("kind=no-dates"))}
    assert dates == {"none"}
    where = motion_sensors(1)[0].uniqueid
    client = bridge.with_faults(
        f"kind=overwrite field=temperature value=6123 where={where}",
        "kind=overwrite field=reachable value=false",
    )
    parts = temperature_parts(client)
    assert [part["state"]["temperature"] for part in parts].count(6123) == 1
    assert not any(part["config"]["reachable"] for part in parts)


def test_more_than_three_requests_at_once_are_throttled(bridge: BridgeClient) -> None:
    assert [bridge.ask("/api/config", at_once=count).status for count in (3, 4)] == [200, 429]
