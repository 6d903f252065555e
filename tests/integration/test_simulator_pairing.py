"""Pairing with the simulated bridge."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from adapters.memory.runtime import MemoryClock
from adapters.simulator.home import SimulatedHome
from adapters.simulator.hue.service import SimulatedBridge
from tests.support.bridge_client import ask, ask_v1, ask_v2


@pytest.fixture
def bridge(simulated_home: SimulatedHome) -> SimulatedBridge:
    return simulated_home.bridge


def pair(bridge: SimulatedBridge, body: object = None, raw: bytes | None = None) -> Any:
    asked = {"devicetype": "my_app#my_host"} if body is None else body
    reply = ask(bridge, "/api", method="POST", body=raw if raw is not None else json.dumps(asked).encode())
    assert reply.status == 200
    [said] = reply.json
    return said


def test_without_the_button_it_is_error_101(bridge: SimulatedBridge) -> None:
    assert pair(bridge) == {"error": {"type": 101, "address": "", "description": "link button not pressed"}}


def test_after_the_button_there_is_a_key_for_both_versions(bridge: SimulatedBridge) -> None:
    bridge.press_button()
    said = pair(bridge)
    key = said["success"]["username"]
    assert set(said["success"]) == {"username"}
    assert re.fullmatch(r"[A-Za-z0-9-]{40}", key)
    assert len(ask_v1(bridge, "sensors", key=key).json) > 8
    assert ask_v2(bridge, "resource/temperature", key=key).status == 200
    assert ask_v1(bridge, "config").json["whitelist"][key]["name"] == "my_app#my_host"


def test_the_button_counts_for_half_a_minute_by_the_clock(
    bridge: SimulatedBridge, home_clock: MemoryClock
) -> None:
    bridge.press_button()
    home_clock.advance(29.9)
    assert "success" in pair(bridge)
    assert ask_v1(bridge, "config").json["linkbutton"] is True
    home_clock.advance(0.2)
    assert pair(bridge)["error"]["type"] == 101
    assert ask_v1(bridge, "config").json["linkbutton"] is False


def test_the_button_cannot_be_pressed_through_the_interface(bridge: SimulatedBridge) -> None:
    ask(bridge, f"/api/{bridge.key}/config", method="PUT", body=b'{"linkbutton": true}')
    assert pair(bridge)["error"]["type"] == 101


def test_two_applications_get_two_keys(bridge: SimulatedBridge) -> None:
    bridge.press_button()
    assert pair(bridge)["success"]["username"] != pair(bridge)["success"]["username"]


def test_a_client_key_is_given_only_to_who_asks(bridge: SimulatedBridge) -> None:
    bridge.press_button()
    said = pair(bridge, {"devicetype": "app#host", "generateclientkey": True})
    assert re.fullmatch(r"[0-9A-F]{32}", said["success"]["clientkey"])
    assert "clientkey" not in pair(bridge, {"devicetype": "app#host", "generateclientkey": False})["success"]


@pytest.mark.parametrize("raw", [b"", b"nonsense", b'["a", "list"]', b'{"devicetype": "app#host"'])
def test_a_body_that_is_no_json_object_is_error_2(bridge: SimulatedBridge, raw: bytes) -> None:
    assert pair(bridge, raw=raw)["error"]["type"] == 2


@pytest.mark.parametrize(
    ("body", "kind", "address"),
    [
        ({}, 5, ""),
        ({"generateclientkey": True}, 5, ""),
        ({"devicetype": "app#host", "username": "mine"}, 6, "/username"),
        ({"devicetype": ""}, 7, "/devicetype"),
        ({"devicetype": 5}, 7, "/devicetype"),
        ({"devicetype": "x" * 41}, 7, "/devicetype"),
        ({"devicetype": "x" * 21 + "#host"}, 7, "/devicetype"),
        ({"devicetype": "app#" + "x" * 20}, 7, "/devicetype"),
        ({"devicetype": "app#host", "generateclientkey": "yes"}, 7, "/generateclientkey"),
    ],
)
@pytest.mark.parametrize("pressed", [True, False])
def test_bad_parameters_are_refused_whatever_the_button(
    bridge: SimulatedBridge, body: object, kind: int, address: str, pressed: bool
) -> None:
    if pressed:
        bridge.press_button()
    said = pair(bridge, body)
    assert said["error"]["type"] == kind
    assert said["error"]["address"] == address


def test_a_name_without_a_host_will_do(bridge: SimulatedBridge) -> None:
    bridge.press_button()
    assert "success" in pair(bridge, {"devicetype": "x" * 40})
