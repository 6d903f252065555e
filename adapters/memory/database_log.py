"""A log whose length is told to it."""

from __future__ import annotations


class MemoryDatabaseLog:
    """As long as `size`, None for one that does not tell."""

    def __init__(self, size: int | None = 0) -> None:
        self.size = size

    def size_bytes(self) -> int | None:
        return self.size
