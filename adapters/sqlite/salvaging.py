"""All that can still be read in a damaged file, merged into the database of the home."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import attrs

from adapters.sqlite.backup_merging import merge_backup
from adapters.sqlite.checking import Finding
from adapters.sqlite.checksums import Run, is_wrong, keyed_in, run_of
from adapters.sqlite.connection import connect
from adapters.sqlite.faults import told_apart
from adapters.sqlite.inspection import inspect
from adapters.sqlite.lock import DatabaseLock
from adapters.sqlite.opening import Opening
from adapters.sqlite.recovery import recover
from adapters.sqlite.safety_copy import require_room
from adapters.sqlite.soundness import first_fault, require_file
from domain.errors import StoreRefused
from domain.values import frozen

_COPIES = 3.0  # of the file: one to read, one of what is found in it, and that in the database
_SELECT_HAS_CHECKSUMS = "SELECT count(*) FROM sqlite_schema WHERE name = 'checksums'"
_SELECT_RUNS = "SELECT first_id, last_id, readings, crc FROM checksums ORDER BY first_id"
_SELECT_IS_SIMULATED = "SELECT value FROM properties WHERE name = 'is_simulated'"
_COUNT = "SELECT count(*) FROM readings"


@frozen(kw_only=True)
class Salvaged:
    """What came of it, counted in readings; `lost` are those that are known to have been there.

    `doubtful` are those that were merged although not all of them are what was stored: among the readings
    of a checksum nobody can tell which. `left_out` are the rows of other tables that are not what was stored.
    """

    read: int
    merged: int = 0
    lost: int = 0
    doubtful: Sequence[Finding] = ()
    left_out: Sequence[Finding] = ()


@frozen(kw_only=True)
class Salvaging:
    """Merges what damaged or older files hold; the collector may run, and the files stay as they are."""

    opening: Opening
    lock: DatabaseLock

    def merge(self, damaged: Path) -> Salvaged:
        """Merge every row that is not there yet; a second time changes nothing.

        Raises `StoreRefused` when it is none of this home's kind, and `StoreError`.
        """
        path = self.opening.path
        with told_apart(damaged):
            require_file(damaged)
        with told_apart(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            require_room(damaged, _COPIES)
            with TemporaryDirectory(prefix=f"{path.name}.salvaging-", dir=path.parent) as folder:
                found = self._readable(damaged, Path(folder))
                judged = _judged(found)
                self._bring_up_to_date()
                merged = merge_backup(
                    path, found, lock=self.lock, busy_timeout_ms=self.opening.busy_timeout_ms
                )
                return attrs.evolve(judged, merged=merged)

    def _readable(self, damaged: Path, folder: Path) -> Path:
        """A database that can be read from end to end, with what the damaged one holds."""
        copy = folder / "copy.db"
        for suffix in ("", "-wal", "-journal"):
            with suppress(FileNotFoundError):
                shutil.copyfile(f"{damaged}{suffix}", f"{copy}{suffix}")
        _take_in_log(copy)
        is_simulated = self.opening.is_simulated
        if first_fault(copy) is None:
            inspect(copy, is_simulated=is_simulated, busy_timeout_ms=0)
            return copy
        found = folder / "found.db"
        recover(copy, found, is_simulated=is_simulated)
        with closing(connect(found, mode="ro", busy_timeout_ms=0)) as connection:
            (value,) = connection.execute(_SELECT_IS_SIMULATED).fetchone()
        if value != str(int(is_simulated)):
            raise StoreRefused(f"{damaged} is of a simulated home, or of a real one where this is simulated")
        return found

    def _bring_up_to_date(self) -> None:
        with self.lock.held():
            self.opening.connection(relaxing=True).close()


def _take_in_log(copy: Path) -> None:
    """What was committed and is only in the log belongs to the file, if SQLite can still bring it there."""
    with suppress(sqlite3.Error), closing(connect(copy, mode="rw", busy_timeout_ms=0)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE").fetchall()


def _judged(found: Path) -> Salvaged:
    """What there is to be merged, once what must not be is taken out."""
    with closing(connect(found, mode="rw", busy_timeout_ms=0)) as connection:
        (read,) = connection.execute(_COUNT).fetchone()
        if not connection.execute(_SELECT_HAS_CHECKSUMS).fetchone()[0]:
            return Salvaged(read=read)
        left_out = _without_wrong_rows(connection)
        lost, doubtful = _doubts(connection)
    return Salvaged(read=read, lost=lost, doubtful=tuple(doubtful), left_out=tuple(left_out))


def _without_wrong_rows(connection: sqlite3.Connection) -> Sequence[Finding]:
    """Take the rows out that are not what was stored; which ones."""
    left_out = []
    for table in keyed_in(connection):
        for row in [row for row in connection.execute(table.select) if is_wrong(row)]:
            key = row[: len(table.key)]
            where = " ".join(str(value) for value in key)
            left_out.append(Finding(table=table.name, where=where, what="is not what was stored"))
            connection.execute(f"DELETE FROM {table.name}{table.where}", key)  # noqa: S608 - ours
    return left_out


def _doubts(connection: sqlite3.Connection) -> tuple[int, Sequence[Finding]]:
    """How many readings are known to be missing, and which are not all what was stored."""
    lost, doubtful = 0, []
    for stored in [Run(*row) for row in connection.execute(_SELECT_RUNS)]:
        present = run_of(connection, stored.first_id, stored.last_id)
        lost += max(0, stored.readings - present.readings)
        if present.readings == stored.readings and present.crc != stored.crc:
            where = f"ids {stored.first_id} to {stored.last_id} of the damaged file"
            doubtful.append(Finding(table="readings", where=where, what="not all are what was stored"))
    return lost, doubtful
