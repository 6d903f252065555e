"""Says of every error at which endpoint it came about, in a form that the log may show."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote, urlsplit

from domain.errors import SourceError

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
