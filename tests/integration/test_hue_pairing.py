"""Pairing with simulated bridges, and the look-up service."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from adapters.hue.bridge import BridgeOpener
from adapters.hue.discovery import CloudFinder
from adapters.hue.pairing import HuePairing
from adapters.hue.tls import SIGNIFY_ROOTS
from adapters.memory.runtime import MemoryClock, MemoryMeter
from adapters.runtime.clock import SystemClock
from adapters.simulator.home import SimulatedHome
from adapters.simulator.hue.model import BSB001, BSB002, BSB003, BridgeModel
from adapters.simulator.hue.service import SimulatedBridge
from domain.errors import (
    SourceGarbled,
    SourceRefused,
    SourceThrottled,
    SourceUnavailable,
)
from ports.setup import AnnouncedBridge, UnverifiedBridge, VerifiedBridge
from tests.support.bridge_client import ask_v1
from tests.support.builders import NOON
from tests.support.look_up import LookUp, a_look_up
from tests.support.odd_server import Behaviour, always, asked, odd_server, reply
from tests.support.threads import wait_until_idle


@contextmanager
def a_bridge(model: BridgeModel = BSB002) -> Iterator[SimulatedBridge]:
    with SimulatedHome(clock=MemoryClock(NOON), bridges=(model,)).running() as home:
        yield home.bridge


def a_pairing(bridge: SimulatedBridge, host: str = "hall") -> HuePairing:
    clock = SystemClock()
    opener = BridgeOpener(source="setup", api_key="", timeout_s=5, clock=clock, meter=MemoryMeter(clock))
    return HuePairing(roots=bridge.ca_file, host=host, opener=opener, clock=clock)


async def met(bridge: SimulatedBridge, pairing: HuePairing, address: str | None = None) -> VerifiedBridge:
    found = await pairing.identify(address or bridge.address)
    assert isinstance(found, VerifiedBridge)
    return found


@pytest.mark.parametrize("model", [BSB002, BSB003])
async def test_bridge_with_https_is_never_paired_over_http(model: BridgeModel) -> None:
    with a_bridge(model) as bridge:
        pairing = a_pairing(bridge)
        bridge.press_button()
        found = await met(bridge, pairing)
        assert await pairing.ask_for_key(found)
        with pytest.raises(SourceRefused):
            await pairing.identify(f"http://{bridge.http_address}")
        await pairing.close()
        assert {request.scheme for request in bridge.requests if request.method == "POST"} == {"https"}


async def test_round_bridge_is_paired_over_http() -> None:
    with a_bridge(BSB001) as bridge:
        pairing = a_pairing(bridge)
        found = await met(bridge, pairing, f"http://{bridge.http_address}")
        assert (found.is_encrypted, found.address) == (False, f"http://{bridge.http_address}")
        bridge.press_button()
        assert await pairing.ask_for_key(found)
        await pairing.close()


async def test_bridge_lists_the_key_under_this_machines_name() -> None:
    with a_bridge() as bridge:
        pairing = a_pairing(bridge, host="a-host-with-a-long-name.example")
        bridge.press_button()
        key = await pairing.ask_for_key(await met(bridge, pairing))
        await pairing.close()
        assert key is not None
        assert ask_v1(bridge, "config").json["whitelist"][key]["name"] == "homeclimate#a-host-with-a-long-"


async def test_connection_is_kept_while_waiting_for_the_button() -> None:
    with a_bridge() as bridge:
        pairing = a_pairing(bridge)
        found = await met(bridge, pairing)
        assert await pairing.ask_for_key(found) is None
        kept = pairing._calls._kept
        assert await pairing.ask_for_key(found) is None
        assert pairing._calls._kept is kept is not None
        await pairing.close()


@pytest.mark.parametrize(
    ("fault", "error"), [("kind=reset", SourceUnavailable), ("kind=error type=7", SourceGarbled)]
)
async def test_failure_while_asking_for_a_key_is_our_error(fault: str, error: type[Exception]) -> None:
    with a_bridge() as bridge:
        pairing = a_pairing(bridge)
        found = await met(bridge, pairing)
        bridge.faults.add(f"{fault} path=/api count=1")
        with pytest.raises(error):
            await pairing.ask_for_key(found)
        bridge.press_button()
        assert await pairing.ask_for_key(found), "the next request works"
        await pairing.close()


async def test_cancelled_request_ends_at_once() -> None:
    with a_bridge() as bridge:
        pairing = a_pairing(bridge)
        found = await met(bridge, pairing)
        bridge.faults.add("kind=silence")
        asking = asyncio.ensure_future(pairing.ask_for_key(found))
        await asyncio.sleep(0.2)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        wait_until_idle("pair with a bridge", 4.0)  # of the five seconds that it would wait
        bridge.faults.clear()
        bridge.press_button()
        assert await pairing.ask_for_key(found), "the next request has a connection of its own"
        await pairing.close()


@pytest.mark.parametrize(
    ("look_up", "error"),
    [
        (LookUp(status=429, headers={"Retry-After": "30"}), SourceThrottled),
        (LookUp(body="<html>"), SourceGarbled),
        (LookUp(body='{"error": "no"}'), SourceGarbled),
    ],
)
def test_unusable_lookup_is_our_error(look_up: LookUp, error: type[Exception]) -> None:
    with a_look_up(look_up) as url, pytest.raises(error):
        CloudFinder(url=url, clock=SystemClock()).find(2.0)


def test_lookup_redirect_is_not_followed() -> None:
    moved = LookUp(status=302, headers={"Location": "http://127.0.0.1:9/"})
    with a_look_up(moved) as url, pytest.raises(SourceUnavailable, match="HTTP 302"):
        CloudFinder(url=url, clock=SystemClock()).find(2.0)


def test_lookup_entries_without_an_address_are_skipped() -> None:
    listed = [{"id": "x"}, "y", {"internalipaddress": "192.0.2.1"}, {"internalipaddress": "http://192.0.2.2"}]
    with a_look_up(LookUp(body=json.dumps(listed))) as url:
        found = CloudFinder(url=url, clock=SystemClock()).find(2.0)
    assert found == (AnnouncedBridge(address="192.0.2.1"),)


def config_of(**fields: Any) -> bytes:
    return json.dumps(
        {"name": "a box", "bridgeid": "001788FFFE5A1E57", "modelid": "BSB002", **fields}
    ).encode()


NO_BRIDGE = {
    "page": reply(b"<html>It works!</html>", "Content-Type: text/html"),
    "page as JSON": reply(b"<html>It works!</html>"),
    "cut off": reply(b'{"name": "NAS'),
    "list": reply(b"[]"),
    "error": reply(b'[{"error": {"type": 1, "address": "/", "description": "unauthorized user"}}]'),
    "empty": reply(b"{}"),
    "null": reply(b"null"),
    "other JSON": reply(b'{"name": "NAS", "version": 7}'),
    "deCONZ": reply(config_of(modelid="deCONZ", bridgeid="00212EFFFF0A1B2C")),
    "no model": reply(config_of(modelid=None)),
    "no id": reply(config_of(bridgeid=None)),
    "no bridge's id": reply(config_of(bridgeid="nas")),
    "huge": reply(b"", "Content-Length: 50000000"),
    "unpacked": reply(b"x", "Content-Encoding: br"),
    **{
        status: reply(b"", "Location: https://127.0.0.1:9/", status=status)
        for status in ("301 Moved", "302 Found", "401 No", "403 No", "404 No", "500 No", "418 Teapot")
    },
}


@contextmanager
def at_a_stranger(behave: Behaviour, *, secure: bool = True) -> Iterator[tuple[HuePairing, str]]:
    """Yield what pairs with real bridges only, and the address of a server that is none."""
    clock = SystemClock()
    opener = BridgeOpener(source="setup", api_key="", timeout_s=5, clock=clock, meter=MemoryMeter(clock))
    pairing = HuePairing(roots=SIGNIFY_ROOTS, host="hall", opener=opener, clock=clock)
    with odd_server(behave, secure=secure) as server:
        yield pairing, server.address if secure else f"http://{server.address}"


@pytest.mark.parametrize("secure", [True, False], ids=["https", "http"])
@pytest.mark.parametrize("answer", NO_BRIDGE)
async def test_what_is_no_bridge_is_refused_before_any_question(answer: str, secure: bool) -> None:
    with at_a_stranger(always(NO_BRIDGE[answer]), secure=secure) as (pairing, address):
        expected = "no Hue bridge answers at" if secure or answer[0] != "3" else "redirects the request"
        with pytest.raises(SourceRefused, match=expected) as refused:
            await pairing.identify(address)
        await pairing.close()
    assert "does not know this key" not in str(refused.value)


def drip(connection: socket.socket) -> None:
    asked(connection)
    for byte in reply(config_of()):
        connection.sendall(bytes([byte]))
        threading.Event().wait(0.05)


def fall_silent(connection: socket.socket) -> None:
    asked(connection)
    connection.recv(1)


@pytest.mark.parametrize(
    ("behave", "secure"),
    [(drip, True), (fall_silent, False), (asked, False)],
    ids=["drips", "hangs", "closes"],
)
async def test_what_does_not_answer_is_no_bridge(
    behave: Behaviour, secure: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.hue.pairing._TIMEOUT_S", 0.5)
    with at_a_stranger(behave, secure=secure) as (pairing, address):
        with pytest.raises(SourceUnavailable, match="no Hue bridge answers at"):
            await pairing.identify(address)
        await pairing.close()
        wait_until_idle("pair with a bridge", 4.0)


async def test_self_signed_bridge_shows_its_name_and_must_be_the_expected_one() -> None:
    with at_a_stranger(always(reply(config_of()))) as (pairing, address):
        found = await pairing.identify(address)
        assert isinstance(found, UnverifiedBridge)
        assert (found.name, found.model, found.bridge_id) == ("a box", "BSB002", "001788fffe5a1e57")
        with pytest.raises(SourceRefused, match="001788fffe5a1e57 instead of ecb5fafffe654321"):
            await pairing.identify(address, expected_id="ecb5fafffe654321")
        await pairing.close()


async def test_certificate_and_description_must_name_the_same_bridge() -> None:
    with at_a_stranger(always(reply(config_of(bridgeid="ECB5FAFFFE654321")))) as (pairing, address):
        with pytest.raises(SourceRefused, match="ecb5fafffe654321 instead of 001788fffe5a1e57"):
            await pairing.identify(address)
        await pairing.close()


@pytest.mark.parametrize("model", [BSB002, BSB003])
async def test_nothing_but_https_is_tried_at_an_address_with_a_port(model: BridgeModel) -> None:
    """A plain port that is given without http:// gets a handshake, and no request."""
    with a_bridge(model) as bridge:
        pairing = a_pairing(bridge)
        with pytest.raises(SourceUnavailable, match="no Hue bridge answers at"):
            await pairing.identify(bridge.http_address)
        await pairing.close()
        assert bridge.requests == []


async def test_expired_certificate_cannot_be_pinned() -> None:
    with a_bridge() as bridge:
        bridge.faults.add("kind=certificate which=expired")
        with pytest.raises(SourceRefused, match="clock right"):
            await a_pairing(bridge).identify(bridge.address)
