"""The store on one SQLite file."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

from adapters.files.data_folder import DataFolder
from adapters.sqlite.care.quarantine import DatabaseQuarantine
from adapters.sqlite.connection import journal_mode
from adapters.sqlite.cycle_rows import CycleWriter
from adapters.sqlite.database_lock import DatabaseLock, transaction
from adapters.sqlite.errors import leaves_connection_usable, store_errors
from adapters.sqlite.home_identity import HomeIdentity
from adapters.sqlite.open_files import Condition, OpenFiles
from adapters.sqlite.opening import Opening
from adapters.sqlite.queries import newest_slots
from adapters.sqlite.wal import LONG_BYTES, Wal
from domain.cycle import CycleReport, Unread
from domain.errors import StoreBusy, StoreCorrupt, StoreError, StoreMissing
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
        data: DataFolder | None = None,
    ) -> None:
        self._path = path
        self._data = data or DataFolder(path.parent)
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
        self._files: OpenFiles | None = None  # what was opened last, and may be away since
        self._is_away = False
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

    def append(self, report: CycleReport, *, waits: bool = True) -> CycleReport:
        if waits:
            stored, refusals = self._repair_and_retry(partial(self._write, report))
        else:
            stored, refusals = self._write_at_once(report)
        for refusal in refusals:
            self._journal.record(
                Level.WARNING, "store.row_refused", device=refusal.device_id, detail=refusal.detail
            )
        return stored

    def _write_at_once(self, report: CycleReport) -> tuple[CycleReport, Sequence[Unread]]:
        """Write the report. Raise `StoreBusy` if something has to be waited for, or repaired, first."""
        if self._connection is None or self._is_suspect:
            raise StoreBusy(f"{self._path} has to be opened or checked first")
        try:
            return self._write(report, waits=False)
        except StoreCorrupt as error:
            self._is_suspect = True
            raise StoreBusy(str(error)) from error

    def _write(self, report: CycleReport, *, waits: bool = True) -> tuple[CycleReport, Sequence[Unread]]:
        now = self._clock.now().astimezone(UTC)
        with self._write_connection(waits=waits) as connection:
            with transaction(connection, self._begin):
                written = self._writer.write(report, now)
            self.require_in_place()  # else it was stored in a file that is no longer the home's database
            with suppress(OSError):  # what is committed is stored
                self._wal.shorten(connection, beyond_bytes=LONG_BYTES)
        return written

    def progress(self, source: str, at: datetime) -> SourceProgress:
        with self._read_connection() as connection:
            ahead, last_slot, last_stored_slot = newest_slots(connection, source, at)
            expected = self._writer.expected_devices(source, at)
            state = self._writer.state_of(source, at)
        return SourceProgress(
            ahead=ahead,
            last_slot=last_slot,
            last_stored_slot=last_stored_slot,
            expected=expected,
            is_recorded=state not in (None, "missed"),
            is_stored=state == "stored",
        )

    def is_used(self, source: str, instant: datetime) -> bool:
        with self._read_connection():
            return self._writer.is_used(source, instant)

    def require_in_place(self) -> None:
        """Raise `StoreMissing` if the path does not lead to the database that was opened. For any thread."""
        files = self._files
        if files is not None and files.condition() is not Condition.IN_PLACE:
            raise _missing(files.path)

    def close(self) -> None:
        try:
            if self._connection is not None and self._is_in_place():
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
    def _write_connection(self, *, waits: bool = True) -> Iterator[sqlite3.Connection]:
        """Give the connection while this process holds the lock of the database.

        Without `waits`, raise `StoreBusy` if another process holds a lock, or the files have been moved.
        """
        with store_errors(self._path):
            self._settle(waits=waits)
            with self._lock.held(waits=waits):
                connection = self._open_connection()
                try:
                    with nullcontext() if waits else self._wal.not_waiting(connection):
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
        if self._connection is None or not self._is_in_place():
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
        if self._connection is not None:
            self.require_in_place()  # it may have been replaced while this process waited for the lock
        else:
            self._close_connections()
            self._connection = self._opening.connection(may_rebuild=self._may_rebuild)
            self._writer = CycleWriter(self._connection)
            self._may_rebuild = False
            # In the old journal modes a commit waits for readers, unless it began by locking them out.
            is_wal = journal_mode(self._connection) == "wal"
            self._begin = "BEGIN IMMEDIATE" if is_wal else "BEGIN EXCLUSIVE"
            self._files = OpenFiles.at(self._path, has_log=False)
            self._data.remember()
            self._wal.report_opening(self._connection)
            if self._quarantine is not None:
                self._quarantine.remember()
        return self._connection

    def _settle(self, *, waits: bool) -> None:
        """Make sure that the path leads to the open database. Raise `StoreMissing` while that is away."""
        if self._files is None:
            self._opening.prepare()
            return
        condition = self._files.condition()
        if condition is Condition.AWAY:
            self._report_away()
            raise _missing(self._path)
        if not waits and condition is not Condition.IN_PLACE:
            raise StoreBusy(f"{self._path} has to be opened again first")
        if self._is_away:
            self._is_away = False
            self._journal.record(Level.WARNING, "store.back", path=str(self._path))
        if condition is Condition.DELETED:
            self._files.real.parent.mkdir(exist_ok=True)  # deleted with the file
        if condition in (Condition.DELETED, Condition.REPLACED):
            self._journal.record(Level.WARNING, "store.replaced", path=str(self._path))
            self._close_connections()

    def _report_away(self) -> None:
        """Once: complete the file, wherever it is now, without its log, which may not be moved with it."""
        if self._is_away:
            return
        self._is_away = True
        self._journal.record(
            Level.CRITICAL,
            "store.away",
            path=str(self._path),
            next="cycles are kept in the spool and stored when it is back",
        )
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def _is_in_place(self) -> bool:
        return self._files is not None and self._files.condition() is Condition.IN_PLACE

    def _close_connections(self) -> None:
        for connection in (self._connection, self._abandoned):
            if connection is not None:
                with suppress(sqlite3.Error):
                    connection.close()
        self._connection = self._abandoned = None


def _missing(path: Path) -> StoreMissing:
    return StoreMissing(
        f"{path} is not where it was: its disk, its folder or the file is away. "
        "Bring it back; cycles are kept in the spool until then"
    )
