"""Journals that write text lines, `event key=value`: on stderr, or to several journals at once."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import TextIO

import attrs

from adapters.runtime.threads import OrderedCalls
from domain.printable import escape_controls, printable
from ports.journal import Journal, Level

_BLOCKED_S = 2.0  # how long a terminal, or who reads a pipe, may take
_PLAIN = re.compile(r"[^\s\"'=\\]+")


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
        self._calls = OrderedCalls("stderr", limit_s=_BLOCKED_S, most_waiting=100)

    def record(self, level: Level, event: str, **fields: object) -> None:
        if level >= self._level:
            self._write(f"{level.name.lower()}: {journal_line(event, fields)}")

    def complain(self, text: str) -> None:
        """Write a line that is no record, at any level."""
        self._write(f"homeclimate: {printable(text)}")

    def _write(self, text: str) -> None:
        with contextlib.suppress(Exception):  # a journal never raises: the terminal may be gone
            stream = self._stream or sys.stderr
            encoding = stream.encoding or "utf-8"
            line = self._redact(text).encode(encoding, "backslashreplace").decode(encoding)
            self._calls.run(partial(_write_line, stream, line))


def _write_line(stream: TextIO, line: str) -> None:
    with contextlib.suppress(Exception):
        try:
            descriptor = stream.fileno()
        except (OSError, AttributeError):
            stream.write(f"{line}\n")
            stream.flush()
            return
        # Bypass Python's buffer: a thread blocked in it at exit would be a fatal error.
        payload = f"{line}\n".encode(stream.encoding or "utf-8", "backslashreplace")
        while payload:
            payload = payload[os.write(descriptor, payload) :]


def _format(value: object) -> str:
    try:
        text = str(value)
    except Exception:  # noqa: BLE001 - a journal never raises
        text = f"<unprintable {type(value).__name__}>"
    if _PLAIN.fullmatch(text) and text.isprintable():
        return text
    quoted = json.dumps(text, ensure_ascii=False)
    return escape_controls(quoted)
