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
