"""Print on stdout and stderr: messages with commands as typed here, and lines that never block."""

from __future__ import annotations

import os
import queue
import re
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

import click

from entrypoints.process import program_name

# Messages name commands as they are called when installed.
_COMMAND = re.compile(
    r"\bhomeclimate (?=(?:--version|backup|baseline|collect|db|demo|health|restore|setup|simulator|status)\b)"
)

_MAX_PENDING_LINES = 1000
_CLOSE_TIMEOUT_S = 2.0  # for the last lines to be read


def print_message(text: str, *, err: bool = False) -> None:
    """Print a line on stdout, or on stderr with `err`."""
    click.echo(as_typed_here(text), err=err)


def as_typed_here(text: str, environment: Mapping[str, str] = os.environ) -> str:
    """Replace `homeclimate` in front of a command by what started this program, such as `./run`."""
    return _COMMAND.sub(lambda _: f"{program_name(environment)} ", text)


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
