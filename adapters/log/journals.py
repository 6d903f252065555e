"""One event as one line of text: `event key=value`, readable by people and machines."""

from __future__ import annotations

import contextlib
import json
import re
import sys
from collections.abc import Callable, Mapping
from typing import TextIO

from ports.journal import Journal, Level

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


# Several journals that are told the same.


class Journals:
    """Passes each record on to every journal."""

    def __init__(self, *journals: Journal) -> None:
        self._journals = journals

    def record(self, level: Level, event: str, **fields: object) -> None:
        for journal in self._journals:
            journal.record(level, event, **fields)


# A journal for the person at the terminal.


class StderrJournal:
    """Writes records of at least that level, a line each, to stderr or the stream that it is given."""

    def __init__(
        self,
        redact: Callable[[str], str],
        *,
        level: Level = Level.WARNING,
        stream: TextIO | None = None,
    ) -> None:
        self._redact = redact
        self._level = level
        self._stream = stream

    def record(self, level: Level, event: str, **fields: object) -> None:
        if level < self._level:
            return
        with contextlib.suppress(Exception):  # the contract: a terminal that went away costs nothing
            line = self._redact(f"{level.name.lower()}: {journal_line(event, fields)}")
            stream = self._stream or sys.stderr
            printable = line.encode(stream.encoding or "utf-8", "backslashreplace")
            stream.write(printable.decode(stream.encoding or "utf-8") + "\n")
            stream.flush()
