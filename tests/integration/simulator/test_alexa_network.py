"""The simulated Alexa service on the network: names, compression, faults of the connection."""

from __future__ import annotations

import http.client
import json

import pytest

from adapters.memory.runtime import MemoryClock
from adapters.simulator.amazon.service import SimulatedAlexa
from adapters.simulator.home import SimulatedHome
from tests.support.alexa_client import ask, bearer, readings
from tests.support.simulated_services import browser

DEVICES = "/api/devices-v2/device"


@pytest.fixture
def alexa(simulated_home: SimulatedHome) -> SimulatedAlexa:
    return simulated_home.alexa


def packed(alexa: SimulatedAlexa) -> dict[str, str]:
    return {**browser(alexa.cookies), "Accept-Encoding": "gzip, deflate"}


def test_alexa_needs_a_running_home(home_clock: MemoryClock) -> None:
    with pytest.raises(RuntimeError, match="needs a running home"):
        _ = SimulatedHome(clock=home_clock).alexa


def test_replies_are_compressed_on_request(alexa: SimulatedAlexa) -> None:
    reply = ask(alexa, DEVICES, headers=packed(alexa))
    assert reply.headers["content-encoding"] == "gzip"
    plain = ask(alexa, DEVICES, headers=browser(alexa.cookies))
    assert "content-encoding" not in plain.headers
    assert reply.json == plain.json
    assert alexa.requests[0].reply_bytes < alexa.requests[1].reply_bytes


def test_broken_bodies_are_not_compressed(alexa: SimulatedAlexa) -> None:
    whole = readings(alexa)
    alexa.faults.add("kind=half count=1")
    with pytest.raises(http.client.IncompleteRead) as broken:
        readings(alexa, packed(alexa))
    assert broken.value.partial == whole.body[: len(whole.body) // 2]
    alexa.faults.add("kind=huge bytes=2000000 count=1")
    assert readings(alexa, packed(alexa)).json == whole.json
    assert alexa.requests[-1].reply_bytes > 2_000_000
    alexa.faults.add("kind=garbled")
    with pytest.raises(json.JSONDecodeError):
        _ = readings(alexa, packed(alexa)).json


def test_requests_are_recorded_without_secrets(alexa: SimulatedAlexa) -> None:
    readings(alexa, bearer(alexa))
    ask(alexa, "/code?cbl-code=ABCDEF")
    assert [each.path for each in alexa.requests] == ["/auth/token", "/nexus/v1/graphql", "/code"]
    seen = repr(alexa.requests)
    for secret in (alexa.refresh_token, "Atna", "ABCDEF", alexa.cookies["session-token"]):
        assert secret not in seen
