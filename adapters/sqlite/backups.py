"""The backups of a database in the folder beside it: each verified, the old ones thinned out."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

from adapters.sqlite.backup import Copied, back_up, belong_like
from adapters.sqlite.faults import told_apart
from adapters.sqlite.soundness import require_file
from adapters.sqlite.wal import size_bytes
from domain.errors import StoreFull
from domain.retention import superfluous
from domain.values import frozen
from ports.clock import Clock

_STAMP = "%Y%m%dT%H%M%SZ"
_KEPT_FREE = 0.1  # of the disk: readings need room more than their copies do


@frozen
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
