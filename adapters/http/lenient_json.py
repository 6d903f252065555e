"""Lenient access to JSON from outside: None for a value that is missing or of the wrong type."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import TypeVar

from domain.errors import SourceGarbled

T = TypeVar("T")
Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]

MAX_NAME_LENGTH = 200  # characters; a bridge takes 32 in a name, Amazon 128
MAX_JSON_LENGTH = 65_536  # characters; ten times what a real source sends for one device
MAX_DEVICES = 1_000  # a bridge takes some sixty sensors, and no account was seen with ten monitors

_WHOLE_DIGITS = 300  # every float holds a number of so many digits
_LONG_WORD = re.compile(r"[\w|+/=-]{20,}")
_LAST_WORD = re.compile(r"[\w|+/=-]+\Z")
# An escaped backslash, two escapes that make one character, or half of such a pair.
_ESCAPES = re.compile(
    r"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)


def parse_json(body: bytes) -> Json:
    """Return the JSON value of a body. Raise ValueError if it is not JSON, or nested too deeply.

    Infinite, NaN and oversized numbers become inf and nan, which `count_non_finite` counts and `number`
    never returns. Broken characters (names cut at a byte count) are replaced, so that every string in the
    value can be stored.
    """
    text = body.decode(json.detect_encoding(body), "replace")
    if "\\ud" in text or "\\uD" in text:
        text = _ESCAPES.sub(lambda escape: r"\ufffd" if escape[1] else escape[0], text)
    try:
        value: Json = _DECODER.decode(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    return value


def body_excerpt(body: bytes, limit: int = 120, hide: str = "") -> str:
    """Return the beginning of a body for an error message; see `excerpt`."""
    return excerpt(body[: 8 * limit + 1].decode("utf-8", "replace"), limit, hide)


def excerpt(text: str, limit: int = 120, hide: str = "") -> str:
    """Return the beginning of a foreign text on one line, without `hide` and without long words (keys)."""
    if len(text) > 8 * limit:
        # A key that is cut here would be too short to be recognised.
        text = _LAST_WORD.sub("", text[: 8 * limit])
    if hide:
        text = text.replace(hide, "[...]")
    return _LONG_WORD.sub("[...]", " ".join(text.split()))[:limit]


def compact_json(value: Json) -> str | None:
    """Return the value as one line of JSON, with null for non-finite numbers; None if it is too long."""
    try:
        line = json.dumps(_finite(value), separators=(",", ":"), allow_nan=False)
    except RecursionError:  # json reads deeper nesting than it writes
        return None
    return line if len(line) <= MAX_JSON_LENGTH else None


def count_non_finite(value: Json) -> int:
    """Count the numbers in the value that are NaN, infinite or too large."""
    count, waiting = 0, [value]
    for one in waiting:  # grows while it is read; the decoder makes exactly these types
        kind = type(one)
        if kind is dict:
            waiting.extend(one.values())  # type: ignore[union-attr]
        elif kind is list:
            waiting.extend(one)  # type: ignore[arg-type]
        elif kind is float:
            count += not math.isfinite(one)  # type: ignore[arg-type]
    return count


def limited_devices(devices: Iterable[T], kind: str) -> tuple[T, ...]:
    """Return the devices. Raise SourceGarbled if there are more than MAX_DEVICES."""
    limited = tuple(islice(devices, MAX_DEVICES + 1))
    if len(limited) > MAX_DEVICES:
        raise SourceGarbled(f"the reply lists more than {MAX_DEVICES:,} {kind}")
    return limited


def at(value: Json, *path: str) -> Json:
    """Return the value at a path of keys; None if the path does not exist."""
    for key in path:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def text(value: Json, *path: str) -> str | None:
    """Return the non-empty string at the path."""
    one = at(value, *path)
    return one if isinstance(one, str) and one else None


def name(value: Json, *path: str) -> str | None:
    """Return the name at the path without surrounding blanks, cut to MAX_NAME_LENGTH; None if it is empty."""
    one = (text(value, *path) or "").strip()[:MAX_NAME_LENGTH].rstrip()
    return one or None


def identity(value: Json, *path: str) -> str | None:
    """Return the identifier at the path; None if it is too long."""
    one = at(value, *path)
    return one if isinstance(one, str) and 0 < len(one) <= MAX_NAME_LENGTH else None


def flag(value: Json, *path: str) -> bool | None:
    """Return the boolean at the path."""
    one = at(value, *path)
    return one if isinstance(one, bool) else None


def number(value: Json, *path: str) -> float | None:
    """Return the finite number at the path; a boolean is not a number."""
    one = at(value, *path)
    if isinstance(one, bool) or not isinstance(one, (int, float)):
        return None
    try:
        converted = float(one)
    except OverflowError:
        return None
    return converted if math.isfinite(converted) else None


def integer(value: Json, *path: str) -> int | None:
    """Return the integer at the path."""
    one = at(value, *path)
    return one if isinstance(one, int) and not isinstance(one, bool) else None


def objects(value: Json, *path: str) -> Iterator[dict[str, Json]]:
    """Yield the objects in the list at the path; skip other members."""
    one = at(value, *path)
    for member in one if isinstance(one, list) else ():
        if isinstance(member, dict):
            yield member


def members(value: Json) -> Mapping[str, Json]:
    """Return the members of an object; an empty mapping for anything else."""
    return value if isinstance(value, dict) else {}


def instant(value: Json, *path: str) -> datetime | None:
    """Return the ISO 8601 time at the path in UTC; a time without an offset is UTC."""
    one = at(value, *path)
    if not isinstance(one, str):
        return None
    try:
        parsed = datetime.fromisoformat(one)
        if parsed.tzinfo is UTC:
            return parsed
        return parsed.replace(tzinfo=parsed.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _finite(value: Json) -> Json:
    if isinstance(value, dict):
        return {key: _finite(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_finite(member) for member in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _whole(digits: str) -> int | float:
    """Return inf for a number that no float holds: Python refuses to parse an int of 4,300 digits."""
    return int(digits) if len(digits) <= _WHOLE_DIGITS else float(digits)


_DECODER = json.JSONDecoder(parse_int=_whole)
