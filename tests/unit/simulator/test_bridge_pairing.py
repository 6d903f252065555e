"""Pairing with a simulated bridge: `POST /api` and the link button."""

from __future__ import annotations

import re
from typing import Any

import pytest

from adapters.memory.runtime import MemoryClock
from tests.support.simulated_services import BridgeClient, content


def pair(bridge: BridgeClient, body: object) -> Any:
    reply = bridge.ask("/api", "POST", body)
    assert reply.status == 200
    [answer] = content(reply)
    return answer


def press_button(bridge: BridgeClient) -> None:
    bridge.service.keys.press_button()  # type: ignore[union-attr]


APP = {"devicetype": "my_app#my_host"}


def test_pairing_without_the_button_is_error_101(bridge: BridgeClient) -> None:
    error = {"type": 101, "address": "", "description": "link button not pressed"}
    bridge.ask(f"/api/{bridge.key}/config", "PUT", b'{"linkbutton": true}')
    assert pair(bridge, APP) == {"error": error}


def test_button_gives_keys_for_both_versions_for_30_s(bridge: BridgeClient, home_clock: MemoryClock) -> None:
    press_button(bridge)
    home_clock.advance(29.9)
    first, second = (pair(bridge, APP)["success"] for _ in range(2))
    assert first["username"] != second["username"]
    assert set(first) == {"username"}
    assert re.fullmatch(r"[A-Za-z0-9-]{40}", first["username"])
    assert len(content(bridge.v1("sensors", key=first["username"]))) > 8
    assert bridge.v2(key=first["username"]).status == 200
    config = content(bridge.v1("config"))
    assert (config["linkbutton"], config["whitelist"][first["username"]]["name"]) == (True, APP["devicetype"])
    home_clock.advance(0.2)
    assert pair(bridge, APP)["error"]["type"] == 101
    assert content(bridge.v1("config"))["linkbutton"] is False


@pytest.mark.parametrize("wanted", [True, False])
def test_client_key_is_given_on_request(bridge: BridgeClient, wanted: bool) -> None:
    press_button(bridge)
    success = pair(bridge, {**APP, "generateclientkey": wanted})["success"]
    assert bool(re.fullmatch(r"[0-9A-F]{32}", success.get("clientkey", ""))) == wanted


@pytest.mark.parametrize(
    ("body", "kind", "address"),
    [
        (b"", 2, ""),
        (b"nonsense", 2, ""),
        (["a", "list"], 2, ""),
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
def test_invalid_pairing_requests_have_typed_errors(
    bridge: BridgeClient, body: object, kind: int, address: str
) -> None:
    press_button(bridge)
    error = pair(bridge, body)["error"]
    assert (error["type"], error["address"]) == (kind, address)


@pytest.mark.parametrize("devicetype", ["nohash", "x" * 40, "a" * 20 + "#" + "b" * 19, "app#"])
def test_valid_device_types_pair(bridge: BridgeClient, devicetype: str) -> None:
    press_button(bridge)
    assert "success" in pair(bridge, {"devicetype": devicetype})
