"""Repeatable chance: the same question always gets the same answer."""

from __future__ import annotations

import hashlib
import math
from functools import lru_cache


@lru_cache(maxsize=8192)
def chance(*question: int | str) -> float:
    """Return a number from 0 up to 1 for a question such as `(seed, "weather", day)`, evenly spread."""
    digest = hashlib.blake2b(repr(question).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def drift(position: float, *question: int | str) -> float:
    """Return a smooth curve over `position`, between -1 and 1, that turns at each whole number."""
    step = math.floor(position)
    share = position - step
    smooth = share * share * (3 - 2 * share)
    before = chance(*question, step)
    after = chance(*question, step + 1)
    return 2 * (before + (after - before) * smooth) - 1


def hexadecimal(digits: int, *question: int | str) -> str:
    """Return that many lower-case hexadecimal digits."""
    return hashlib.blake2b(repr(question).encode(), digest_size=32).hexdigest()[:digits]


@lru_cache(maxsize=8192)
def resource_id(*question: int | str) -> str:
    """Return an id in the form of a version 4 UUID."""
    digits = hexadecimal(32, "resource", *question)
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


def mac(*question: int | str) -> str:
    """Return the Zigbee address of a device made by Signify."""
    digits = hexadecimal(8, "mac", *question)
    return ":".join(("00", "17", "88", "01", *(digits[at : at + 2] for at in range(0, 8, 2))))
