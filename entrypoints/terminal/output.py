"""Print on stdout and stderr: messages with commands as typed here, and lines that never block."""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import click

from domain.errors import HomeclimateError
from entrypoints.process import find_home, typed_here

_HOME = "homeclimate.home"  # in click's context: the home that the command line names
_MAX_PENDING_LINES = 1000
_CLOSE_TIMEOUT_S = 2.0  # for the last lines to be read


def print_message(text: str, *, err: bool = False) -> None:
    """Print a line on stdout, or on stderr with `err`."""
    click.echo(as_typed_here(text), err=err)


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
    """Return the JSON of a value on one line, with the commands in its texts as they are typed here."""
    return json.dumps(_all_typed_here(value), ensure_ascii=False)


def _all_typed_here(value: object) -> object:
    if isinstance(value, str):
        return as_typed_here(value)
    if isinstance(value, Mapping):
        return {key: _all_typed_here(part) for key, part in value.items()}
    return [_all_typed_here(part) for part in value] if isinstance(value, list | tuple) else value


def discard_stdout() -> None:
    """Drop what stdout still buffers: it cannot be written, and Python would report that at exit."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def non_blocking_stdout() -> Iterator[Callable[[str], None]]:
    """Yield a function that writes a line to stdout without blocking; drop lines when the reader is slow.

    A daemon thread writes. Beyond 1,000 pending lines new ones are dropped; once stdout is closed or full,
    all further ones are.
    """
    pending: queue.Queue[str | None] = queue.Queue(_MAX_PENDING_LINES)
    writer = threading.Thread(target=_write_lines, args=(pending,), name="stdout", daemon=True)
    writer.start()

    def write_line(line: str) -> None:
        with suppress(queue.Full):
            pending.put_nowait(line)

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
        payload = f"{line}\n".encode(encoding, "backslashreplace")
        try:
            while payload:
                payload = payload[os.write(descriptor, payload) :]
        except OSError:  # the reader has gone, or its disk is full; the readings are stored all the same
            return
