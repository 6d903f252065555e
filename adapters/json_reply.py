"""Reads what it can out of JSON that somebody else wrote; what is not there, or not of the type, is None."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]

_FRACTION = re.compile(r"\.(\d+)")
_LONG_WORD = re.compile(r"[\w|+/=-]{20,}")
_LAST_WORD = re.compile(r"[\w|+/=-]+\Z")
# An escaped backslash, two escapes that make one character, or half of such a pair.
_ESCAPES = re.compile(
    r"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)


def decoded(body: bytes) -> Json:
    """The JSON value of a body; ValueError when it is none (also for nesting too deep to be honest).

    Numbers that are infinite or none at all are None. A character that is cut in two, as happens where
    names are cut at a number of bytes, is replaced, so that what is returned can be stored anywhere.
    """
    written = body.decode(json.detect_encoding(body), "replace")
    if "\\ud" in written or "\\uD" in written:
        written = _ESCAPES.sub(lambda escape: r"\ufffd" if escape[1] else escape[0], written)
    try:
        value: Json = _DECODER.decode(written)
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    return value


def sample(body: bytes, limit: int = 120, hide: str = "") -> str:
    """The beginning of a body, for an error message; see `shown`."""
    begins = body[: 8 * limit].decode("utf-8", "replace")
    if len(body) > 8 * limit:
        begins = _LAST_WORD.sub("", begins)  # the rest of a key would not be known for one
    return shown(begins, limit, hide)


def shown(written: str, limit: int = 120, hide: str = "") -> str:
    """The beginning of somebody's text, on one line, without `hide` and long words, which may be keys."""
    if hide:
        written = written.replace(hide, "[...]")
    return _LONG_WORD.sub("[...]", " ".join(written.split()))[:limit]


def at(value: Json, *path: str) -> Json:
    """The value at the end of a path of keys, None where the path ends early."""
    for key in path:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def text(value: Json, *path: str) -> str | None:
    """The string at the path; an empty one counts as none."""
    found = at(value, *path)
    return found if isinstance(found, str) and found else None


def flag(value: Json, *path: str) -> bool | None:
    """The boolean at the path."""
    found = at(value, *path)
    return found if isinstance(found, bool) else None


def number(value: Json, *path: str) -> float | None:
    """The finite number at the path; a boolean is none."""
    found = at(value, *path)
    if isinstance(found, bool) or not isinstance(found, (int, float)):
        return None
    try:
        converted = float(found)
    except OverflowError:
        return None
    return converted if math.isfinite(converted) else None


def integer(value: Json, *path: str) -> int | None:
    """The whole number at the path."""
    found = at(value, *path)
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def objects(value: Json, *path: str) -> Iterator[dict[str, Json]]:
    """The objects in the list at the path; other members are passed over."""
    found = at(value, *path)
    if isinstance(found, list):
        yield from (member for member in found if isinstance(member, dict))


def members(value: Json) -> Mapping[str, Json]:
    """The members of an object; none of anything else."""
    return value if isinstance(value, dict) else {}


def instant(value: Json, *path: str) -> datetime | None:
    """The ISO 8601 time at the path, aware and UTC; one without an offset is UTC.

    A fraction of any number of digits is read to the microsecond.
    """
    found = text(value, *path)
    if found is None:
        return None
    try:
        parsed = datetime.fromisoformat(_FRACTION.sub(lambda match: f".{match[1][:6]:0<6}", found, count=1))
        return parsed.replace(tzinfo=parsed.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _finite(written: str) -> float | None:
    value = float(written)
    return value if math.isfinite(value) else None


_DECODER = json.JSONDecoder(parse_float=_finite, parse_constant=lambda _: None)
