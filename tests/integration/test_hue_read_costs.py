"""What the read that a home gets by itself saves against the whole bridge, in simulated time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from datetime import timedelta

import pytest

from adapters.hue.reads import Strategy
from adapters.memory.clock import MemoryClock
from adapters.simulator.home import SimulatedHome
from adapters.simulator.hue.model import BSB001, BSB002, BSB002_OLD, BSB003, BridgeModel
from adapters.simulator.hue.simulated_bridge import SimulatedBridge
from adapters.simulator.wire import Pace
from tests.builders import NOON
from tests.hue_bench import HueBench, in_front_of
from tests.hue_costs import CYCLES_AN_HOUR, SHORTER, SMALLER, Costs, costs_of

HOURS = 2
LATENCIES_S = (0.0, 0.05, 0.3)
# In ms for each kB. No real bridge's slope is published: these are ours; the law below says from where on.
MS_PER_KB: Mapping[float, float] = {0.0: 0.1, 0.05: 2.0, 0.3: 8.0}
MODELS = {"v2": BSB002, "v2-pro": BSB003, "v1-only": BSB002_OLD, "v1-http": BSB001}
ON_EVERY_BRIDGE = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
AT_EVERY_LATENCY = pytest.mark.parametrize("latency_s", LATENCIES_S, ids=lambda each: f"{each * 1000:.0f}ms")


@contextmanager
def a_bridge(model: BridgeModel, clock: MemoryClock) -> Iterator[SimulatedBridge]:
    with SimulatedHome(clock=clock, bridges=(model,)).running() as home:
        yield home.bridge


def paced(clock: MemoryClock, latency_s: float = 0.0, s_per_kb: float = 0.0) -> Pace:
    """The pace by the clock of the test: what it waits for has passed when the reply is there."""
    return Pace(latency_s=latency_s, s_per_kb=s_per_kb, sleep=clock.sleep)


async def in_turn(
    bridge: SimulatedBridge, clock: MemoryClock, *strategies: Strategy, hours: int = HOURS
) -> dict[Strategy, Costs]:
    """Whole hours of cycles, each way in each of them, after a first one that learns who is who."""
    async with AsyncExitStack() as stack:
        benches = {each: await stack.enter_async_context(front(bridge, clock, each)) for each in strategies}
        costs = dict.fromkeys(strategies, Costs())
        for number in range(1 + hours * CYCLES_AN_HOUR):
            slot = NOON + timedelta(minutes=5 * number)
            clock.advance((slot - clock.now()).total_seconds())
            for strategy, bench in benches.items():
                spent = await a_cycle(bench)
                costs[strategy] += spent if number else Costs()
    return costs


def front(bridge: SimulatedBridge, clock: MemoryClock, strategy: Strategy = "auto"):  # type: ignore[no-untyped-def]
    pin, address = bridge.certificate_sha256 or None, bridge.address
    if not bridge.certificate_sha256:
        address = f"http://{bridge.http_address}"
    is_pinned = bridge.model is BSB002_OLD
    return in_front_of(
        bridge,
        clock=clock,
        strategy=strategy,
        address=address,
        certificate_sha256=pin if is_pinned else None,
    )


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
