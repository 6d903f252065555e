"""The body of a reply, read within a time and unpacked to a size."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import urllib3

from domain.errors import SourceGarbled
from ports.meter import Tally

LARGEST_BODY = 4_000_000  # bytes; a whole bridge takes 30 to 85 kB
_CHUNK = 65_536
_GZIP_OR_ZLIB = zlib.MAX_WBITS | 32


def body_of(response: urllib3.BaseHTTPResponse, tally: Tally, keep_time: Callable[[], object]) -> bytes:
    """The unpacked body; counts it. `keep_time` is called for each piece and raises when time is up.

    Raises SourceGarbled for a body that is too large or wrongly packed, and urllib3's own exceptions.
    """
    wire = bytearray()
    # read1, since read waits until a piece is complete, however slowly it drips in
    while chunk := response.read1(_CHUNK, decode_content=False):
        wire += chunk
        tally.wire_bytes = len(wire)
        keep_time()
        if len(wire) > LARGEST_BODY:
            raise SourceGarbled(f"the reply is larger than {LARGEST_BODY:,} bytes")
    body = _unpacked(bytes(wire), response.headers.get("Content-Encoding", ""))
    tally.payload_bytes = len(body)
    return body


def _unpacked(wire: bytes, encoding: str) -> bytes:
    if encoding.lower() in ("", "identity"):
        return wire
    if encoding.lower() not in ("gzip", "x-gzip", "deflate"):
        raise SourceGarbled(f"the reply is packed in a way that was not asked for: {encoding[:20]}")
    unpacker = zlib.decompressobj(wbits=_GZIP_OR_ZLIB)
    try:
        body = unpacker.decompress(wire, LARGEST_BODY + 1)
    except zlib.error as error:
        raise SourceGarbled("the packed reply cannot be unpacked") from error
    if len(body) > LARGEST_BODY or not unpacker.eof:
        raise SourceGarbled(f"the packed reply is cut short, or larger than {LARGEST_BODY:,} bytes")
    return body
