"""What each way to read a bridge costs, in turn, in one run: ./run bench hue [--cycles 36] [--ms-per-kb 2].

Whole cycles (read, parse, commit) over TLS before simulated bridges in processes of their own, whose replies
take longer the larger they are. Counted are whole hours, with all that is read hourly. Ends with 1 where a
small read is more than half as large as the whole bridge.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

import attrs

from adapters.hue.source import Strategy
from adapters.runtime.clock import SystemClock
from adapters.simulator.clock import MovedClock
from domain.schedule import slot_at
from domain.services.collection_cycle import CollectionCycle, SourcePlan
from tests.support.builders import a_due
from tests.support.collecting import a_collection
from tests.support.databases import a_store
from tests.support.hue_bench import HueBench, a_hue_bench
from tests.support.hue_costs import CYCLES_AN_HOUR, SMALLER, Costs, costs_of, slope_from

LATENCIES_MS = (0, 50, 300)
# A little more than five minutes, so that what is read hourly is read in every twelfth cycle.
_EVERY = timedelta(seconds=300.5)
GARBLED = "path=/clip/v2/resource/temperature kind=garbled"
WHOLE = "whole bridge"
WAYS: Mapping[str, tuple[Strategy, bool]] = {
    WHOLE: ("whole_bridge", False),
    "v1": ("v1", False),
    "v2": ("v2", False),
    "v2 garbled": ("v2", True),
}


@attrs.define
class Way:
    """A collection of its own, and what its cycles cost."""

    bench: HueBench
    collection: CollectionCycle
    cycles: list[Costs] = attrs.field(factory=list)

    async def cycle(self, clock: MovedClock, *, is_first: bool) -> None:
        slot = slot_at(clock.now(), 300)
        began = time.perf_counter()
        await self.collection.run([a_due("hue", slot=slot)])
        seconds = time.perf_counter() - began
        operations = self.bench.meter.operations[:]
        self.bench.meter.operations.clear()
        if not is_first:  # that one learns who is who
            self.cycles.append(attrs.evolve(costs_of(operations), seconds=seconds))

    @property
    def all(self) -> Costs:
        return sum(self.cycles, Costs())


def main() -> int:
    """Print the table; see the top of this file."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--cycles", type=int, default=36, help="of each way; rounded up to whole hours of 12")
    parser.add_argument("--ms-per-kb", type=float, default=2.0, help="the slope of the bridge's reply time")
    given = parser.parse_args()
    cycles = -(-given.cycles // CYCLES_AN_HOUR) * CYCLES_AN_HOUR
    is_missed = False
    print(
        f"{cycles} cycles of each way, {given.ms_per_kb:g} ms for each kB; requests and bytes are of an hour"
    )
    for latency_ms in LATENCIES_MS:
        pace = ("--latency", str(latency_ms), "--per-kb", str(given.ms_per_kb))
        with ExitStack() as stack:
            good = stack.enter_context(bridge_apart(*pace))
            bad = stack.enter_context(bridge_apart(*pace, "--fault", GARBLED))
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            ways = asyncio.run(_in_turn(good, bad, Path(folder), cycles))
        is_missed |= _print(f"{latency_ms} ms", ways, given.ms_per_kb / 1000)
    return int(is_missed)


async def _in_turn(good: BridgeApart, bad: BridgeApart, folder: Path, cycles: int) -> dict[str, Way]:
    clock = MovedClock(SystemClock())
    async with AsyncExitStack() as stack:
        ways = {}
        for name, (strategy, is_garbled) in WAYS.items():
            way = ways[name] = _way(bad if is_garbled else good, strategy, clock, folder / f"{name}.db")
            stack.push_async_callback(way.collection.close)
        first = slot_at(clock.now(), 300) + timedelta(seconds=301)
        for number in range(cycles + 1):
            for way in ways.values():
                clock.move_to(first + number * _EVERY)
                await way.cycle(clock, is_first=number == 0)
    return ways


def _way(bridge: BridgeApart, strategy: Strategy, clock: MovedClock, database: Path) -> Way:
    bench = a_hue_bench(
        bridge.address,
        api_key=bridge.key,
        bridge_id=bridge.bridge_id,
        roots=bridge.ca_file,
        strategy=strategy,
        clock=clock,
    )
    plans = [SourcePlan(source=bench.source, interval_s=300)]
    store = a_store(database)
    return Way(bench, a_collection(plans, clock=clock, journal=bench.journal, meter=bench.meter, store=store))


def _print(latency: str, ways: Mapping[str, Way], s_per_kb: float) -> bool:
    """Whether a small read missed the size that is wanted."""
    print(
        f"\nadded latency {latency:10}   one cycle: median [quartiles]      mean cycle   of whole"
        "   requests  unpacked       wire   of whole   30 % from"
    )
    whole, is_missed = ways[WHOLE].all, False
    flat_whole = whole.slower_by(-s_per_kb)
    for name, way in ways.items():
        spent, an_hour = way.all, CYCLES_AN_HOUR / len(way.cycles)
        of_whole = spent.payload_bytes / whole.payload_bytes
        is_small = name in ("v1", "v2")
        is_missed |= is_small and of_whole > 1 - SMALLER
        slope = f"{1000 * slope_from(spent.slower_by(-s_per_kb), flat_whole):6.2f} ms/kB" if is_small else ""
        print(
            f"{name:14}           {_spread([each.seconds for each in way.cycles])}   "
            f"{1000 * spent.seconds / len(way.cycles):7.1f} ms   {spent.seconds / whole.seconds:8.2f}   "
            f"{spent.requests * an_hour:8.1f}  {spent.kb * an_hour:5.1f} kB  "
            f"{spent.wire_bytes / 1000 * an_hour:6.1f} kB   {of_whole:8.2f}   {slope}"
        )
    return is_missed


def _spread(seconds: Sequence[float]) -> str:
    low, middle, high = (1000 * each for each in statistics.quantiles(seconds, n=4))
    return f"{middle:7.1f} ms [{low:7.1f} {high:7.1f}]"


@attrs.frozen(kw_only=True)
class BridgeApart:
    """Address and credentials of its bridge."""

    address: str
    bridge_id: str
    key: str
    ca_file: Path


@contextmanager
def bridge_apart(*arguments: str) -> Iterator[BridgeApart]:
    """Run `homeclimate simulator` with these arguments until the block ends."""
    command = [sys.executable, "-m", "entrypoints", "simulator", "--json", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) as running:
        assert running.stdout is not None
        try:
            facts = json.loads(running.stdout.readline())
            yield BridgeApart(
                address=facts["address"],
                bridge_id=facts["bridge_id"],
                key=facts["key"],
                ca_file=Path(facts["ca_file"]),
            )
        finally:
            running.terminate()


if __name__ == "__main__":
    sys.exit(main())
