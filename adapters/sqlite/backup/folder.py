"""A folder of backups: which are there, the room that they may take, and the removal of old ones."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import attrs

from adapters.sqlite.backup.missing_rows import find_missing_row
from domain.errors import StoreError
from domain.services.database_upkeep import superfluous
from ports.clock import Clock

STAMP = "%Y%m%dT%H%M%SZ"
_USUAL_SHARE = 0.25  # of the disk


@attrs.frozen(kw_only=True)
class BackupFolder:
    """The backups `<stem>-<time>.db` in a folder; no other file there is looked at.

    `max_bytes` is what they may take; None is a quarter of the disk. `kept_free` is the share of the disk
    that is not used for them in any case. The newest one is never removed.
    """

    folder: Path
    stem: str
    clock: Clock
    max_bytes: int | None
    kept_free: float
    busy_timeout_ms: int

    def newest_first(self) -> list[Path]:
        """Return the backups; those from the future, named by a wrong clock, come last."""
        now = self.clock.now()
        found = sorted(self._by_time().items(), key=lambda each: (each[0] <= now, each[0]), reverse=True)
        return [path for _, path in found]

    def thin(self, *, newest: Path, database: Path, needed: int = 0) -> Mapping[Path, str]:
        """Remove the superfluous backups, then the oldest ones until the others fit and `needed` bytes too.

        Remove none that holds a row which the database lacks; return those that are kept, and why. The caller
        has made sure that `newest`, which stays, and the database are sound. Raises `OSError`.
        """
        found, now = self._by_time(), self.clock.now()
        done_with = superfluous(taken_at for taken_at in found if taken_at <= now)
        kept = {}
        for taken_at in sorted(found, key=lambda at: (at not in done_with, at)):
            path = found[taken_at]
            if path == newest:
                continue
            if taken_at not in done_with and not self.is_over_budget() and self.missing_bytes(needed) <= 0:
                break
            if (reason := self._remove(path, database)) is not None:
                kept[path] = reason
        return kept

    def size_bytes(self) -> int:
        """Return what the backups take."""
        return sum(path.stat().st_size for path in self._by_time().values())

    def is_over_budget(self, more: int = 0) -> bool:
        """Return whether the backups take more than they may, or would with that many bytes more."""
        most = self.max_bytes
        if most is None:
            most = round(shutil.disk_usage(self.folder).total * _USUAL_SHARE)
        return self.size_bytes() + more > most

    def missing_bytes(self, needed: int) -> int:
        """Return how much more must be free for a file of that size, and for what is kept free."""
        usage = shutil.disk_usage(self.folder)
        return needed + round(usage.total * self.kept_free) - usage.free if needed else 0

    def _remove(self, backup: Path, database: Path) -> str | None:
        """Remove the backup; return why it is kept instead, for a person."""
        try:
            row = find_missing_row(database, backup, busy_timeout_ms=self.busy_timeout_ms)
            if row is not None:
                return f"the database lacks {row}"
            backup.unlink(missing_ok=True)
        except StoreError as error:
            return f"it cannot be compared: {error}"
        except OSError as error:
            return f"it cannot be removed: {error.strerror}"
        return None

    def _by_time(self) -> Mapping[datetime, Path]:
        found = {}
        for path in self.folder.glob("*.db"):
            stem, _, stamp = path.stem.rpartition("-")
            try:
                taken_at = datetime.strptime(stamp, STAMP).replace(tzinfo=UTC)
            except ValueError:
                continue
            if stem == self.stem:
                found[taken_at] = path
        return found
