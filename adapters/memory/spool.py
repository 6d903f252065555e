"""A spool and slots in progress, in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime

from domain.cycle import CycleReport
from domain.errors import SpoolError
from domain.progress import Waiting
from domain.schedule import SlotRun, runs_of


class MemorySpool:
    """A spool of `reports`; `aside` are those that were not taken. While `fault` is set, `add` raises it."""

    place = "memory"

    def __init__(self) -> None:
        self.reports: list[CycleReport] = []
        self.aside: list[CycleReport] = []
        self.fault: SpoolError | None = None
        self.is_data_there: bool | None = None

    def prepare(self, *, is_data_there: bool) -> None:
        self.is_data_there = is_data_there

    def add(self, report: CycleReport) -> str:
        if self.fault is not None:
            raise self.fault
        self.reports.append(report)
        return self.place

    def drain(self, take: Callable[[CycleReport], bool]) -> int:
        taken = 0
        while self.reports:
            if take(self.reports[0]):
                taken += 1
            else:
                self.aside.append(self.reports[0])
            del self.reports[0]
        return taken

    def waiting(self) -> Waiting:
        waiting = Waiting()
        for report in self.reports:
            waiting.add(report)
        if self.reports:
            waiting.places.append(self.place)
        return waiting


class MemorySlotsInProgress:
    """Slots in progress; `left`, `lost` and `ran` are those of earlier processes, by source."""

    def __init__(
        self,
        left: Mapping[str, AbstractSet[datetime]] | None = None,
        lost: Mapping[str, AbstractSet[datetime]] | None = None,
        ran: Mapping[str, AbstractSet[datetime]] | None = None,
    ) -> None:
        self._left = dict(left or {})
        self._lost = dict(lost or {})
        self._ran = {source: set(slots) for source, slots in (ran or {}).items()}
        self.slots: dict[str, datetime] = {}
        self.kept: set[tuple[str, datetime]] = set()

    def begin(self, source: str, slot: datetime) -> None:
        self.slots[source] = slot

    def keep(self, source: str) -> None:
        self.kept.add((source, self.slots[source]))

    def finish(self, source: str) -> None:
        if (slot := self.slots.pop(source, None)) is not None:
            self._ran.setdefault(source, set()).add(slot)

    def interrupted(self, source: str) -> AbstractSet[datetime]:
        return self._left.get(source, frozenset())

    def not_stored(self, source: str) -> tuple[SlotRun, ...]:
        return runs_of(self._lost.get(source, ()))

    def ran(self, source: str) -> tuple[SlotRun, ...]:
        return runs_of(self._ran.get(source, ()))
