"""The body of a reply, read within a time and unpacked to a size."""

from __future__ import annotations

from collections.abc import Callable

import urllib3

from adapters.packed_body import announced_bytes, refuse_too_large, unpacked
from ports.meter import Tally

_CHUNK = 65_536


def body_of(response: urllib3.BaseHTTPResponse, tally: Tally, keep_time: Callable[[], object]) -> bytes:
    """The unpacked body; counts it. `keep_time` is called for each piece and raises when time is up.

    Raises SourceGarbled for a body that is too large or wrongly packed, and urllib3's own exceptions.
    """
    refuse_too_large(announced_bytes(response.headers.get("Content-Length")))
    wire = bytearray()
    # read1, since read waits until a piece is complete, however slowly it drips in
    while chunk := response.read1(_CHUNK, decode_content=False):
        wire += chunk
        tally.wire_bytes = len(wire)
        keep_time()
        refuse_too_large(len(wire))
    body = unpacked(bytes(wire), response.headers.get("Content-Encoding", ""))
    tally.payload_bytes = len(body)
    return body
