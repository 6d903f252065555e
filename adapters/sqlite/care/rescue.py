"""Rescue of the rows of an open database, when its path no longer leads to all of them.

They are copied through the connection that still has them, since no other process can reach them. The copy
takes the place of the file, or is merged into the one that is there now.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from pathlib import Path

import attrs

from adapters.files.unfinished import temporary_folder
from adapters.sqlite.backup.restoring import merge_backup
from adapters.sqlite.care.file_swap import free_name, replace
from adapters.sqlite.care.verification import check, structural_fault
from adapters.sqlite.connection import connect
from adapters.sqlite.database_lock import DatabaseLock
from adapters.sqlite.errors import error_name, store_errors
from adapters.sqlite.migration.durable_copy import fsync, rename_durably
from adapters.sqlite.migration.inspection import inspect
from adapters.sqlite.open_files import Condition, OpenFiles
from adapters.sqlite.rows.readings import count_readings
from domain.errors import StoreCorrupt, StoreFull
from ports.clock import Clock

LABEL = "rescued"
_LOGS = ("-wal", "-shm", "-journal")
_SPARE_BYTES = 8 * 1024 * 1024
_PIECE_BYTES = 1024 * 1024
_UNREADABLE = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_IOERR_SHORT_READ", "SQLITE_IOERR_READ")


@attrs.frozen(kw_only=True)
class Rescued:
    """How many readings the open database and the file at the path had, and how many were merged.

    `held` is None if what was open could not be read. `is_whole` unless the open database was itself in the
    place of a missing one.
    """

    held: int | None
    found: int
    merged: int
    is_whole: bool = True

    def __str__(self) -> str:
        held = "cannot be read whole" if self.held is None else f"has {self.held:,}"
        return (
            f"{self.merged:,} readings were merged: the database that was open {held}, "
            f"the file at its path had {self.found:,}"
        )


@attrs.frozen(kw_only=True)
class Rescue:
    """Rescues the database whose files were `files`; `connection` has them open, and is left open.

    Takes as long as copying the file does. `lock` is not used by another thread.
    """

    connection: sqlite3.Connection
    files: OpenFiles
    lock: DatabaseLock
    clock: Clock
    busy_timeout_ms: int

    def put_back(self, condition: Condition, note_kept: Callable[[Path], None]) -> Rescued | None:
        """Put a file with all rows at the path; None if the path has changed since. Raise `StoreError`.

        What another process has stored in the file without its log is merged too. What is at the path and is
        no database is kept, and what was written over: rows may lack then that only a backup has. Its name is
        passed to `note_kept` before.
        """
        real = Path(os.path.realpath(self.files.path))
        has_file = condition in (Condition.LOG_LOST, Condition.LOG_CUT, Condition.OVERWRITTEN)
        with store_errors(real), self.lock.held():
            if self.files.condition() is not condition:
                return None
            self._require_room(real)
            with _temporary_folder(real) as folder:
                held, found = folder / "open.db", folder / "found.db"
                is_held = condition is not Condition.LOG_CUT and self._copy_open(held)
                if condition is Condition.OVERWRITTEN:  # what is not in memory may come from another file
                    is_held = is_held and not check(held, busy_timeout_ms=self.busy_timeout_ms)
                is_found = has_file and self._copy_files(
                    found, with_log=condition is not Condition.OVERWRITTEN
                )
                if not is_held and not is_found:
                    raise StoreCorrupt(
                        f"what was in {real} cannot be read any more. Put a backup in its place"
                    )
                best = held if is_held else found
                counts = _count(held) if is_held else None, _count(found) if is_found else 0
                merged = _merge(held, found, self.busy_timeout_ms) if is_held and is_found else 0
                self._give_permissions(best)
                kept = free_name(real, label="replaced", now=self.clock.now())
                if condition is Condition.OVERWRITTEN:
                    note_kept(kept)
                replace(real, best, kept)
                if condition is Condition.DELETED or (
                    condition is not Condition.OVERWRITTEN and is_held and is_found
                ):  # all of it is in the new file
                    _remove(kept)
        return Rescued(held=counts[0], found=counts[1], merged=merged)

    def save(self, real: Path) -> Path:
        """Copy the rows to a file next to the one that is to get them. Raise `StoreError`."""
        with store_errors(real):
            self._require_room(real)
            with _temporary_folder(real) as folder:
                held = folder / "open.db"
                if not self._copy_open(held):
                    raise StoreCorrupt(
                        f"what was in {self.files.real} cannot be read any more. Merge a backup instead"
                    )
                self._give_permissions(held)
                saved = free_name(real, label=LABEL, now=self.clock.now())
                rename_durably(held, saved)
        return saved

    def _copy_open(self, copy: Path) -> bool:
        """Copy what the connection has; return whether that is sound."""
        if self.connection.in_transaction:
            self.connection.rollback()
        try:
            self.connection.execute("VACUUM INTO ?", (str(copy),))
        except sqlite3.Error as error:
            if error_name(error).startswith(_UNREADABLE):
                return False
            raise
        fsync(copy)
        return structural_fault(copy) is None

    def _copy_files(self, copy: Path, *, with_log: bool) -> bool:
        """Copy the file at the path, and its present log, byte by byte; return whether that is sound.

        No connection of this process could look at it: SQLite would share the index of the open one.
        """
        source = self.files.descriptor()
        if source is None:
            return False
        with copy.open("wb") as target:
            offset = 0
            while piece := os.pread(source, _PIECE_BYTES, offset):
                target.write(piece)
                offset += len(piece)
        if with_log:
            with suppress(FileNotFoundError):
                shutil.copyfile(f"{self.files.real}-wal", f"{copy}-wal")
        try:
            with closing(connect(copy, mode="rw", busy_timeout_ms=self.busy_timeout_ms)) as connection:
                connection.execute("PRAGMA journal_mode=DELETE").fetchall()
        except sqlite3.Error as error:
            if error_name(error).startswith(_UNREADABLE):
                return False
            raise
        fsync(copy)
        return structural_fault(copy) is None

    def _require_room(self, real: Path) -> None:
        descriptor = self.files.descriptor()
        size = 0 if descriptor is None else os.fstat(descriptor).st_size
        free = shutil.disk_usage(real.parent).free
        if free < 2 * size + _SPARE_BYTES:
            raise StoreFull(
                f"{real} must be copied from memory, for which its disk has no room "
                f"({free / 1e6:.0f} MB free). Make room; until then keep this process running"
            )

    def _give_permissions(self, copy: Path) -> None:
        status = self.files.status
        copy.chmod(status.st_mode & 0o666)
        if os.geteuid() == 0:
            os.chown(copy, status.st_uid, status.st_gid)


def merge_saved(path: Path, saved: Path, *, lock: DatabaseLock, busy_timeout_ms: int) -> Rescued:
    """Merge a saved file into the database at the path, and remove it. Raise `StoreError`."""
    with store_errors(path):
        held, found = _count(saved), _count(path)
        is_whole = not inspect(saved, is_simulated=None, busy_timeout_ms=busy_timeout_ms).is_interim
    merged = merge_backup(path, saved, lock=lock, busy_timeout_ms=busy_timeout_ms)
    with store_errors(saved):
        saved.unlink()
    return Rescued(held=held, found=found, merged=merged, is_whole=is_whole)


def saved_files(real: Path) -> list[Path]:
    """Return the saved files that still have to be merged, also those of killed processes."""
    prefix = f"{real.name}.{LABEL}-"
    try:
        return sorted(path for path in real.parent.iterdir() if path.name.startswith(prefix))
    except OSError:
        return []


class _Unshared(DatabaseLock):
    """The lock of a file that no other process knows."""

    @contextmanager
    def held(self, *, waits: bool = True) -> Iterator[None]:  # noqa: ARG002 - there is nobody to wait for
        yield


def _merge(path: Path, other: Path, busy_timeout_ms: int) -> int:
    merged = merge_backup(path, other, lock=_Unshared(path, wait_s=0), busy_timeout_ms=busy_timeout_ms)
    fsync(path)
    return merged


def _count(path: Path) -> int:
    with closing(connect(path, mode="ro", busy_timeout_ms=5000)) as connection:
        return count_readings(connection)


def _temporary_folder(real: Path) -> AbstractContextManager[Path]:
    """A folder for copies on the disk of the file; the next opening removes what a killed process leaves."""
    return temporary_folder(real.with_name(f"{real.name}.rescuing"))


def _remove(path: Path) -> None:
    for suffix in ("", *_LOGS):
        path.with_name(f"{path.name}{suffix}").unlink(missing_ok=True)
