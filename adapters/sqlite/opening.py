"""From a path to a connection that can be written to: looked at, made or brought up to date, settled."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import attrs

from adapters.sqlite.connection import connect, settle
from adapters.sqlite.inspection import inspect
from adapters.sqlite.migrations import migrate
from adapters.sqlite.safety_copy import copied, made_durable
from ports.clock import Clock
from ports.journal import Journal, Level


@attrs.frozen(kw_only=True)
class Opening:
    """How this process opens the database. All of it happens while the caller holds the lock."""

    path: Path
    is_simulated: bool
    busy_timeout_ms: int
    wal_checkpoint_pages: int
    journal: Journal
    clock: Clock

    def connection(self) -> sqlite3.Connection:
        """The writing connection. Raises what SQLite, the system and the inspection raise."""
        copy: Path | None = None
        if self.path.exists():
            copy = self._copied_if_old()
        else:
            self._make()
        connection = connect(self.path, mode="rw", busy_timeout_ms=self.busy_timeout_ms)
        try:
            migrate(connection, is_simulated=self.is_simulated)
            self._settle(connection)
        except BaseException:
            connection.close()
            if copy is not None:
                copy.unlink()  # nothing has been changed, and the next try makes its own
            raise
        return connection

    def _make(self) -> None:
        """Make the database under another name: at its own there never is half a one."""
        unfinished = self.path.with_name(f"{self.path.name}.making")
        for suffix in ("", "-journal"):
            unfinished.with_name(f"{unfinished.name}{suffix}").unlink(missing_ok=True)
        with closing(connect(unfinished, mode="rwc", busy_timeout_ms=self.busy_timeout_ms)) as connection:
            migrate(connection, is_simulated=self.is_simulated)
        made_durable(unfinished, self.path)
        self.journal.record(Level.INFO, "store.made", path=str(self.path), simulated=self.is_simulated)

    def _copied_if_old(self) -> Path | None:
        inspection = inspect(self.path, is_simulated=self.is_simulated, busy_timeout_ms=self.busy_timeout_ms)
        if not inspection.is_from_before:
            return None
        self.journal.record(Level.INFO, "store.copying", path=str(self.path), bytes=self.path.stat().st_size)
        copy = copied(self.path, self.clock.now(), busy_timeout_ms=self.busy_timeout_ms)
        self.journal.record(Level.INFO, "store.copied", path=str(self.path), copy=str(copy))
        return copy

    def _settle(self, connection: sqlite3.Connection) -> None:
        unmet = settle(
            connection,
            busy_timeout_ms=self.busy_timeout_ms,
            wal_checkpoint_pages=self.wal_checkpoint_pages,
        )
        for wish in unmet:
            self.journal.record(
                Level.WARNING, "store.setting_not_had", setting=wish.name, wanted=wish.wanted, got=wish.got
            )
