"""Simulated bridges with latency, and sources for them, on a clock that is moved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Any

import pytest

from adapters.hue.source import Strategy
from adapters.memory.runtime import MemoryClock
from adapters.simulator.home import SimulatedHome
from adapters.simulator.hue.model import BSB001, BSB002, BSB002_OLD, BSB003, BridgeModel
from adapters.simulator.hue.service import SimulatedBridge
from adapters.simulator.network import Pace
from tests.support.hue_bench import HueBench, in_front_of

LATENCIES_S = (0.0, 0.05, 0.3)
# In ms for each kB; assumed, since no real bridge's slope is published.
MS_PER_KB: Mapping[float, float] = {0.0: 0.1, 0.05: 2.0, 0.3: 8.0}
MODELS = {"v2": BSB002, "v2-pro": BSB003, "v1-only": BSB002_OLD, "v1-http": BSB001}
ON_EVERY_BRIDGE = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
AT_EVERY_LATENCY = pytest.mark.parametrize("latency_s", LATENCIES_S, ids=lambda each: f"{each * 1000:.0f}ms")


@contextmanager
def a_bridge(model: BridgeModel, clock: MemoryClock) -> Iterator[SimulatedBridge]:
    with SimulatedHome(clock=clock, bridges=(model,)).running() as home:
        yield home.bridge


def paced(clock: MemoryClock, latency_s: float = 0.0, s_per_kb: float = 0.0) -> Pace:
    """Return a pace that waits by the clock of the test."""
    return Pace(latency_s=latency_s, s_per_kb=s_per_kb, sleep=clock.sleep)


def front(
    bridge: SimulatedBridge, clock: MemoryClock, strategy: Strategy = "auto"
) -> AbstractAsyncContextManager[HueBench]:
    terms: dict[str, Any] = {"clock": clock, "strategy": strategy}
    if bridge.model is BSB001:
        terms["address"] = f"http://{bridge.http_address}"
    if bridge.model is BSB002_OLD:
        terms["certificate_sha256"] = bridge.certificate_sha256
    return in_front_of(bridge, **terms)
