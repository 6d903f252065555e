"""What the default read saves against reading the whole bridge, in simulated time."""

from __future__ import annotations

from contextlib import AsyncExitStack
from datetime import timedelta

import attrs
import pytest

from adapters.hue.source import Strategy
from adapters.memory.runtime import MemoryClock
from adapters.simulator.hue.model import BSB002, BSB002_OLD, BridgeModel
from adapters.simulator.hue.service import SimulatedBridge
from tests.support.builders import NOON
from tests.support.hue_bench import HueBench
from tests.support.hue_costs import CYCLES_AN_HOUR, SHORTER, SMALLER, CycleCosts, costs_of, slope_from
from tests.support.hue_paced import (
    AT_EVERY_LATENCY,
    LATENCIES_S,
    MS_PER_KB,
    ON_EVERY_BRIDGE,
    a_bridge,
    front,
    paced,
)

HOURS = 2


async def in_turn(
    bridge: SimulatedBridge, clock: MemoryClock, *strategies: Strategy, hours: int = HOURS
) -> dict[Strategy, CycleCosts]:
    """Return the costs of whole hours of cycles by each strategy, after a first cycle."""
    async with AsyncExitStack() as stack:
        benches = {each: await stack.enter_async_context(front(bridge, clock, each)) for each in strategies}
        costs = dict.fromkeys(strategies, CycleCosts())
        first = clock.now()
        for number in range(1 + hours * CYCLES_AN_HOUR):
            slot = first + timedelta(minutes=5 * number)
            clock.advance((slot - clock.now()).total_seconds())
            for strategy, bench in benches.items():
                spent = await a_cycle(bench)
                costs[strategy] += spent if number else CycleCosts()
    return costs


async def a_cycle(bench: HueBench) -> CycleCosts:
    began_s = bench.clock.elapsed_s()
    reply = await bench.read()
    spent = costs_of(bench.meter.drain())
    assert len(reply.readings) + len(reply.unread) == 8
    assert spent.seconds == pytest.approx(bench.clock.elapsed_s() - began_s)  # requests take all the time
    return spent


@ON_EVERY_BRIDGE
async def test_payload_size_50_percent_reduction(home_clock: MemoryClock, model: BridgeModel) -> None:
    with a_bridge(model, home_clock) as bridge:
        costs = await in_turn(bridge, home_clock, "auto", "whole_bridge")
    small, whole = costs["auto"], costs["whole_bridge"]
    assert whole.requests == HOURS * CYCLES_AN_HOUR
    assert 30_000 <= whole.payload_bytes / whole.requests <= 85_000
    assert small.payload_bytes <= (1 - SMALLER) * whole.payload_bytes
    assert small.wire_bytes <= (1 - SMALLER) * whole.wire_bytes


@AT_EVERY_LATENCY
@ON_EVERY_BRIDGE
async def test_cycle_duration_30_percent_reduction(
    home_clock: MemoryClock, model: BridgeModel, latency_s: float
) -> None:
    with a_bridge(model, home_clock) as bridge:
        bridge.set_pace(paced(home_clock, latency_s, MS_PER_KB[latency_s] / 1000))
        costs = await in_turn(bridge, home_clock, "auto", "whole_bridge")
    whole_s = costs["whole_bridge"].seconds
    assert whole_s >= HOURS * CYCLES_AN_HOUR * latency_s
    assert costs["auto"].seconds <= (1 - SHORTER) * whole_s


def as_if(costs: CycleCosts, latency_s: float) -> CycleCosts:
    """Return what the same requests cost if each waits that long and size takes no time."""
    return attrs.evolve(costs, seconds=latency_s * costs.requests)


@pytest.mark.parametrize(
    "latency_s",
    [pytest.param(0.05, id="50ms"), pytest.param(0.3, id="300ms", marks=pytest.mark.proof)],
)
@pytest.mark.parametrize("model", [BSB002, BSB002_OLD], ids=["v2", "v1"])
async def test_slope_from_which_a_cycle_is_30_percent_shorter(model: BridgeModel, latency_s: float) -> None:
    async def played(s_per_kb: float) -> tuple[CycleCosts, CycleCosts]:
        clock = MemoryClock(NOON)
        with a_bridge(model, clock) as bridge:
            bridge.set_pace(paced(clock, latency_s, s_per_kb))
            costs = await in_turn(bridge, clock, "auto", "whole_bridge")
        return costs["auto"], costs["whole_bridge"]

    flat = await played(0.0)
    from_s_per_kb = slope_from(*flat)
    assert flat[0].seconds > (1 - SHORTER) * flat[1].seconds  # nothing to save if size costs no time
    too_flat, steep = await played(0.97 * from_s_per_kb), await played(1.03 * from_s_per_kb)
    assert too_flat[0].seconds > (1 - SHORTER) * too_flat[1].seconds
    assert steep[0].seconds <= (1 - SHORTER) * steep[1].seconds


@pytest.mark.proof
async def test_cost_of_24_hours_by_each_strategy(home_clock: MemoryClock) -> None:
    """Check the figures of docs/explanation/performance.md; slopes in ms/kB."""
    with a_bridge(BSB002, home_clock) as bridge:
        costs = await in_turn(bridge, home_clock, "v2", "v1", "whole_bridge", hours=24)
    figures = {way: (each.requests // 24, round(each.kb / 24)) for way, each in costs.items()}
    assert figures == {"v2": (16, 65), "v1": (12, 163), "whole_bridge": (12, 658)}
    whole = costs["whole_bridge"]
    slopes = {
        way: [
            round(1000 * slope_from(as_if(costs[way], each), as_if(whole, each)), 1) for each in LATENCIES_S
        ]
        for way in ("v2", "v1")
    }
    assert slopes == {"v2": [0.0, 1.0, 5.8], "v1": [0.0, 0.6, 3.6]}
