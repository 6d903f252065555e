"""Slots in hand, remembered within the process."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime


class MemoryInHand:
    """`left` is what an earlier process would have left."""

    def __init__(self, left: Mapping[str, AbstractSet[datetime]] | None = None) -> None:
        self._left = dict(left or {})
        self.slots: dict[str, datetime] = {}

    def take(self, source: str, slot: datetime) -> None:
        self.slots[source] = slot

    def let_go(self, source: str) -> None:
        self.slots.pop(source, None)

    def left_by_others(self, source: str) -> AbstractSet[datetime]:
        return self._left.get(source, frozenset())
