"""Costs of the reads in simulated time: against the whole bridge, after a failure, at a slow bridge."""

from __future__ import annotations

from contextlib import AsyncExitStack
from datetime import timedelta

import attrs
import pytest

from adapters.hue.source import Strategy
from adapters.memory.runtime import MemoryClock
from adapters.simulator.hue.model import BSB002, BSB002_OLD, BridgeModel
from adapters.simulator.hue.service import SimulatedBridge
from adapters.simulator.network import Pace
from tests.support.builders import NOON
from tests.support.hue_bench import HueBench, temperatures
from tests.support.hue_costs import (
    AT_EVERY_LATENCY,
    CYCLES_AN_HOUR,
    LATENCIES_S,
    MS_PER_KB,
    ON_EVERY_BRIDGE,
    SHORTER,
    SMALLER,
    Costs,
    a_bridge,
    costs_of,
    front,
    paced,
    slope_from,
)

HOURS = 1


async def in_turn(
    bridge: SimulatedBridge, clock: MemoryClock, *strategies: Strategy, hours: int = HOURS
) -> dict[Strategy, Costs]:
    """Return the costs of whole hours of cycles by each strategy, after a first cycle."""
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


def as_if(costs: Costs, latency_s: float) -> Costs:
    """Return what the same requests cost if each waits that long and size takes no time."""
    return attrs.evolve(costs, seconds=latency_s * costs.requests)


@pytest.mark.parametrize(
    "latency_s",
    [pytest.param(0.05, id="50ms"), pytest.param(0.3, id="300ms", marks=pytest.mark.proof)],
)
@pytest.mark.parametrize("model", [BSB002, BSB002_OLD], ids=["v2", "v1"])
async def test_slope_from_which_a_cycle_is_30_percent_shorter(model: BridgeModel, latency_s: float) -> None:
    async def costs_at(s_per_kb: float) -> tuple[Costs, Costs]:
        clock = MemoryClock(NOON)
        with a_bridge(model, clock) as bridge:
            bridge.set_pace(paced(clock, latency_s, s_per_kb))
            costs = await in_turn(bridge, clock, "auto", "whole_bridge")
        return costs["auto"], costs["whole_bridge"]

    flat = await costs_at(0.0)
    from_s_per_kb = slope_from(*flat)
    assert flat[0].seconds > (1 - SHORTER) * flat[1].seconds  # nothing to save if size costs no time
    too_flat, steep = await costs_at(0.97 * from_s_per_kb), await costs_at(1.03 * from_s_per_kb)
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


@AT_EVERY_LATENCY
@pytest.mark.parametrize(
    ("model", "where"),
    [(BSB002, "/clip/v2/resource/temperature"), (BSB002_OLD, "/api/***/sensors")],
    ids=["v2", "v1"],
)
@pytest.mark.parametrize("fault", ["kind=garbled", "kind=redirect"])
async def test_optimization_fallback_on_error(
    home_clock: MemoryClock, model: BridgeModel, where: str, latency_s: float, fault: str
) -> None:
    """A garbled or refused small read is replaced in the same cycle, and its cost measured."""
    with a_bridge(model, home_clock) as bridge:
        pace = paced(home_clock, latency_s, MS_PER_KB[latency_s] / 1000)
        bridge.set_pace(pace)
        async with front(bridge, home_clock) as bench:
            good = await bench.read()
            bench.meter.drain()
            bridge.faults.add(f"path={where} {fault}")
            seen = len(bridge.requests)
            fallback = await bench.read()
            small, larger = bench.meter.drain()
            bridge.faults.clear()
            again = await bench.read()
            assert len(bench.operations()) == 1
    assert temperatures(fallback) == temperatures(good) == temperatures(again)
    assert fallback.notes[0].startswith("read version 1" if model.has_v2 else "read the whole bridge")
    assert (good.notes, again.notes) == ((), ())
    ways = ["hue.v2/temperature", "hue.v1/sensors", "hue.v1/whole_bridge"]
    assert [small.operation, larger.operation] == (ways[:2] if model.has_v2 else ways[1:])
    asked = bridge.requests[seen : seen + 2]
    assert [each.payload_bytes for each in (small, larger)] == [each.reply_bytes for each in asked]
    expected_s = [pace.wait_s(each.reply_bytes) for each in asked]
    assert [small.duration_s, larger.duration_s] == pytest.approx(expected_s)


@pytest.mark.parametrize("latency_s", [0.3, 2.0])
@ON_EVERY_BRIDGE
async def test_optimization_under_high_latency(
    home_clock: MemoryClock, model: BridgeModel, latency_s: float
) -> None:
    """A slow bridge gets the same requests as a fast one, and none twice."""
    asked: list[list[str]] = []
    for pace in (Pace(), paced(home_clock, latency_s)):
        with a_bridge(model, home_clock) as bridge:
            bridge.set_pace(pace)
            async with front(bridge, home_clock) as bench:
                operations = []
                for _ in range(3):
                    began_s = home_clock.elapsed_s()
                    reply = await bench.read()
                    assert (len(reply.readings), reply.notes) == (8, ())
                    made = bench.operations()
                    waits_s = len(made) * pace.latency_s
                    assert home_clock.elapsed_s() - began_s == pytest.approx(waits_s)
                    operations += made
                asked.append(operations)
            assert {request.at_once for request in bridge.requests} == {1}
    assert asked[0] == asked[1]
    assert len(asked[1]) == len(set(asked[1])) + 2  # the last two reads, a request each
