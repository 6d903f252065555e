"""What a single YAML value can be read as, before anyone knows what is due."""

from __future__ import annotations

import re
from typing import Literal

Kind = Literal["nothing", "boolean", "whole number", "number", "text"]

_TRUE_WORDS = frozenset({"yes", "true", "on"})
_FALSE_WORDS = frozenset({"no", "false", "off"})
_NOTHING = frozenset({"", "~", "null", "Null", "NULL"})
# No leading zeros (0600 is 384 to YAML 1.1 and 600 to a person) and no sixties (13:00 is 780 to YAML 1.1).
_WHOLE = re.compile(r"[-+]?(0b[01][01_]*|0x[0-9a-fA-F][0-9a-fA-F_]*|0|[1-9][0-9_]*)")
_NUMBER = re.compile(
    r"[-+]?([0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)([eE][-+]?[0-9]+)?"
    r"|[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+"
    r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)
_LONGEST_NUMBER = 40  # characters; nobody means more digits than that as a number


def kind_of_plain(text: str) -> Kind:
    """The kind of a value that stands without quotes."""
    if text in _NOTHING:
        return "nothing"
    if _is_boolean_word(text):
        return "boolean"
    if len(text) <= _LONGEST_NUMBER:
        if _WHOLE.fullmatch(text):
            return "whole number"
        if _NUMBER.fullmatch(text):
            return "number"
    return "text"


def boolean(text: str) -> bool:
    """The value of a text of the kind "boolean"."""
    return text.lower() in _TRUE_WORDS


def whole_number(text: str) -> int:
    """The value of a text of the kind "whole number"."""
    return int(text.replace("_", ""), 0)


def number(text: str) -> float:
    """The value of a text of the kind "number" or "whole number"; may be infinite or not a number."""
    if kind_of_plain(text) == "whole number":
        return float(whole_number(text))
    return float(text.replace("_", "").lower().replace(".inf", "inf").replace(".nan", "nan"))


def _is_boolean_word(text: str) -> bool:
    # YAML 1.1 knows yes, Yes and YES, but not yEs.
    return text.lower() in _TRUE_WORDS | _FALSE_WORDS and text in {
        text.lower(),
        text.upper(),
        text.capitalize(),
    }
