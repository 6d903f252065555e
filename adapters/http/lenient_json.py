"""Reads what it can out of JSON that somebody else wrote; what is not there, or not of the type, is None."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import TypeVar

from domain.errors import SourceGarbled

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]

LONGEST_NAME = 200  # characters; a bridge takes 32 in a name, Amazon 128
LONGEST_WRITTEN = 65_536  # characters; what an honest source says of one device takes a tenth of it

_WHOLE_DIGITS = 300  # which every float holds
_FRACTION = re.compile(r"\.(\d+)")
_LONG_WORD = re.compile(r"[\w|+/=-]{20,}")
_LAST_WORD = re.compile(r"[\w|+/=-]+\Z")
# An escaped backslash, two escapes that make one character, or half of such a pair.
_ESCAPES = re.compile(
    r"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)


def decoded(body: bytes) -> Json:
    """The JSON value of a body; ValueError when it is none (also for nesting too deep to be honest).

    Numbers that are infinite, too large or none at all are infinities and NaN in it, which `not_finite`
    counts and `number` does not give out. A character that is cut in two, as happens where names are cut at
    a number of bytes, is replaced, so that what is returned can be stored anywhere.
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
    return shown(body[: 8 * limit + 1].decode("utf-8", "replace"), limit, hide)


def shown(written: str, limit: int = 120, hide: str = "") -> str:
    """The beginning of somebody's text, on one line, without `hide` and long words, which may be keys."""
    if len(written) > 8 * limit:
        written = _LAST_WORD.sub("", written[: 8 * limit])  # the rest of a key would not be known for one
    if hide:
        written = written.replace(hide, "[...]")
    return _LONG_WORD.sub("[...]", " ".join(written.split()))[:limit]


def compact(value: Json) -> str | None:
    """The value on one line of JSON, null for what is no finite number; None where that would be too long."""
    try:
        line = json.dumps(_finite(value), separators=(",", ":"), allow_nan=False)
    except RecursionError:  # reading may go deeper than writing
        return None
    return line if len(line) <= LONGEST_WRITTEN else None


def not_finite(value: Json) -> int:
    """How many numbers in the value are NaN, infinite or too large for one."""
    count, waiting = 0, [value]
    for one in waiting:  # which grows meanwhile; a decoder makes exactly these types
        kind = type(one)
        if kind is dict:
            waiting.extend(one.values())  # type: ignore[union-attr]
        elif kind is list:
            waiting.extend(one)  # type: ignore[arg-type]
        elif kind is float:
            count += not math.isfinite(one)  # type: ignore[arg-type]
    return count


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


def name(value: Json, *path: str) -> str | None:
    """The string at the path as a person gave it, cut where no name goes on."""
    found = text(value, *path)
    return found and found[:LONGEST_NAME]


def identity(value: Json, *path: str) -> str | None:
    """The string at the path that tells one thing from others; one that is too long for that is none."""
    found = at(value, *path)
    return found if isinstance(found, str) and 0 < len(found) <= LONGEST_NAME else None


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


def _finite(value: Json) -> Json:
    if isinstance(value, dict):
        return {key: _finite(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_finite(member) for member in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _whole(digits: str) -> int | float:
    """One that no float holds is an infinity: from 4,300 digits on Python refuses to read it as an int."""
    return int(digits) if len(digits) <= _WHOLE_DIGITS else float(digits)


_DECODER = json.JSONDecoder(parse_int=_whole)


# How many devices of one source are believed.

MOST_DEVICES = 1_000  # a bridge takes some sixty sensors, and no account was seen with ten monitors

T = TypeVar("T")


def believed(devices: Iterable[T], kind: str) -> tuple[T, ...]:
    """The devices; SourceGarbled where there are more of them than a home has, whoever listed them."""
    found = tuple(islice(devices, MOST_DEVICES + 1))
    if len(found) > MOST_DEVICES:
        raise SourceGarbled(f"the reply lists more {kind} than the {MOST_DEVICES:,} that are believed")
    return found
