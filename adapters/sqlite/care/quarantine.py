"""Quarantine: a damaged database is kept under another name, and a new one begins in its place."""

from __future__ import annotations

import os
import shlex
from datetime import datetime
from pathlib import Path

import attrs

from adapters.sqlite.care.file_swap import free_name, replace
from adapters.sqlite.care.verification import first_fault, structural_fault
from adapters.sqlite.database_lock import DatabaseLock
from adapters.sqlite.errors import store_errors
from adapters.sqlite.opening import Opening
from ports.journal import Journal, Level
from ports.state import State

QUARANTINED = "store.aside"  # state: the last database put in quarantine, and whether its backup is merged
_KNOWN = "store.known"  # state: the database that was opened before, and is therefore ours


@attrs.frozen(kw_only=True)
class DatabaseQuarantine:
    """Puts the database in quarantine if it is damaged; only one that this home has opened before."""

    opening: Opening
    lock: DatabaseLock
    state: State

    def remember(self) -> None:
        """Remember that the database at the path is ours."""
        known = {"path": str(self.opening.path.absolute())}
        if self.state.get(_KNOWN) != known:
            self.state.put(_KNOWN, known)

    def is_ours(self) -> bool:
        """Return whether the database at the path was opened before."""
        if self.opening.identity is not None:
            return self.opening.identity.is_ours()
        return self.state.get(_KNOWN).get("path") == str(self.opening.path.absolute())

    def ensure_sound(self, *, thoroughly: bool) -> bool:
        """Return whether the database is ours, and sound now: it was not damaged, or a new one has begun."""
        if not self.is_ours():
            return False
        self.replace_if_damaged(thoroughly=thoroughly)
        return True

    def replace_if_damaged(self, *, thoroughly: bool) -> Path | None:
        """Replace a damaged database by a new one; return where it is kept, None if it is not damaged.

        A new connection decides by reading the whole file; with `thoroughly` an index that does not match
        counts as damage. Raises `StoreError`; then the file is where it was.
        """
        path = self.opening.path
        with store_errors(path):
            if not path.exists():  # it was moved away: a new one begins
                return None
            checked = path.stat()
        fault = structural_fault(path) or (first_fault(path) if thoroughly else None)
        if fault is None:
            return None
        with store_errors(path), self.lock.held():
            if not os.path.samestat(checked, path.stat()):
                return None  # another process has replaced it meanwhile
            return self._replace(fault)

    def _replace(self, fault: str) -> Path:
        path, now = self.opening.path, self.opening.clock.now()
        kept = free_name(path, label="damaged", now=now)
        new = self.opening.make(is_replacement=True)
        note_aside(self.state, kept, now)
        replace(path, new, kept)
        report_aside(self.opening.journal, path, kept, fault)
        return kept


def note_aside(state: State, kept: Path, now: datetime) -> None:
    """Note that the database is going to be kept under that name, and a backup to be merged.

    Call it first: a process that is killed in between must not forget to merge the backup.
    """
    record = {"at": now.isoformat(), "kept_as": str(kept)}
    state.put(QUARANTINED, {**record, "restored_from": None, "merged_rows": 0, "finished": False})


def report_aside(journal: Journal, path: Path, kept: Path, reason: str) -> None:
    """Report that the database is kept under that name."""
    journal.record(
        Level.CRITICAL,
        "store.moved_aside",
        path=str(path),
        kept_as=str(kept),
        reason=reason,
        next="the newest sound backup is merged into a new database step by step; for the rest: "
        f"homeclimate db salvage {shlex.quote(str(kept))}",
    )
