"""A network, a server or a certificate in trouble: each is named, and ends within the time."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from adapters.amazon.hosts import hosts_of
from adapters.amazon.http import AmazonSession, Request
from adapters.memory.runtime import MemoryMeter
from adapters.runtime.clock import SystemClock
from domain.errors import SourceGarbled, SourceRefused, SourceUnavailable
from tests.support.alexa_stand_in import GRAPHQL, PHOENIX, TOKEN, StandIn, an_answer
from tests.support.amazon_bench import AmazonBench, in_front_of
from tests.support.canned_alexa import states


async def error_of(bench: AmazonBench, within_s: float = 10.0) -> str:
    """Return why a read is unavailable."""
    with pytest.raises(SourceUnavailable) as raised:
        await bench.read(within_s=within_s)
    return str(raised.value)


@asynccontextmanager
async def a_server(head: bytes, *, hangs: bool = False) -> AsyncIterator[str]:
    """Serve these bytes to every connection, and then close it or send nothing more."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(head)
            await writer.drain()
            if hangs:
                await reader.read()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await server.wait_closed()


def a_bench_at(url: str, **changes: Any) -> AbstractAsyncContextManager[AmazonBench]:
    return in_front_of(hosts_of("amazon.test", alexa=url, api=url, www=url), **changes)


HALF_BODY = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"


@pytest.mark.parametrize(
    ("head", "timeout_s", "within_s", "words"),
    [
        (b"", 0.1, 60.0, "127.0.0.1 gave no complete answer within 0.1 s"),
        (HALF_BODY, 60.0, 0.2, "no complete answer within"),
    ],
    ids=["the timeout", "the deadline"],
)
async def test_a_read_ends_by_timeout_and_deadline(
    head: bytes, timeout_s: float, within_s: float, words: str
) -> None:
    began_s = time.monotonic()
    async with a_server(head, hangs=True) as url, a_bench_at(url, timeout_s=timeout_s) as bench:
        assert words in await error_of(bench, within_s)
        assert time.monotonic() - began_s < 30


async def test_without_time_nothing_is_sent(stand_in: StandIn, bench: AmazonBench) -> None:
    assert "within the time for this source" in await error_of(bench, within_s=0.0)
    assert stand_in.asked == []


async def test_a_host_that_does_not_listen() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, and not listening
        async with a_bench_at(f"http://127.0.0.1:{taken.getsockname()[1]}") as bench:
            assert "the connection to 127.0.0.1 failed" in await error_of(bench)


async def test_a_name_that_is_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    async with a_bench_at("https://alexa.amazon.test") as bench:
        assert "the name alexa.amazon.test was not found" in await error_of(bench)


async def test_names_are_not_looked_up_in_the_executor_that_is_waited_for(
    stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def in_executor(*arguments: object, **options: object) -> None:
        raise AssertionError("asked the event loop, whose executor is waited for")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", in_executor)
    async with a_bench_at(stand_in.url.replace("127.0.0.1", "localhost")) as bench:
        assert len((await bench.read()).readings) == 1


async def test_a_host_that_accepts_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(*arguments: object, **options: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr("adapters.amazon.http._LONGEST_CONNECT_S", 0.05)
    monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", hang)
    async with a_bench_at("http://127.0.0.1:1") as bench:
        assert "no connection to 127.0.0.1 within the time limit" in await error_of(bench)


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (b"", "closed the connection without an answer"),
        (HALF_BODY, "ended before it was complete"),
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", "is not HTTP"),
    ],
)
async def test_a_server_that_breaks_off_is_asked_once(head: bytes, words: str) -> None:
    async with a_server(head) as url, a_bench_at(url) as bench:
        assert words in await error_of(bench)
        # neither the second form of discovery nor the second interface would fare better
        assert bench.operations() == ["amazon.token"]


async def test_a_server_without_tls(stand_in: StandIn) -> None:
    async with a_bench_at(stand_in.url.replace("http:", "https:")) as bench:
        assert "no encrypted connection to 127.0.0.1" in await error_of(bench)


async def test_a_redirect_is_not_followed(stand_in: StandIn, bench: AmazonBench) -> None:
    await bench.read()
    stand_in.asked.clear()
    for path in (GRAPHQL, PHOENIX):
        stand_in.script(path, an_answer(b"", 307, Location=f"{stand_in.url}/elsewhere"))
    with pytest.raises(SourceRefused, match=r"redirects to 127\.0\.0\.1.*domain"):
        await bench.read()
    assert stand_in.asked == [GRAPHQL, PHOENIX]


async def test_a_cookie_that_the_service_sets_is_not_sent_back(stand_in: StandIn, bench: AmazonBench) -> None:
    answer = an_answer({"error": "x"}, 500)
    answer.set_cookie("session-id", "given")
    stand_in.script(TOKEN, answer)
    await error_of(bench)
    await bench.read()
    assert all("Cookie" not in headers for headers in stand_in.headers)


async def test_proxies_of_the_environment_are_not_used(
    bench: AmazonBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert len((await bench.read()).readings) == 1


async def test_a_compressed_reply_is_counted_both_ways(stand_in: StandIn, bench: AmazonBench) -> None:
    await bench.read()
    body = gzip.compress(json.dumps(states(stand_in.devices[0])).encode())
    stand_in.script(GRAPHQL, _encoded(body))
    bench.meter.drain()
    assert len((await bench.read()).readings) == 1
    (measured,) = bench.meter.drain()
    assert measured.wire_bytes == len(body) < measured.payload_bytes
    assert "gzip" in stand_in.headers[-1]["Accept-Encoding"]


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (gzip.compress(b" " * 5_000_000), "gzip"),
        (b" " * 4_000_001, "identity"),
        (gzip.compress(b"{}" * 50)[:-20], "gzip"),
        (b"not packed at all", "gzip"),
        (b"{}", "br"),
    ],
    ids=["a bomb", "too large", "cut short", "not packed", "another encoding"],
)
async def test_a_body_too_large_or_wrongly_compressed_is_garbled(
    stand_in: StandIn, bench: AmazonBench, body: bytes, encoding: str
) -> None:
    await bench.read()
    stand_in.script(GRAPHQL, _encoded(body, encoding), _encoded(body, encoding, 500))
    stand_in.script(PHOENIX, an_answer(b"", 500), an_answer(b"", 500))
    with pytest.raises(SourceGarbled):
        await bench.read()
    assert "HTTP 500" in await error_of(bench)


def test_a_session_may_be_used_in_one_event_loop_after_another() -> None:
    clock = SystemClock()
    session = AmazonSession(source="amazon", timeout_s=5, roots=None, clock=clock, meter=MemoryMeter(clock))

    async def status() -> int:
        async with StandIn().running() as service:
            request = Request(operation="amazon.graphql", url=service.url + "/api/language", method="GET")
            reply = await session.send(request, clock.elapsed_s() + 5)
            await session.close()
            return reply.status

    assert [asyncio.run(status()) for _ in range(2)] == [200, 200]


def _encoded(body: bytes, encoding: str = "gzip", status: int = 200) -> web.Response:
    headers = {"Content-Type": "application/json", "Content-Encoding": encoding}
    return web.Response(body=body, status=status, headers=headers)
