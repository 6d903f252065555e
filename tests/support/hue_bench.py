"""A Hue source for tests, with its state, clock, journal and meter."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import attrs

from adapters.hue.bridge import BridgeOpener
from adapters.hue.connecting import BridgeConnector, BridgeMemory
from adapters.hue.locating import BridgeLocator
from adapters.hue.sensor_directory import SensorDirectory
from adapters.hue.sensors import ReadingSettings
from adapters.hue.source import HueSource, Strategy
from adapters.hue.tls import SIGNIFY_ROOTS
from adapters.memory.runtime import MemoryJournal, MemoryMeter
from adapters.memory.state import MemoryState
from adapters.runtime.clock import SystemClock
from adapters.simulator.hue.service import SimulatedBridge
from domain.cycle import SourceReply
from domain.reading import Quantity
from ports.clock import Clock
from ports.setup import BridgeFinder
from ports.state import State
from tests.support.builders import NOON
from tests.support.threads import wait_until_idle


class CountingState(MemoryState):
    """A state that counts its reads and writes."""

    gets = puts = 0

    def get(self, key: str) -> Any:
        self.gets += 1
        return super().get(key)

    def put(self, key: str, value: Any) -> None:
        self.puts += 1
        super().put(key, value)


@attrs.frozen(kw_only=True)
class WallOf:
    """The wall time of another clock, and the system's elapsed time, since sockets take real time."""

    wall: Clock
    stopwatch: SystemClock = attrs.field(factory=SystemClock)

    def now(self) -> datetime:
        return self.wall.now()

    def elapsed_s(self) -> float:
        return self.stopwatch.elapsed_s()

    def elapsed_asleep_s(self) -> float | None:
        return self.stopwatch.elapsed_asleep_s()

    async def sleep(self, seconds: float) -> None:
        await self.stopwatch.sleep(seconds)


@attrs.frozen(kw_only=True)
class HueBench:
    """The source and its collaborators."""

    source: HueSource
    opener: BridgeOpener
    address: str
    clock: Clock
    state: State
    journal: MemoryJournal
    meter: MemoryMeter

    async def read(self, slot: datetime = NOON, within_s: float = 10.0) -> SourceReply:
        return await self.source.read(slot, self.clock.elapsed_s() + within_s)

    def operations(self) -> list[str]:
        """Return the operations since the last call, oldest first."""
        return [measurement.operation for measurement in self.meter.drain()]

    def shown(self) -> str:
        """Return everything that went into the journal and the state."""
        kept = [self.state.get(key) for key in ("hue.directory", f"hue.reach.{self.address}")]
        return repr([self.journal.records, kept])


def a_hue_bench(
    address: str,
    *,
    api_key: str = "",
    bridge_id: str | None = None,
    certificate_sha256: str | None = None,
    roots: Path = SIGNIFY_ROOTS,
    strategy: Strategy = "auto",
    state: State | None = None,
    wall: Clock | None = None,
    clock: Clock | None = None,
    timeout_s: float = 5.0,
    finder: BridgeFinder | None = None,
    opener: BridgeOpener | None = None,
    **settings: Any,
) -> HueBench:
    """Return a source for the bridge at an address, built as the program builds it.

    `clock` is its clock, `wall` one that gives only the wall; without either the system's is.
    """
    if clock is None:
        clock = SystemClock() if wall is None else WallOf(wall=wall)
    state = MemoryState() if state is None else state
    journal, meter = MemoryJournal(), MemoryMeter(clock)

    if opener is None:
        opener = BridgeOpener(source="hue", api_key=api_key, timeout_s=timeout_s, clock=clock, meter=meter)
    memory = BridgeMemory(state)
    connector = BridgeConnector(
        bridge_id=bridge_id, certificate_sha256=certificate_sha256, roots=roots, memory=memory
    )
    source = HueSource(
        name="hue",
        locator=BridgeLocator(
            connector=connector, address=address, finder=finder, memory=memory, clock=clock, journal=journal
        ),
        opener=opener,
        strategy=strategy,
        settings=ReadingSettings(**settings),
        directory=SensorDirectory(state=state, key="hue.directory", journal=journal),
        clock=clock,
        journal=journal,
    )
    return HueBench(
        source=source,
        opener=opener,
        address=address,
        clock=clock,
        state=state,
        journal=journal,
        meter=meter,
    )


@asynccontextmanager
async def in_front_of(bridge: SimulatedBridge, **changes: Any) -> AsyncIterator[HueBench]:
    """Yield a source for the simulated bridge, and close it."""
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
    """Close the source at the end; fail for an unclosed connection."""
    try:
        yield bench
    finally:
        await bench.source.close()
        wait_for_reads()
        gc.collect(1)  # an unclosed socket warns now, and not in another test


def wait_for_reads(seconds: float = 30.0) -> None:
    """Let reads that were abandoned end; fail if one goes on."""
    wait_until_idle("read hue", seconds)


def temperatures(reply: SourceReply) -> Mapping[str, float]:
    """Return the temperatures by device."""
    return {reading.device_id: reading.values[Quantity.TEMPERATURE] for reading in reply.readings}
