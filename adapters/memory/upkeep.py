"""Upkeep in memory, with the disk, log and lease that it uses."""

from __future__ import annotations

from ports.upkeep import BackedUp, Checked, Copied, Skipped


class MemoryUpkeep:
    """Upkeep whose results are the attributes that a test sets. `calls` are their names, oldest first.

    While `fault` is set, every call raises it.
    """

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.checked = Checked()
        self.backed_up: BackedUp | Skipped = BackedUp(file="backups/readings.db", size_bytes=4096)
        self.copied: Copied | Skipped = Copied(
            backup="backups/readings.db", file="/media/disk/readings.db", size_bytes=4096
        )
        self.restored: str | None = "backups/readings.db"
        self.fault: Exception | None = None

    async def check(self) -> Checked:
        self._record("check")
        return self.checked

    async def back_up(self) -> BackedUp | Skipped:
        self._record("back_up")
        return self.backed_up

    async def copy_backup(self, *, may_remove: bool) -> Copied | Skipped:
        self._record("copy_backup" if may_remove else "copy_backup, removing none")
        return self.copied

    async def tidy(self) -> None:
        self._record("tidy")

    async def restore(self) -> str | None:
        self._record("restore")
        return self.restored

    def _record(self, call: str) -> None:
        self.calls.append(call)
        if self.fault is not None:
            raise self.fault


class MemoryDatabaseLog:
    """A log of `size` bytes, None for unknown."""

    def __init__(self, size: int | None = 0) -> None:
        self.size = size

    def size_bytes(self) -> int | None:
        return self.size


class MemoryDisk:
    """A disk with `free` bytes of space, None for unknown."""

    def __init__(self, free: int | None = 10**12) -> None:
        self.free = free

    def free_bytes(self) -> int | None:
        return self.free


class MemoryUpkeepLease:
    """A lease in one process; `others` is the lease of another process of the same home."""

    def __init__(self, others: MemoryUpkeepLease | None = None) -> None:
        self._others = others
        self.is_held = False

    def acquire(self) -> bool:
        self.is_held = self.is_held or self._others is None or not self._others.is_held
        return self.is_held

    def release(self) -> None:
        self.is_held = False
