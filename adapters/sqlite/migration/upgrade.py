"""Bringing an existing database up to date: what must be done before it is used, and what can be put off."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path

import attrs

from adapters.sqlite.connection import connect
from adapters.sqlite.errors import error_name
from adapters.sqlite.migration.durable_copy import made_durable, proven_copy, require_room
from adapters.sqlite.migration.inspection import inspect
from adapters.sqlite.migration.migrations import (
    CHECKSUMMED,
    LEDGER,
    PRUNED,
    RELAXED,
    add_checksums,
    add_ledger,
    lacks_checksums,
    user_version,
)
from adapters.sqlite.migration.table_rebuild import is_relaxed, prune, relax, superfluous
from domain.errors import StoreError
from ports.clock import Clock
from ports.journal import Journal, Level

# How many times the file the rebuilding takes for a while: the new table beside the old one, the log of all
# that is written and freed, and what is sorted for the indexes. Measured: 2.1 with a WAL, 1.6 without.
_REBUILDING = 2.5


@attrs.frozen(kw_only=True)
class Upgrade:
    """How this process brings the database up to date. All of it happens while the caller holds the lock."""

    path: Path
    is_simulated: bool
    busy_timeout_ms: int
    journal: Journal
    clock: Clock

    def run(self, *, relaxing: bool) -> None:
        """Take the steps that are missing, the one that can wait only if `relaxing`.

        Raises what SQLite, the system and the inspection raise; then nothing has changed.
        """
        found = inspect(self.path, is_simulated=self.is_simulated, busy_timeout_ms=self.busy_timeout_ms)
        if found.version < LEDGER:
            self._add_ledger(is_from_before=found.is_from_before)
        if found.version < RELAXED and relaxing:
            self._relax_or_put_off(is_copied=found.is_from_before)
        if found.version < CHECKSUMMED:
            self._add_checksums()
        if found.version < PRUNED and relaxing:
            self._prune_or_put_off()

    def _add_ledger(self, *, is_from_before: bool) -> None:
        if not is_from_before:
            with closing(self._connection()) as connection:
                add_ledger(connection, is_simulated=self.is_simulated)
            return
        require_room(self.path, 1.0)
        with self._copied("before-homeclimate", LEDGER) as keep, closing(self._connection()) as connection:
            add_ledger(connection, is_simulated=self.is_simulated, before_commit=keep)

    def _relax_or_put_off(self, *, is_copied: bool) -> None:
        """A home that collected goes on collecting, whatever comes in the way here."""
        try:
            with closing(self._connection()) as connection:
                self._relax(connection, is_copied=is_copied)
        except Exception as error:  # noqa: BLE001 - the isolation boundary: not even a bug of ours stops a home
            until = "the next start; meanwhile the ledger keeps what the table refuses"
            self._put_off("store.relaxing_put_off", error, until)

    def _relax(self, connection: sqlite3.Connection, *, is_copied: bool) -> None:
        has_rows = connection.execute("SELECT EXISTS (SELECT 1 FROM readings)").fetchone()[0]
        if is_relaxed(connection) or not has_rows:
            relax(connection)
            return
        require_room(self.path, _REBUILDING if is_copied else _REBUILDING + 1.0)
        self.journal.record(Level.INFO, "store.relaxing", path=str(self.path))
        if is_copied:
            relax(connection)
        else:
            with self._copied("before-format-2", RELAXED) as keep:
                relax(connection, before_commit=keep)
        self.journal.record(Level.INFO, "store.relaxed", path=str(self.path))

    def _add_checksums(self) -> None:
        with closing(self._connection()) as connection:
            if user_version(connection) >= RELAXED or lacks_checksums(connection):
                add_checksums(connection)

    def _prune_or_put_off(self) -> None:
        """No copy is needed: an index is made of the rows, and these are not touched."""
        try:
            with closing(self._connection()) as connection:
                if user_version(connection) < CHECKSUMMED:
                    return  # the rebuilding, which was put off, sees to it
                dropped = superfluous(connection)
                prune(connection)
        except Exception as error:  # noqa: BLE001 - the isolation boundary: as above
            self._put_off("store.pruning_put_off", error, "the next start; the file only stays larger")
        else:
            if dropped:
                self.journal.record(
                    Level.INFO, "store.pruned", path=str(self.path), indexes=", ".join(dropped)
                )

    def _put_off(self, event: str, error: Exception, until: str) -> None:
        self.journal.record(Level.WARNING, event, path=str(self.path), reason=_said(error), until=until)

    @contextmanager
    def _copied(self, label: str, version: int) -> Iterator[Callable[[], object]]:
        """A proven copy, and how to keep it: it gets its name just before the step to `version` is committed.

        So a step that is interrupted and begun again and again leaves no heap of copies behind.
        """
        self.journal.record(Level.INFO, "store.copying", path=str(self.path), bytes=self.path.stat().st_size)
        final = self._free_name(f"{self.path.name}.{label}-{self.clock.now():%Y%m%dT%H%M%SZ}")
        with proven_copy(self.path, busy_timeout_ms=self.busy_timeout_ms) as copy:
            try:
                yield lambda: made_durable(copy, final)
            except BaseException:
                if self._is_before(version):
                    final.unlink(missing_ok=True)  # nothing has been changed, and the next try makes its own
                raise
        self.journal.record(Level.INFO, "store.copied", path=str(self.path), copy=str(final))

    def _free_name(self, name: str) -> Path:
        """That name, or the first with a number: no copy ever takes the place of another."""
        names = (self.path.with_name(f"{name}-{number}" if number > 1 else name) for number in count(1))
        return next(path for path in names if not path.exists())

    def _is_before(self, version: int) -> bool:
        try:
            with closing(self._connection()) as connection:
                return user_version(connection) < version
        except sqlite3.Error:
            return False

    def _connection(self) -> sqlite3.Connection:
        return connect(self.path, mode="rw", busy_timeout_ms=self.busy_timeout_ms)


def _said(error: Exception) -> str:
    if isinstance(error, StoreError):
        return str(error)
    kind = error_name(error) if isinstance(error, sqlite3.Error) else ""
    return f"{kind or type(error).__name__}: {error}"
