"""A lock on an open file, that is waited for only so long."""

from __future__ import annotations

import fcntl
import threading

_ATTEMPTS = 100
_PAUSE_S = 0.01


def lock_within_limit(descriptor: int) -> None:
    """Hold the file for this process alone, until it is closed. Raises `TimeoutError` after about a second.

    A process that was stopped while it holds the lock must not stop the others too.
    """
    pause = threading.Event()
    for _ in range(_ATTEMPTS):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pause.wait(_PAUSE_S)
        else:
            return
    raise TimeoutError("another process holds its lock")
