"""Reads what it can out of JSON that somebody else wrote; what is not there, or not of the type, is None."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]

_FRACTION = re.compile(r"\.(\d+)")


def decoded(body: bytes) -> Json:
    """The JSON value of a body; ValueError when it is none (also for nesting too deep to be honest)."""
    try:
        value: Json = json.loads(body)
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    return value


def sample(body: bytes, limit: int = 120) -> str:
    """The beginning of a body, on one line, for an error message; long words, which may be keys, cut out."""
    text = " ".join(body[: 4 * limit].decode("utf-8", "replace").split())
    return re.sub(r"[\w|+/=-]{20,}", "[...]", text)[:limit]


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
