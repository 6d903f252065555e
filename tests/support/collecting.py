"""Builders of a collection cycle with fakes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from adapters.files.saved_state import SavedState
from adapters.memory.runtime import MemoryMeter, MemoryRetrier
from adapters.memory.spool import MemorySlotsInProgress, MemorySpool, MemoryState
from adapters.memory.store import MemoryStore
from domain.services.collection_cycle import CollectionCycle, SourcePlan
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
