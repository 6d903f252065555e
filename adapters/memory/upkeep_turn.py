"""A turn that is had at once, unless others are said to have it."""

from __future__ import annotations


class MemoryUpkeepTurn:
    """`others` is a turn in the same home that another process could have."""

    def __init__(self, others: MemoryUpkeepTurn | None = None) -> None:
        self._others = others
        self.is_had = False

    def take(self) -> bool:
        self.is_had = self.is_had or self._others is None or not self._others.is_had
        return self.is_had

    def let_go(self) -> None:
        self.is_had = False
