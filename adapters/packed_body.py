"""Unpacks the body of a reply, to a size."""

from __future__ import annotations

import zlib

from domain.errors import SourceGarbled

LARGEST_BODY = 4_000_000  # bytes; what an honest source sends takes a tenth of it
_GZIP_OR_ZLIB = zlib.MAX_WBITS | 32


def refuse_too_large(wire_bytes: int) -> None:
    """Raises SourceGarbled for more than LARGEST_BODY: of what has come, or of what is announced."""
    if wire_bytes > LARGEST_BODY:
        raise SourceGarbled(f"the reply is larger than {LARGEST_BODY:,} bytes")


def announced_bytes(content_length: str | None) -> int:
    """What a Content-Length says; 0 where it says nothing that makes sense."""
    written = (content_length or "").strip()
    return int(written) if written.isascii() and written.isdigit() and len(written) < 20 else 0


def unpacked(wire: bytes, encoding: str) -> bytes:
    """The body out of what came on the wire with that Content-Encoding.

    Raises SourceGarbled for one that is packed wrongly or in another way, or is larger than LARGEST_BODY.
    """
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
