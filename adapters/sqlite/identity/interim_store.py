"""A store for a home whose database is missing, so that no reading is lost when it is found.

While the database is an interim one its cycles are kept outside it too: the person who finds the missing one
may put it over the interim one. A slot that the missing one may have is not collected again in its place, but
outside the schedule.
"""

from __future__ import annotations

from datetime import datetime

import attrs

from adapters.sqlite.identity.home_identity import HomeIdentity
from domain.cycle import CycleReport
from domain.device_settings import SettingsByDevice
from domain.errors import SpoolError, StoreMissing
from domain.progress import SourceProgress
from ports.journal import Journal, Level
from ports.spool import Spool
from ports.store import Store


class InterimStore:
    """Passes everything on to `store`; `kept` has the cycles, which go to `spool` once they are needed."""

    def __init__(
        self, store: Store, *, identity: HomeIdentity, kept: Spool, spool: Spool, journal: Journal
    ) -> None:
        self._store = store
        self._identity = identity
        self._kept = kept
        self._spool = spool
        self._journal = journal
        self._is_opened = False
        self._may_have_kept = True
        self._has_warned = False

    def open(self, *, checking: bool) -> None:
        self._store.open(checking=checking)
        self._is_opened = True
        self._hand_over()

    def append(self, report: CycleReport, *, waits: bool = True) -> CycleReport:
        stored = self._store.append(report, waits=waits)
        if self._identity.is_interim():
            self._keep(report)
        elif self._may_have_kept:
            self._hand_over()
        return stored

    def progress(self, source: str, at: datetime) -> SourceProgress:
        """Take a slot as stored that may be in the missing database: two readings of it could not be kept."""
        try:
            progress = self._store.progress(source, at)
        except StoreMissing:
            if self._is_opened or not self._identity.may_be_elsewhere(at):
                raise
            progress = SourceProgress()
        else:
            self._is_opened = True
        if not self._identity.may_be_elsewhere(at) or (progress.last_slot or at) > at:
            return progress
        return attrs.evolve(progress, last_slot=at, is_recorded=True, is_stored=True)

    def settings(self) -> SettingsByDevice:
        """Raise `StoreMissing` while an interim database has none: the settings are in the missing one."""
        settings = self._store.settings()
        if not settings.by_id and self._identity.is_interim():
            raise StoreMissing("the settings of devices are in the missing database. Bring it back")
        return settings

    def is_used(self, source: str, instant: datetime) -> bool:
        return self._store.is_used(source, instant)

    def close(self) -> None:
        self._store.close()

    def _keep(self, report: CycleReport) -> None:
        if not (report.outcomes or report.missed):
            return
        try:
            self._kept.add(report)
        except SpoolError as error:
            if not self._has_warned:
                self._has_warned = True
                self._journal.record(Level.WARNING, "store.interim_not_kept", error=str(error))
        else:
            self._may_have_kept = True

    def _hand_over(self) -> None:
        """Have the kept cycles stored if another database has taken the place of the interim one."""
        if not self._may_have_kept or self._identity.is_interim():
            return
        try:
            moved = self._kept.drain(lambda report: bool(self._spool.add(report)))
        except SpoolError as error:
            self._journal.record(Level.ERROR, "store.interim_not_merged", error=str(error))
            return
        self._may_have_kept = False
        if moved:
            self._journal.record(Level.WARNING, "store.interim_merged", cycles=moved)
