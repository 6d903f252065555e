"""Which threads of the program are busy."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from adapters.runtime.threads import IDLE


def busy_threads(name: str = "") -> list[threading.Thread]:
    """Return the threads whose names begin so, without those that wait for a job."""
    return [one for one in threading.enumerate() if one.name.startswith(name) and one.name != IDLE]


def wait_until_idle(name: str, seconds: float = 30.0) -> None:
    """Wait until no thread has a name that begins so; fail if one goes on."""
    wait_until(lambda: not busy_threads(name), seconds)


def wait_until(is_so: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait until it is so; fail if it never is, and list the threads."""
    ends_s = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < ends_s, f"these threads go on: {busy_threads()}"
        time.sleep(0.001)
