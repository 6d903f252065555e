"""One backup of a database: a copy that is whole, verified and durable before it has its name."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import attrs

from adapters.sqlite.care.integrity import require_file
from adapters.sqlite.care.verification import Finding, findings
from adapters.sqlite.connection import connect
from adapters.sqlite.errors import told_apart
from adapters.sqlite.migration.durable_copy import made_durable
from adapters.sqlite.wal import size_bytes
from domain.errors import StoreCorrupt, StoreError, StoreFull
from domain.services.database_upkeep import superfluous
from ports.clock import Clock

_INTO = "VACUUM INTO ?"
_ALL, _ALL_OF_A_FILE = 0o777, 0o666


@attrs.frozen(kw_only=True)
class Copied:
    """A file that is a sound database. The findings are values that were wrong in the original already."""

    file: Path
    findings: tuple[Finding, ...]

    @property
    def size_bytes(self) -> int:
        return self.file.stat().st_size


def back_up(path: Path, target: Path, *, busy_timeout_ms: int) -> Copied:
    """Copy what the database holds at this moment to a new file. Whoever writes is not held up.

    Raises `StoreError` when the target exists, and `StoreCorrupt` when the structure of the database or of
    the copy is damaged: then there is no file. Values that are not what was stored are copied as they are,
    and told: with every other value, they are better kept than not.
    """
    with told_apart(path):
        require_file(path)
        if target.exists():
            raise StoreError(f"{target} is there already; a backup takes nothing's place. Name another file")
    copied = verified_copy(path, target, busy_timeout_ms=busy_timeout_ms)
    with told_apart(target):
        belong_like(copied.file, path)
        made_durable(copied.file, target)
    return attrs.evolve(copied, file=target)


def verified_copy(path: Path, target: Path, *, busy_timeout_ms: int) -> Copied:
    """A sound copy, open to its owner alone, that stands beside the target by another name."""
    unfinished = target.with_name(f"{target.name}.making")
    try:
        _copy(path, unfinished, busy_timeout_ms)
        found = findings(unfinished, busy_timeout_ms=busy_timeout_ms)
        _require_structure(path, found)
    except BaseException:
        _remove(unfinished)
        raise
    return Copied(file=unfinished, findings=found)


def belong_like(path: Path, model: Path) -> None:
    """Give the file the permissions, and as root the owner, of the model: it tells as much of the home."""
    like = model.stat()
    path.chmod(stat.S_IMODE(like.st_mode) & (_ALL if path.is_dir() else _ALL_OF_A_FILE))
    if os.geteuid() == 0:
        os.chown(path, like.st_uid, like.st_gid)


def _copy(path: Path, copy: Path, busy_timeout_ms: int) -> None:
    with told_apart(copy):
        _remove(copy)
        # closed to others before anything is in it; SQLite fills a file that is there if it is empty
        os.close(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    with told_apart(path), closing(connect(path, mode="ro", busy_timeout_ms=busy_timeout_ms)) as source:
        source.execute("PRAGMA query_only=OFF")  # else it would write no other file either
        source.execute(_INTO, (str(copy),))


def _require_structure(path: Path, found: Iterable[Finding]) -> None:
    if faults := [str(finding) for finding in found if finding.is_structural]:
        raise StoreCorrupt(f"the copy of {path} is not sound ({faults[0]}); it is not kept")


def _remove(path: Path) -> None:
    for suffix in ("", "-journal"):
        path.with_name(f"{path.name}{suffix}").unlink(missing_ok=True)


# The backups of a database in the folder beside it: each verified, the old ones thinned out.

_STAMP = "%Y%m%dT%H%M%SZ"
_KEPT_FREE = 0.1  # of the disk: readings need room more than their copies do


@attrs.frozen
class Backups:
    """Makes and finds the backups of the database at the path; raises what `back_up` does."""

    path: Path
    clock: Clock
    busy_timeout_ms: int

    @property
    def folder(self) -> Path:
        return self.path.parent / "backups"

    def make(self) -> Copied:
        """Make one, and throw away what is superfluous then: but nothing while there are wrong values in it.

        Raises `StoreFull` when the disk is too full.
        """
        with told_apart(self.path):
            require_file(self.path)
            if not self.folder.exists():
                self.folder.mkdir()
                belong_like(self.folder, self.path.parent)
            self._remove_unfinished()
            self._require_room()
        target = self.folder / f"{self.path.stem}-{self.clock.now().astimezone(UTC).strftime(_STAMP)}.db"
        if target.exists():  # of a process that was killed this very second, after all but the thinning out
            return Copied(file=target, findings=())
        copied = back_up(self.path, target, busy_timeout_ms=self.busy_timeout_ms)
        if not copied.findings:
            with told_apart(self.folder):
                self._thin_out()
        return copied

    def newest_first(self) -> list[Path]:
        """Those that are there; at the end those of the future, which a wrong clock has named."""
        now = self.clock.now()
        found = sorted(self._found().items(), key=lambda each: (each[0] <= now, each[0]), reverse=True)
        return [path for _, path in found]

    def _found(self) -> dict[datetime, Path]:
        found = {}
        for path in self.folder.glob("*.db"):
            stem, _, stamp = path.stem.rpartition("-")
            if stem == self.path.stem and (taken_at := _instant(stamp)) is not None:
                found[taken_at] = path
        return found

    def _thin_out(self) -> None:
        found = self._found()
        for taken_at in superfluous(found):
            found[taken_at].unlink(missing_ok=True)

    def _remove_unfinished(self) -> None:
        """What a process left that was killed at it."""
        for path in self.folder.glob(f"{self.path.stem}-*.db.making*"):
            path.unlink(missing_ok=True)

    def _require_room(self) -> None:
        usage = shutil.disk_usage(self.folder)
        needed = self.path.stat().st_size + size_bytes(self.path)
        kept_free = round(usage.total * _KEPT_FREE)
        if usage.free - needed < kept_free:
            raise StoreFull(
                f"no backup is made of {self.path}: it takes {needed / 1e6:.0f} MB, the disk has "
                f"{usage.free / 1e6:.0f} MB free; {kept_free / 1e6:.0f} MB are kept for readings. Make room"
            )


def _instant(stamp: str) -> datetime | None:
    try:
        return datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC)
    except ValueError:
        return None
