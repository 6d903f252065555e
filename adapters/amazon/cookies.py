"""Cookies as the header that sends them, without a jar: jars quote values anew, and Amazon minds."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice

_NEVER = set(' ;,"')
LONGEST_VALUE = 8_192  # characters: what servers take in one header
_MOST_COOKIES = 200  # more than browsers keep of one site


def is_header_text(value: str) -> bool:
    """Whether the value can stand in a header, or as a cookie, as it is."""
    return (
        0 < len(value) <= LONGEST_VALUE
        and value.isascii()
        and value.isprintable()
        and not set(value) & _NEVER
    )


def sendable(cookies: Mapping[str, str]) -> dict[str, str]:
    """Those that can be sent, without the quotes that some come in."""
    bare = {name.strip(): value.strip().strip('"') for name, value in cookies.items()}
    good = ((name, value) for name, value in bare.items() if is_header_text(name) and is_header_text(value))
    return dict(islice(good, _MOST_COOKIES))


def written(cookies: Mapping[str, str]) -> str:
    """The value of the Cookie header."""
    return "; ".join(f"{name}={value}" for name, value in cookies.items())


def cookies_in(header: str) -> dict[str, str]:
    """The cookies of a header that was written here."""
    return dict(part.split("=", 1) for part in header.split("; ") if "=" in part)
