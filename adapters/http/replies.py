"""Helpers for HTTP replies: the endpoint in errors, size limits, decompression, Retry-After."""

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
def add_endpoint(endpoint: str | None) -> Iterator[None]:
    """Add the endpoint to a SourceError of the block that names none."""
    try:
        yield
    except SourceError as error:
        error.endpoint = error.endpoint or endpoint
        raise


def endpoint_of(method: str, url: str, secret: str = "") -> str:
    """Return `GET 192.0.2.1/api/***/sensors`: without scheme, user and query, and with the secret hidden."""
    parts = urlsplit(url)
    path = parts.path
    for form in filter(None, (quote(secret, safe=""), secret)):
        path = path.replace(form, _HIDDEN)
    return f"{method} {parts.netloc.rpartition('@')[2]}{path}"


MAX_BODY_BYTES = 4_000_000  # ten times what a real source sends
_GZIP_OR_ZLIB = zlib.MAX_WBITS | 32


def check_body_size(wire_bytes: int) -> None:
    """Raise SourceGarbled for more than MAX_BODY_BYTES, received or announced."""
    if wire_bytes > MAX_BODY_BYTES:
        raise SourceGarbled(f"the reply is larger than {MAX_BODY_BYTES:,} bytes")


def parse_content_length(content_length: str | None) -> int:
    """Return the value of a Content-Length header; 0 if it is missing or invalid."""
    written = (content_length or "").strip()
    return int(written) if written.isascii() and written.isdigit() and len(written) < 20 else 0


def decompress(wire: bytes, encoding: str) -> bytes:
    """Return the body, decompressed according to its Content-Encoding.

    Raise SourceGarbled for another encoding, for damaged data and for more than MAX_BODY_BYTES.
    """
    if encoding.lower() in ("", "identity"):
        return wire
    if encoding.lower() not in ("gzip", "x-gzip", "deflate"):
        raise SourceGarbled(f"the reply has an encoding that was not requested: {encoding[:20]}")
    decompressor = zlib.decompressobj(wbits=_GZIP_OR_ZLIB)
    try:
        body = decompressor.decompress(wire, MAX_BODY_BYTES + 1)
    except zlib.error as error:
        raise SourceGarbled("the compressed reply cannot be decompressed") from error
    if len(body) > MAX_BODY_BYTES or not decompressor.eof:
        raise SourceGarbled(f"the compressed reply is cut short, or larger than {MAX_BODY_BYTES:,} bytes")
    return body


_LONGEST_WAIT_S = 86_400.0  # a day; a longer wait is not meant
_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]*)?")


def retry_after_s(value: str | None, now: datetime) -> float | None:
    """Return the wait of a Retry-After header (RFC 9110, 10.2.3), a day at most; None if it is invalid."""
    written = (value or "").strip()
    if _SECONDS.fullmatch(written):
        return min(float(written), _LONGEST_WAIT_S)
    try:
        date = parsedate_to_datetime(written)
        wait_s = (date.replace(tzinfo=date.tzinfo or UTC) - now).total_seconds()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return min(max(math.ceil(wait_s), 0.0), _LONGEST_WAIT_S)
