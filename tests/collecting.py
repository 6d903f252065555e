"""A collection for tests, over fakes for everything that a test says nothing about."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from adapters.memory.in_hand import MemoryInHand
from adapters.memory.meter import MemoryMeter
from adapters.memory.retrier import MemoryRetrier
from adapters.memory.spool import MemorySpool
from adapters.memory.state import MemoryState
from adapters.memory.store import MemoryStore
from domain.services.collection import Collection, SourcePlan
from domain.services.keeping import Keeping
from domain.services.streaks import Streaks
from ports.clock import Clock
from ports.in_hand import InHand
from ports.journal import Journal
from ports.meter import Meter
from ports.retrier import Retrier
from ports.spool import Spool
from ports.state import State
from ports.store import Store


def a_keeping(
    *,
    clock: Clock,
    journal: Journal,
    store: Store | None = None,
    spool: Spool | None = None,
    retrier: Retrier | None = None,
    meter: Meter | None = None,
) -> Keeping:
    return Keeping(
        store=store or MemoryStore(),
        spool=spool or MemorySpool(),
        retrier=retrier or MemoryRetrier(clock=clock, journal=journal),
        clock=clock,
        meter=meter or MemoryMeter(clock),
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
    in_hand: InHand | None = None,
    retrier: Retrier | None = None,
    meter: Meter | None = None,
    redact: Callable[[str], str] = str,
) -> Collection:
    retrier = retrier or MemoryRetrier(clock=clock, journal=journal)
    meter = meter or MemoryMeter(clock)
    return Collection(
        plans=plans,
        keeping=a_keeping(
            clock=clock, journal=journal, store=store, spool=spool, retrier=retrier, meter=meter
        ),
        streaks=Streaks(state=state or MemoryState(), clock=clock),
        in_hand=in_hand or MemoryInHand(),
        retrier=retrier,
        clock=clock,
        meter=meter,
        journal=journal,
        redact=redact,
    )
