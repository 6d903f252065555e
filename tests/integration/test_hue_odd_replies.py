"""Invalid HTTP: our errors, and limits on everything."""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import tracemalloc
import zlib
from typing import Any

import pytest

from adapters.http.replies import MAX_BODY_BYTES
from adapters.hue.source import Strategy
from domain.errors import SourceError, SourceGarbled, SourceRefused, SourceThrottled, SourceUnavailable
from tests.support.canned_bridge import KEY
from tests.support.hue_bench import HueBench, a_hue_bench, closing, temperatures
from tests.support.hue_replies import UNIQUEID, a_v1_presence, a_v1_temperature
from tests.support.odd_server import BRIDGE_ID, CA_FILE, OddServer, always, asked, odd_server, reply

SENSORS = json.dumps({"4": a_v1_temperature(), "5": a_v1_presence()}).encode()
BOMB = gzip.compress(b" " * (MAX_BODY_BYTES + 1))


def a_bench(server: OddServer, strategy: Strategy = "v1", **changes: Any) -> HueBench:
    terms: dict[str, Any] = {
        "address": server.address,
        "api_key": KEY,
        "bridge_id": BRIDGE_ID,
        "roots": CA_FILE,
        "strategy": strategy,
    }
    return a_hue_bench(**(terms | changes))


def packed(content: bytes, encoding: str) -> bytes:
    return reply(content, f"Content-Encoding: {encoding}")


def chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    body = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + end
    return reply(body, "Transfer-Encoding: chunked")


@pytest.mark.parametrize(
    "answer",
    [
        packed(gzip.compress(SENSORS), "gzip"),
        packed(gzip.compress(SENSORS), "X-GZIP"),
        packed(zlib.compress(SENSORS), "deflate"),
        packed(SENSORS, "identity"),
        chunked(SENSORS[:100], SENSORS[100:]),
        reply(SENSORS, "Content-Type: text/plain"),
        reply(SENSORS, "Set-Cookie: a=b", "Set-Cookie: c=d"),
        reply(b"\xef\xbb\xbf" + SENSORS),
    ],
    ids=["gzip", "x-gzip", "zlib", "identity", "chunked", "as text", "cookies", "byte order mark"],
)
async def test_reply_in_any_valid_encoding_is_read(answer: bytes) -> None:
    with odd_server(always(answer)) as server:
        async with closing(a_bench(server)) as bench:
            for _ in range(3):
                assert temperatures(await bench.read()) == {f"hue:{UNIQUEID}": 21.43}
            measured = bench.meter.drain()
        assert server.connections == 1
    wire_bytes = {each.wire_bytes for each in measured}
    assert len(wire_bytes) == 1
    assert {each.payload_bytes for each in measured} == {
        len(SENSORS) + (3 if b"\xef\xbb\xbf" in answer else 0)
    }


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (packed(BOMB, "gzip"), "cut short, or larger than 4,000,000 bytes"),
        (packed(gzip.compress(SENSORS)[:-20], "gzip"), "cut short"),
        (packed(b"", "gzip"), "cut short"),
        (packed(SENSORS, "gzip"), "cannot be decompressed"),
        (packed(SENSORS, "br"), "an encoding that was not requested: br"),
        (reply(b" " * (MAX_BODY_BYTES + 1)), "larger than 4,000,000 bytes"),
        # refused before the body is read: the connection ends after the head
        (reply(b"", "Content-Length: 50000000"), "larger than 4,000,000 bytes"),
        (chunked(*[b" " * 1_000_000] * 5), "larger than 4,000,000 bytes"),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{len(value)} bytes",
)
async def test_unusable_reply_is_garbled(answer: bytes, message: str) -> None:
    with odd_server(always(answer)) as server:
        async with closing(a_bench(server)) as bench:
            with pytest.raises(SourceGarbled):
                await bench.read()
            assert bench.journal.events() == ("hue.fallback",)
            assert message in str(bench.journal.records[0].fields["detail"])


async def test_compressed_bomb_takes_no_memory() -> None:
    bomb = zlib.compress(b" " * 200_000_000)
    with odd_server(always(packed(bomb, "deflate"))) as server:
        async with closing(a_bench(server)) as bench:
            tracemalloc.start()
            try:
                with pytest.raises(SourceGarbled):
                    await bench.read()
                _, peak = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
    assert peak < 10 * MAX_BODY_BYTES


@pytest.mark.parametrize(
    ("answer", "raised"),
    [
        (b"", SourceUnavailable),
        (b"SSH-2.0-OpenSSH_9.6\r\n", SourceUnavailable),
        (b"HTTP/1.1 two hundred\r\n\r\n", SourceUnavailable),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n", SourceUnavailable),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n", SourceUnavailable),
        (reply(SENSORS, f"Content-Length: {len(SENSORS) + 9}"), SourceUnavailable),
        (reply(SENSORS, "Content-Length: 7", "Content-Length: 9"), SourceUnavailable),
        (reply(b"zz\r\n", "Transfer-Encoding: chunked"), SourceUnavailable),
        (chunked(SENSORS, end=b""), SourceUnavailable),
        (reply(b"", "Location: https://\xff\xfe/", status="301 Moved"), SourceRefused),
        (reply(b"", "Location: http://[", status="302 Found"), SourceRefused),
        (
            packed(BOMB, "gzip")
            .replace(b"200 OK", b"301 Moved")
            .replace(b"\r\n", b"\r\nLocation: /x\r\n", 1),
            SourceRefused,
        ),
        (packed(BOMB, "gzip").replace(b"200 OK", b"429 Too Many"), SourceThrottled),
        (packed(b"<html>", "br").replace(b"200 OK", b"503 Busy"), SourceUnavailable),
    ],
    ids=lambda value: getattr(value, "__name__", None) or f"{len(value)} bytes",
)
async def test_broken_http_is_our_error_without_the_key(answer: bytes, raised: type[SourceError]) -> None:
    def once(connection: socket.socket) -> None:
        asked(connection)
        connection.sendall(answer)

    with odd_server(once) as server:
        async with closing(a_bench(server)) as bench:
            with pytest.raises(raised) as failed:
                await bench.read()
    assert KEY not in repr(failed.value) + repr(failed.value.__cause__)


def cookies_of(bench: HueBench) -> list[Any]:
    bridge: Any = bench.source._calls._kept
    return list(bridge._client._session.cookies)


async def test_cookies_are_neither_kept_nor_sent_back() -> None:
    requests = []

    def note(connection: socket.socket) -> None:
        while request := connection.recv(65_536):
            requests.append(request.lower())
            connection.sendall(reply(SENSORS, "Set-Cookie: remember=me; Path=/"))

    with odd_server(note) as server:
        async with closing(a_bench(server)) as bench:
            await bench.read()
            await bench.read()
            assert not cookies_of(bench)
    assert not [request for request in requests if b"cookie" in request]
    assert all(b"accept-encoding: gzip\r\n" in request for request in requests)  # the one that is unpacked


@pytest.mark.parametrize("bridge_id", [BRIDGE_ID, None])
async def test_bridge_may_have_an_ipv6_address(bridge_id: str | None) -> None:
    with contextlib.ExitStack() as stack:
        try:
            server = stack.enter_context(odd_server(always(reply(SENSORS)), host="::1"))
        except OSError:
            pytest.skip("this machine has no IPv6")
        async with closing(a_bench(server, bridge_id=bridge_id)) as bench:
            assert len((await bench.read()).readings) == 1
