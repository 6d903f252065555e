"""The store on one SQLite file."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from adapters.sqlite import cycle_rows as ledger
from adapters.sqlite import queries as slots
from adapters.sqlite.care.quarantine import Aside
from adapters.sqlite.connection import journal_mode
from adapters.sqlite.database_lock import DatabaseLock, transaction
from adapters.sqlite.errors import is_passing, told_apart
from adapters.sqlite.opening import Opening
from adapters.sqlite.reading_rows import as_text
from adapters.sqlite.wal import LONG_BYTES, Wal
from domain.cycle import CycleReport, Unread
from domain.errors import StoreCorrupt, StoreError
from domain.progress import SourceProgress
from ports.clock import Clock
from ports.journal import Journal, Level
from ports.state import State

T = TypeVar("T")

# What the budget keeps for the work itself, and for the lock if the busy time-out asks for all: this share,
# a second at most.
_WORK_SHARE, _WORK_S = 0.25, 1.0
_LISTED_WITHIN = timedelta(days=1)

_SELECT_EXPECTED = """
SELECT device_id FROM devices WHERE source = ? AND last_listed_slot > ? AND typeof(device_id) = 'text'
"""


class SqliteStore:
    """Keeps every cycle once, in the `readings` table that homes have always had and in the ledger beside it.

    One writing connection, opened at first use or by `open()`. All processes take turns by a lock file beside
    the database. A call waits at most `budget_s` for others, the busy time-out included. Only bringing an old
    database up to date may take longer: `open()` does it before the first cycle.
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
        )
        self._wal = Wal(path=path, journal=journal, busy_timeout_ms=self._opening.busy_timeout_ms)
        self._lock = DatabaseLock(
            path.with_name(f"{path.name}.lock"),
            wait_s=budget_s - work_s - self._opening.busy_timeout_ms / 1000,
        )
        self._aside = None if state is None else Aside(opening=self._opening, lock=self._lock, state=state)
        self._connection: sqlite3.Connection | None = None
        self._abandoned: sqlite3.Connection | None = None
        self._is_suspect = False  # a look at it met damage
        self._identity: os.stat_result | None = None
        self._begin = "BEGIN IMMEDIATE"
        self._relaxing = True  # at the first opening only: what was put off then waits for the next start

    def open(self, *, checking: bool = False) -> None:
        """Make the database, or bring it up to date. Raises `StoreError`; then nothing has changed.

        `checking` reads the whole file, which takes seconds for millions of rows.
        """
        self._despite_damage(self._reached)
        if checking:
            self._is_suspect = True
            self._despite_damage(self._reached)

    def append(self, report: CycleReport) -> None:
        refusals = self._despite_damage(lambda: self._written(report))
        for refusal in refusals:
            self._journal.record(
                Level.WARNING, "store.row_refused", device=refusal.device_id, detail=refusal.detail
            )

    def _written(self, report: CycleReport) -> Sequence[Unread]:
        now = self._clock.now().astimezone(UTC)
        with self._held() as connection:
            with transaction(connection, self._begin):
                refusals = ledger.write(connection, report, now)
            self._wal.shorten(connection, beyond_bytes=LONG_BYTES)
        return refusals

    def progress(self, source: str, at: datetime) -> SourceProgress:
        with self._looking() as connection:
            ahead, last_slot, last_stored_slot = slots.standing(connection, source, at)
            expected = connection.execute(_SELECT_EXPECTED, (source, as_text(at - _LISTED_WITHIN))).fetchall()
        return SourceProgress(
            ahead=ahead,
            last_slot=last_slot,
            last_stored_slot=last_stored_slot,
            expected=frozenset(device_id for (device_id,) in expected),
        )

    def close(self) -> None:
        try:
            if self._connection is not None:
                with told_apart(self._path), self._lock.held():
                    self._wal.shorten(self._connection, beyond_bytes=0)
                    self._connection.close()
        except StoreError as error:
            self._journal.record(Level.WARNING, "store.closed_uncleanly", error=str(error))
        finally:
            self._drop()
            self._lock.close()

    def _despite_damage(self, work: Callable[[], T]) -> T:
        """What the work gives; on a new database, when this one is damaged beyond doubt."""
        if self._is_suspect:
            self._mended(thoroughly=False)
        try:
            return work()
        except StoreCorrupt:
            self._is_suspect = True
            if not self._mended(thoroughly=True):
                raise
            return work()

    def _mended(self, *, thoroughly: bool) -> bool:
        is_mended = self._aside is not None and self._aside.mended(thoroughly=thoroughly)
        self._is_suspect = False
        return is_mended

    def _reached(self) -> None:
        with self._held():
            pass

    @contextmanager
    def _held(self) -> Iterator[sqlite3.Connection]:
        """The connection, while no other process of ours works on the database."""
        with told_apart(self._path):
            if self._connection is None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._lock.held():
                connection = self._opened()
                try:
                    yield connection
                except (sqlite3.Error, OSError) as error:
                    if not is_passing(error):
                        # open until the next opening: closing would move the log into what may be damaged
                        self._abandoned, self._connection = self._connection, None
                    raise

    @contextmanager
    def _looking(self) -> Iterator[sqlite3.Connection]:
        """The connection for a look, which disturbs nobody and needs no turn.

        A database that could not be opened is tried again: whoever looks must learn where its sources stood
        before it is written to, or what was missed until then is never explained.
        """
        if self._connection is None or not self._is_still_there():
            with self._held() as connection:
                yield connection
        else:
            try:
                with told_apart(self._path):
                    yield self._connection
            except StoreCorrupt:
                self._is_suspect = True
                raise

    def _opened(self) -> sqlite3.Connection:
        if self._connection is not None and not self._is_still_there():
            self._journal.record(Level.WARNING, "store.replaced", path=str(self._path))
            self._drop()
        if self._connection is None:
            self._drop()
            self._connection = self._opening.connection(relaxing=self._relaxing)
            self._relaxing = False
            self._identity = self._path.stat()
            self._wal.tell(self._connection)
            if self._aside is not None:
                self._aside.remember()
            # In the old journal modes a commit waits for readers, unless it has begun by keeping them out.
            is_wal = journal_mode(self._connection) == "wal"
            self._begin = "BEGIN IMMEDIATE" if is_wal else "BEGIN EXCLUSIVE"
        return self._connection

    def _is_still_there(self) -> bool:
        """Whether the file that is open is still the one at the path: a backup may have taken its place."""
        try:
            return self._identity is not None and os.path.samestat(self._identity, self._path.stat())
        except OSError:  # gone, or its folder is, or the network that it lies on
            return False

    def _drop(self) -> None:
        for connection in (self._connection, self._abandoned):
            if connection is not None:
                with suppress(sqlite3.Error):
                    connection.close()
        self._connection = self._abandoned = None
