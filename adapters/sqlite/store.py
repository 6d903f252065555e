"""The store on one SQLite file."""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

from adapters.files.data_folder import DataFolder
from adapters.sqlite.care.quarantine import DatabaseQuarantine
from adapters.sqlite.care.rescue_queue import AWAY, REPLACED, RescueQueue
from adapters.sqlite.connection import connect_for_reading, journal_mode
from adapters.sqlite.database_lock import DatabaseLock, transaction
from adapters.sqlite.errors import leaves_connection_usable, store_errors
from adapters.sqlite.identity.home_identity import HomeIdentity
from adapters.sqlite.open_files import Condition, OpenFiles
from adapters.sqlite.opening import Opening
from adapters.sqlite.rows.cycles import CycleWriter
from adapters.sqlite.rows.names import TypedNames
from adapters.sqlite.wal import LONG_BYTES, Wal
from domain.cycle import CycleReport, Unread
from domain.device_settings import SettingsByDevice
from domain.errors import StoreBusy, StoreCorrupt, StoreError, StoreFull, StoreMissing, StoreRefused
from domain.progress import SourceProgress
from ports.clock import Clock
from ports.journal import Journal, Level
from ports.state import State

T = TypeVar("T")

# The share of the budget for the work itself, at most a second; as much again waits for the lock if the busy
# time-out would take the rest.
_WORK_SHARE, _WORK_S = 0.25, 1.0
_RESCUE_S = 1.5  # a rescue that takes longer goes on while cycles are spooled
_MOST_UNSETTLED = 256  # more than are stored between two checkpoints
_LOOKS = 4  # at files that change while they are looked at


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
        typed_names: TypedNames = dict,
    ) -> None:
        self._path = path
        self._data = data or DataFolder(path.parent)
        self._typed_names = typed_names
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
        self._unsettled: deque[CycleReport] = deque(
            maxlen=_MOST_UNSETTLED
        )  # reports that are only in the log
        self._must_repeat = False
        self._rescues = RescueQueue(
            path,
            lock_path=path.with_name(f"{path.name}.lock"),
            busy_timeout_ms=self._opening.busy_timeout_ms,
            state=state,
            clock=clock,
            journal=journal,
        )
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
        elif self._connection is None or self._is_suspect:
            raise StoreBusy(f"{self._path} has to be opened or checked first")
        else:
            try:
                stored, refusals = self._write(report, waits=False)
            except StoreCorrupt as error:  # it has to be repaired first
                self._is_suspect = True
                raise StoreBusy(str(error)) from error
        for refusal in refusals:
            self._journal.record(
                Level.WARNING, "store.row_refused", device=refusal.device_id, detail=refusal.detail
            )
        return stored

    def _write(self, report: CycleReport, *, waits: bool = True) -> tuple[CycleReport, Sequence[Unread]]:
        now = self._clock.now().astimezone(UTC)
        with self._write_connection(waits=waits) as connection:
            with transaction(connection, self._begin):
                written = self._writer.write(report, now)
            self._writer.note_commit()
            if (files := self._files) is not None:
                if not files.note_commit():
                    raise StoreMissing(
                        f"{self._path} was moved while a cycle was stored in it. It is stored again"
                    )
                # until it is in the database itself: somebody may shorten the log
                self._unsettled.append(report)
                if files.is_log_copied:
                    self._unsettled.clear()
                with suppress(OSError):  # what is committed is stored
                    self._wal.shorten(connection, log_bytes=files.log_bytes, beyond_bytes=LONG_BYTES)
        return written

    def progress(self, source: str, at: datetime) -> SourceProgress:
        return self._read(CycleWriter.progress, source, at)

    def is_used(self, source: str, instant: datetime) -> bool:
        return self._read(CycleWriter.is_used, source, instant)

    def settings(self) -> SettingsByDevice:
        connection, files = self._connection, self._files
        if connection is None or files is None or files.condition() is not Condition.IN_PLACE:
            raise StoreBusy(f"{self._path} has to be opened first")
        with store_errors(self._path), self._wal.not_waiting(connection):
            return self._writer.settings()

    def _read(self, read: Callable[[CycleWriter, str, datetime], T], source: str, at: datetime) -> T:
        """Return what is read, also from a database that could not be opened for writing.

        A query needs no lock. A database that could not be opened is tried again: the progress of its sources
        must be known before it is written to, or what was missed until then is never explained.
        """
        try:
            files = self._files
            if self._connection is None or files is None or files.condition() is not Condition.IN_PLACE:
                with self._write_connection(waits=files is not None):
                    return read(self._writer, source, at)
            with store_errors(self._path):
                return read(self._writer, source, at)
        except StoreCorrupt:
            self._is_suspect |= self._connection is not None
            raise
        except StoreError as error:
            if self._connection is not None or type(error) not in (StoreError, StoreBusy, StoreFull):
                raise
            with suppress(sqlite3.Error, OSError):
                connection = connect_for_reading(self._path, busy_timeout_ms=0)
                with closing(connection):
                    return read(CycleWriter(connection), source, at)
            raise

    def require_in_place(self) -> None:
        """Raise `StoreMissing` if the path does not lead to the database that was opened. For any thread."""
        files = self._files
        if files is not None and files.condition() is not Condition.IN_PLACE:
            raise StoreMissing(f"{files.path} is not the file that was opened. The next cycle looks for it")

    def close(self) -> None:
        try:
            if self._files is not None:
                with store_errors(self._path):
                    self._settle(is_last=True)  # what is only in memory is lost otherwise
                    if self._must_repeat:
                        self._ensure_open()
                    if self._connection is not None:
                        with self._lock.held():
                            self._wal.shorten(self._connection, beyond_bytes=0)
                            self._connection.close()
        except StoreError as error:
            self._journal.record(Level.WARNING, "store.closed_uncleanly", error=str(error))
        finally:
            self._close_connections()
            self._files = None
            self._rescues.close()
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
        self._is_suspect = False
        files = self._files
        if files is not None and files.condition() not in (Condition.IN_PLACE, Condition.OVERWRITTEN):
            return True  # it was read without its log, or is another file by now
        is_sound = self._quarantine is not None and self._quarantine.ensure_sound(thoroughly=thoroughly)
        if files is not None and is_sound and not files.note_commit():  # a new one has begun
            self._close_connections()
            self._files, self._must_repeat = None, True
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

    def _open_connection(self) -> sqlite3.Connection:
        if self._connection is not None:
            return self._connection
        self._close_connections()
        connection = self._opening.connection(may_rebuild=self._may_rebuild)
        self._may_rebuild = False
        self._use(connection)
        if self._must_repeat:
            for report in tuple(self._unsettled):
                with transaction(connection, self._begin):
                    self._writer.write(report, self._clock.now().astimezone(UTC))
            self._must_repeat = False
        self._wal.report_opening(connection)
        self._rescues.look_for_saved()
        return connection

    def _use(self, connection: sqlite3.Connection) -> None:
        """Use the connection, which leads to what is at the path now."""
        is_wal = journal_mode(connection) == "wal"
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()  # SQLite opens the log to read
        self._connection, self._writer = connection, CycleWriter(connection, self._typed_names)
        self._files = OpenFiles.at(self._path, has_log=is_wal)
        self._wal.path = self._files.real
        # In the old journal modes a commit waits for readers, unless it began by locking them out.
        self._begin = "BEGIN IMMEDIATE" if is_wal else "BEGIN EXCLUSIVE"
        self._data.remember()
        if self._quarantine is not None:
            self._quarantine.remember()

    def _settle(self, *, waits: bool = True, is_last: bool = False) -> None:
        """Make sure that the path leads to the open database, with all of its rows.

        Raise `StoreMissing` while that is away, or is being copied for longer than the wait; without `waits`
        raise `StoreBusy` instead of beginning to copy.
        """
        wait_s = None if is_last else _RESCUE_S
        for _ in range(_LOOKS):
            if waits and self._rescues.is_putting_back:
                self._end_putting_back(wait_s)
            if self._files is None:
                self._opening.prepare()
                return
            condition, held = self._files.condition(), self._connection or self._abandoned
            if not waits and condition not in (Condition.IN_PLACE, Condition.AWAY):
                raise StoreBusy(f"{self._path} has to be opened again first")
            match condition:
                case Condition.IN_PLACE:
                    if not self._rescues.is_settled:
                        self._end_trouble(wait_s if waits else 0.0)
                    return
                case Condition.AWAY:
                    self._complete_file(held)
                    raise self._missing("is not where it was: its disk, its folder or the file is away")
                case _ if held is None:
                    self._files = None
                case Condition.REPLACED:
                    self._change_over(held, self._files)
                case _:
                    self._begin_putting_back(held, self._files, condition)
        raise self._missing("changes all the time")

    def _begin_putting_back(self, held: sqlite3.Connection, files: OpenFiles, condition: Condition) -> None:
        if condition is Condition.DELETED:
            self._files = files = files.with_folder()
        with self._lock.held():  # so that none of our processes is copying the log into the database
            is_certain = files.condition() is condition
        if is_certain:
            self._rescues.begin(held, files, condition)

    def _end_putting_back(self, wait_s: float | None) -> None:
        rescued = self._rescues.finish(wait_s=wait_s)
        if rescued is not None:
            self._close_connections()  # without a checkpoint, as the path leads to another file
            self._files, self._must_repeat = None, True
            self._rescues.report_end(str(rescued))

    def _change_over(self, held: sqlite3.Connection, files: OpenFiles) -> None:
        """Go on with the file that is at the path now; the rows of the held database are merged into it."""
        try:
            with store_errors(self._path), self._lock.held():
                with suppress(sqlite3.Error):
                    held.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
                files.forget_logs()
                connection = self._opening.connection(may_rebuild=False)
        except StoreBusy:
            raise
        except StoreError as error:
            if not files.has_no_name():
                raise self._missing(
                    f"is another file than the one that was open. {error}", REPLACED
                ) from error
            if isinstance(error, StoreMissing | StoreRefused):
                self._rescues.save_once(held, files)
                raise
            self._rescues.begin(held, files, Condition.REPLACED)
            return
        self._connection = self._abandoned = None
        self._rescues.displace(held, files)
        self._use(connection)
        self._rescues.report(REPLACED, "is another file than before; what it lacks is merged into it")

    def _end_trouble(self, wait_s: float | None) -> None:
        """Merge what is to be merged; report that all is well with the cycle after that."""
        if self._rescues.is_merging:
            merged = self._rescues.merge(wait_s=wait_s)
            if merged is None:
                return
            identity, connection = self._opening.identity, self._connection
            if identity is not None and connection is not None and any(each.is_whole for each in merged):
                with self._lock.held():
                    identity.claim(connection)  # it has what the home's database had
                identity.forget_missing()
            self._rescues.report_end("; ".join(map(str, merged)) or "nothing could be merged")
        else:
            self._rescues.report_end("it is back, and was not changed")

    def _complete_file(self, held: sqlite3.Connection | None) -> None:
        """Copy the log into the file, wherever that is now: the log may not have been moved with it."""
        if held is not None and not self._rescues.trouble:
            with suppress(sqlite3.Error):
                held.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def _missing(self, what: str, event: str = AWAY) -> StoreMissing:
        self._rescues.report(event, what)
        return StoreMissing(f"{self._path} {what}. Bring it back; cycles are kept in the spool until then")

    def _close_connections(self) -> None:
        for connection in (self._connection, self._abandoned):
            if connection is not None:
                with suppress(sqlite3.Error):
                    connection.close()
        self._connection = self._abandoned = None
