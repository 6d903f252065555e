"""Lines on stdout that hold nothing up: who reads too slowly misses some of them, and no reading waits."""

from __future__ import annotations

import os
import queue
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

_LINES_KEPT = 1000
_FAREWELL_S = 2.0  # what the last lines get to be read


@contextmanager
def telling() -> Iterator[Callable[[str], None]]:
    """A function that takes a line and returns at once, whatever stands behind stdout.

    A daemon thread writes. When nobody reads, lines beyond the first thousand are dropped; when stdout is
    closed or full, all further ones are.
    """
    waiting: queue.Queue[str | None] = queue.Queue(_LINES_KEPT)
    writer = threading.Thread(target=_write, args=(waiting,), name="stdout", daemon=True)
    writer.start()

    def tell(line: str) -> None:
        with suppress(queue.Full):
            waiting.put_nowait(line)

    try:
        yield tell
    finally:
        with suppress(queue.Full):
            waiting.put_nowait(None)
        writer.join(_FAREWELL_S)


def _write(waiting: queue.Queue[str | None]) -> None:
    try:
        sys.stdout.flush()
        # past Python's buffer: at the end of the process a thread that is stuck in it would be a fatal error
        descriptor, encoding = sys.stdout.fileno(), sys.stdout.encoding
    except (AttributeError, OSError, ValueError):  # started without a stdout
        return
    while (line := waiting.get()) is not None:
        payload = f"{line}\n".encode(encoding, "backslashreplace")
        try:
            while payload:
                payload = payload[os.write(descriptor, payload) :]
        except OSError:  # whoever read along has gone, or the disk behind it is full; the readings are stored
            return
