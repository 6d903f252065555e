"""Print on stdout and stderr: messages with commands as typed here, and lines that never block.

Every line for a terminal passes `as_line`, the only place that makes foreign text printable.
"""

from __future__ import annotations

import io
import json
import os
import queue
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from typing import Protocol, TextIO

import click

from domain.errors import HomeclimateError
from domain.printable import escape_controls, printable
from entrypoints.process import find_home, typed_here
from entrypoints.terminal.encoding import READABLE, in_encoding

_HOME = "homeclimate.home"  # in click's context: the home that the command line names
_MAX_PENDING_LINES = 1000
_CLOSE_TIMEOUT_S = 2.0  # for the last lines to be read


class Look(StrEnum):
    """How a line, or its first word, looks on a terminal: parameters of the sequence SGR (ECMA-48)."""

    PLAIN = ""
    BOLD = "1"
    DIM = "2"
    GREEN = "32"
    YELLOW = "33"
    BOLD_RED = "1;31"
    BOLD_YELLOW = "1;33"


class LineWriter(Protocol):
    """Writes a line, its first word in that look."""

    def __call__(self, line: str, look: Look = Look.PLAIN) -> None: ...


def as_line(text: str, look: Look = Look.PLAIN) -> str:
    """Return the text as one line for a terminal: printable, commands as typed here, in that look."""
    line = printable(as_typed_here(text))
    return _with_look(line, look) if look else line


def _with_look(text: str, look: Look) -> str:
    return f"\x1b[{look}m{text}\x1b[0m"


def print_message(*lines: str, err: bool = False, look: Look = Look.PLAIN) -> None:
    """Print lines on stdout, or on stderr with `err`; they look so on a terminal."""
    stream = sys.stderr if err else sys.stdout
    shown = look if is_coloured(stream) else Look.PLAIN
    for line in lines:  # not by click, which writes UTF-8 on streams that are in ASCII
        stream.write(f"{as_line(line, shown)}\n")
    stream.flush()


def show_usage_error(error: click.ClickException) -> None:
    """Print on stderr what is wrong with the command line."""
    error.show(file=(text := io.StringIO()))
    print_message(*text.getvalue().removesuffix("\n").split("\n"), err=True)


def is_coloured(stream: TextIO) -> bool:
    """Return whether lines on the stream have a look: only on a terminal, and never with NO_COLOR."""
    return stream.isatty() and not os.environ.get("NO_COLOR")


def can_redraw() -> bool:
    """Return whether stdout is a terminal whose cursor can be moved, which that of an editor often cannot."""
    return sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def as_shown(text: str) -> str:
    """Return the text as stdout shows it, to find its width: printable, and in the encoding of stdout."""
    return in_encoding(printable(text), sys.stdout.encoding or "utf-8")


def as_typed_here(text: str) -> str:
    """Write the commands in the text as they are typed here, for the home that the command line names."""
    if "homeclimate " not in text:  # looking for the home takes calls of the system
        return text
    context = click.get_current_context(silent=True)
    try:
        return typed_here(find_home(None if context is None else context.meta.get(_HOME)))(text)
    except (OSError, HomeclimateError):  # the working folder has been deleted, or there is no home folder
        return text


def remember_home(context: click.Context, home: Path | None) -> None:
    """Name this home in the messages of the command that runs."""
    if home is not None:
        context.meta[_HOME] = home


def as_json(value: object) -> str:
    """Return the JSON of a value on one line, with the commands in its texts as they are typed here.

    What is not printable is escaped, and everything but ASCII where stdout does not take UTF-8.
    """
    is_ascii = not (sys.stdout.encoding or "utf-8").lower().startswith("utf")
    text = json.dumps(_all_typed_here(value), ensure_ascii=is_ascii)
    return escape_controls(text)


def _all_typed_here(value: object) -> object:
    if isinstance(value, str):
        return as_typed_here(value)
    if value is None or isinstance(value, int | float):
        return value
    if isinstance(value, Mapping):
        return {key: _all_typed_here(part) for key, part in value.items()}
    return [_all_typed_here(part) for part in value] if isinstance(value, list | tuple) else value


def with_first_word(text: str, look: Look) -> str:
    """Return the text as one line for stdout, its first word in that look."""
    line = as_line(text)
    if not (look and is_coloured(sys.stdout)):
        return line
    word, blank, rest = line.partition(" ")
    return f"{_with_look(word, look)}{blank}{rest}"


def discard_stdout() -> None:
    """Drop what stdout still buffers: it cannot be written, and Python would report that at exit."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def non_blocking_stdout() -> Iterator[LineWriter]:
    """Yield a function that writes a line to stdout without blocking; drop lines when the reader is slow.

    A daemon thread writes. Beyond 1,000 pending lines new ones are dropped; once stdout is closed or full,
    all further ones are.
    """
    pending: queue.Queue[str | None] = queue.Queue(_MAX_PENDING_LINES)
    writer = threading.Thread(target=_write_lines, args=(pending,), name="stdout", daemon=True)
    writer.start()

    def write_line(line: str, look: Look = Look.PLAIN) -> None:
        with suppress(queue.Full):
            pending.put_nowait(with_first_word(line, look))

    try:
        yield write_line
    finally:
        with suppress(queue.Full):
            pending.put_nowait(None)
        writer.join(_CLOSE_TIMEOUT_S)


def _write_lines(pending: queue.Queue[str | None]) -> None:
    try:
        sys.stdout.flush()
        # Bypass Python's buffer: a thread blocked in it at exit would be a fatal error.
        descriptor, encoding = sys.stdout.fileno(), sys.stdout.encoding
    except (AttributeError, OSError, ValueError):  # started without a stdout
        return
    while (line := pending.get()) is not None:
        payload = f"{line}\n".encode(encoding, READABLE)
        try:
            while payload:
                payload = payload[os.write(descriptor, payload) :]
        except OSError:  # the reader has gone, or its disk is full; the readings are stored all the same
            return
