"""Says of every error at which endpoint it came about, in a form that the log may show."""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import quote, urlsplit

from domain.errors import SourceError, SourceGarbled

_HIDDEN = "***"


@contextmanager
def at_endpoint(endpoint: str | None) -> Iterator[None]:
    """A SourceError of the block that names no endpoint gets this one."""
    try:
        yield
    except SourceError as error:
        error.endpoint = error.endpoint or endpoint
        raise


def endpoint_of(method: str, url: str, secret: str = "") -> str:
    """`GET 192.0.2.1/api/***/sensors`: no scheme, no user, no query, and the secret blotted out."""
    parts = urlsplit(url)
    path = parts.path
    for form in filter(None, (quote(secret, safe=""), secret)):
        path = path.replace(form, _HIDDEN)
    return f"{method} {parts.netloc.rpartition('@')[2]}{path}"


# Unpacks the body of a reply, to a size.

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


# The wait that a server names in its Retry-After header.

_LONGEST_WAIT_S = 86_400.0  # whoever names a longer one does not mean it
_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]*)?")


def retry_after_s(value: str | None, now: datetime) -> float | None:
    """The named wait, in seconds or as a date (RFC 9110, 10.2.3); a day at most. None for anything else."""
    written = (value or "").strip()
    if _SECONDS.fullmatch(written):
        return min(float(written), _LONGEST_WAIT_S)
    try:
        date = parsedate_to_datetime(written)
        wait_s = (date.replace(tzinfo=date.tzinfo or UTC) - now).total_seconds()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return min(max(math.ceil(wait_s), 0.0), _LONGEST_WAIT_S)
