"""What the read that a home gets by itself saves against the whole bridge, in simulated time."""

from __future__ import annotations

from contextlib import AsyncExitStack
from datetime import timedelta

import attrs
import pytest

from adapters.hue.source import Strategy
from adapters.memory.runtime import MemoryClock
from adapters.simulator.hue.model import BSB002, BridgeModel
from adapters.simulator.hue.service import SimulatedBridge
from tests.support.builders import NOON
from tests.support.hue_bench import HueBench
from tests.support.hue_costs import CYCLES_AN_HOUR, SHORTER, SMALLER, Costs, costs_of, slope_from
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
) -> dict[Strategy, Costs]:
    """Whole hours of cycles, each way in each of them, after a first one that learns who is who."""
    async with AsyncExitStack() as stack:
        benches = {each: await stack.enter_async_context(front(bridge, clock, each)) for each in strategies}
        costs = dict.fromkeys(strategies, Costs())
        first = clock.now()
        for number in range(1 + hours * CYCLES_AN_HOUR):
            slot = first + timedelta(minutes=5 * number)
            clock.advance((slot - clock.now()).total_seconds())
            for strategy, bench in benches.items():
                spent = await a_cycle(bench)
                costs[strategy] += spent if number else Costs()
    return costs


async def a_cycle(bench: HueBench) -> Costs:
    began_s = bench.clock.elapsed_s()
    reply = await bench.read()
    spent = costs_of(bench.meter.drain())
    assert len(reply.readings) + len(reply.unread) == 8
    assert spent.seconds == pytest.approx(bench.clock.elapsed_s() - began_s)  # nothing waits beside requests
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


def as_if(costs: Costs, latency_s: float) -> Costs:
    """What the same requests take where each waits that long, and size takes no time."""
    return attrs.evolve(costs, seconds=latency_s * costs.requests)


@pytest.mark.parametrize(
    "latency_s",
    [pytest.param(0.05, id="50ms"), pytest.param(0.3, id="300ms", marks=pytest.mark.proof)],
)
@ON_EVERY_BRIDGE
async def test_the_law_tells_from_which_slope_on_a_cycle_is_30_percent_shorter(
    model: BridgeModel, latency_s: float
) -> None:
    async def played(s_per_kb: float) -> tuple[Costs, Costs]:
        clock = MemoryClock(NOON)
        with a_bridge(model, clock) as bridge:
            bridge.set_pace(paced(clock, latency_s, s_per_kb))
            costs = await in_turn(bridge, clock, "auto", "whole_bridge")
        return costs["auto"], costs["whole_bridge"]

    flat = await played(0.0)
    from_s_per_kb = slope_from(*flat)
    assert flat[0].seconds > (1 - SHORTER) * flat[1].seconds  # what size does not cost, it does not save
    too_flat, steep = await played(0.97 * from_s_per_kb), await played(1.03 * from_s_per_kb)
    assert too_flat[0].seconds > (1 - SHORTER) * too_flat[1].seconds
    assert steep[0].seconds <= (1 - SHORTER) * steep[1].seconds


@pytest.mark.proof
async def test_what_the_hours_of_each_read_cost(home_clock: MemoryClock) -> None:
    """The figures of docs/explanation/performance.md, and from which slope on, in ms for each kB."""
    with a_bridge(BSB002, home_clock) as bridge:
        costs = await in_turn(bridge, home_clock, "v2", "v1", "whole_bridge", hours=24)
    told = {way: (each.requests // 24, round(each.kb / 24)) for way, each in costs.items()}
    assert told == {"v2": (16, 65), "v1": (12, 163), "whole_bridge": (12, 658)}
    whole = costs["whole_bridge"]
    slopes = {
        way: [
            round(1000 * slope_from(as_if(costs[way], each), as_if(whole, each)), 1) for each in LATENCIES_S
        ]
        for way in ("v2", "v1")
    }
    assert slopes == {"v2": [0.0, 1.0, 5.8], "v1": [0.0, 0.6, 3.6]}
