"""Builders of a collection cycle with fakes, and a clock that skips waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

import attrs

from adapters.files.saved_state import SavedState
from adapters.memory.runtime import MemoryMeter, MemoryRetrier
from adapters.memory.spool import MemorySlotsInProgress, MemorySpool
from adapters.memory.state import MemoryState
from adapters.memory.store import MemoryStore
from adapters.runtime.clock import SystemClock
from domain.services.collection_cycle import SOURCE_BUDGET_S, CollectionCycle, SourcePlan
from domain.services.cycle_storage import CycleStorage
from domain.services.source_backoff import SourceBackoff
from ports.clock import Clock
from ports.journal import Journal
from ports.meter import Meter
from ports.retrier import Retrier
from ports.spool import SlotsInProgress, Spool
from ports.state import State
from ports.store import Store


def a_cycle_storage(
    *,
    clock: Clock,
    journal: Journal,
    store: Store | None = None,
    spool: Spool | None = None,
    retrier: Retrier | None = None,
) -> CycleStorage:
    return CycleStorage(
        store=store or MemoryStore(),
        spool=spool or MemorySpool(),
        retrier=retrier or MemoryRetrier(clock=clock, journal=journal),
        clock=clock,
        journal=journal,
    )


def a_collection(
    plans: Sequence[SourcePlan],
    *,
    clock: Clock,
    journal: Journal,
    store: Store | None = None,
    spool: Spool | None = None,
    state: State | None = None,
    slots_in_progress: SlotsInProgress | None = None,
    retrier: Retrier | None = None,
    meter: Meter | None = None,
    redact: Callable[[str], str] = str,
) -> CollectionCycle:
    retrier = retrier or MemoryRetrier(clock=clock, journal=journal)
    return CollectionCycle(
        plans=plans,
        storage=a_cycle_storage(clock=clock, journal=journal, store=store, spool=spool, retrier=retrier),
        backoff=SourceBackoff(state=SavedState(state or MemoryState()), clock=clock),
        slots_in_progress=slots_in_progress or MemorySlotsInProgress(),
        retrier=retrier,
        clock=clock,
        meter=meter or MemoryMeter(clock),
        journal=journal,
        redact=redact,
    )


@attrs.define(kw_only=True)
class SkippingClock:
    """The wall of another clock, the system's elapsed time, and waits between attempts that end at once."""

    wall: Clock = attrs.field(factory=SystemClock)
    longest_wait_s: float = SOURCE_BUDGET_S
    waits: list[float] = attrs.field(factory=list)
    in_the_wait: Callable[[], None] = lambda: None

    def now(self) -> datetime:
        return self.wall.now()

    def elapsed_s(self) -> float:
        return SystemClock().elapsed_s()

    def elapsed_asleep_s(self) -> float | None:
        return SystemClock().elapsed_asleep_s()

    async def sleep(self, seconds: float) -> None:
        if seconds >= self.longest_wait_s:
            await asyncio.sleep(seconds)
            return
        self.waits.append(round(seconds, 3))
        await asyncio.sleep(0)
        self.in_the_wait()
