"""The spool of cycles that the store cannot take yet, and the slots in progress."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Protocol

from domain.cycle import CycleReport
from domain.progress import Waiting
from domain.schedule import SlotRun


class Spool(Protocol):
    """Keeps whole cycles on disk, in one place or several, in order. Processes may share it. Blocks."""

    def prepare(self, *, is_data_there: bool) -> None:
        """Make ready to add cycles while there is room for it. Never raises; may be called again.

        Nothing is added in the data folder before this was called with `is_data_there`, nor after that
        folder was replaced by another one: the place of a disk that is away stays as it is.
        """
        ...

    def add(self, report: CycleReport) -> str:
        """Add the cycle behind all others, durably on return; return the place, for people.

        Raise `SpoolError` if nothing of it is kept.
        """
        ...

    def drain(self, take: Callable[[CycleReport], bool]) -> int:
        """Pass the cycles to `take`, oldest first, and remove those that it takes; return their number.

        A cycle for which `take` returns False is set aside for a person. An exception of `take` ends the
        draining and is passed on; that cycle and those behind it go on waiting. After a process that ended
        in between, some cycles may be passed again. Raise `SpoolError` if a place cannot be read, after the
        cycles of the others.
        """
        ...

    def waiting(self) -> Waiting:
        """Return what waits, in the places that can be read."""
        ...


class SlotsInProgress(Protocol):
    """Notes the slots of each source whose cycles are not on disk, for the next process.

    Never raises, and only `keep` waits for a disk: losing a note costs one word in the ledger. After a power
    cut it may be missing or out of date.
    """

    def begin(self, source: str, slot: datetime) -> None:
        """Note that the slot's cycle begins."""
        ...

    def keep(self, source: str) -> None:
        """Note durably that the cycles that have begun are only in memory: neither stored nor spooled."""
        ...

    def finish(self, source: str) -> None:
        """Note that the cycle, and those before it, have ended."""
        ...

    def interrupted(self, source: str) -> AbstractSet[datetime]:
        """Return the slots that were in progress when earlier processes ended."""
        ...

    def not_stored(self, source: str) -> tuple[SlotRun, ...]:
        """Return the slots whose readings were only in memory when earlier processes ended."""
        ...

    def ran(self, source: str) -> tuple[SlotRun, ...]:
        """Return the slots, as far back as is known, whose cycles were stored or spooled by any process."""
        ...
