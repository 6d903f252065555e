"""Backups: copies that are complete, verified and durable before they have their name."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC
from pathlib import Path

import attrs

from adapters.files.unfinished import remove_leftovers, remove_unlocked, unfinished_file
from adapters.sqlite.backup.folder import STAMP, BackupFolder
from adapters.sqlite.care.verification import Finding, check, require_file
from adapters.sqlite.connection import connect
from adapters.sqlite.errors import store_errors
from adapters.sqlite.migration.durable_copy import rename_durably
from adapters.sqlite.open_files import require_whole
from adapters.sqlite.wal import size_bytes
from domain.errors import StoreCorrupt, StoreError, StoreFull
from ports.clock import Clock

_KEPT_FREE = 0.1  # of the disk: readings need room more than their copies do
_FOLDER_PERMISSIONS, _FILE_PERMISSIONS = 0o777, 0o666


@attrs.frozen(kw_only=True)
class Backup:
    """A copy of a database that can be read as a whole. The findings are values that are wrong in both.

    `kept` are older backups that would have been removed, and why they were not.
    """

    file: Path
    findings: tuple[Finding, ...]
    kept: Mapping[Path, str] = attrs.field(factory=dict)

    @property
    def size_bytes(self) -> int:
        return self.file.stat().st_size


def copy_compactly(path: Path, file: Path, *, busy_timeout_ms: int) -> None:
    """Copy the database to a file that is empty or not there yet, without a WAL, as one state of it.

    Raises `StoreError`.
    """
    with store_errors(path), closing(connect(path, mode="ro", busy_timeout_ms=busy_timeout_ms)) as source:
        source.execute("PRAGMA query_only=OFF")  # else it writes no other file either
        source.execute("VACUUM INTO ?", (str(file),))


def back_up(path: Path, target: Path, *, busy_timeout_ms: int) -> Backup:
    """Copy the present content of the database to a new file, without holding writers up.

    Raises `StoreError` when the target exists, and `StoreCorrupt` when the structure of the database or of
    the copy is damaged: then there is no file. Wrong values are copied and reported, since all others are
    right.
    """
    with store_errors(path):
        require_file(path)
        require_whole(path)
        if target.exists():
            raise StoreError(f"{target} exists already, and a backup overwrites no file. Name another one")
        remove_leftovers(target.parent)
    with store_errors(target), verified_copy(path, target, busy_timeout_ms=busy_timeout_ms) as backup:
        copy_permissions(path, backup.file)
        rename_durably(backup.file, target)
    return attrs.evolve(backup, file=target)


@contextmanager
def verified_copy(path: Path, target: Path, *, busy_timeout_ms: int) -> Iterator[Backup]:
    """A sound copy, readable by its owner alone, under a temporary name in the folder of the target.

    It is removed at the end unless it was renamed.
    """
    with ExitStack() as stack:
        with store_errors(target):
            unfinished = stack.enter_context(unfinished_file(target))
        copy_compactly(path, unfinished, busy_timeout_ms=busy_timeout_ms)
        findings = check(unfinished, busy_timeout_ms=busy_timeout_ms)
        _require_structure(path, findings)
        yield Backup(file=unfinished, findings=findings)


def _require_structure(path: Path, findings: tuple[Finding, ...]) -> None:
    if faults := [str(finding) for finding in findings if finding.is_structural]:
        raise StoreCorrupt(f"the copy of {path} is not sound ({faults[0]}); it is not kept")


def copy_permissions(model: Path, path: Path) -> None:
    """Give the file the permissions of the model, and as root its owner: it holds the same data."""
    like = model.stat()
    path.chmod(stat.S_IMODE(like.st_mode) & (_FOLDER_PERMISSIONS if path.is_dir() else _FILE_PERMISSIONS))
    if os.geteuid() == 0:
        os.chown(path, like.st_uid, like.st_gid)


@attrs.frozen(kw_only=True)
class Backups:
    """The folder of backups next to the database; raises what `back_up` raises.

    `max_bytes` is what all of them may take; None is a quarter of the disk, and at least one backup.
    """

    path: Path
    clock: Clock
    busy_timeout_ms: int
    max_bytes: int | None = None

    @property
    def folder(self) -> Path:
        return self.path.parent / "backups"

    def files_in(self, folder: Path) -> BackupFolder:
        """Return the backups of this database in the folder: its own, or one on a second disk."""
        return BackupFolder(
            folder=folder,
            kept_free=_KEPT_FREE if folder == self.folder else 0.0,
            stem=self.path.stem,
            clock=self.clock,
            max_bytes=self.max_bytes,
            busy_timeout_ms=self.busy_timeout_ms,
        )

    def make(self) -> Backup:
        """Make a backup, and remove the superfluous ones, unless the new one holds wrong values.

        One that holds rows which the database lacks is never removed. Raises `StoreFull` when there is no
        room, neither free nor by removing backups.
        """
        files = self.files_in(self.folder)
        with store_errors(self.path):
            require_file(self.path)
            if not self.folder.exists():
                self.folder.mkdir()
                copy_permissions(self.path.parent, self.folder)
            for folder in (self.path.parent, self.folder):
                remove_leftovers(folder)
            remove_unlocked(self.folder, f"{self.path.stem}-*.db")
            self._require_room(files)
        target = self.folder / f"{self.path.stem}-{self.clock.now().astimezone(UTC).strftime(STAMP)}.db"
        if target.exists():  # made by a process that was killed this very second
            return Backup(file=target, findings=())
        backup = back_up(self.path, target, busy_timeout_ms=self.busy_timeout_ms)
        with store_errors(self.folder):
            if not backup.findings:
                return attrs.evolve(backup, kept=files.thin(newest=target, database=target))
            if files.is_over_budget() and len(self.newest_first()) > 1:
                target.unlink()
                raise StoreFull(
                    f"no backup is kept of {self.path}: some of its values are not what was stored, so no "
                    "older backup is removed, and there is no room for more. Run homeclimate db check"
                )
        return backup

    def newest_first(self) -> list[Path]:
        """Return the backups; those from the future, named by a wrong clock, come last."""
        return self.files_in(self.folder).newest_first()

    def newest_sound(self) -> Path | None:
        """Return the newest backup without a finding, or else the newest with a sound structure."""
        readable = None
        for backup in self.newest_first():
            findings = check(backup, busy_timeout_ms=self.busy_timeout_ms)
            if not findings:
                return backup
            if readable is None and not any(finding.is_structural for finding in findings):
                readable = backup
        return readable

    def _require_room(self, files: BackupFolder) -> None:
        size = self.path.stat().st_size
        if self.max_bytes is not None and size > self.max_bytes:
            raise StoreFull(
                f"no backup is made of {self.path}: it takes {size / 1e6:.1f} MB, and backups.max_bytes is "
                f"{self.max_bytes / 1e6:.1f} MB. Raise backups.max_bytes"
            )
        needed = size + size_bytes(self.path)
        if 0 < files.missing_bytes(needed) <= files.size_bytes():
            # older backups make room, once the database has proved to be sound, and the newest of them too
            is_sound = not check(self.path, busy_timeout_ms=self.busy_timeout_ms)
            if is_sound and (newest := self.newest_sound()) is not None:
                files.thin(newest=newest, database=self.path, needed=needed)
        if (missing := files.missing_bytes(needed)) > 0:
            raise StoreFull(
                f"no backup is made of {self.path}: its disk needs {missing / 1e6:.1f} MB more free space, "
                f"since a backup takes {needed / 1e6:.1f} MB and a tenth of the disk is kept for readings. "
                "Make room"
            )
