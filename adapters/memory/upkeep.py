"""Upkeep of a store that needs none, as a test tells it."""

from __future__ import annotations

from ports.upkeep import BackedUp, Checked, Skipped


class MemoryUpkeep:
    """Says what it was told to say, and remembers what it was asked, oldest first.

    While `fault` is set, every call raises it.
    """

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.checked = Checked()
        self.backed_up: BackedUp | Skipped = BackedUp(file="backups/readings.db", size_bytes=4096)
        self.restored: str | None = "backups/readings.db"
        self.fault: Exception | None = None

    async def check(self) -> Checked:
        self._asked("check")
        return self.checked

    async def back_up(self) -> BackedUp | Skipped:
        self._asked("back_up")
        return self.backed_up

    async def tidy(self) -> None:
        self._asked("tidy")

    async def restore(self) -> str | None:
        self._asked("restore")
        return self.restored

    def _asked(self, what: str) -> None:
        self.asked.append(what)
        if self.fault is not None:
            raise self.fault


# A log whose length is told to it.


class MemoryDatabaseLog:
    """As long as `size`, None for one that does not tell."""

    def __init__(self, size: int | None = 0) -> None:
        self.size = size

    def size_bytes(self) -> int | None:
        return self.size


# A disk whose room is told to it.


class MemoryDisk:
    """Has as much room as `free`, None for a disk that does not tell."""

    def __init__(self, free: int | None = 10**12) -> None:
        self.free = free

    def free_bytes(self) -> int | None:
        return self.free


# A turn that is had at once, unless others are said to have it.


class MemoryUpkeepLease:
    """`others` is a turn in the same home that another process could have."""

    def __init__(self, others: MemoryUpkeepLease | None = None) -> None:
        self._others = others
        self.is_had = False

    def acquire(self) -> bool:
        self.is_had = self.is_had or self._others is None or not self._others.is_had
        return self.is_had

    def release(self) -> None:
        self.is_had = False
