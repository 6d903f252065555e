"""A simulated bridge on the network: ports, faults of the connection, pace, and the life of the home."""

from __future__ import annotations

import asyncio
import gc
import http.client
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from adapters.memory.runtime import MemoryClock
from adapters.simulator.faults import Delay, Silence
from adapters.simulator.home import SimulatedHome
from adapters.simulator.hue.model import BSB002, BSB002_SECOND, BSB003, BridgeModel
from adapters.simulator.hue.service import SimulatedBridge
from adapters.simulator.network import Pace
from tests.support.bridge_client import ask, ask_on, ask_v1, ask_v2, connection, tcp
from tests.support.builders import NOON

Start = Callable[..., SimulatedHome]
TEMPERATURE = "/clip/v2/resource/temperature"


@pytest.fixture
def bridge(simulated_home: SimulatedHome) -> SimulatedBridge:
    return simulated_home.bridge


@pytest.fixture
def start(home_clock: MemoryClock) -> Iterator[Start]:
    with ExitStack() as running:

        def start_home(*models: BridgeModel) -> SimulatedHome:
            return running.enter_context(SimulatedHome(clock=home_clock, bridges=models).running())

        yield start_home


# Models


def test_square_bridge_serves_v1_over_both(bridge: SimulatedBridge, simulated_home: SimulatedHome) -> None:
    path = f"/api/{bridge.key}/sensors"
    reply = ask(bridge, path)
    assert reply.json == ask(bridge, path, plain=True).json
    assert reply.headers["date"] == NOON.strftime("%a, %d %b %Y %H:%M:%S GMT")
    assert int(reply.headers["content-length"]) == len(reply.body)
    plain = ask(bridge, TEMPERATURE, headers={"hue-application-key": bridge.key}, plain=True)
    assert plain.status == 404
    known = {bridge.v2_id(sensor.device_id) for sensor in simulated_home.sensors}
    assert known == {item["id"] for item in ask_v2(bridge, "resource/temperature").json["data"]}


def test_pro_redirects_every_plain_request(start: Start) -> None:
    bridge = start(BSB003).bridge
    for method, path in (("GET", "/api/config"), ("POST", "/api"), ("GET", "/clip/v2/x?y=1"), ("PUT", "/z")):
        reply = ask(bridge, path, method=method, plain=True)
        assert reply.status == 301
        assert reply.headers["location"] == f"https://{bridge.address}{path}"
    assert ask(bridge, "/api/config").json["modelid"] == "BSB003"
    assert ask_v2(bridge, "resource/temperature").status == 200


def test_several_bridges_share_the_sensors_but_no_keys(start: Start) -> None:
    home = start(BSB002, BSB002_SECOND)
    found: list[str] = []
    for bridge in home.bridges:
        sensors = ask_v1(bridge, "sensors").json
        found += [each["uniqueid"] for each in sensors.values() if each["type"] == "ZLLTemperature"]
    assert sorted(found) == sorted(sensor.uniqueid for sensor in home.sensors)
    assert ask_v1(home.bridges[1], "sensors", key=home.bridge.key).json[0]["error"]["type"] == 1


# Faults of the connection


def drain(beneath: socket.socket) -> None:
    while beneath.recv(10_000):
        pass


@pytest.mark.parametrize("plain", [True, False])
def test_reset_is_an_rst(bridge: SimulatedBridge, plain: bool) -> None:
    bridge.faults.add("kind=reset")
    with connection(bridge, plain=plain) as asking:
        asking.request("GET", "/api/config")
        assert asking.sock is not None
        # Below TLS, which cannot tell a reset from an end.
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


def test_home_with_a_silent_request_ends(home_clock: MemoryClock) -> None:
    with SimulatedHome(clock=home_clock).running() as home:
        home.bridge.faults.add(Silence())
        with connection(home.bridge) as asking:
            asking.request("GET", "/api/config")
            while not home.bridge.requests:
                time.sleep(0.005)
    assert home.bridge.requests[-1].status is None


def test_half_body_breaks_off(bridge: SimulatedBridge) -> None:
    whole = ask(bridge, "/api/config").body
    bridge.faults.add("kind=half")
    with pytest.raises(http.client.IncompleteRead) as broken:
        ask(bridge, "/api/config")
    assert broken.value.partial == whole[: len(whole) // 2]
    assert broken.value.expected == len(whole) - len(broken.value.partial)


def test_dribble_sends_pieces_and_delay_the_whole_later(bridge: SimulatedBridge) -> None:
    whole = ask(bridge, "/api/config").body
    bridge.faults.add("kind=dribble bytes=50 every=0.02s count=1")
    pieces = []
    with connection(bridge) as asking:
        asking.request("GET", "/api/config")
        reply = asking.getresponse()
        while piece := reply.read1(10_000):
            pieces.append(piece)
    assert b"".join(pieces) == whole
    assert max(map(len, pieces)) < len(whole) / 2
    bridge.faults.add(Delay(0.1))
    began_s = time.monotonic()
    assert ask(bridge, "/api/config").body == whole
    assert time.monotonic() - began_s >= 0.1


def test_bridge_answers_three_requests_at_once_at_its_pace(bridge: SimulatedBridge) -> None:
    waits_s: list[float] = []
    four_came = asyncio.Event()

    async def sleep_until_four_came(seconds: float) -> None:
        waits_s.append(seconds)
        if len(waits_s) == 4:
            four_came.set()
        await four_came.wait()

    pace = Pace(latency_s=0.3, s_per_kb=0.002, sleep=sleep_until_four_came)
    bridge.set_pace(pace)
    with ExitStack() as open_ones:
        four = [open_ones.enter_context(connection(bridge)) for _ in range(4)]
        for asking in four:
            asking.request("GET", "/api/config")
        assert sorted(asking.getresponse().status for asking in four) == [200, 200, 200, 429]
    assert max(seen.at_once for seen in bridge.requests) == 4
    assert waits_s == [pace.wait_s(seen.reply_bytes) for seen in bridge.requests]
    assert Pace(latency_s=1.0, s_per_kb=0.002).wait_s(50_000) == pytest.approx(1.1)


def test_requests_are_recorded_without_keys(bridge: SimulatedBridge, home_clock: MemoryClock) -> None:
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
    assert (bridge.requests[1].reply_bytes, bridge.requests[1].at) == (len(reply.body), home_clock.now())
    assert {seen.scheme for seen in bridge.requests} == {"https"}
    bridge.faults.add("kind=delay seconds=0.01")
    bridge.faults.add("kind=throttle path=/clip/v2")
    assert ask_v2(bridge, "resource/temperature").status == 429
    assert bridge.requests[-1].faults == ("Delay", "Throttle")
    assert bridge.key not in repr(bridge.requests)


# The life of the home


def test_unplugged_bridge_refuses_connections_and_returns(bridge: SimulatedBridge) -> None:
    address = bridge.address
    bridge.unplug()
    bridge.unplug()
    with pytest.raises(ConnectionRefusedError), tcp(address):
        pass
    bridge.plug_in()
    assert bridge.address == address
    assert ask(bridge, "/api/config").status == 200


def test_home_ends_its_thread_and_ports(home_clock: MemoryClock) -> None:
    threads = threading.active_count()
    with SimulatedHome(clock=home_clock).running() as home:
        address = home.bridge.address
        ask(home.bridge, "/api/config")
        assert threading.active_count() == threads + 1
    gc.collect()
    assert threading.active_count() == threads
    with pytest.raises(ConnectionRefusedError), tcp(address):
        pass
    with socket.create_server(("127.0.0.1", 0)) as taken:
        home = SimulatedHome(clock=home_clock, port=taken.getsockname()[1])
        with pytest.raises(OSError, match="address already in use"), home.running():
            pass
    assert threading.active_count() == threads
