"""A slow bridge: nothing is requested twice, and the cost of a fallback is measured."""

from __future__ import annotations

import pytest

from adapters.memory.runtime import MemoryClock
from adapters.simulator.hue.model import BSB002, BSB002_OLD, BridgeModel
from adapters.simulator.network import Pace
from tests.support.hue_bench import temperatures
from tests.support.hue_paced import AT_EVERY_LATENCY, MS_PER_KB, ON_EVERY_BRIDGE, a_bridge, front, paced


@AT_EVERY_LATENCY
@pytest.mark.parametrize(
    ("model", "where"),
    [(BSB002, "/clip/v2/resource/temperature"), (BSB002_OLD, "/api/***/sensors")],
    ids=["v2", "v1"],
)
@pytest.mark.parametrize("fault", ["kind=garbled", "kind=html", "kind=redirect", "kind=error type=901"])
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
            began_s, seen = home_clock.elapsed_s(), len(bridge.requests)
            made_up = await bench.read()
            took_s = home_clock.elapsed_s() - began_s
            small, whole = bench.meter.drain()
            bridge.faults.clear()
            again = await bench.read()
            assert len(bench.operations()) == 1
    assert temperatures(made_up) == temperatures(good) == temperatures(again)
    assert made_up.notes[0].startswith("read the whole bridge")
    assert (good.notes, again.notes) == ((), ())
    assert small.operation == ("hue.v2/temperature" if model.has_v2 else "hue.v1/sensors")
    assert whole.operation == "hue.v1/whole_bridge"
    asked = bridge.requests[seen : seen + 2]
    assert [each.payload_bytes for each in (small, whole)] == [each.reply_bytes for each in asked]
    expected_s = [pace.wait_s(each.reply_bytes) for each in asked]
    assert [small.duration_s, whole.duration_s] == pytest.approx(expected_s)
    assert took_s == pytest.approx(sum(expected_s))


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
