"""One event as one line of text: `event key=value`, readable by people and machines."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

_PLAIN = re.compile(r"[^\s\"'=\\]+")
# What JSON leaves as it is, and a terminal or a reader of lines does not.
_UNPRINTABLE = re.compile(r"[\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


def journal_line(event: str, fields: Mapping[str, object]) -> str:
    """The line without its end. Values with spaces, quotes or control characters are written as JSON text."""
    return " ".join([_value(event), *(f"{key}={_value(value)}" for key, value in fields.items())])


def _value(value: object) -> str:
    text = _text(value)
    if _PLAIN.fullmatch(text) and text.isprintable():
        return text
    quoted = json.dumps(text, ensure_ascii=False)
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", quoted)


def _text(value: object) -> str:
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - a value that cannot be told must not cost the record
        return f"<unprintable {type(value).__name__}>"
