"""What a person decides about a database that is missing: its loss is accepted, or the home begins again."""

from __future__ import annotations

from contextlib import closing, suppress
from pathlib import Path

import attrs

from adapters.files.regular_file import make_folder
from adapters.sqlite.backup.restoring import put_in_place
from adapters.sqlite.care.file_swap import finish_replacing
from adapters.sqlite.care.quarantine import QUARANTINED
from adapters.sqlite.connection import connect
from adapters.sqlite.database_lock import DatabaseLock
from adapters.sqlite.errors import store_errors
from adapters.sqlite.identity.home_identity import HomeIdentity
from adapters.sqlite.migration.inspection import inspect
from adapters.sqlite.opening import Opening
from domain.errors import SpoolError, StoreMissing
from ports.spool import Spool


@attrs.frozen(kw_only=True)
class Renewal:
    """Goes on without the database that the home had; raises `StoreError`."""

    opening: Opening
    lock: DatabaseLock
    identity: HomeIdentity
    kept: Spool  # the cycles in an interim database

    def accept(self) -> str | None:
        """Accept the loss; return what was accepted, None if nothing is missing. A collector may run.

        From now on any database at the path is the home's own, and a missing one is made.
        """
        path, identity = self.opening.path, self.identity
        with store_errors(path):
            reason = identity.away()
            if reason is not None:
                self._leave_place(reason)
            is_there = path.exists()
            if not is_there and (reason := reason or identity.loss()) is None:
                return None
            with self.lock.held():
                if is_there:
                    found = inspect(
                        path,
                        is_simulated=self.opening.is_simulated,
                        busy_timeout_ms=self.opening.busy_timeout_ms,
                    )
                    if (reason := identity.foreign(found)) is not None:
                        self._claim(path)
                    elif (reason := identity.interim(found)) is None:
                        return None
                with closing(self.opening.connection(may_rebuild=False)) as connection:
                    identity.claim(connection)
                    identity.accept()
                    self._drop_kept()
        return reason

    def begin_again(self) -> Path | None:
        """Put a new database at the path; return where the present one is kept, if there was one.

        The caller keeps collectors from starting.
        """
        path, identity = self.opening.path, self.identity
        with store_errors(path):
            if (reason := identity.away()) is not None:
                self._leave_place(reason)
            make_folder(path.parent)
            with self.lock.held():
                finish_replacing(path)
                new = self.opening.make(is_replacement=True)
                busy_timeout_ms = self.opening.busy_timeout_ms
                kept = put_in_place(path, new, clock=self.opening.clock, busy_timeout_ms=busy_timeout_ms)
                if quarantined := identity.state.get(QUARANTINED):
                    identity.state.put(QUARANTINED, {**quarantined, "finished": True})
                with closing(self.opening.connection(may_rebuild=False)):
                    identity.forget_missing()
                    self._drop_kept()
        return kept

    def _drop_kept(self) -> None:
        with suppress(SpoolError):  # rows that are stored already are stored again then, to no effect
            self.kept.drain(lambda _: True)

    def _leave_place(self, reason: str) -> None:
        """Let the present place be the home's, unless a link leads to nothing."""
        self.identity.leave_place()
        if self.identity.away() is not None:
            raise StoreMissing(f"{reason}. Remove the link, or have it point to a folder; nothing is changed")
        make_folder(self.opening.path.parent)

    def _claim(self, path: Path) -> None:
        busy_timeout_ms = self.opening.busy_timeout_ms
        with closing(connect(path, mode="rw", busy_timeout_ms=busy_timeout_ms)) as connection:
            self.identity.claim(connection)
            self.identity.forget_missing()
