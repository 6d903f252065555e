"""A journal for the person at the terminal."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from typing import TextIO

from adapters.journal_line import journal_line
from ports.journal import Level


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
