"""A Hue source in front of a bridge, with everything about it in the test's hands."""

from __future__ import annotations

import gc
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import attrs

from adapters.hue.bridge import Bridge, OpenBridge
from adapters.hue.http import BridgeSession
from adapters.hue.locating import Reach
from adapters.hue.sensor_directory import Directory
from adapters.hue.sensors import Keeping
from adapters.hue.source import HueSource, Strategy
from adapters.hue.tls import SIGNIFY_ROOTS, Proof
from adapters.memory.runtime import MemoryJournal, MemoryMeter
from adapters.memory.spool import MemoryState
from adapters.runtime.clock import SystemClock
from adapters.simulator.hue.service import SimulatedBridge
from domain.cycle import SourceReply
from domain.reading import Quantity
from ports.clock import Clock
from ports.state import State
from tests.support.builders import NOON


@attrs.frozen(kw_only=True)
class WallOf:
    """The wall of another clock, and the system's stopwatch: sockets take real time."""

    wall: Clock
    stopwatch: SystemClock = attrs.field(factory=SystemClock)

    def now(self) -> datetime:
        return self.wall.now()

    def elapsed_s(self) -> float:
        return self.stopwatch.elapsed_s()

    async def sleep(self, seconds: float) -> None:
        await self.stopwatch.sleep(seconds)


@attrs.frozen(kw_only=True)
class HueBench:
    """The source and what it was given."""

    source: HueSource
    open_bridge: OpenBridge
    address: str
    clock: Clock
    state: State
    journal: MemoryJournal
    meter: MemoryMeter

    async def read(self, slot: datetime = NOON, within_s: float = 10.0) -> SourceReply:
        return await self.source.read(slot, self.clock.elapsed_s() + within_s)

    def operations(self) -> list[str]:
        """What the source has asked since the last call, oldest first."""
        return [measurement.operation for measurement in self.meter.drain()]

    def told(self) -> str:
        """Everything that went into the journal and the state."""
        kept = [self.state.get(key) for key in ("hue.directory", f"hue.reach.{self.address}")]
        return repr([self.journal.records, kept])


def a_hue_bench(
    address: str,
    *,
    api_key: str,
    bridge_id: str | None = None,
    certificate_sha256: str | None = None,
    roots: Path = SIGNIFY_ROOTS,
    strategy: Strategy = "auto",
    state: State | None = None,
    wall: Clock | None = None,
    clock: Clock | None = None,
    timeout_s: float = 5.0,
    **keeping: Any,
) -> HueBench:
    """A source for the bridge there, built as the program builds its own.

    `clock` is its clock, `wall` one that gives only the wall; without either the system's is.
    """
    if clock is None:
        clock = SystemClock() if wall is None else WallOf(wall=wall)
    state = MemoryState() if state is None else state
    journal, meter = MemoryJournal(), MemoryMeter(clock)

    def open_bridge(base_url: str, proof: Proof | None) -> Bridge:
        session = BridgeSession(
            base_url=base_url, proof=proof, source="hue", timeout_s=timeout_s, clock=clock, meter=meter
        )
        return Bridge(session=session, api_key=api_key, clock=clock)

    source = HueSource(
        name="hue",
        reach=Reach(
            address=address,
            bridge_id=bridge_id,
            certificate_sha256=certificate_sha256,
            roots=roots,
            state=state,
        ),
        strategy=strategy,
        keeping=Keeping(**keeping),
        directory=Directory(state=state, key="hue.directory", journal=journal),
        open_bridge=open_bridge,
        clock=clock,
        journal=journal,
    )
    return HueBench(
        source=source,
        open_bridge=open_bridge,
        address=address,
        clock=clock,
        state=state,
        journal=journal,
        meter=meter,
    )


@asynccontextmanager
async def in_front_of(bridge: SimulatedBridge, **changes: Any) -> AsyncIterator[HueBench]:
    """A source that knows the simulated bridge; nothing of it is left at the end."""
    terms: dict[str, Any] = {
        "address": bridge.address,
        "api_key": bridge.key,
        "bridge_id": bridge.id,
        "roots": bridge.ca_file,
    }
    async with closing(a_hue_bench(**(terms | changes))) as bench:
        yield bench


@asynccontextmanager
async def closing(bench: HueBench) -> AsyncIterator[HueBench]:
    """The source, closed at the end; a connection that it forgot is a failure of the test."""
    try:
        yield bench
    finally:
        await bench.source.close()
        wait_for_reads()
        gc.collect(1)  # a socket that nobody closed warns now, and not in another test


def wait_for_reads(seconds: float = 2.0) -> None:
    """Let the threads of reads that were abandoned end; fails when one does not."""
    for thread in threading.enumerate():
        if thread.name.startswith("read hue"):
            thread.join(seconds)
            assert not thread.is_alive(), f"{thread.name} goes on"


def temperatures(reply: SourceReply) -> Mapping[str, float]:
    """The readings' temperatures by device."""
    return {reading.device_id: reading.values[Quantity.TEMPERATURE] for reading in reply.readings}
