"""Deadlines: a read and its thread end in time on any network."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
import time
from datetime import timedelta
from typing import Any

import pytest

from adapters.hue.tls import SignedBy
from adapters.memory.runtime import MemoryClock
from adapters.simulator.home import SimulatedHome
from domain.errors import SourceUnavailable
from tests.support.builders import NOON
from tests.support.canned_bridge import KEY
from tests.support.hue_bench import HueBench, a_hue_bench, closing, in_front_of, temperatures, wait_for_reads
from tests.support.hue_replies import a_v1_temperature
from tests.support.odd_server import BRIDGE_ID, CA_FILE, Behaviour, OddServer, asked, odd_server, reply
from tests.support.threads import busy_threads, wait_until

WITHIN_S = 0.3
LONG_S = 30.0  # longer than any test may last
SENSORS = reply(json.dumps({"4": a_v1_temperature()}).encode())


def dribble(connection: socket.socket, content: bytes) -> None:
    """Send a byte at a time, each well within the time-out of a socket."""
    for at in range(len(content)):
        connection.sendall(content[at : at + 1])
        time.sleep(0.02)


def dribble_the_body(connection: socket.socket) -> None:
    asked(connection)
    connection.sendall(SENSORS[:80])
    dribble(connection, SENSORS[80:] + b" " * 10_000)


def dribble_the_head(connection: socket.socket) -> None:
    asked(connection)
    dribble(connection, b"HTTP/1.1 200 OK\r\n" + b"X-Header: y\r\n" * 90)


def dribble_a_redirect(connection: socket.socket) -> None:
    asked(connection)
    connection.sendall(reply(b"", "Content-Length: 10000", "Location: /there", status="301 Moved"))
    dribble(connection, b" " * 10_000)


def stay_silent(connection: socket.socket) -> None:
    asked(connection)
    connection.recv(1)


def dribble_a_handshake(connection: socket.socket) -> None:
    connection.recv(65_536)
    dribble(connection, b"\x16\x03\x03\x3f\xff\x02\x00\x3f\xfb" + b"\x00" * 16_000)


def ignore_the_handshake(connection: socket.socket) -> None:
    while connection.recv(65_536):
        pass


def a_bench(server: OddServer, scheme: str = "", **changes: Any) -> HueBench:
    terms: dict[str, Any] = {
        "address": scheme + server.address,
        "api_key": KEY,
        "bridge_id": BRIDGE_ID,
        "roots": CA_FILE,
        "strategy": "v1",
        "timeout_s": LONG_S,
    }
    return a_hue_bench(**(terms | changes))


@pytest.mark.parametrize(
    ("behave", "secure", "terms"),
    [
        (dribble_the_body, True, {}),
        (dribble_the_head, True, {}),
        (dribble_a_redirect, True, {}),
        (dribble_a_handshake, False, {}),
        (dribble_a_handshake, False, {"bridge_id": None}),
        (ignore_the_handshake, False, {}),
        (dribble_the_body, False, {"scheme": "http://"}),
        (dribble_the_head, False, {"scheme": "http://"}),
        (stay_silent, False, {"scheme": "http://"}),
    ],
)
async def test_slow_server_blocks_neither_read_nor_thread(
    behave: Behaviour, secure: bool, terms: dict[str, Any]
) -> None:
    before = len(busy_threads())
    with odd_server(behave, secure=secure) as server:
        bench = a_bench(server, **terms)
        async with closing(bench):
            for _ in range(5):
                with pytest.raises(SourceUnavailable, match=r"no complete answer within the time|timed out"):
                    await bench.read(within_s=0.06)
                assert len(reads_under_way()) <= 1
            wait_for_reads()
        assert server.connections <= 5
    wait_until(lambda: len(busy_threads()) <= before)  # a cancelled timer takes a moment to end


def reads_under_way() -> list[threading.Thread]:
    """Return the threads of reads, after a moment for abandoned ones to end."""
    wait_for_reads()
    return busy_threads("read hue")


async def test_slow_body_ends_at_the_deadline_by_itself() -> None:
    clock, sent = MemoryClock(NOON), []

    def dribble_and_count(connection: socket.socket) -> None:
        asked(connection)
        connection.sendall(reply(b"", "Content-Length: 10000"))
        for _ in range(10_000):
            dribble(connection, b" ")
            sent.append(1)
            clock.advance(1)

    with odd_server(dribble_and_count) as server:
        async with closing(a_bench(server, clock=clock)) as bench:
            proof = SignedBy(CA_FILE, BRIDGE_ID)
            bridge = bench.opener.open(f"https://{server.address}", proof)
            with contextlib.closing(bridge), pytest.raises(SourceUnavailable, match="within the time"):
                bridge.identity(clock.elapsed_s() + LONG_S)
    assert LONG_S - 1 <= len(sent) < 5_000


@pytest.mark.parametrize("reserve_s", [0.0, 0.2], ids=["out of time", "stopped in time"])
async def test_hanging_optional_read_costs_no_temperature(
    simulated_home: SimulatedHome, monkeypatch: pytest.MonkeyPatch, reserve_s: float
) -> None:
    monkeypatch.setattr("adapters.hue.source._REPLY_RESERVE_S", reserve_s)
    wall = MemoryClock(NOON)
    async with in_front_of(simulated_home.bridge, timeout_s=LONG_S, wall=wall) as bench:
        first = await bench.read()
        simulated_home.bridge.faults.add("path=/api/***/sensors kind=silence")
        wall.advance(3600)
        reply = await bench.read(NOON + timedelta(hours=1), within_s=0.4)
        assert set(temperatures(reply)) == set(temperatures(first))
        simulated_home.bridge.faults.clear()
        bench.operations()
        assert len((await bench.read()).readings) == 8
        assert ("hue.config" in bench.operations()) is (reserve_s == 0), "else the connection is kept"


async def test_read_after_a_timeout_connects_again(simulated_home: SimulatedHome) -> None:
    bridge = simulated_home.bridge
    async with in_front_of(bridge, timeout_s=LONG_S) as bench:
        await bench.read()
        bridge.faults.add("kind=silence")
        with pytest.raises(SourceUnavailable):
            await bench.read(within_s=WITHIN_S)
        bridge.faults.clear()
        assert len((await bench.read()).readings) == 8


async def test_cancelled_read_ends_its_request(simulated_home: SimulatedHome) -> None:
    bridge = simulated_home.bridge
    bridge.faults.add("kind=silence")
    async with in_front_of(bridge, timeout_s=LONG_S) as bench:
        reading = asyncio.create_task(bench.read(within_s=LONG_S))
        await asyncio.to_thread(wait_until, lambda: bool(bridge.requests))
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        wait_for_reads()
        assert len(bridge.requests) == 1
        bridge.faults.clear()
        assert len((await bench.read()).readings) == 8


async def test_read_cancelled_while_fetching_a_certificate_ends() -> None:
    with odd_server(ignore_the_handshake, secure=False) as server:
        async with closing(a_bench(server, bridge_id=None)) as bench:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(bench.read(), WITHIN_S)
            wait_for_reads(3.0)  # the handshake itself would wait for 4 s


async def test_read_without_time_is_not_begun(simulated_home: SimulatedHome) -> None:
    async with in_front_of(simulated_home.bridge) as bench:
        with pytest.raises(SourceUnavailable, match="within the time"):
            await bench.read(within_s=0.0)
        wait_for_reads()
        assert simulated_home.bridge.requests == []
        assert len((await bench.read()).readings) == 8


async def test_read_waits_for_an_abandoned_read(
    simulated_home: SimulatedHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck, released = threading.Event(), threading.Event()
    lookup = socket.getaddrinfo

    def slow_lookup(*arguments: Any, **options: Any) -> Any:
        """Block like the system's resolver, which cannot be interrupted."""
        stuck.set()
        released.wait(LONG_S)
        return lookup(*arguments, **options)

    async with in_front_of(simulated_home.bridge) as bench:
        monkeypatch.setattr("adapters.hue.calls._SHUTDOWN_S", 0.05)
        monkeypatch.setattr(socket, "getaddrinfo", slow_lookup)
        with pytest.raises(SourceUnavailable, match="within the time"):
            await bench.read(within_s=WITHIN_S)
        assert stuck.is_set()
        with pytest.raises(SourceUnavailable, match="the previous call has not ended yet"):
            await bench.read()
        released.set()
        wait_for_reads()
        assert simulated_home.bridge.requests == []  # the abandoned one found its time over
        assert len((await bench.read()).readings) == 8
