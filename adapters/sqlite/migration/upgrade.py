"""The upgrade of an existing database: the steps that it needs before use, and those that can wait."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path

import attrs

from adapters.sqlite.connection import connect
from adapters.sqlite.errors import error_name
from adapters.sqlite.migration.durable_copy import rename_durably, require_room, verified_copy_beside
from adapters.sqlite.migration.inspection import Inspection
from adapters.sqlite.migration.migrations import (
    CHECKSUMMED,
    INDEXED,
    LEDGER,
    REBUILT,
    add_air_readings,
    add_checksums,
    add_ledger,
    lacks_air_readings,
    lacks_checksums,
    user_version,
)
from adapters.sqlite.migration.table_rebuild import (
    drop_indexes,
    needs_rebuild,
    rebuild,
    superfluous_indexes,
)
from domain.errors import StoreError
from ports.clock import Clock
from ports.journal import Journal, Level

# How many times the file the rebuild takes for a while: the new table, the log of all that is written, and
# what is sorted for the indexes. Measured: 2.1 with a WAL, 1.6 without.
_REBUILD_ROOM = 2.5


@attrs.frozen(kw_only=True)
class Upgrade:
    """How this process upgrades the database; the caller holds the lock meanwhile."""

    path: Path
    is_simulated: bool
    busy_timeout_ms: int
    journal: Journal
    clock: Clock

    def run(self, found: Inspection, *, may_rebuild: bool) -> None:
        """Take the steps that the inspected database lacks, the long ones only if it `may_rebuild`.

        Raises what SQLite and the system raise; then nothing has changed.
        """
        if found.version < LEDGER:
            self._add_ledger(is_from_before=found.is_from_before)
        if found.version < REBUILT and may_rebuild:
            with self._put_off_on_error(
                "store.relaxing_put_off", "the next start; meanwhile the ledger keeps what the table refuses"
            ):
                self._rebuild(is_copied=found.is_from_before)
        if found.version < CHECKSUMMED:
            with self._connection() as connection:
                if user_version(connection) >= REBUILT or lacks_checksums(connection):
                    add_checksums(connection)
        with self._connection() as connection:
            if lacks_air_readings(connection):
                add_air_readings(connection)
        if found.version < INDEXED and may_rebuild:
            with self._put_off_on_error(
                "store.pruning_put_off", "the next start; the file only stays larger"
            ):
                self._drop_indexes()

    def _add_ledger(self, *, is_from_before: bool) -> None:
        if not is_from_before:
            with self._connection() as connection:
                add_ledger(connection, is_simulated=self.is_simulated)
            return
        require_room(self.path, 1.0)
        with self._copy("before-homeclimate", LEDGER) as keep, self._connection() as connection:
            add_ledger(connection, is_simulated=self.is_simulated, before_commit=keep)

    def _rebuild(self, *, is_copied: bool) -> None:
        with self._connection() as connection:
            (has_rows,) = connection.execute("SELECT EXISTS (SELECT 1 FROM readings)").fetchone()
            if not needs_rebuild(connection) or not has_rows:
                rebuild(connection)
                return
            require_room(self.path, _REBUILD_ROOM if is_copied else _REBUILD_ROOM + 1.0)
            self.journal.record(Level.INFO, "store.relaxing", path=str(self.path))
            if is_copied:
                rebuild(connection)
            else:
                with self._copy("before-format-2", REBUILT) as keep:
                    rebuild(connection, before_commit=keep)
        self.journal.record(Level.INFO, "store.relaxed", path=str(self.path))

    def _drop_indexes(self) -> None:
        """Make no copy: an index is made from the rows, and these are not touched."""
        with self._connection() as connection:
            if user_version(connection) < CHECKSUMMED:
                return  # the rebuild was put off, and drops them too
            dropped = superfluous_indexes(connection)
            drop_indexes(connection)
        if dropped:
            self.journal.record(Level.INFO, "store.pruned", path=str(self.path), indexes=", ".join(dropped))

    @contextmanager
    def _put_off_on_error(self, event: str, until: str) -> Iterator[None]:
        """Let a home that collected collect on after any error of a long step."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - the isolation boundary: not even a bug of ours stops a home
            kind = error_name(error) if isinstance(error, sqlite3.Error) else ""
            reason = (
                str(error) if isinstance(error, StoreError) else f"{kind or type(error).__name__}: {error}"
            )
            self.journal.record(Level.WARNING, event, path=str(self.path), reason=reason, until=until)

    @contextmanager
    def _copy(self, label: str, version: int) -> Iterator[Callable[[], object]]:
        """A verified copy; the function names it, just before the step to `version` is committed.

        So a step that is interrupted and started again leaves no heap of copies.
        """
        self.journal.record(Level.INFO, "store.copying", path=str(self.path), bytes=self.path.stat().st_size)
        final = self._free_name(f"{self.path.name}.{label}-{self.clock.now():%Y%m%dT%H%M%SZ}")
        with verified_copy_beside(self.path, busy_timeout_ms=self.busy_timeout_ms) as copy:
            try:
                yield lambda: rename_durably(copy, final)
            except BaseException:
                if self._is_before(version):
                    final.unlink(missing_ok=True)  # nothing has changed, and the next try makes its own
                raise
        self.journal.record(Level.INFO, "store.copied", path=str(self.path), copy=str(final))

    def _free_name(self, name: str) -> Path:
        """Return that name, or the first free one with a number: no copy replaces another."""
        names = (self.path.with_name(f"{name}-{number}" if number > 1 else name) for number in count(1))
        return next(path for path in names if not path.exists())

    def _is_before(self, version: int) -> bool:
        try:
            with self._connection() as connection:
                return user_version(connection) < version
        except sqlite3.Error:
            return False

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        with closing(connect(self.path, mode="rw", busy_timeout_ms=self.busy_timeout_ms)) as connection:
            yield connection
