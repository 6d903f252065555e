"""Cycles for a spool, and what it gives back."""

from __future__ import annotations

from datetime import timedelta

from domain.cycle import CycleReport
from ports.spool import Spool
from tests.support.builders import NOON, a_collected, a_cycle, a_due, a_reading


def a_cycle_at(minute: int, location: str = "Living room") -> CycleReport:
    """Return a cycle of one reading, some minutes after noon."""
    slot = NOON + timedelta(minutes=minute)
    return a_cycle(a_collected(a_reading(collected_at=slot, location=location), due=a_due(slot=slot)))


def drained(spool: Spool) -> list[CycleReport]:
    """Drain the spool, and return what it had."""
    taken: list[CycleReport] = []

    def take(report: CycleReport) -> bool:
        taken.append(report)
        return True

    assert spool.drain(take) == len(taken)
    return taken
