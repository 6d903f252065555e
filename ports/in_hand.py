"""Which slot each source's cycle is in hand for, for the process that comes after one that was cut off."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Protocol


class InHand(Protocol):
    """A note a source, kept across processes. Never raises, never waits for a disk: losing it costs a word.

    After a power cut it may be gone, or be an older one.
    """

    def take(self, source: str, slot: datetime) -> None:
        """Note that the slot's cycle begins."""
        ...

    def let_go(self, source: str) -> None:
        """Note that the cycle was brought to its end, and those before it."""
        ...

    def left_by_others(self, source: str) -> AbstractSet[datetime]:
        """The slots that earlier processes had in hand when they ended, since the last one let go of."""
        ...
