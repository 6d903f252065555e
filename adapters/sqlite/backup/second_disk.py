"""Copies of the backups in a folder on a second disk, which may be away at any time."""

from __future__ import annotations

import filecmp
import os
import shutil
from contextlib import suppress
from pathlib import Path

import attrs

from adapters.files.unfinished import remove_leftovers, unfinished_file
from adapters.sqlite.backup.backups import copy_permissions
from adapters.sqlite.backup.folder import BackupFolder
from adapters.sqlite.errors import store_errors
from adapters.sqlite.migration.durable_copy import fsync, rename_durably
from domain.errors import StoreCorrupt, StoreFull
from ports.state import State
from ports.upkeep import Copied, Skipped

_PLACE = "backups.copies"  # state: the folder of the copies, once it was on another disk than the database


@attrs.frozen(kw_only=True)
class SecondDisk:
    """The folder that a person has made on a second disk. Nothing is made while it is away."""

    files: BackupFolder
    state: State

    def copy(self, backup: Path, *, may_remove: bool) -> Copied | Skipped:
        """Copy the backup, compare the copy with it, and remove superfluous copies if that is allowed.

        Raises `StoreFull` when there is no room, neither free nor by removing copies, and `StoreError`.
        """
        with store_errors(self.files.folder):
            if (reason := self._reason_away(backup.parent)) is not None:
                return Skipped(f"the backup is not copied: {reason}")
            remove_leftovers(self.files.folder)
            target = self.files.folder / backup.name
            size = backup.stat().st_size
            if not target.exists() or target.stat().st_size != size:
                self._make_room(backup, size, may_remove=may_remove)
                _copy(backup, target)
            kept = self.files.thin(newest=target, database=backup) if may_remove else {}
            return Copied(
                backup=str(backup),
                file=str(target),
                size_bytes=size,
                is_same_disk=target.stat().st_dev == backup.stat().st_dev,
                kept={str(path): reason for path, reason in kept.items()},
            )

    def _reason_away(self, backups: Path) -> str | None:
        """Return why the folder is not where it was; remember if it is on another disk than the backups.

        The folder under a mount point looks like the folder on the disk that is mounted there, so one that
        was on another disk once is away while it is not.
        """
        folder = self.files.folder
        if not folder.is_dir():
            return f"there is no folder {folder}. Mount its disk, or make the folder"
        if folder.samefile(backups):
            return f"{folder} is the folder of the backups. Set backups.copy_to to one on a second disk"
        place = {"folder": str(folder), "backups": str(backups)}
        if folder.stat().st_dev != backups.stat().st_dev:
            if self.state.get(_PLACE) != place:
                self.state.put(_PLACE, place)
        elif self.state.get(_PLACE) == place:
            return f"{folder} was on another disk than the database, and is not now. Mount that disk"
        return None

    def _make_room(self, backup: Path, size: int, *, may_remove: bool) -> None:
        files = self.files
        if files.max_bytes is not None and size > files.max_bytes:
            raise StoreFull(
                f"the backup is not copied to {files.folder}: it takes {size / 1e6:.1f} MB, and "
                f"backups.max_bytes is {files.max_bytes / 1e6:.1f} MB. Raise backups.max_bytes"
            )
        present = files.newest_first()
        if may_remove and present and 0 < files.missing_bytes(size) <= files.size_bytes():
            files.thin(newest=present[0], database=backup, needed=size)
        if files.missing_bytes(size) > 0 or (not may_remove and present and files.is_over_budget(size)):
            raise StoreFull(
                f"the backup is not copied to {files.folder}: it takes {size / 1e6:.1f} MB, and no copy "
                "there can be removed for it. Make room on that disk, or raise backups.max_bytes"
            )


def _copy(backup: Path, target: Path) -> None:
    """Copy the file, and compare what the disk has with it, before it gets its name."""
    with unfinished_file(target) as unfinished:
        shutil.copyfile(backup, unfinished)
        fsync(unfinished)
        _forget_cached(unfinished)
        if not filecmp.cmp(backup, unfinished, shallow=False):
            raise StoreCorrupt(f"the copy of {backup} differs from it; it is not kept. Check the second disk")
        with suppress(PermissionError):  # FAT has no owners and permissions
            copy_permissions(backup, unfinished)
        rename_durably(unfinished, target)


def _forget_cached(path: Path) -> None:
    """Let the next read come from the disk, not from memory."""
    if hasattr(os, "posix_fadvise"):
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)
