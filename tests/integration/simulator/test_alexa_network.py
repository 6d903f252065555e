"""The simulated Alexa service on the network: names, compression, faults of the connection."""

from __future__ import annotations

import http.client
import json
import time

import pytest

from adapters.memory.runtime import MemoryClock
from adapters.simulator.amazon.service import SimulatedAlexa
from adapters.simulator.faults import Silence
from adapters.simulator.home import SimulatedHome
from adapters.simulator.network import Pace
from tests.support.alexa_client import ask, bearer, connection, readings, refresh
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


def test_connection_faults(alexa: SimulatedAlexa) -> None:
    alexa.faults.add("kind=reset path=/auth")
    with pytest.raises((ConnectionError, http.client.HTTPException, OSError)):
        refresh(alexa)
    assert alexa.requests[-1].status is None
    assert "errors" not in readings(alexa).json
    alexa.faults.add(Silence())
    with connection(alexa) as asking:
        asking.request("GET", "/api/phoenix")
        assert asking.sock is not None
        asking.sock.settimeout(0.2)
        with pytest.raises(TimeoutError):
            asking.getresponse()


def test_replies_can_be_slow_or_in_pieces(alexa: SimulatedAlexa) -> None:
    whole = readings(alexa).body
    alexa.faults.add("kind=delay seconds=0.1 count=1")
    alexa.faults.add("kind=dribble bytes=2000 every=0.001s first=2 count=1")
    alexa.set_pace(Pace(latency_s=0.05))
    began_s = time.monotonic()
    assert [readings(alexa).body for _ in range(2)] == [whole, whole]
    assert time.monotonic() - began_s >= 0.2


def test_requests_are_recorded_without_secrets(alexa: SimulatedAlexa) -> None:
    readings(alexa, bearer(alexa))
    ask(alexa, "/code?cbl-code=ABCDEF")
    assert [each.path for each in alexa.requests] == ["/auth/token", "/nexus/v1/graphql", "/code"]
    seen = repr(alexa.requests)
    for secret in (alexa.refresh_token, "Atna", "ABCDEF", alexa.cookies["session-token"]):
        assert secret not in seen


def test_unplugged_service_returns_at_the_same_address(alexa: SimulatedAlexa) -> None:
    address = alexa.address
    alexa.unplug()
    with pytest.raises(ConnectionRefusedError):
        ask(alexa, "/api/phoenix")
    alexa.plug_in()
    assert alexa.address == address
    assert ask(alexa, "/api/phoenix").status == 299


def test_owner_can_end_everything(alexa: SimulatedAlexa) -> None:
    headers = bearer(alexa)
    alexa.end_access()
    assert "errors" in readings(alexa, headers).json
    alexa.end_sessions()
    assert "errors" in readings(alexa).json
    assert not alexa.approve("AAAAAA")
    assert not alexa.deny("AAAAAA")
    alexa.revoke("Atnr|made-up")
    alexa.revoke(alexa.refresh_token)
    assert alexa.registrations == []
    assert refresh(alexa).json["error"] == "invalid_grant"
