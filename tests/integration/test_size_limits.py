"""Every read of the two sources and their sign-ins stops at its limit, whatever the server sends."""

from __future__ import annotations

import gzip
import random
import tracemalloc
from collections.abc import Callable, Iterator, Mapping

import pytest

from adapters.http.replies import MAX_BODY_BYTES
from tests.support.odd_server import reply
from tests.support.reads import READS, read_once
from tests.support.recorded import recorded
from tests.support.replayed_home import Answer, ReplayedHome, a_replayed_home

HUGE = 50_000_000
_BUFFERED = 16_000_000  # what the sockets between server and client may hold
# Blocks of deflate that hold 64 KB each as it is.
_STORED = 16 * (b"\x00\xff\xff\x00\x00" + random.Random(1).randbytes(65_535))  # noqa: S311 - hard to pack
_BLANKS = b" " * 1_000_000
_BOMB = reply(gzip.compress(b" " * HUGE), "Content-Encoding: gzip")


def _packed() -> Iterator[bytes]:
    yield b"HTTP/1.0 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + b"\x1f\x8b\x08" + b"\0" * 7
    for _ in range(HUGE // len(_STORED)):
        yield _STORED


def _after(head: bytes, piece: bytes = _BLANKS) -> Iterator[bytes]:
    yield head
    for _ in range(HUGE // len(piece)):
        yield piece


def _chunks() -> Iterator[bytes]:
    yield reply(b"", "Transfer-Encoding: chunked")
    for _ in range(HUGE // len(_BLANKS)):
        yield b"%x\r\n%s\r\n" % (len(_BLANKS), _BLANKS)


BODIES: Mapping[str, Callable[[], Iterator[bytes]]] = {
    "a true length": lambda: _after(reply(b"", f"Content-Length: {HUGE}")),
    "much more than announced": lambda: _after(reply(b"", "Content-Length: 10")),
    "much less than announced": lambda: _after(reply(b"", f"Content-Length: {HUGE * 1000}")),
    "no length": lambda: _after(b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n"),
    "chunks without an end": _chunks,
    "compressed": _packed,
    "a compressed bomb": lambda: iter([_BOMB]),
    "an end before the end": lambda: iter([reply(b"{}", "Content-Length: 1000")]),
    "headers without end": lambda: _after(b"HTTP/1.1 200 OK\r\n", b"X: " + b"y" * 4_000 + b"\r\n"),
    "an error page": lambda: _after(reply(b"", f"Content-Length: {HUGE}", status="500 Broken")),
}
# One read of each of the two clients meets every body.
BODIES_READ = ("hue.v1/sensors", "amazon.token")


@pytest.fixture(scope="module")
def home() -> Iterator[ReplayedHome]:
    recorded()
    with a_replayed_home() as home:
        yield home


@pytest.mark.parametrize(
    ("name", "body"),
    [
        *((name, "no length") for name in READS if name not in BODIES_READ),
        *((name, body) for name in BODIES_READ for body in BODIES),
    ],
)
async def test_a_read_takes_no_more_than_its_limit(home: ReplayedHome, name: str, body: str) -> None:
    home.answers = {name: Answer(pieces=_Once(BODIES[body]), closes=True)}
    home.asked.clear()
    home.sent_bytes.clear()
    tracemalloc.start()
    try:
        meter = await read_once(home, name)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert home.asked[name] == 1
    assert home.sent_bytes[name] < MAX_BODY_BYTES + _BUFFERED
    assert peak < 5 * MAX_BODY_BYTES
    for measured in meter.drain():
        assert measured.wire_bytes <= MAX_BODY_BYTES + 1_000_000
        assert measured.payload_bytes <= MAX_BODY_BYTES


@pytest.mark.parametrize("name", READS)
async def test_a_body_announced_as_too_large_is_not_read(home: ReplayedHome, name: str) -> None:
    home.answers = {name: Answer(pieces=_Once(BODIES["a true length"]), closes=True)}
    tracemalloc.start()
    try:
        meter = await read_once(home, name)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sum(measured.wire_bytes for measured in meter.drain()) == 0
    assert peak < MAX_BODY_BYTES / 2


class _Once(list[bytes]):
    """Make the pieces while they are sent."""

    def __init__(self, make: Callable[[], Iterator[bytes]]) -> None:
        super().__init__()
        self._make = make

    def __iter__(self) -> Iterator[bytes]:
        return self._make()
