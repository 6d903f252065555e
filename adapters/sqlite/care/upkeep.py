"""The daily upkeep: checks, backups and checkpoints, in a daemon thread with connections of its own."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC
from functools import partial
from pathlib import Path
from typing import TypeVar

from adapters.runtime.threads import SingleThread, in_daemon_thread
from adapters.sqlite.backup.backups import Backups
from adapters.sqlite.backup.restoring import merge_backup
from adapters.sqlite.backup.second_disk import SecondDisk
from adapters.sqlite.care.quarantine import QUARANTINED, DatabaseQuarantine
from adapters.sqlite.care.verification import check
from adapters.sqlite.connection import connect
from adapters.sqlite.database_lock import DatabaseLock
from adapters.sqlite.errors import store_errors
from adapters.sqlite.history.rollups import Zones, roll_up
from adapters.sqlite.identity.home_identity import MISSING, HomeIdentity
from adapters.sqlite.opening import Opening
from adapters.sqlite.rows.checksums import add_missing_checksums
from domain.errors import StoreBusy, StoreFull
from ports.clock import Clock
from ports.journal import Journal
from ports.state import State
from ports.upkeep import BackedUp, Checked, Copied, Skipped

T = TypeVar("T")

_LOCK_WAIT_S = 30.0
_COPY_LIMIT_S = 3600.0  # a second disk may hang, or be on a slow network


class SqliteUpkeep:
    """The upkeep of the database at the path. Holds the lock only for moments.

    `require_in_place` raises `StoreMissing` when the path does not lead to all of the database that the
    process has open: a second connection would apply the index of that one to other files. `zones` are those
    of the roll-ups.
    """

    def __init__(
        self,
        path: Path,
        *,
        state: State,
        journal: Journal,
        clock: Clock,
        is_simulated: bool = False,
        busy_timeout_ms: int = 5000,
        max_backup_bytes: int | None = None,
        copy_to: Path | None = None,
        identity: HomeIdentity | None = None,
        require_in_place: Callable[[], None] = lambda: None,
        zones: Callable[[], Zones] = lambda: Zones(days=UTC),
    ) -> None:
        self._path = path
        self._zones = zones
        self._require_in_place = require_in_place
        self._state = state
        self._busy_timeout_ms = busy_timeout_ms
        self._lock = DatabaseLock(path.with_name(f"{path.name}.lock"), wait_s=_LOCK_WAIT_S)
        self._backups = Backups(
            path=path, clock=clock, busy_timeout_ms=busy_timeout_ms, max_bytes=max_backup_bytes
        )
        self._copy_to = copy_to
        self._copying = SingleThread("upkeep copy", clock)
        opening = Opening(
            path=path,
            is_simulated=is_simulated,
            busy_timeout_ms=busy_timeout_ms,
            wal_checkpoint_pages=1000,
            journal=journal,
            clock=clock,
            identity=identity,
        )
        self._quarantine = DatabaseQuarantine(opening=opening, lock=self._lock, state=state)

    async def check(self) -> Checked:
        return await self._in_thread(self._check, "upkeep check")

    async def back_up(self) -> BackedUp | Skipped:
        return await self._in_thread(self._back_up, "upkeep backup")

    async def copy_backup(self, *, may_remove: bool) -> Copied | Skipped:
        try:
            return await self._copying.run(partial(self._copy_backup, may_remove), _COPY_LIMIT_S)
        except TimeoutError as error:
            raise StoreBusy(f"{self._copy_to} does not answer: {error}. Check that disk") from error

    async def tidy(self) -> None:
        await self._in_thread(self._tidy, "upkeep tidy")

    async def restore(self) -> str | None:
        return await self._in_thread(self._restore, "upkeep restore")

    async def _in_thread(self, work: Callable[[], T], name: str) -> T:
        def work_and_close_lock() -> T:
            try:
                return work()
            finally:
                self._lock.close()

        return await in_daemon_thread(work_and_close_lock, name)

    def _check(self) -> Checked:
        self._require_in_place()
        findings = check(self._path, busy_timeout_ms=self._busy_timeout_ms)
        if not findings:
            return Checked()
        self._require_in_place()  # else the log has gone meanwhile, and the findings are about its lack
        is_ours = self._quarantine.is_ours()
        kept = self._quarantine.replace_if_damaged(thoroughly=False) if is_ours else None
        return Checked(findings=list(map(str, findings)), kept_as=None if kept is None else str(kept))

    def _back_up(self) -> BackedUp | Skipped:
        self._require_in_place()
        try:
            made = self._backups.make()
        except StoreFull as error:
            return Skipped(str(error))
        with store_errors(made.file):
            return BackedUp(
                file=str(made.file),
                size_bytes=made.size_bytes,
                findings=tuple(map(str, made.findings)),
                kept={str(path): reason for path, reason in made.kept.items()},
            )

    def _copy_backup(self, may_remove: bool) -> Copied | Skipped:
        newest = next(iter(self._backups.newest_first()), None)
        if self._copy_to is None or newest is None:
            return Skipped("there is no backup to copy")
        disk = SecondDisk(files=self._backups.files_in(self._copy_to), state=self._state)
        try:
            return disk.copy(newest, may_remove=may_remove)
        except StoreFull as error:
            return Skipped(str(error))

    def _tidy(self) -> None:
        self._require_in_place()
        with (
            store_errors(self._path),
            closing(self._connect()) as connection,
        ):
            add_missing_checksums(connection, self._lock)
            roll_up(connection, self._lock, self._zones())
            with self._lock.held():
                # does not wait for readers while cycles wait for the lock: there is a next time
                connection.execute("PRAGMA busy_timeout=0")
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
                connection.close()  # which may checkpoint too

    def _connect(self) -> sqlite3.Connection:
        return connect(self._path, mode="rw", busy_timeout_ms=self._busy_timeout_ms)

    def _restore(self) -> str | None:
        self._require_in_place()
        backup = self._backups.newest_sound()
        merged = 0
        if backup is not None:
            merged = merge_backup(self._path, backup, lock=self._lock, busy_timeout_ms=self._busy_timeout_ms)
            with store_errors(self._path), closing(self._connect()) as connection:
                roll_up(connection, self._lock, self._zones())
        name = None if backup is None else str(backup)
        result = {"restored_from": name, "merged_rows": merged, "finished": True}
        for key in (QUARANTINED, MISSING):
            record = self._state.get(key)
            if record and not record.get("finished"):
                self._state.put(key, {} if record.get("accepted") else {**record, **result})
        return name
