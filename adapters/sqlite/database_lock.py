"""The lock by which our processes take turns at the database.

SQLite has its own locks. This one is for what they do not cover: before 3.51.3 (3.50.7 and 3.44.6 in their
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
    """An `flock` on a file that is never removed; the kernel releases it however the process ends."""

    def __init__(self, path: Path, *, wait_s: float) -> None:
        self._path = path
        self._wait_s = wait_s
        self._descriptor: int | None = None

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock. Raises `StoreBusy` when others hold it for longer than the wait."""
        descriptor = self._acquire()
        try:
            yield
        finally:
            fcntl.flock(descriptor, fcntl.LOCK_UN)

    def close(self) -> None:
        """Close the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _acquire(self) -> int:
        waits = self._waits()
        with self._first_in_queue(waits):
            for _ in chain((0.0,), waits):
                descriptor = self._open()
                if _try_lock(descriptor) and self._is_same_file(descriptor):
                    return descriptor
        raise StoreBusy(
            f"another homeclimate process has held {self._path} for {self._wait_s:g} s. "
            "The next cycle tries again"
        )

    @contextmanager
    def _first_in_queue(self, waits: Iterator[float]) -> Iterator[None]:
        """Let one process at a time wait for the lock itself, the others for a lock on its folder.

        Without that queue a process could take the lock again and again while others sleep between two tries.
        Where the folder cannot be locked, or is locked for half of the wait, turns are less fair but as safe.
        """
        try:
            queue = os.open(self._path.parent, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            yield
            return
        try:
            with suppress(OSError):
                any(_try_lock(queue) or waited_s > self._wait_s / 2 for waited_s in waits)
            yield
        finally:
            os.close(queue)

    def _waits(self) -> Iterator[float]:
        """Yield how long the wait has lasted, at once and after each nap, until it is over."""
        waited_s, naps = 0.0, 0
        while waited_s <= self._wait_s:
            yield waited_s
            nap_s = _NAPS_S[min(naps, len(_NAPS_S) - 1)]
            time.sleep(nap_s)
            waited_s, naps = waited_s + nap_s, naps + 1

    def _open(self) -> int:
        if self._descriptor is None:
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        return self._descriptor

    def _is_same_file(self, descriptor: int) -> bool:
        """Return whether the locked file is still the one at the path; else others lock another one."""
        try:
            if os.path.samestat(os.fstat(descriptor), os.stat(self._path)):  # noqa: PTH116 - the hot path
                return True
        except (FileNotFoundError, NotADirectoryError):
            pass
        self.close()
        return False


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def locked_transaction(connection: sqlite3.Connection, lock: DatabaseLock) -> Iterator[None]:
    """A transaction while no other process of ours works on the database.

    Long work is cut into many of these, so that a collector has its turn between them.
    """
    with lock.held(), transaction(connection):
        yield


@contextmanager
def transaction(connection: sqlite3.Connection, begin: str = "BEGIN IMMEDIATE") -> Iterator[None]:
    """A transaction: all or nothing, durable at the end."""
    connection.execute(begin)
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        raise
