"""Journals that write text lines, `event key=value`: on stderr, or to several journals at once."""

from __future__ import annotations

import contextlib
import json
import re
import sys
from collections.abc import Callable, Mapping
from typing import TextIO

import attrs

from ports.journal import Journal, Level

_PLAIN = re.compile(r"[^\s\"'=\\]+")
# Characters that JSON does not escape, but that affect a terminal or break lines.
_UNPRINTABLE = re.compile(r"[\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


def journal_line(event: str, fields: Mapping[str, object]) -> str:
    """Format one event, without line end. Values with spaces, quotes or control characters become JSON."""
    return " ".join([_format(event), *(f"{key}={_format(value)}" for key, value in fields.items())])


class Journals:
    """Passes each record on to several journals."""

    def __init__(self, *journals: Journal) -> None:
        self._journals = journals

    def record(self, level: Level, event: str, **fields: object) -> None:
        for journal in self._journals:
            journal.record(level, event, **fields)


@attrs.frozen
class RewordingJournal:
    """Passes each record on with its texts reworded, such as with commands as they are typed."""

    journal: Journal
    reword: Callable[[str], str]

    def record(self, level: Level, event: str, **fields: object) -> None:
        reworded = {
            name: self.reword(value) if isinstance(value, str) else value for name, value in fields.items()
        }
        self.journal.record(level, event, **reworded)


class StderrJournal:
    """Writes records from `level` on, one a line, to stderr or to `stream`."""

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
        with contextlib.suppress(Exception):  # a journal never raises: the terminal may be gone
            line = self._redact(f"{level.name.lower()}: {journal_line(event, fields)}")
            stream = self._stream or sys.stderr
            encoding = stream.encoding or "utf-8"
            stream.write(line.encode(encoding, "backslashreplace").decode(encoding) + "\n")
            stream.flush()


def _format(value: object) -> str:
    try:
        text = str(value)
    except Exception:  # noqa: BLE001 - a journal never raises
        text = f"<unprintable {type(value).__name__}>"
    if _PLAIN.fullmatch(text) and text.isprintable():
        return text
    quoted = json.dumps(text, ensure_ascii=False)
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", quoted)
