"""Text from outside, such as the name of a sensor, made printable."""

from __future__ import annotations

import re

# Control characters, separators of lines, what changes the direction of text or has no width, and halves of
# pairs. Joiners stay: they are part of emoji and of Persian words.
_CONTROL = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb]"
)


def printable(text: str) -> str:
    """Return the text on one line, with U+FFFD for each character that could control a terminal."""
    return _CONTROL.sub("\ufffd", text)


def escape_controls(json_text: str) -> str:
    """Return the JSON with those characters escaped that it could hold as they are."""
    return _CONTROL.sub(lambda match: f"\\u{ord(match[0]):04x}", json_text)
