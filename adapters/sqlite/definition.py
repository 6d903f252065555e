"""The definition of the `readings` table, as text: what it refuses, and how it reads once it is relaxed."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing

from domain.errors import StoreError
from domain.values import frozen

_TOKEN = re.compile(
    r"""
    --[^\n]* | /\*.*?(?:\*/|\Z) | \s+                                   # what means nothing
    | '(?:[^']|'')*' | "(?:[^"]|"")*" | `(?:[^`]|``)*` | \[[^\]]*\]     # what is quoted
    | \w+ | .
    """,
    re.DOTALL | re.VERBOSE,
)
_MEANS_NOTHING = re.compile(r"--|/\*|\s")
_INSERT_PROBE = """
INSERT INTO readings (timestamp, device_id, temperature_celsius, location, device_type, created_at)
VALUES ('2026-03-01T12:00:00+00:00', ?, NULL, 'Living room', ?, '2026-03-01 12:00:00')
"""
_PROBES = (("hue:00:17:88:01:02:03:04:05-02-0402", "hue_sensor"), ("alexa:GAJ23005314600H3", "alexa_aqm"))
_TEMPERATURE = "temperature_celsius"

Edit = tuple[int, int, str]  # from, to, and what stands there then


def refusal(definition: str) -> str | None:
    """Why such a table refuses a row without a temperature, or a monitor's; None when it takes them."""
    with closing(sqlite3.connect(":memory:")) as connection:
        try:
            connection.execute(definition)
            connection.executemany(_INSERT_PROBE, _PROBES)
        except sqlite3.Error as error:
            return str(error)
    return None


def relaxed(definition: str) -> str:
    """The definition with a temperature that may be NULL and the kind of the monitors; all else as it was.

    Raises `StoreError` when it is of a form that cannot be relaxed with certainty.
    """
    tokens = tuple(_tokens(definition))
    result = _edited(definition, [*_dropped_not_null(tokens), *_added_kind(tokens)])
    if (why := refusal(result)) is not None:
        raise StoreError(f"the readings table is defined in a way that is not known here ({why})")
    wanted = [
        (number, name, kind, 0 if str(name).lower() == _TEMPERATURE else not_null, *rest)
        for number, name, kind, not_null, *rest in _columns(definition)
    ]
    if _columns(result) != wanted:
        raise StoreError("the readings table is defined in a way that is not known here")
    return result


def renamed(definition: str, name: str) -> str:
    """The definition of the same table by another name."""
    _create, _table, present, *_ = _tokens(definition)
    return _edited(definition, [(present.start, present.end, name)])


@frozen(kw_only=True)
class _Token:
    text: str
    start: int
    end: int
    depth: int  # of parentheses around it

    @property
    def word(self) -> str:
        return self.text.upper()

    @property
    def content(self) -> str:
        """What it names or says, without its quotes."""
        return self.text[1:-1] if self.text[0] in "'\"`[" else self.text


def _tokens(definition: str) -> Iterator[_Token]:
    depth = 0
    for match in _TOKEN.finditer(definition):
        text = match.group()
        if _MEANS_NOTHING.match(text):
            continue
        depth -= text == ")"
        yield _Token(text=text, start=match.start(), end=match.end(), depth=depth)
        depth += text == "("


def _dropped_not_null(tokens: Sequence[_Token]) -> Iterator[Edit]:
    column = ""
    for number, token in enumerate(tokens[:-1]):
        if token.depth == 1 and (tokens[number - 1].text, tokens[number - 1].depth) in (("(", 0), (",", 1)):
            column = token.content.lower()
        if (token.word, token.depth, tokens[number + 1].word) != ("NOT", 1, "NULL") or column != _TEMPERATURE:
            continue
        first = number - 2 if tokens[number - 2].word == "CONSTRAINT" else number
        is_followed = [following.word for following in tokens[number + 2 : number + 4]] == ["ON", "CONFLICT"]
        last = number + 4 if is_followed else number + 1
        yield tokens[first - 1].end, tokens[last].end, ""


def _added_kind(tokens: Sequence[_Token]) -> Iterator[Edit]:
    for number, token in enumerate(tokens[:-1]):
        if token.word != "IN" or tokens[number + 1].text != "(":
            continue
        closing_one = next(following for following in tokens[number:] if _closes(following, token))
        kinds = {kind.content for kind in tokens[number + 2 :] if kind.end <= closing_one.start}
        if "hue_sensor" in kinds and "alexa_aqm" not in kinds:
            yield closing_one.start, closing_one.start, ", 'alexa_aqm'"


def _closes(token: _Token, opening: _Token) -> bool:
    return token.text == ")" and token.depth == opening.depth and token.start > opening.start


def _edited(text: str, edits: Sequence[Edit]) -> str:
    for start, end, replacement in sorted(edits, reverse=True):
        text = text[:start] + replacement + text[end:]
    return text


def _columns(definition: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(definition)
        return connection.execute("PRAGMA table_xinfo(readings)").fetchall()
