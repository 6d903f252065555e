"""A spool that is gone with the process."""

from __future__ import annotations

from collections.abc import Callable

from domain.errors import SpoolError
from domain.outcome import CycleReport
from ports.spool import Waiting


class MemorySpool:
    """Keeps cycles in a list. While `fault` is set, `add` raises it; `aside` is what nobody could take."""

    def __init__(self) -> None:
        self.reports: list[CycleReport] = []
        self.aside: list[CycleReport] = []
        self.fault: SpoolError | None = None

    def add(self, report: CycleReport) -> None:
        if self.fault is not None:
            raise self.fault
        self.reports.append(report)

    def drain(self, take: Callable[[CycleReport], bool]) -> int:
        taken = 0
        while self.reports:
            if take(self.reports[0]):
                taken += 1
            else:
                self.aside.append(self.reports[0])
            del self.reports[0]
        return taken

    def look(self) -> Waiting:
        waiting = Waiting()
        for report in self.reports:
            waiting.add(report)
        return waiting
