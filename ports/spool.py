"""Where cycles wait that the store could not take yet."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Protocol

import attrs

from domain.cycle import Collected, CycleReport, LedgerEntry


@attrs.define
class WaitingSlots:
    """The planned slots of one source that wait, and those of them that have readings."""

    slots: set[datetime] = attrs.field(factory=set)
    collected: set[datetime] = attrs.field(factory=set)

    def add(self, entry: LedgerEntry) -> None:
        self.slots.add(entry.due.slot)
        if isinstance(entry, Collected):
            self.collected.add(entry.due.slot)


@attrs.define(kw_only=True)
class Waiting:
    """What waits: how many cycles and readings, and the planned slots of each source."""

    cycles: int = 0
    readings: int = 0
    by_source: dict[str, WaitingSlots] = attrs.field(factory=dict)

    def add(self, report: CycleReport) -> None:
        """Count that cycle too."""
        self.cycles += 1
        self.readings += len(report.readings)
        for entry in (*report.outcomes, *report.missed):
            if entry.due.scheduled:
                self.by_source.setdefault(entry.due.source, WaitingSlots()).add(entry)


class Spool(Protocol):
    """Keeps whole cycles on disk, in order. Processes may share it. Blocks."""

    def add(self, report: CycleReport) -> None:
        """Keep the cycle behind all others, durably on return. Raises `SpoolError`; then nothing is kept."""
        ...

    def drain(self, take: Callable[[CycleReport], bool]) -> int:
        """Hand the cycles over, oldest first, and forget each that was taken; how many that were.

        One for which `take` returns False is put aside for a person. What `take` raises ends the draining
        and comes out here; that cycle and those behind it go on waiting. A process that ends in between may
        hand over some of them again. Raises `SpoolError` when the spool cannot be read.
        """
        ...

    def waiting(self) -> Waiting:
        """What waits. Raises `SpoolError`."""
        ...


# Which slot each source's cycle is in hand for, for the process that comes after one that was cut off.


class SlotsInProgress(Protocol):
    """A note a source, kept across processes. Never raises, never waits for a disk: losing it costs a word.

    After a power cut it may be gone, or be an older one.
    """

    def begin(self, source: str, slot: datetime) -> None:
        """Note that the slot's cycle begins."""
        ...

    def finish(self, source: str) -> None:
        """Note that the cycle was brought to its end, and those before it."""
        ...

    def interrupted(self, source: str) -> AbstractSet[datetime]:
        """The slots that earlier processes had in hand when they ended, since the last one let go of."""
        ...
