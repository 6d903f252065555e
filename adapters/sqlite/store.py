"""The store on one SQLite file."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

from adapters.sqlite.care.quarantine import DatabaseQuarantine
from adapters.sqlite.connection import journal_mode
from adapters.sqlite.cycle_rows import CycleWriter
from adapters.sqlite.database_lock import DatabaseLock, transaction
from adapters.sqlite.errors import leaves_connection_usable, store_errors
from adapters.sqlite.home_identity import HomeIdentity
from adapters.sqlite.opening import Opening
from adapters.sqlite.queries import newest_slots
from adapters.sqlite.wal import LONG_BYTES, Wal
from domain.cycle import CycleReport, Unread
from domain.errors import StoreCorrupt, StoreError
from domain.progress import SourceProgress
from ports.clock import Clock
from ports.journal import Journal, Level
from ports.state import State

T = TypeVar("T")

# The share of the budget for the work itself, at most a second; as much again waits for the lock if the busy
# time-out would take the rest.
_WORK_SHARE, _WORK_S = 0.25, 1.0


class SqliteStore:
    """Stores each cycle once: its readings in the table that homes have always had, and the ledger.

    There is one connection, which `open()` or the first call opens. All processes of a home take turns by a
    lock file. A call waits at most `budget_s` for others, the busy time-out included; only the upgrade of an
    old database may take longer, and `open()` does it before the first cycle.
    """

    def __init__(
        self,
        path: Path,
        *,
        journal: Journal,
        clock: Clock,
        is_simulated: bool = False,
        budget_s: float = 8.0,
        busy_timeout_ms: int = 5000,
        wal_checkpoint_pages: int = 1000,
        state: State | None = None,
        identity: HomeIdentity | None = None,
    ) -> None:
        self._path = path
        self._journal = journal
        self._clock = clock
        work_s = min(_WORK_S, budget_s * _WORK_SHARE)
        self._opening = Opening(
            path=path,
            is_simulated=is_simulated,
            busy_timeout_ms=min(busy_timeout_ms, round((budget_s - 2 * work_s) * 1000)),
            wal_checkpoint_pages=wal_checkpoint_pages,
            journal=journal,
            clock=clock,
            identity=identity,
        )
        self._wal = Wal(path=path, journal=journal, busy_timeout_ms=self._opening.busy_timeout_ms)
        self._lock = DatabaseLock(
            path.with_name(f"{path.name}.lock"),
            wait_s=budget_s - work_s - self._opening.busy_timeout_ms / 1000,
        )
        self._quarantine = (
            None if state is None else DatabaseQuarantine(opening=self._opening, lock=self._lock, state=state)
        )
        self._connection: sqlite3.Connection | None = None
        self._abandoned: sqlite3.Connection | None = None
        self._writer: CycleWriter  # of the connection
        self._is_suspect = False  # a query met damage
        self._identity: os.stat_result | None = None
        self._begin = "BEGIN IMMEDIATE"
        self._may_rebuild = True  # at the first opening only: what is put off then waits for the next start

    def open(self, *, checking: bool = False) -> None:
        """Make the database, or upgrade it. Raises `StoreError`; then nothing has changed.

        `checking` reads the whole file, which takes seconds for millions of rows.
        """
        self._repair_and_retry(self._ensure_open)
        if checking:
            self._replace_if_damaged(thoroughly=False)
            self._ensure_open()

    def append(self, report: CycleReport) -> None:
        for refusal in self._repair_and_retry(partial(self._write, report)):
            self._journal.record(
                Level.WARNING, "store.row_refused", device=refusal.device_id, detail=refusal.detail
            )

    def _write(self, report: CycleReport) -> Sequence[Unread]:
        now = self._clock.now().astimezone(UTC)
        with self._write_connection() as connection:
            with transaction(connection, self._begin):
                refusals = self._writer.write(report, now)
            self._wal.shorten(connection, beyond_bytes=LONG_BYTES)
        return refusals

    def progress(self, source: str, at: datetime) -> SourceProgress:
        with self._read_connection() as connection:
            ahead, last_slot, last_stored_slot = newest_slots(connection, source, at)
            expected = self._writer.expected_devices(source, at)
        return SourceProgress(
            ahead=ahead, last_slot=last_slot, last_stored_slot=last_stored_slot, expected=expected
        )

    def close(self) -> None:
        try:
            if self._connection is not None:
                with store_errors(self._path), self._lock.held():
                    self._wal.shorten(self._connection, beyond_bytes=0)
                    self._connection.close()
        except StoreError as error:
            self._journal.record(Level.WARNING, "store.closed_uncleanly", error=str(error))
        finally:
            self._close_connections()
            self._lock.close()

    def _repair_and_retry(self, work: Callable[[], T]) -> T:
        """Do the work. If it meets damage, put the database in quarantine and do it once more."""
        if self._is_suspect:
            self._replace_if_damaged(thoroughly=False)
        try:
            return work()
        except StoreCorrupt:
            self._is_suspect = True
            if not self._replace_if_damaged(thoroughly=True):
                raise
            return work()

    def _replace_if_damaged(self, *, thoroughly: bool) -> bool:
        """Return whether the database is sound now: not damaged after all, or replaced by a new one.

        Without a quarantine, and for a database that this home has never opened, the answer is no.
        """
        is_sound = self._quarantine is not None and self._quarantine.ensure_sound(thoroughly=thoroughly)
        self._is_suspect = False
        return is_sound

    def _ensure_open(self) -> None:
        with self._write_connection():
            pass

    @contextmanager
    def _write_connection(self) -> Iterator[sqlite3.Connection]:
        """Give the connection while this process holds the lock of the database."""
        with store_errors(self._path):
            if self._connection is None:
                self._opening.prepare()
            with self._lock.held():
                connection = self._open_connection()
                try:
                    yield connection
                except (sqlite3.Error, OSError) as error:
                    if not leaves_connection_usable(error):
                        # open until the next opening: closing would checkpoint into what may be damaged
                        self._abandoned, self._connection = self._connection, None
                    raise

    @contextmanager
    def _read_connection(self) -> Iterator[sqlite3.Connection]:
        """Give the connection for queries, which need no lock.

        A database that could not be opened is tried again: the progress of its sources must be known before
        it is written to, or what was missed until then is never explained.
        """
        if self._connection is None or not self._is_same_file():
            with self._write_connection() as connection:
                yield connection
        else:
            try:
                with store_errors(self._path):
                    yield self._connection
            except StoreCorrupt:
                self._is_suspect = True
                raise

    def _open_connection(self) -> sqlite3.Connection:
        if self._connection is not None and not self._is_same_file():
            self._journal.record(Level.WARNING, "store.replaced", path=str(self._path))
            self._close_connections()
        if self._connection is None:
            self._close_connections()
            self._connection = self._opening.connection(may_rebuild=self._may_rebuild)
            self._writer = CycleWriter(self._connection)
            self._may_rebuild = False
            self._identity = self._path.stat()
            self._wal.report_opening(self._connection)
            if self._quarantine is not None:
                self._quarantine.remember()
            # In the old journal modes a commit waits for readers, unless it began by locking them out.
            is_wal = journal_mode(self._connection) == "wal"
            self._begin = "BEGIN IMMEDIATE" if is_wal else "BEGIN EXCLUSIVE"
        return self._connection

    def _is_same_file(self) -> bool:
        """Return whether the open file is still the one at the path; a backup may have taken its place."""
        try:
            return self._identity is not None and os.path.samestat(self._identity, self._path.stat())
        except OSError:  # the file, its folder or its disk is gone
            return False

    def _close_connections(self) -> None:
        for connection in (self._connection, self._abandoned):
            if connection is not None:
                with suppress(sqlite3.Error):
                    connection.close()
        self._connection = self._abandoned = None
