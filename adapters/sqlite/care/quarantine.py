"""A damaged database is kept under a name that says when, and a new one begins in its place."""

from __future__ import annotations

import os
from pathlib import Path

import attrs

from adapters.sqlite.care.file_swap import name_for, replace
from adapters.sqlite.care.integrity import first_fault, structural_fault
from adapters.sqlite.database_lock import DatabaseLock
from adapters.sqlite.errors import told_apart
from adapters.sqlite.opening import Opening
from ports.journal import Level
from ports.state import State

ASIDE = "store.aside"  # the last one that was put aside, and how far its backup has been merged
_KNOWN = "store.known"  # what has been opened before, and is therefore ours


@attrs.frozen(kw_only=True)
class Aside:
    """Puts the database at the opening's path aside, only when it is damaged and was once opened by us."""

    opening: Opening
    lock: DatabaseLock
    state: State

    @property
    def path(self) -> Path:
        return self.opening.path

    def remember(self) -> None:
        """That what is at the path is ours: from now on it may be put aside."""
        known = {"path": str(self.path.absolute())}
        if self.state.get(_KNOWN) != known:
            self.state.put(_KNOWN, known)

    def is_ours(self) -> bool:
        """Whether what is at the path was opened before."""
        return self.state.get(_KNOWN).get("path") == str(self.path.absolute())

    def mended(self, *, thoroughly: bool) -> bool:
        """Whether there is a sound database of ours now: it was no damage, or a new one has begun."""
        if not self.is_ours():
            return False
        self.put_aside(thoroughly=thoroughly)
        return True

    def put_aside(self, *, thoroughly: bool) -> Path | None:
        """Put the file aside if it is damaged; where it is kept.

        A fresh connection decides, which takes as long as reading the whole file; `thoroughly` counts an
        index that does not fit as damage too. Raises `StoreError`; then the file stands where it was.
        """
        with told_apart(self.path):
            if not self.path.exists():  # somebody has moved it away: a new one begins
                return None
            seen = self.path.stat()
        fault = structural_fault(self.path) or (first_fault(self.path) if thoroughly else None)
        if fault is None:
            return None
        with told_apart(self.path), self.lock.held():
            if not os.path.samestat(seen, self.path.stat()):
                return None  # another process has done it meanwhile
            return self._replaced(fault)

    def _replaced(self, fault: str) -> Path:
        now = self.opening.clock.now()
        kept = name_for(self.path, label="damaged", now=now)
        new = self.opening.made()
        aside = {"at": now.isoformat(), "kept_as": str(kept)}
        # before it happens: whoever is killed in between must not forget to merge the backup
        self.state.put(ASIDE, {**aside, "restored_from": None, "merged_rows": 0, "finished": False})
        replace(self.path, new, kept)
        self.opening.journal.record(
            Level.CRITICAL,
            "store.moved_aside",
            path=str(self.path),
            kept_as=str(kept),
            reason=fault,
            next="the newest sound backup is merged into a new database by and by; for the rest: "
            f"homeclimate db salvage {kept}",
        )
        return kept
