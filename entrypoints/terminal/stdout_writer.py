"""Write lines to stdout without ever making a cycle wait for the reader."""

from __future__ import annotations

import os
import queue
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

_MAX_PENDING_LINES = 1000
_CLOSE_TIMEOUT_S = 2.0  # for the last lines to be read


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
