"""The rescues of one store: one at a time, in a thread, since a large file takes longer than a cycle."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from adapters.files.unfinished import remove_leftovers
from adapters.sqlite.care.quarantine import note_aside, report_aside
from adapters.sqlite.care.rescue import Rescue, Rescued, merge_saved, saved_files
from adapters.sqlite.database_lock import DatabaseLock
from adapters.sqlite.open_files import Condition, OpenFiles
from domain.errors import StoreCorrupt, StoreError, StoreMissing
from ports.clock import Clock
from ports.journal import Journal, Level
from ports.state import State

RESCUE = "store.rescue"  # state: a trouble with the files of the database, and what was done about it
AWAY, DELETED, REPLACED, LOG_LOST = "store.away", "store.deleted", "store.replaced", "store.log_lost"
_TROUBLES: Mapping[Condition, tuple[str, str]] = {
    Condition.DELETED: (DELETED, "was deleted"),
    Condition.REPLACED: (REPLACED, "was replaced by what is no database"),
    Condition.LOG_LOST: (LOG_LOST, "has lost its log"),
    Condition.LOG_CUT: (LOG_LOST, "has a log that another program has cut"),
    Condition.OVERWRITTEN: (REPLACED, "was written over"),
}
_LOCK_WAIT_S = 30.0

T = TypeVar("T")


class RescueQueue:
    """Puts a file back at the path, or merges what databases have that were replaced there.

    `path` may be a link. A connection that is passed is not used by the caller until its rescue is done.
    """

    def __init__(
        self,
        path: Path,
        *,
        lock_path: Path,
        busy_timeout_ms: int,
        state: State | None,
        clock: Clock,
        journal: Journal,
    ) -> None:
        self._path = path
        self._lock = DatabaseLock(lock_path, wait_s=_LOCK_WAIT_S)
        self._busy_timeout_ms = busy_timeout_ms
        self._state = state
        self._clock = clock
        self._journal = journal
        self._executor: ThreadPoolExecutor | None = None
        self._putting_back: Future[Rescued | None] | None = None
        self._merging: Future[tuple[Rescued, ...]] | None = None
        self._displaced: list[Rescue] = []
        self._has_saved = False
        self._saved: OpenFiles | None = None
        self.trouble = ""  # what is wrong with the files, as it was reported

    def report(self, event: str, what: str) -> None:
        """Report a trouble with the files, once."""
        reason = f"{self._path} {what}"
        if reason == self.trouble:
            return
        self.trouble = reason
        self._journal.record(Level.CRITICAL, event, reason=reason)
        if self._state is not None:
            at = self._clock.now().isoformat()
            is_log = event == LOG_LOST
            self._state.put(RESCUE, {"at": at, "reason": reason, "is_log": is_log, "finished": False})

    def report_end(self, result: str) -> None:
        """Report that all is well again, and what was done about it."""
        self._journal.record(Level.WARNING, "store.in_place", path=str(self._path), result=result)
        if self._state is not None and self.trouble:
            self._state.put(RESCUE, {**self._state.get(RESCUE), "finished": True, "result": result})
        self.trouble = ""

    @property
    def is_putting_back(self) -> bool:
        return self._putting_back is not None

    @property
    def is_settled(self) -> bool:
        """Return whether there is no trouble, and nothing to merge."""
        return not (self.trouble or self.is_merging)

    @property
    def is_merging(self) -> bool:
        """Return whether there is something that has to be merged."""
        return self._merging is not None or bool(self._displaced) or self._has_saved

    def begin(self, connection: sqlite3.Connection, files: OpenFiles, condition: Condition) -> None:
        """Begin to put a file with all rows at the path."""
        event, what = _TROUBLES[condition]
        self.report(event, f"{what}, and is copied from memory")
        self._putting_back = self._submit(
            lambda: self._rescue(connection, files).put_back(condition, self._note_kept)
        )

    def finish(self, *, wait_s: float | None) -> Rescued | None:
        """Return what was put back; None if the path has changed meanwhile.

        Raise `StoreMissing` while it takes longer than the wait, and `StoreError` if it failed.
        """
        if self._putting_back is None:
            return None
        try:
            rescued = self._putting_back.result(wait_s)
        except TimeoutError:
            raise StoreMissing(
                f"{self._path} is being copied from memory. Keep this process running; "
                "cycles are kept in the spool until then"
            ) from None
        except BaseException:
            self._putting_back = None
            raise
        self._putting_back = None
        return rescued

    def displace(self, connection: sqlite3.Connection, files: OpenFiles) -> None:
        """Have the rows of a database merged that is no longer at the path; its connection is closed then."""
        self._displaced.append(self._rescue(connection, files))

    def save_once(self, connection: sqlite3.Connection, files: OpenFiles) -> None:
        """Copy a deleted database next to the file of another home, which it must not be merged into."""
        if self._saved is not files:
            real = Path(os.path.realpath(self._path))
            saved = self._submit(lambda: self._rescue(connection, files).save(real)).result()
            self._saved = files
            self.report(REPLACED, f"is the file of another home; what was there before is in {saved}")

    def look_for_saved(self) -> None:
        """Find what earlier processes could not merge, and remove what they could not complete."""
        real = Path(os.path.realpath(self._path))
        remove_leftovers(real.parent)
        self._has_saved = bool(saved_files(real))

    def merge(self, *, wait_s: float | None) -> tuple[Rescued, ...] | None:
        """Go on merging; return what was merged once all of it is, None until then.

        Errors are logged, and it is tried again at the next call.
        """
        if self._merging is None:
            self._merging = self._submit(self._merge_all)
        try:
            merged = self._merging.result(wait_s)
        except TimeoutError:
            return None
        except StoreError as error:
            self._merging = None
            self._journal.record(Level.CRITICAL, "store.not_merged", error=str(error))
            return None
        except BaseException:
            self._merging = None
            raise
        self._merging = None
        return merged

    def close(self) -> None:
        """Close what is still open; the thread has ended."""
        for rescue in self._displaced:
            with suppress(sqlite3.Error):
                rescue.connection.close()
        self._displaced.clear()
        if self._executor is not None:
            self._executor.shutdown()
            self._executor = None
        self._lock.close()

    def _note_kept(self, kept: Path) -> None:
        if self._state is not None:
            note_aside(self._state, kept, self._clock.now())
        report_aside(self._journal, self._path, kept, "it was written over")

    def _merge_all(self) -> tuple[Rescued, ...]:
        real = Path(os.path.realpath(self._path))
        while self._displaced:
            rescue = self._displaced[0]
            try:
                rescue.save(real)
            except StoreCorrupt as error:  # what is known of it stays in its file, if that has a name
                self._journal.record(Level.CRITICAL, "store.not_rescued", error=str(error))
            with suppress(sqlite3.Error):
                rescue.connection.close()
            del self._displaced[0]
        merged = [
            merge_saved(self._path, saved, lock=self._lock, busy_timeout_ms=self._busy_timeout_ms)
            for saved in saved_files(real)
        ]
        self._has_saved = False
        return tuple(merged)

    def _rescue(self, connection: sqlite3.Connection, files: OpenFiles) -> Rescue:
        return Rescue(
            connection=connection,
            files=files,
            lock=self._lock,
            clock=self._clock,
            busy_timeout_ms=self._busy_timeout_ms,
        )

    def _submit(self, work: Callable[[], T]) -> Future[T]:
        def work_and_close_lock() -> T:
            try:
                return work()
            finally:
                self._lock.close()

        if self._executor is None:
            self._executor = ThreadPoolExecutor(1, thread_name_prefix="rescue")
        return self._executor.submit(work_and_close_lock)
