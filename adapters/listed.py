"""How many devices of one source are believed."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import TypeVar

from domain.errors import SourceGarbled

MOST_DEVICES = 1_000  # a bridge takes some sixty sensors, and no account was seen with ten monitors

T = TypeVar("T")


def believed(devices: Iterable[T], kind: str) -> tuple[T, ...]:
    """The devices; SourceGarbled where there are more of them than a home has, whoever listed them."""
    found = tuple(islice(devices, MOST_DEVICES + 1))
    if len(found) > MOST_DEVICES:
        raise SourceGarbled(f"the reply lists more {kind} than the {MOST_DEVICES:,} that are believed")
    return found
