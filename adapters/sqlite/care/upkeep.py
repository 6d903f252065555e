"""Checks, backs up and tidies the database, in a daemon thread and with connections of its own."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from adapters.runtime.threads import in_daemon_thread
from adapters.sqlite.care.backups import Backups
from adapters.sqlite.care.checksumming import complete
from adapters.sqlite.care.quarantine import ASIDE, Aside
from adapters.sqlite.care.restoring import merge_backup
from adapters.sqlite.care.verification import findings
from adapters.sqlite.connection import connect
from adapters.sqlite.database_lock import DatabaseLock
from adapters.sqlite.errors import told_apart
from adapters.sqlite.opening import Opening
from domain.errors import StoreFull
from ports.clock import Clock
from ports.journal import Journal
from ports.state import State
from ports.upkeep import BackedUp, Checked, Skipped

_LOCK_WAIT_S = 30.0
_TRUNCATE = "PRAGMA wal_checkpoint(TRUNCATE)"


class SqliteUpkeep:
    """The upkeep of the database at the path. Holds the lock only for moments."""

    def __init__(
        self,
        path: Path,
        *,
        state: State,
        journal: Journal,
        clock: Clock,
        is_simulated: bool = False,
        busy_timeout_ms: int = 5000,
    ) -> None:
        self._path = path
        self._state = state
        self._busy_timeout_ms = busy_timeout_ms
        self._lock = DatabaseLock(path.with_name(f"{path.name}.lock"), wait_s=_LOCK_WAIT_S)
        self._backups = Backups(path, clock, busy_timeout_ms)
        opening = Opening(
            path=path,
            is_simulated=is_simulated,
            busy_timeout_ms=busy_timeout_ms,
            wal_checkpoint_pages=1000,
            journal=journal,
            clock=clock,
        )
        self._aside = Aside(opening=opening, lock=self._lock, state=state)

    async def check(self) -> Checked:
        return await in_daemon_thread(self._check, "upkeep check")

    async def back_up(self) -> BackedUp | Skipped:
        return await in_daemon_thread(self._back_up, "upkeep backup")

    async def tidy(self) -> None:
        await in_daemon_thread(self._tidy, "upkeep tidy")

    async def restore(self) -> str | None:
        return await in_daemon_thread(self._restore, "upkeep restore")

    def _check(self) -> Checked:
        found = findings(self._path, busy_timeout_ms=self._busy_timeout_ms)
        if not found:
            return Checked()
        kept = self._aside.put_aside(thoroughly=False) if self._aside.is_ours() else None
        told = [str(finding) for finding in found]
        return Checked(findings=told, kept_as=None if kept is None else str(kept))

    def _back_up(self) -> BackedUp | Skipped:
        try:
            made = self._backups.make()
        except StoreFull as error:
            return Skipped(str(error))
        with told_apart(made.file):
            return BackedUp(
                file=str(made.file),
                size_bytes=made.size_bytes,
                findings=tuple(str(finding) for finding in made.findings),
            )

    def _tidy(self) -> None:
        with told_apart(self._path), closing(self._connection()) as connection:
            complete(connection, self._lock)
            with self._lock.held():
                # whoever reads is not waited for while cycles wait for us: there is a next time
                connection.execute("PRAGMA busy_timeout=0")
                connection.execute(_TRUNCATE).fetchall()
                connection.close()  # which may move the log too

    def _restore(self) -> str | None:
        backup = self._newest_sound()
        merged_rows = 0
        if backup is not None:
            merged_rows = merge_backup(
                self._path, backup, lock=self._lock, busy_timeout_ms=self._busy_timeout_ms
            )
        name = None if backup is None else str(backup)
        self._finish(name, merged_rows)
        return name

    def _newest_sound(self) -> Path | None:
        """The newest backup with every value as it was stored; else the newest that is whole."""
        readable = None
        for backup in self._backups.newest_first():
            found = findings(backup, busy_timeout_ms=self._busy_timeout_ms)
            if not found:
                return backup
            if readable is None and not any(finding.is_structural for finding in found):
                readable = backup
        return readable

    def _finish(self, backup: str | None, merged_rows: int) -> None:
        aside = self._state.get(ASIDE)
        self._state.put(
            ASIDE, {**aside, "restored_from": backup, "merged_rows": merged_rows, "finished": True}
        )

    def _connection(self) -> sqlite3.Connection:
        return connect(self._path, mode="rw", busy_timeout_ms=self._busy_timeout_ms)
