"""Replies as bytes on the wire, with true and false lengths, compressions and encodings."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from tests.support.odd_json import ANY_JSON, ANY_TEXT, as_json, spoiled, with_numbers_that_are_none
from tests.support.odd_server import reply
from tests.support.reads import READS
from tests.support.recorded import AMAZON, HUE_PATHS, recorded
from tests.support.replayed_home import Answer, good_body

HUE_NAMES, AMAZON_NAMES = st.sampled_from(list(HUE_PATHS)), st.sampled_from(AMAZON)
_HUE_WITH_NUMBERS = st.sampled_from(
    ["hue.v1/sensors", "hue.v1/whole_bridge", "hue.v2/temperature", "hue.v2/device_power"]
)
_AMAZON_WITH_NUMBERS = st.sampled_from(["amazon.appliances", "amazon.monitorStates", "amazon.phoenix"])
_ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32", "latin-1", "utf-7", "cp037")
_BOMBS = {
    "gzip": gzip.compress(b" " * 50_000_000, 1),
    "deflate": zlib.compress(b'["' + b"a" * 50_000_000, 1),
}


def _chunked(body: bytes, end: bytes) -> Answer:
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (body[:100], body[100:]) if piece)
    return Answer(pieces=[reply(chunks + end, "Transfer-Encoding: chunked")], closes=not end)


def _lying(body: bytes, by: int) -> Answer:
    return Answer(pieces=[reply(body, f"Content-Length: {max(len(body) + by, 0)}")], closes=True)


_FRAMES: dict[str, Callable[[bytes], Answer]] = {
    "plain": lambda body: Answer(pieces=[reply(body)]),
    "gzip": lambda body: Answer(pieces=[reply(gzip.compress(body, 1), "Content-Encoding: gzip")]),
    "deflate": lambda body: Answer(pieces=[reply(zlib.compress(body), "Content-Encoding: deflate")]),
    "half a gzip": lambda body: Answer(
        pieces=[reply(gzip.compress(body, 1)[: -len(body) // 20 - 9], "Content-Encoding: gzip")]
    ),
    "no gzip": lambda body: Answer(pieces=[reply(body, "Content-Encoding: gzip")]),
    "brotli": lambda body: Answer(pieces=[reply(body, "Content-Encoding: br")]),
    "gzip bomb": lambda _: Answer(pieces=[reply(_BOMBS["gzip"], "Content-Encoding: gzip")]),
    "deflate bomb": lambda _: Answer(pieces=[reply(_BOMBS["deflate"], "Content-Encoding: deflate")]),
    "chunked": lambda body: _chunked(body, b"0\r\n\r\n"),
    "chunks without an end": lambda body: _chunked(body, b""),
    "chunks of no length": lambda body: Answer(
        pieces=[reply(b"zz\r\n" + body, "Transfer-Encoding: chunked")], closes=True
    ),
    "longer than announced": lambda body: _lying(body, -len(body) // 2),
    "shorter than announced": lambda body: _lying(body, 7),
    "two lengths": lambda body: Answer(
        pieces=[reply(body, "Content-Length: 7", f"Content-Length: {len(body)}")], closes=True
    ),
    "a page": lambda body: Answer(pieces=[reply(body, "Content-Type: text/html")]),
    "no http": lambda body: Answer(pieces=[body], closes=True),
    "until it closes": lambda body: Answer(
        pieces=[b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n" + body], closes=True
    ),
}
# Most replies should reach the parsers.
FRAMES = st.sampled_from([*["plain"] * len(_FRAMES), *_FRAMES])


@st.composite
def bodies(draw: st.DrawFn, name: str) -> bytes:
    """Generate the recorded reply, spoiled in its values, its text or its bytes."""
    kind = draw(st.integers(0, 11))
    match kind:
        case 0:
            return good_body(name)
        case 1:
            return as_json(draw(ANY_JSON)).encode()
        case 2:
            return draw(st.binary(max_size=300))
        case 3:
            good = good_body(name)
            at = draw(st.integers(0, len(good)))
            return good[:at] + draw(st.binary(max_size=20)) + good[at + draw(st.integers(0, 20)) :]
        case 4:
            good = good_body(name)
            return good[: draw(st.integers(0, len(good)))]
        case 5:
            depth = draw(st.integers(1, 30_000))
            nested: tuple[bytes, bytes] = draw(st.sampled_from([(b"[", b"]"), (b'{"data":', b"}")]))
            return nested[0] * depth + good_body(name) + nested[1] * depth
        case _:
            content: Any = draw(spoiled(recorded().contents[name]))
            encoding = draw(st.sampled_from([*["utf-8"] * len(_ENCODINGS), *_ENCODINGS]))
            return as_json(content).encode(encoding, "replace")


@st.composite
def answers(draw: st.DrawFn, name: str) -> Answer:
    """Generate what comes in place of the reply."""
    body = draw(bodies(name))
    if draw(st.integers(0, 9)) == 0:
        status = draw(st.integers(100, 599) | st.sampled_from([200, 204, 301, 304, 401, 403, 429, 503]))
        word = draw(ANY_TEXT).encode("latin-1", "replace").decode("latin-1")
        word = "".join(letter for letter in word if letter.isprintable())
        headers = (f"Retry-After: {word}", f"Location: {word}", f"Set-Cookie: csrf={word}")
        return Answer(pieces=[reply(body, *headers, status=f"{status} Odd")], closes=True)
    return _FRAMES[draw(FRAMES)](body)


@st.composite
def cases(draw: st.DrawFn) -> dict[str, Answer]:
    """Generate one reply of the bridge, one of the account, or one of each."""
    chosen = draw(st.tuples(HUE_NAMES, AMAZON_NAMES) | st.tuples(HUE_NAMES) | st.tuples(AMAZON_NAMES))
    return {name: draw(answers(name)) for name in chosen}


@st.composite
def odd_numbers(draw: st.DrawFn) -> dict[str, Answer]:
    """Generate good replies in which some numbers are not finite."""
    chosen = draw(st.tuples(_HUE_WITH_NUMBERS, _AMAZON_WITH_NUMBERS))
    contents = {name: draw(with_numbers_that_are_none(recorded().contents[name])) for name in chosen}
    return {name: Answer(pieces=[reply(as_json(content).encode())]) for name, content in contents.items()}


def single_reads() -> st.SearchStrategy[tuple[str, Answer]]:
    """Generate any of the reads, and what comes in place of its reply."""
    return st.sampled_from(list(READS)).flatmap(lambda name: st.tuples(st.just(name), answers(name)))
