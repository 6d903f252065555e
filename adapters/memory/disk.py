"""A disk whose room is told to it."""

from __future__ import annotations


class MemoryDisk:
    """Has as much room as `free`, None for a disk that does not tell."""

    def __init__(self, free: int | None = 10**12) -> None:
        self.free = free

    def free_bytes(self) -> int | None:
        return self.free
