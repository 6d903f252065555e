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
from itertools import chain, repeat
from pathlib import Path

from adapters.files.regular_file import open_regular
from domain.errors import StoreBusy

_MODE = 0o640
_NAPS_S = (0.001, 0.002, 0.002, 0.005)  # the last one is repeated


class DatabaseLock:
    """An `flock` on a file that is never removed; the kernel releases it however the process ends."""

    def __init__(self, path: Path, *, wait_s: float) -> None:
        self._path = path
        self._wait_s = wait_s
        self._descriptor: int | None = None

    @contextmanager
    def held(self, *, waits: bool = True) -> Iterator[None]:
        """Hold the lock. Raises `StoreBusy` when others hold it for longer than the wait, or at all."""
        descriptor = self._acquire(self._wait_s if waits else 0.0)
        try:
            yield
        finally:
            fcntl.flock(descriptor, fcntl.LOCK_UN)

    def close(self) -> None:
        """Close the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _acquire(self, wait_s: float) -> int:
        """Wait in a queue, which is a lock on the folder, and then for the lock itself.

        Without the queue a process could take the lock again and again while others sleep between two tries.
        Where the folder cannot be locked, or is locked for half of the wait, turns are less fair but as safe.
        """
        queue: int | None = None
        with suppress(OSError):
            queue = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        is_first, waited_s, naps_s = False, 0.0, chain(_NAPS_S, repeat(_NAPS_S[-1]))
        try:
            while waited_s <= wait_s:
                try:
                    is_first = is_first or queue is None or waited_s > wait_s / 2 or _try_lock(queue)
                except OSError:
                    is_first = True
                if is_first and (descriptor := self._try_lock_file()) is not None:
                    return descriptor
                nap_s = next(naps_s)
                time.sleep(nap_s)
                waited_s += nap_s
        finally:
            if queue is not None:
                os.close(queue)
        raise StoreBusy(
            f"another homeclimate process has held {self._path} for {wait_s:g} s. The next cycle tries again"
        )

    def _try_lock_file(self) -> int | None:
        """Lock the file at the path; None if it is locked, or is another one since, which others lock."""
        if self._descriptor is None:
            self._descriptor = open_regular(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, _MODE)
        if not _try_lock(self._descriptor):
            return None
        with suppress(FileNotFoundError, NotADirectoryError):
            if os.path.samestat(os.fstat(self._descriptor), self._path.stat()):
                return self._descriptor
        self.close()
        return None


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
