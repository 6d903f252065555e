"""A Hue source in front of a bridge, with everything about it in the test's hands."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import attrs

from adapters.hue.bridge import Bridge
from adapters.hue.directory import Directory
from adapters.hue.reach import Reach
from adapters.hue.reads import Strategy
from adapters.hue.sensors import Keeping
from adapters.hue.session import BridgeSession
from adapters.hue.source import HueSource
from adapters.hue.tls import SIGNIFY_ROOTS, Proof
from adapters.memory.journal import MemoryJournal
from adapters.memory.meter import MemoryMeter
from adapters.memory.state import MemoryState
from adapters.system_clock import SystemClock
from domain.outcome import SourceReply
from ports.clock import Clock
from ports.state import State
from tests.builders import NOON


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
    clock: Clock
    state: State
    journal: MemoryJournal
    meter: MemoryMeter

    async def read(self, slot: datetime = NOON, within_s: float = 10.0) -> SourceReply:
        return await self.source.read(slot, self.clock.elapsed_s() + within_s)

    def operations(self) -> list[str]:
        """What the source has asked since the last call, oldest first."""
        return [measurement.operation for measurement in self.meter.drain()]


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
    timeout_s: float = 5.0,
    **keeping: Any,
) -> HueBench:
    """A source for the bridge there, built as the program builds its own."""
    clock: Clock = SystemClock() if wall is None else WallOf(wall=wall)
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
    return HueBench(source=source, clock=clock, state=state, journal=journal, meter=meter)
