"""What a setting's type alone does not say: its meaning, its limits, its form, its lost effect."""

from __future__ import annotations

import math
from collections.abc import Callable

from domain.values import frozen


@frozen
class Meaning:
    """What the setting is for, in a sentence for the person who sets it."""

    text: str


@frozen(kw_only=True)
class Between:
    """A number outside this closed interval is a fault."""

    least: float = -math.inf
    most: float = math.inf


@frozen(kw_only=True)
class CountsAs:
    """A number outside this closed interval counts as its nearer end, and that is said with the reason."""

    least: float = -math.inf
    most: float = math.inf
    because: str


@frozen(kw_only=True)
class ZeroCountsAs:
    """What an old file's 0 stands for, which is said with the reason."""

    value: int
    because: str


@frozen
class NoEffect:
    """The setting is checked for old files' sake, and changes nothing; that is said with the reason."""

    because: str


@frozen(kw_only=True)
class Form:
    """A text of a certain form. `normalised` returns its one spelling, or raises ValueError.

    `due` completes "must be ..."; `pattern` is for the JSON Schema. With `as_written`, digits without quotes
    are taken as they stand: an id may consist of digits only.
    """

    due: str
    normalised: Callable[[str], str]
    pattern: str | None = None
    as_written: bool = False
