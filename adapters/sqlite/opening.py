"""From a path to a connection that can be written to: looked at, made or brought up to date, settled."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import attrs

from adapters.sqlite.care.file_swap import finish, set_logs_apart
from adapters.sqlite.connection import connect, settle
from adapters.sqlite.migration.durable_copy import made_durable
from adapters.sqlite.migration.migrations import add_checksums, add_ledger
from adapters.sqlite.migration.table_rebuild import prune, relax
from adapters.sqlite.migration.upgrade import Upgrade
from adapters.sqlite.storage_place import trouble_with
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

    def connection(self, *, relaxing: bool) -> sqlite3.Connection:
        """The writing connection. Raises what SQLite, the system and the inspection raise.

        `relaxing` says whether an existing table that refuses what a new one takes is to be rebuilt now.
        """
        finish(self.path)
        if self.path.exists():
            Upgrade(
                path=self.path,
                is_simulated=self.is_simulated,
                busy_timeout_ms=self.busy_timeout_ms,
                journal=self.journal,
                clock=self.clock,
            ).run(relaxing=relaxing)
        else:
            for log in set_logs_apart(self.path, now=self.clock.now()):
                self.journal.record(Level.WARNING, "store.log_without_database", kept_as=str(log))
            made_durable(self.made(), self.path)
            self.journal.record(Level.INFO, "store.made", path=str(self.path), simulated=self.is_simulated)
        connection = connect(self.path, mode="rw", busy_timeout_ms=self.busy_timeout_ms)
        try:
            self._settle(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def made(self) -> Path:
        """A new database under another name: at its own there never is half a one."""
        unfinished = self.path.with_name(f"{self.path.name}.making")
        for suffix in ("", "-journal"):
            unfinished.with_name(f"{unfinished.name}{suffix}").unlink(missing_ok=True)
        with closing(connect(unfinished, mode="rwc", busy_timeout_ms=self.busy_timeout_ms)) as connection:
            connection.execute("PRAGMA synchronous=OFF")  # it is made durable once, when it is whole
            make_tables(connection, is_simulated=self.is_simulated)
        return unfinished

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
        if (trouble := trouble_with(self.path.parent)) is not None:
            self.journal.record(Level.WARNING, "store.synchronised_folder", reason=trouble)


# The tables of a new database, in the format of now.


def make_tables(connection: sqlite3.Connection, *, is_simulated: bool) -> None:
    """By the steps that an old one takes, so that there is one way in which a table comes to be."""
    add_ledger(connection, is_simulated=is_simulated)
    relax(connection)
    add_checksums(connection)
    prune(connection)
