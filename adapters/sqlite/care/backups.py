"""Backups: copies that are complete, verified and durable before they have their name."""

from __future__ import annotations

import os
import shutil
import stat
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import attrs

from adapters.sqlite.care.verification import Finding, check, require_file
from adapters.sqlite.connection import connect
from adapters.sqlite.errors import store_errors
from adapters.sqlite.migration.durable_copy import rename_durably
from adapters.sqlite.wal import size_bytes
from domain.errors import StoreCorrupt, StoreError, StoreFull
from domain.services.database_upkeep import superfluous
from ports.clock import Clock

_STAMP = "%Y%m%dT%H%M%SZ"
_KEPT_FREE = 0.1  # of the disk: readings need room more than their copies do
_FOLDER_PERMISSIONS, _FILE_PERMISSIONS = 0o777, 0o666


@attrs.frozen(kw_only=True)
class Backup:
    """A copy of a database that can be read as a whole. The findings are values that are wrong in both."""

    file: Path
    findings: tuple[Finding, ...]

    @property
    def size_bytes(self) -> int:
        return self.file.stat().st_size


def back_up(path: Path, target: Path, *, busy_timeout_ms: int) -> Backup:
    """Copy the present content of the database to a new file, without holding writers up.

    Raises `StoreError` when the target exists, and `StoreCorrupt` when the structure of the database or of
    the copy is damaged: then there is no file. Wrong values are copied and reported, since all others are
    right.
    """
    with store_errors(path):
        require_file(path)
        if target.exists():
            raise StoreError(f"{target} exists already, and a backup overwrites no file. Name another one")
    backup = verified_copy(path, target, busy_timeout_ms=busy_timeout_ms)
    with store_errors(target):
        copy_permissions(path, backup.file)
        rename_durably(backup.file, target)
    return attrs.evolve(backup, file=target)


def verified_copy(path: Path, target: Path, *, busy_timeout_ms: int) -> Backup:
    """Make a sound copy, readable by its owner alone, under a temporary name in the folder of the target."""
    unfinished = target.with_name(f"{target.name}.making")
    try:
        with store_errors(unfinished):
            _remove(unfinished)
            # private before anything is in it; VACUUM fills a file that is there if it is empty
            os.close(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        with store_errors(path), closing(connect(path, mode="ro", busy_timeout_ms=busy_timeout_ms)) as source:
            source.execute("PRAGMA query_only=OFF")  # else it writes no other file either
            source.execute("VACUUM INTO ?", (str(unfinished),))
        findings = check(unfinished, busy_timeout_ms=busy_timeout_ms)
        _require_structure(path, findings)
    except BaseException:
        _remove(unfinished)
        raise
    return Backup(file=unfinished, findings=findings)


def _require_structure(path: Path, findings: tuple[Finding, ...]) -> None:
    if faults := [str(finding) for finding in findings if finding.is_structural]:
        raise StoreCorrupt(f"the copy of {path} is not sound ({faults[0]}); it is not kept")


def copy_permissions(model: Path, path: Path) -> None:
    """Give the file the permissions of the model, and as root its owner: it holds the same data."""
    like = model.stat()
    path.chmod(stat.S_IMODE(like.st_mode) & (_FOLDER_PERMISSIONS if path.is_dir() else _FILE_PERMISSIONS))
    if os.geteuid() == 0:
        os.chown(path, like.st_uid, like.st_gid)


def _remove(path: Path) -> None:
    for suffix in ("", "-journal"):
        path.with_name(f"{path.name}{suffix}").unlink(missing_ok=True)


@attrs.frozen(kw_only=True)
class Backups:
    """The folder of backups next to the database; raises what `back_up` raises."""

    path: Path
    clock: Clock
    busy_timeout_ms: int

    @property
    def folder(self) -> Path:
        return self.path.parent / "backups"

    def make(self) -> Backup:
        """Make a backup, and delete the superfluous ones, unless the new one holds wrong values.

        Raises `StoreFull` when the disk is too full.
        """
        with store_errors(self.path):
            require_file(self.path)
            if not self.folder.exists():
                self.folder.mkdir()
                copy_permissions(self.path.parent, self.folder)
            for unfinished in self.folder.glob(f"{self.path.stem}-*.db.making*"):  # of a killed process
                unfinished.unlink(missing_ok=True)
            self._require_room()
        target = self.folder / f"{self.path.stem}-{self.clock.now().astimezone(UTC).strftime(_STAMP)}.db"
        if target.exists():  # made by a process that was killed this very second
            return Backup(file=target, findings=())
        backup = back_up(self.path, target, busy_timeout_ms=self.busy_timeout_ms)
        if not backup.findings:
            with store_errors(self.folder):
                found = self._by_time()
                for taken_at in superfluous(found):
                    found[taken_at].unlink(missing_ok=True)
        return backup

    def newest_first(self) -> list[Path]:
        """Return the backups; those from the future, named by a wrong clock, come last."""
        now = self.clock.now()
        found = sorted(self._by_time().items(), key=lambda each: (each[0] <= now, each[0]), reverse=True)
        return [path for _, path in found]

    def _by_time(self) -> dict[datetime, Path]:
        found = {}
        for path in self.folder.glob("*.db"):
            stem, _, stamp = path.stem.rpartition("-")
            try:
                taken_at = datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC)
            except ValueError:
                continue
            if stem == self.path.stem:
                found[taken_at] = path
        return found

    def _require_room(self) -> None:
        usage = shutil.disk_usage(self.folder)
        needed = self.path.stat().st_size + size_bytes(self.path)
        kept_free = round(usage.total * _KEPT_FREE)
        if usage.free - needed < kept_free:
            raise StoreFull(
                f"no backup is made of {self.path}: it takes {needed / 1e6:.0f} MB, the disk has "
                f"{usage.free / 1e6:.0f} MB free, {kept_free / 1e6:.0f} MB are kept for readings. Make room"
            )
