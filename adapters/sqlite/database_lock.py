"""The lock that all our processes take in turn, so that no two of them work on the database at once.

SQLite has locks of its own. These are for what they do not cover: before 3.51.3 (3.50.7 and 3.44.6 in their
lines) a WAL can be corrupted when one connection checkpoints while another writes.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path

from domain.errors import StoreBusy

_NAPS_S = (0.001, 0.002, 0.002, 0.005)  # the last one again and again


class DatabaseLock:
    """An `flock` on a file that is never removed. However the process ends, the kernel lets go of it."""

    def __init__(self, path: Path, *, wait_s: float) -> None:
        self._path = path
        self._wait_s = wait_s
        self._descriptor: int | None = None

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock. Raises `StoreBusy` when others keep it for longer than the wait."""
        descriptor = self._take()
        try:
            yield
        finally:
            fcntl.flock(descriptor, fcntl.LOCK_UN)

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _take(self) -> int:
        waits = self._waits()
        with self._next_in_line(waits):
            for _ in chain((0.0,), waits):
                descriptor = self._opened()
                if _is_free(descriptor) and self._is_still_there(descriptor):
                    return descriptor
        raise StoreBusy(
            f"another homeclimate process has held {self._path} for {self._wait_s:g} s. "
            "The next cycle tries again"
        )

    @contextmanager
    def _next_in_line(self, waits: Iterator[float]) -> Iterator[None]:
        """Only one process at a time waits at the lock itself, behind a lock on its folder.

        Else whoever lets go could have it again at once, over and over, while others nap between two tries.
        Where the folder cannot be locked, or is for half of the wait, turns are less fair and no less safe.
        """
        try:
            line = os.open(self._path.parent, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            yield
            return
        try:
            with suppress(OSError):
                any(_is_free(line) or waited_s > self._wait_s / 2 for waited_s in waits)
            yield
        finally:
            os.close(line)

    def _waits(self) -> Iterator[float]:
        """A turn at once, and one after each nap while the wait lasts: how long it has lasted."""
        waited_s, naps = 0.0, 0
        while waited_s <= self._wait_s:
            yield waited_s
            nap_s = _NAPS_S[min(naps, len(_NAPS_S) - 1)]
            time.sleep(nap_s)
            waited_s, naps = waited_s + nap_s, naps + 1

    def _opened(self) -> int:
        if self._descriptor is None:
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        return self._descriptor

    def _is_still_there(self, descriptor: int) -> bool:
        """A lock on a file that somebody has removed keeps nobody out."""
        try:
            if os.path.samestat(os.fstat(descriptor), os.stat(self._path)):  # noqa: PTH116 - the hot path
                return True
        except (FileNotFoundError, NotADirectoryError):
            pass
        self.close()
        return False


def _is_free(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


# Writing beside a collector: short transactions, between which it has its turn.


@contextmanager
def turn(connection: sqlite3.Connection, lock: DatabaseLock) -> Iterator[None]:
    """A transaction, while no other process of ours is at work."""
    with lock.held(), transaction(connection):
        yield


@contextmanager
def transaction(connection: sqlite3.Connection, begin: str = "BEGIN IMMEDIATE") -> Iterator[None]:
    """All or nothing, durable on return."""
    connection.execute(begin)
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        raise
