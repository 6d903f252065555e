"""Readable replacements for characters that the encoding of a terminal lacks."""

from __future__ import annotations

import codecs
import unicodedata

READABLE = "homeclimate.readable"  # the name of the error handler, as of "backslashreplace"

_BARS = dict(zip("▁▂▃▄▅▆▇█", "_.-=+*%#", strict=True))
_REPLACEMENTS = _BARS | {  # by code where a linter takes the character for another one
    "°": "deg",
    "µ": "u",
    "μ": "u",
    "²": "2",
    "³": "3",
    "±": "+-",
    "\u00d7": "x",
    "\u2212": "-",
    "\u2013": "-",
    "—": "-",
    "…": "~",
    "→": "->",
    "↑": "^",
    "↓": "v",
    "≤": "<=",
    "≥": ">=",
    "·": ".",
    "•": "*",
    "│": "|",
    "┤": "|",
    "─": "-",
    "└": "+",
    "┴": "+",
    "\u2018": "'",
    "\u2019": "'",
    "“": '"',
    "”": '"',
    "€": "EUR",
    "ß": "ss",
    "æ": "ae",
    "Æ": "AE",
    "ø": "o",
    "Ø": "O",
    "ł": "l",
    "Ł": "L",
    "\xa0": " ",
    "\u202f": " ",
    "\ufffd": "?",
}
_BRAILLE = range(0x2800, 0x2900)
_BRAILLE_UPPER, _BRAILLE_LOWER = 0b00011011, 0b11100100  # the dots in the upper and in the lower two rows


def register() -> None:
    """Make the error handler known to Python's codecs."""
    codecs.register_error(READABLE, _replace)


def in_encoding(text: str, encoding: str) -> str:
    """Return the text as a stream of that encoding shows it."""
    register()
    return text.encode(encoding, READABLE).decode(encoding)


def _replace(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_replacement, error.object[error.start : error.end])), error.end


def _replacement(character: str) -> str:
    """Return the replacement in ASCII, which every encoding of a terminal contains."""
    if (known := _REPLACEMENTS.get(character)) is not None:
        return known
    code = ord(character)
    if code in _BRAILLE:
        upper, lower = bool(code & _BRAILLE_UPPER), bool(code & _BRAILLE_LOWER)
        return " '.:"[upper + 2 * lower]
    letters = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    return letters or character.encode("ascii", "backslashreplace").decode()
