"""A backup in the place of the database."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from adapters.sqlite.backup import belong_like, verified_copy
from adapters.sqlite.checking import findings
from adapters.sqlite.connection import connect
from adapters.sqlite.faults import told_apart
from adapters.sqlite.inspection import inspect
from adapters.sqlite.lock import DatabaseLock
from adapters.sqlite.replacing import finish, name_for, replace
from adapters.sqlite.soundness import require_file, structural_fault
from domain.errors import StoreCorrupt, StoreError
from domain.values import frozen
from ports.clock import Clock

_LOCK_WAIT_S = 10.0
_SELECT_CONTENTS = "SELECT count(*), max(timestamp) FROM readings"


@frozen(kw_only=True)
class Restoring:
    """Puts sound backups in the place of the database at the path, which is kept."""

    path: Path
    clock: Clock
    is_simulated: bool
    busy_timeout_ms: int

    def check(self, backup: Path) -> tuple[str, ...]:
        """The values in it that are not what was stored.

        Raises `StoreRefused` when it is none of this home's kind, `StoreCorrupt` when the file is damaged.
        """
        with told_apart(backup):
            require_file(backup)
            inspect(backup, is_simulated=self.is_simulated, busy_timeout_ms=self.busy_timeout_ms)
        found = findings(backup, busy_timeout_ms=self.busy_timeout_ms)
        if faults := [str(finding) for finding in found if finding.is_structural]:
            raise StoreCorrupt(
                f"{backup} is damaged ({faults[0]}). Take another backup; nothing has been changed"
            )
        return tuple(str(finding) for finding in found)

    def restore(self, backup: Path) -> Path | None:
        """Put a copy of the checked backup there; where the present one is kept, None if there was none."""
        with told_apart(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            aside = self.path.with_name(f"{self.path.name}.restoring")
            new = verified_copy(backup, aside, busy_timeout_ms=self.busy_timeout_ms).file
            lock = DatabaseLock(self.path.with_name(f"{self.path.name}.lock"), wait_s=_LOCK_WAIT_S)
            try:
                with lock.held():
                    finish(self.path)
                    return self._replaced(new)
            finally:
                lock.close()
                new.unlink(missing_ok=True)

    def contents(self, path: Path) -> str:
        """What a database holds, for a person."""
        with (
            told_apart(path),
            closing(connect(path, mode="ro", busy_timeout_ms=self.busy_timeout_ms)) as found,
        ):
            count, newest = found.execute(_SELECT_CONTENTS).fetchone()
        return f"{count} readings, the newest of {newest}" if count else "no readings"

    def _replaced(self, new: Path) -> Path | None:
        was_there = self.path.exists()
        belong_like(new, self.path if was_there else self.path.parent)
        if was_there:
            self._empty_log()
        kept = name_for(self.path, label="replaced", now=self.clock.now())
        replace(self.path, new, kept)
        return kept if was_there else None

    def _empty_log(self) -> None:
        """So that the present file is whole by itself at every instant; one that is damaged goes as it is."""
        with suppress(sqlite3.Error, StoreError):
            if structural_fault(self.path) is None:
                with closing(connect(self.path, mode="rw", busy_timeout_ms=self.busy_timeout_ms)) as present:
                    present.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
