"""The spool of cycles that the store cannot take yet, and the slots in progress."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Protocol

from domain.cycle import CycleReport
from domain.progress import Waiting


class Spool(Protocol):
    """Keeps whole cycles on disk, in order. Processes may share it. Blocks."""

    def add(self, report: CycleReport) -> None:
        """Add the cycle behind all others, durably on return. Raise `SpoolError` if nothing of it is kept."""
        ...

    def drain(self, take: Callable[[CycleReport], bool]) -> int:
        """Pass the cycles to `take`, oldest first, and remove those that it takes; return their number.

        A cycle for which `take` returns False is set aside for a person. An exception of `take` ends the
        draining and is passed on; that cycle and those behind it go on waiting. After a process that ended
        in between, some cycles may be passed again. Raise `SpoolError` when the spool cannot be read.
        """
        ...

    def waiting(self) -> Waiting:
        """Return what waits. Raise `SpoolError`."""
        ...


class SlotsInProgress(Protocol):
    """Notes the slot of each source whose cycle has begun but not ended, for the next process.

    Never raises and never waits for a disk: losing a note costs one word in the ledger. After a power cut it
    may be missing or out of date.
    """

    def begin(self, source: str, slot: datetime) -> None:
        """Note that the slot's cycle begins."""
        ...

    def finish(self, source: str) -> None:
        """Note that the cycle, and those before it, have ended."""
        ...

    def interrupted(self, source: str) -> AbstractSet[datetime]:
        """Return the slots that were in progress when earlier processes ended."""
        ...
