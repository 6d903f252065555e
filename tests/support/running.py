"""A continuous collection with fakes, on virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from adapters.memory.runtime import MemoryClock, MemoryJournal
from adapters.memory.source import MemorySource
from adapters.memory.spool import MemorySlotsInProgress, MemorySpool
from adapters.memory.state import MemoryState
from adapters.memory.store import MemoryStore
from domain.cycle import Cause, Cycle, Missed
from domain.services.collection_cycle import SourcePlan
from domain.services.continuous_collection import ContinuousCollection, PlannedCycle
from domain.services.database_upkeep import DailyUpkeep
from tests.support.builders import NOON, a_reading, a_reply
from tests.support.collecting import a_collection


def minutes(count: int) -> timedelta:
    return timedelta(minutes=count)


class Running:
    """A continuous collection of one or two sources with fakes; a hook may act after each cycle."""

    def __init__(
        self,
        start: datetime = NOON,
        store: MemoryStore | None = None,
        amazon_every_s: int = 0,
        hue_every_s: int = 300,
        slots_in_progress: MemorySlotsInProgress | None = None,
        hue: MemorySource | None = None,
    ) -> None:
        self.clock = MemoryClock(start)
        self.store = store or MemoryStore(self.clock)
        self.journal = MemoryJournal()
        self.hue = hue or MemorySource("hue", [a_reply()] * 500)
        self.amazon = MemorySource("amazon", [a_reply(a_reading("alexa:1"))] * 500)
        plans = [SourcePlan(source=self.hue, interval_s=hue_every_s)]
        if amazon_every_s:
            plans.append(SourcePlan(source=self.amazon, interval_s=amazon_every_s))
        self.spool = MemorySpool()
        self.state = MemoryState()
        self.collection = a_collection(
            plans,
            store=self.store,
            spool=self.spool,
            state=self.state,
            slots_in_progress=slots_in_progress,
            clock=self.clock,
            journal=self.journal,
        )
        self.stop = asyncio.Event()
        self.cycles: list[Cycle] = []

    async def until(
        self, cycles: int, after: Callable[[int], None] = lambda _: None, upkeep: DailyUpkeep | None = None
    ) -> None:
        def on_cycle(cycle: Cycle, _: PlannedCycle) -> None:
            self.cycles.append(cycle)
            after(len(self.cycles))
            if len(self.cycles) == cycles:
                self.stop.set()

        service = ContinuousCollection(
            collection=self.collection, clock=self.clock, journal=self.journal, upkeep=upkeep
        )
        await service.run(self.stop, on_cycle)

    def missed(self) -> list[tuple[datetime, Cause]]:
        return sorted(
            (entry.due.slot, entry.cause) for entry in self.store.ledger.values() if isinstance(entry, Missed)
        )
