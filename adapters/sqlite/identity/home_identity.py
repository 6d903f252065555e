"""Which home a database belongs to, and what a missing one means.

A home has an id, in its database and in a marker outside the data folder. A home that has had a database is
never new: without it the disk is waited for, or an interim database takes its place until a person accepts
the loss.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from glob import escape
from pathlib import Path
from uuid import uuid4

import attrs

from adapters.files.home_marker import HomeMarker, Marker, is_dangling
from adapters.files.regular_file import reading
from adapters.sqlite.migration.inspection import HOME_ID, INTERIM_SINCE, Inspection
from domain.errors import StoreMissing
from ports.clock import Clock
from ports.journal import Journal, Level
from ports.state import Json, State

KNOWN = "store.known"  # state: the database that was opened before, and is therefore ours
MISSING = "store.missing"  # state: the database that is missing, and whether a backup is merged
_INSERT = "INSERT INTO properties (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING"
_REPLACE = """
INSERT INTO properties (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value
"""
_DELETE = "DELETE FROM properties WHERE name = ?"
_SELECT = "SELECT value FROM properties WHERE name = ?"
_BEGUN_AT = "begun_at"  # property of a database that replaces another: since when
_KEPT_COPIES = ("damaged-", "replaced-", "before-", "left-")  # and a time: kept by this program
_LOGS = ("-wal", "-journal")
_STORED = (b" store.made ", b" store.opened ", b" kept=stored ")  # what a journal has of a database
_STEPS = "put it back, or run `homeclimate db accept` to go on without it"


@attrs.define(kw_only=True)
class HomeIdentity:
    """The identity of the home whose database is at the path.

    `is_other_configuration` means that a person named another configuration than the home's own for this
    run: then a database of another name may be a new one. `journal_file` is where collectors log to.
    """

    path: Path
    marker: HomeMarker
    state: State
    journal: Journal
    clock: Clock
    is_other_configuration: bool = False
    journal_file: Path | None = None
    _has_warned: bool = attrs.field(default=False, init=False)
    _was_interim: bool = attrs.field(default=False, init=False)  # when it was opened last
    _begun_at: str | None = attrs.field(default=None, init=False)
    _started: datetime = attrs.field(
        default=attrs.Factory(lambda identity: identity.clock.now(), takes_self=True), init=False
    )

    def away(self) -> str | None:
        """Return why the place of the database is away, for a person; None if it is there."""
        reason = self.marker.absence(self.path)
        if (
            reason is None
            and self.marker.read() is None
            and is_dangling(self.path)
            and self.loss() is not None
        ):
            return f"{self.path} is a link to {os.path.realpath(self.path)}, which is not there"
        return reason

    def loss(self) -> str | None:
        """Return why there should be a database at the path, which has none; None for a new home."""
        marker, folder, name = self.marker.read(), self.path.parent, self.path.name
        was_here = "it was there before"
        if marker is not None:
            key = self.marker.name_of(self.path)
            if marker.home_id is None or key in marker.databases:
                return was_here
            if marker.databases and not self.is_other_configuration:
                others = ", ".join(str(self.marker.path_of(one)) for one in marker.databases)
                return f"until now this home's database was {others}"
        if self.state.get(KNOWN).get("path") == str(self.path.absolute()):
            return was_here
        if any((folder / "backups").glob(f"{escape(self.path.stem)}-*.db")):
            return f"there are backups of it in {folder / 'backups'}"
        if any(path for kept in _KEPT_COPIES for path in folder.glob(f"{escape(name)}.{kept}*")):
            return "there are copies of it"
        if any(self.path.with_name(f"{name}{suffix}").exists() for suffix in _LOGS):
            return "its log is there"
        # a new home whose first cycles could not be stored has a marker without a database
        if marker is None and any((folder / "spool").glob("*.jsonl")):
            return f"readings for it wait in {folder / 'spool'}"
        if marker is None and self.journal_file is not None and _tells_of_a_database(self.journal_file):
            return f"readings were stored before, as {self.journal_file} says"
        return None

    def is_ours(self) -> bool:
        """Return whether this home has opened a database at the path before."""
        if self.state.get(KNOWN).get("path") == str(self.path.absolute()):
            return True
        marker = self.marker.read()
        return marker is not None and self.marker.name_of(self.path) in marker.databases

    def foreign(self, found: Inspection) -> str | None:
        """Return why the database at the path is not this home's; None if it is, or if nothing is known."""
        marker = self.marker.read()
        if marker is None or marker.home_id is None or found.home_id in (None, marker.home_id):
            return None
        return f"{self.path} is the database of another home"

    def is_interim(self) -> bool:
        """Return whether the database that was opened is interim, and the loss is not accepted yet."""
        if not self._was_interim:
            return False
        missing = self.state.get(MISSING)
        return bool(missing) and not missing.get("accepted")

    def is_database_lost(self) -> bool:
        """Return whether the home's own database is missing, so that it may be found."""
        return self.is_interim() or (not self.path.exists() and self.loss() is not None)

    def may_be_elsewhere(self, slot: datetime) -> bool:
        """Return whether the slot may be in a database that was replaced, or that is away.

        One after the start of this process is not, whose lock on the source has kept others from it.
        """
        since = (self._begun_at, self.state.get(MISSING).get("at"))
        return slot <= self._started and any(
            slot <= instant for text in since if (instant := _instant(text)) is not None
        )

    def interim(self, found: Inspection) -> str | None:
        """Return what the interim database at the path replaces; None if it is the home's own."""
        if found.is_interim:
            return str(self.state.get(MISSING).get("reason") or f"{self.path} replaces one that is missing")
        return None

    def unmarked(self) -> str | None:
        """Return why the home has no marker, for a person; None if it has one or can get one."""
        if self.marker.read() is not None or self.marker.is_writable():
            return None
        return (
            "nothing outside the data folder shows that this home has a database, since no file can be made"
        )

    def require_place(self) -> None:
        """Raise `StoreMissing` if the place of the database is away."""
        if (reason := self.away()) is not None:
            self._refuse(reason, "mount the disk")

    def require_file(self) -> None:
        """Raise `StoreMissing` if the home has had a database, and the path leads to no file."""
        reason = self.away()
        if reason is None and not self.path.exists() and (loss := self.loss()) is not None:
            reason = f"{self.path} is missing; {loss}"
        if reason is not None:
            raise StoreMissing(f"{reason}. Mount its disk, or {_STEPS}")

    def require_own(self, found: Inspection) -> None:
        """Raise `StoreMissing` if the inspected database is that of another home."""
        if (reason := self.foreign(found)) is not None:
            self._refuse(reason, f"put this home's own there (newest backup: {self.path.parent / 'backups'})")

    def properties(self, *, is_replacement: bool) -> Mapping[str, str]:
        """Return the properties of a new database; report it if the home has lost its own.

        `is_replacement` means that the present one is known to be damaged, and is kept.
        """
        marker, reason = self.marker.read(), None if is_replacement else self.loss()
        if marker is None or marker.home_id is None:
            databases = {} if marker is None else marker.databases
            marker = Marker(home_id=uuid4().hex, databases=databases)
            self._save(marker)
        properties = {HOME_ID: str(marker.home_id)}
        if is_replacement or reason is not None:
            properties[_BEGUN_AT] = self.clock.now().isoformat()
        if reason is not None:
            properties[INTERIM_SINCE] = self._report_loss(f"{self.path} is missing; {reason}")
        return properties

    def adopt(self, connection: sqlite3.Connection) -> None:
        """Note the home in its database and in the marker; the caller holds the lock.

        A database without an id, in the place of one that had it, is another file: it becomes interim.
        """
        marker = self.marker.read()
        home_id = _property(connection, HOME_ID)
        if home_id is None:
            if marker is not None and marker.home_id and self.marker.name_of(self.path) in marker.databases:
                since = self._report_loss(f"{self.path} is another file than before")
                connection.execute(_INSERT, (INTERIM_SINCE, since))
            home_id = (marker and marker.home_id) or uuid4().hex
            connection.execute(_INSERT, (HOME_ID, home_id))
        is_interim = self._was_interim = _property(connection, INTERIM_SINCE) is not None
        self._begun_at = _property(connection, _BEGUN_AT)
        missing = self.state.get(MISSING)
        if is_interim and "finished" not in missing:
            self._report_loss(f"{self.path} replaces a database that is missing")
        elif not is_interim and missing and not (missing.get("accepted") and not missing.get("finished")):
            self.state.put(MISSING, {})
            self.journal.record(Level.WARNING, "store.found", path=str(self.path), was=missing.get("reason"))
        databases = {} if marker is None else marker.databases
        place = {self.marker.name_of(self.path): self.marker.place_of(self.path.parent)}
        self._save(Marker(home_id=home_id, databases={**databases, **place}))
        known: dict[str, Json] = {"path": str(self.path.absolute())}
        if self.state.get(KNOWN) != known:
            self.state.put(KNOWN, known)

    def claim(self, connection: sqlite3.Connection) -> None:
        """Make the database this home's own, also that of another home; the caller holds the lock."""
        marker = self.marker.read()
        if marker is not None and marker.home_id is not None:
            connection.execute(_REPLACE, (HOME_ID, marker.home_id))
        connection.execute(_DELETE, (INTERIM_SINCE,))

    def accept(self) -> None:
        """Note that a person has accepted the loss; a backup that is not merged yet still will be."""
        missing = self.state.get(MISSING)
        is_done = missing.get("finished", True)
        self.state.put(MISSING, {} if is_done else {**missing, "accepted": True})

    def forget_missing(self) -> None:
        """Note that nothing is missing any more."""
        if self.state.get(MISSING):
            self.state.put(MISSING, {})

    def leave_place(self) -> None:
        """Forget where the database was, since a person has declared that it will not come back there."""
        marker = self.marker.read()
        if marker is not None:
            databases = {**marker.databases, self.marker.name_of(self.path): None}
            self._save(attrs.evolve(marker, databases=databases))

    def _refuse(self, reason: str, step: str) -> None:
        """Report that the database is away, once, and raise `StoreMissing`."""
        if self.state.get(MISSING).get("reason") != reason:
            now = self.clock.now().isoformat()
            self.state.put(MISSING, {"at": now, "reason": reason})
            self.journal.record(Level.CRITICAL, "store.away", path=str(self.path), reason=reason)
        raise StoreMissing(
            f"{reason}. Nothing is made in its place: {step}, or run `homeclimate db accept` to go on there"
        )

    def _report_loss(self, reason: str) -> str:
        """Report that the database is lost, and have a backup merged; return since when."""
        since = self.clock.now().isoformat()
        # first: a process that is killed in between must not forget to merge the backup
        self.state.put(
            MISSING,
            {"at": since, "reason": reason, "restored_from": None, "merged_rows": 0, "finished": False},
        )
        self.journal.record(
            Level.CRITICAL,
            "store.missing",
            path=str(self.path),
            reason=reason,
            next=f"the newest sound backup is merged into a new database step by step; {_STEPS}",
        )
        return since

    def _save(self, marker: Marker) -> None:
        marker = self.marker.at_home(marker)
        if marker == self.marker.read():
            return
        try:
            self.marker.write(marker)
        except OSError as error:
            if not self._has_warned:
                self._has_warned = True
                self.journal.record(Level.WARNING, "home.not_marked", error=str(error))


def _property(connection: sqlite3.Connection, name: str) -> str | None:
    row = connection.execute(_SELECT, (name,)).fetchone()
    return None if row is None else str(row[0])


def _tells_of_a_database(journal_file: Path) -> bool:
    for path in (journal_file, journal_file.with_name(f"{journal_file.name}.1")):
        with suppress(OSError), reading(path) as file:
            if any(event in line for line in file for event in _STORED):
                return True
    return False


def _instant(text: Json) -> datetime | None:
    try:
        instant = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return instant if instant is not None and instant.tzinfo is not None else None
