"""The way from a path to a connection that can be written to: made or upgraded, with its settings."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import attrs

from adapters.files.regular_file import make_folder, open_regular
from adapters.files.storage_place import problem_of
from adapters.sqlite.care.file_swap import finish_replacing, move_logs_away
from adapters.sqlite.connection import apply_settings, connect
from adapters.sqlite.database_lock import DatabaseLock, transaction
from adapters.sqlite.errors import store_errors
from adapters.sqlite.history.queries import is_simulated
from adapters.sqlite.identity.home_identity import HomeIdentity
from adapters.sqlite.migration.durable_copy import rename_durably
from adapters.sqlite.migration.inspection import inspect
from adapters.sqlite.migration.migrations import add_air_readings, add_checksums, add_ledger
from adapters.sqlite.migration.table_rebuild import drop_indexes, rebuild
from adapters.sqlite.migration.upgrade import Upgrade
from adapters.sqlite.open_files import require_whole
from ports.clock import Clock
from ports.journal import Journal, Level

_MODE = 0o640
_INSERT_PROPERTY = "INSERT INTO properties (name, value) VALUES (?, ?)"


@attrs.frozen(kw_only=True)
class Opening:
    """How this process opens the database; the caller holds the lock meanwhile."""

    path: Path
    is_simulated: bool
    busy_timeout_ms: int
    wal_checkpoint_pages: int
    journal: Journal
    clock: Clock
    identity: HomeIdentity | None = None

    def prepare(self) -> None:
        """Make the folder of a new database. Raise `StoreMissing` if the place of the home's own is away."""
        if self.identity is not None:
            self.identity.require_place()
        make_folder(self.path.parent)

    def connection(self, *, may_rebuild: bool) -> sqlite3.Connection:
        """Return the connection that writes. Raises what SQLite, the system and the inspection raise.

        `may_rebuild` allows the long steps of an upgrade: those that rewrite the table or its indexes.
        """
        finish_replacing(self.path)
        if self.path.exists():
            require_whole(self.path)
            found = inspect(self.path, is_simulated=self.is_simulated, busy_timeout_ms=self.busy_timeout_ms)
            if self.identity is not None:
                self.identity.require_own(found)
            Upgrade(
                path=self.path,
                is_simulated=self.is_simulated,
                busy_timeout_ms=self.busy_timeout_ms,
                journal=self.journal,
                clock=self.clock,
            ).run(found, may_rebuild=may_rebuild)
        else:
            for log in move_logs_away(self.path, now=self.clock.now()):
                self.journal.record(Level.WARNING, "store.log_without_database", kept_as=str(log))
            rename_durably(self.make(), Path(os.path.realpath(self.path)))
            self.journal.record(Level.INFO, "store.made", path=str(self.path), simulated=self.is_simulated)
        connection = connect(self.path, mode="rw", busy_timeout_ms=self.busy_timeout_ms)
        try:
            self._apply_settings(connection)
            if self.identity is not None:
                self.identity.adopt(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def make(self, *, is_replacement: bool = False) -> Path:
        """Make a new database under a temporary name, so that the final name never holds half of one.

        If the path is a link, it is made in the folder that this leads to.
        """
        properties = self.identity.properties(is_replacement=is_replacement) if self.identity else {}
        real = Path(os.path.realpath(self.path))  # a link is never replaced
        unfinished = real.with_name(f"{real.name}.making")
        for suffix in ("", "-journal"):
            unfinished.with_name(f"{unfinished.name}{suffix}").unlink(missing_ok=True)
        os.close(open_regular(unfinished, os.O_RDWR | os.O_CREAT | os.O_EXCL, _MODE))  # SQLite's own is 0644
        with closing(connect(unfinished, mode="rw", busy_timeout_ms=self.busy_timeout_ms)) as connection:
            connection.execute("PRAGMA synchronous=OFF")  # it is synced once, when it is complete
            make_tables(connection, is_simulated=self.is_simulated)
            connection.executemany(_INSERT_PROPERTY, properties.items())
        return unfinished

    def _apply_settings(self, connection: sqlite3.Connection) -> None:
        refused = apply_settings(
            connection,
            busy_timeout_ms=self.busy_timeout_ms,
            wal_checkpoint_pages=self.wal_checkpoint_pages,
        )
        for one in refused:
            self.journal.record(
                Level.WARNING, "store.setting_not_had", setting=one.name, wanted=one.wanted, got=one.got
            )
        if (problem := problem_of(self.path.parent)) is not None:
            self.journal.record(Level.WARNING, "store.synchronised_folder", reason=problem)


@contextmanager
def transaction_next_to_collector(opening: Opening, lock: DatabaseLock) -> Iterator[sqlite3.Connection]:
    """Write durably, while no other process of ours does. Raise `StoreError`.

    A simulated home's database is written to as well: the caller stores nothing that is a reading.
    """
    path = opening.path
    is_simulated_home = opening.is_simulated or is_simulated(path, busy_timeout_ms=opening.busy_timeout_ms)
    identity = None if is_simulated_home else opening.identity
    opening = attrs.evolve(opening, is_simulated=is_simulated_home, identity=identity)
    with store_errors(path):
        opening.prepare()
    with (
        store_errors(path),
        lock.held(),  # also while it is closed, which may checkpoint the log
        closing(opening.connection(may_rebuild=False)) as connection,
        transaction(connection),
    ):
        yield connection


def make_tables(connection: sqlite3.Connection, *, is_simulated: bool) -> None:
    """Make the tables by the steps of an upgrade, so that new and old databases come out the same."""
    add_ledger(connection, is_simulated=is_simulated)
    rebuild(connection)
    add_checksums(connection)
    add_air_readings(connection)
    drop_indexes(connection)
