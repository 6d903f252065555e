"""What goes wrong in the simulated home, as a client meets it on the wire."""

from __future__ import annotations

import http.client
import json
import os
import socket
import time
from contextlib import ExitStack
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from adapters.memory.runtime import MemoryClock
from adapters.simulator.faults import Delay, Fault, Silence
from adapters.simulator.home import SimulatedHome
from adapters.simulator.hue.service import SimulatedBridge
from adapters.simulator.network import Pace
from tests.support.bridge_client import Answer, ask, ask_on, ask_v1, ask_v2, connection

TEMPERATURE = "/clip/v2/resource/temperature"


@pytest.fixture
def bridge(simulated_home: SimulatedHome) -> SimulatedBridge:
    return simulated_home.bridge


def temperatures(bridge: SimulatedBridge) -> Answer:
    return ask_v2(bridge, "resource/temperature")


def v1_parts(bridge: SimulatedBridge) -> list[dict[str, Any]]:
    sensors = ask_v1(bridge, "sensors").json
    return [sensor for sensor in sensors.values() if sensor["type"] == "ZLLTemperature"]


def drain(beneath: socket.socket) -> None:
    while beneath.recv(10_000):
        pass


def test_throttling_is_429_and_html_without_a_word_about_when(bridge: SimulatedBridge) -> None:
    bridge.faults.add("kind=throttle")
    reply = temperatures(bridge)
    assert reply.status == 429
    assert reply.is_html
    assert "retry-after" not in reply.headers


def test_throttling_can_name_seconds(bridge: SimulatedBridge) -> None:
    bridge.faults.add("kind=throttle retry_after=2")
    assert temperatures(bridge).headers["retry-after"] == "2"


def test_throttling_can_name_a_date(bridge: SimulatedBridge, home_clock: MemoryClock) -> None:
    bridge.faults.add("kind=throttle retry_after_date=90")
    named = parsedate_to_datetime(temperatures(bridge).headers["retry-after"])
    assert named == home_clock.now() + timedelta(seconds=90)


def test_unavailable_is_503_and_html(bridge: SimulatedBridge) -> None:
    bridge.faults.add("kind=unavailable")
    reply = temperatures(bridge)
    assert (reply.status, reply.is_html) == (503, True)


def test_a_page_can_come_with_status_200(bridge: SimulatedBridge) -> None:
    bridge.faults.add("kind=html")
    reply = temperatures(bridge)
    assert (reply.status, reply.is_html) == (200, True)


def test_a_redirect_names_another_place(bridge: SimulatedBridge) -> None:
    bridge.faults.add("kind=redirect location=https://127.0.0.1:9/x")
    reply = temperatures(bridge)
    assert reply.status == 301
    assert reply.headers["location"] == "https://127.0.0.1:9/x"


def test_half_a_body_promises_all_of_it(bridge: SimulatedBridge) -> None:
    whole = temperatures(bridge).body
    bridge.faults.add("kind=half")
    with pytest.raises(http.client.IncompleteRead) as broken:
        temperatures(bridge)
    assert whole.startswith(broken.value.partial)
    assert broken.value.expected == len(whole) - len(broken.value.partial)


def test_garbled_json_is_a_whole_reply(bridge: SimulatedBridge) -> None:
    bridge.faults.add("kind=garbled")
    reply = temperatures(bridge)
    assert reply.status == 200
    with pytest.raises(json.JSONDecodeError):
        _ = reply.json


@pytest.mark.parametrize("plain", [True, False])
def test_a_reset_tears_the_connection_down(bridge: SimulatedBridge, plain: bool) -> None:
    bridge.faults.add("kind=reset")
    with connection(bridge, plain=plain) as asking:
        asking.request("GET", "/api/config")
        assert asking.sock is not None
        # Below TLS, which takes a reset for an end.
        with socket.socket(fileno=os.dup(asking.sock.fileno())) as beneath:
            beneath.settimeout(5)
            with pytest.raises(ConnectionResetError):
                drain(beneath)
    assert bridge.requests[-1].status is None


def test_silence_lasts_until_the_client_gives_up(bridge: SimulatedBridge) -> None:
    bridge.faults.add(Silence())
    with connection(bridge) as asking:
        assert asking.sock is not None
        asking.sock.settimeout(0.2)
        with pytest.raises(TimeoutError):
            ask_on(asking, "/api/config")
    bridge.faults.clear()
    assert ask(bridge, "/api/config").status == 200


def test_a_home_with_silent_requests_ends_all_the_same(home_clock: MemoryClock) -> None:
    began_s = time.monotonic()
    with SimulatedHome(clock=home_clock).running() as home:
        home.bridge.faults.add(Silence())
        with connection(home.bridge) as asking:
            asking.request("GET", "/api/config")
            while not home.bridge.requests:
                time.sleep(0.005)
            # Now the home ends while the client still waits.
            home.bridge.unplug()
    assert time.monotonic() - began_s < 5


def test_a_delayed_reply_comes_late_and_whole(bridge: SimulatedBridge) -> None:
    whole = temperatures(bridge).body
    bridge.faults.add(Delay(0.2))
    began_s = time.monotonic()
    assert temperatures(bridge).body == whole
    assert time.monotonic() - began_s >= 0.2


def test_a_dribbled_reply_comes_in_crumbs(bridge: SimulatedBridge) -> None:
    whole = ask(bridge, "/api/config").body
    bridge.faults.add("kind=dribble bytes=50 every=0.02s")
    crumbs = []
    with connection(bridge) as asking:
        asking.request("GET", "/api/config")
        reply = asking.getresponse()
        while crumb := reply.read1(10_000):
            crumbs.append(crumb)
    assert b"".join(crumbs) == whole
    assert max(map(len, crumbs)) < len(whole) / 2


def test_a_huge_body_is_json_all_the_same(bridge: SimulatedBridge) -> None:
    whole = temperatures(bridge).json
    bridge.faults.add("kind=huge bytes=3000000")
    reply = temperatures(bridge)
    assert len(reply.body) > 3_000_000
    assert reply.json == whole


def test_an_internal_error_is_a_list_in_version_1_and_an_envelope_in_version_2(
    bridge: SimulatedBridge,
) -> None:
    bridge.faults.add("kind=error")
    first, second = ask_v1(bridge, "sensors"), temperatures(bridge)
    assert (first.status, second.status) == (200, 200)
    assert first.json[0]["error"]["type"] == 901
    assert first.json[0]["error"]["address"] == "/sensors"
    assert second.json["errors"]
    assert second.json["data"] == []


def test_a_revoked_key_is_refused_as_a_wrong_one_is(bridge: SimulatedBridge) -> None:
    bridge.faults.add("kind=revoked")
    assert ask_v1(bridge, "sensors").json[0]["error"]["type"] == 1
    assert temperatures(bridge).status == 403
    assert "whitelist" not in ask_v1(bridge, "config").json


def test_temperatures_can_all_be_null(bridge: SimulatedBridge) -> None:
    bridge.faults.add("kind=null")
    for part in v1_parts(bridge):
        assert part["state"]["temperature"] is None
        assert part["config"]["battery"] is not None
    for item in temperatures(bridge).json["data"]:
        assert item["temperature"]["temperature"] is None
        assert item["temperature"]["temperature_report"]["temperature"] is None


def test_one_temperature_can_be_null(simulated_home: SimulatedHome) -> None:
    bridge = simulated_home.bridge
    sensor = simulated_home.sensors[2]
    bridge.faults.add(f"kind=null where={sensor.uniqueid}")
    bridge.faults.add(f"kind=null where={bridge.v2_id(sensor.device_id)}")
    null = [part["uniqueid"] for part in v1_parts(bridge) if part["state"]["temperature"] is None]
    assert null == [sensor.uniqueid]
    items = temperatures(bridge).json["data"]
    assert [item["id"] for item in items if item["temperature"]["temperature"] is None] == [
        bridge.v2_id(sensor.device_id)
    ]


def test_fields_can_be_missing(bridge: SimulatedBridge) -> None:
    bridge.faults.add("kind=missing")
    for part in v1_parts(bridge):
        assert "battery" not in part["config"]
        assert "reachable" not in part["config"]
        assert "lastupdated" not in part["state"]
    for item in temperatures(bridge).json["data"]:
        assert set(item["temperature"]) == {"temperature", "temperature_valid"}


def test_named_fields_can_be_missing(bridge: SimulatedBridge) -> None:
    bridge.faults.add("kind=missing fields=owner,id_v1")
    for item in temperatures(bridge).json["data"]:
        assert {"owner", "id_v1"}.isdisjoint(item)


def test_a_page_has_no_fields_to_be_missing(bridge: SimulatedBridge) -> None:
    bridge.faults.add("kind=missing")
    assert ask(bridge, "/nonsense").is_html


def test_dates_can_be_the_word_none(bridge: SimulatedBridge) -> None:
    bridge.faults.add("kind=no-dates")
    assert {part["state"]["lastupdated"] for part in v1_parts(bridge)} == {"none"}


def test_a_field_can_have_any_value(simulated_home: SimulatedHome) -> None:
    bridge = simulated_home.bridge
    sensor = simulated_home.sensors[0]
    bridge.faults.add(f"kind=overwrite field=temperature value=6123 where={sensor.uniqueid}")
    bridge.faults.add("kind=overwrite field=reachable value=false")
    assert [part["state"]["temperature"] for part in v1_parts(bridge)].count(6123) == 1
    assert not any(part["config"]["reachable"] for part in v1_parts(bridge))


def test_a_fault_can_be_limited_to_a_path_and_to_a_number_of_requests(bridge: SimulatedBridge) -> None:
    bridge.faults.add("kind=unavailable path=/clip/v2 count=2 first=2")
    statuses = [temperatures(bridge).status for _ in range(4)]
    assert statuses == [200, 503, 503, 200]
    bridge.faults.add("kind=unavailable path=/api/*/sensors")
    assert ask_v1(bridge, "sensors").status == 503
    assert ask_v1(bridge, "lights").status == 200


def test_a_fault_can_be_limited_to_a_time(bridge: SimulatedBridge, home_clock: MemoryClock) -> None:
    bridge.faults.add(Fault(effect=Delay(0)))
    bridge.faults.add("at=30s for=60s kind=unavailable")
    statuses = []
    for _ in range(4):
        statuses.append(temperatures(bridge).status)
        home_clock.advance(30)
    assert statuses == [200, 503, 503, 200]


def test_faults_can_meet(bridge: SimulatedBridge) -> None:
    bridge.faults.add("kind=delay seconds=0.1")
    bridge.faults.add("kind=throttle")
    began_s = time.monotonic()
    assert temperatures(bridge).status == 429
    assert time.monotonic() - began_s >= 0.1
    assert bridge.requests[-1].faults == ("Delay", "Throttle")


def test_a_bridge_refuses_more_than_three_requests_at_once(bridge: SimulatedBridge) -> None:
    bridge.set_pace(Pace(latency_s=0.3))
    with ExitStack() as open_ones:
        four = [open_ones.enter_context(connection(bridge)) for _ in range(4)]
        for asking in four:
            asking.request("GET", "/api/config")
        assert sorted(asking.getresponse().status for asking in four) == [200, 200, 200, 429]
    assert max(seen.at_once for seen in bridge.requests) == 4


def test_a_slow_bridge_is_slower_for_more(bridge: SimulatedBridge) -> None:
    bridge.set_pace(Pace(latency_s=0.05, s_per_kb=0.002))
    began_s = time.monotonic()
    whole = ask_v1(bridge)
    assert time.monotonic() - began_s >= 0.05 + 0.002 * len(whole.body) / 1000


def test_what_was_seen_is_remembered_without_keys(bridge: SimulatedBridge, home_clock: MemoryClock) -> None:
    ask(bridge, "/api/config")
    reply = ask_v1(bridge, "sensors")
    ask_v1(bridge, key="another-secret")
    ask(bridge, TEMPERATURE, headers={"hue-application-key": bridge.key})
    assert [(seen.method, seen.path, seen.status) for seen in bridge.requests] == [
        ("GET", "/api/config", 200),
        ("GET", "/api/***/sensors", 200),
        ("GET", "/api/***", 200),
        ("GET", TEMPERATURE, 200),
    ]
    assert bridge.requests[1].reply_bytes == len(reply.body)
    assert bridge.requests[1].at == home_clock.now()
    assert {seen.scheme for seen in bridge.requests} == {"https"}
    assert bridge.key not in repr(bridge.requests)
