"""What reads of a paced bridge cost: time, bytes and requests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Any

import attrs
import pytest

from adapters.hue.source import Strategy
from adapters.memory.runtime import MemoryClock
from adapters.simulator.home import SimulatedHome
from adapters.simulator.hue.model import BSB001, BSB002, BSB002_OLD, BSB003, BridgeModel
from adapters.simulator.hue.service import SimulatedBridge
from adapters.simulator.network import Pace
from domain.measurements import Operation
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


CYCLES_AN_HOUR = 12
SMALLER = 0.5  # so much smaller than reading the whole bridge a read has to be at least
SHORTER = 0.3  # and so much shorter


@attrs.frozen(kw_only=True)
class Costs:
    """The cost of some cycles together."""

    requests: int = 0
    payload_bytes: int = 0
    wire_bytes: int = 0
    seconds: float = 0.0

    def __add__(self, other: Costs) -> Costs:
        return Costs(
            requests=self.requests + other.requests,
            payload_bytes=self.payload_bytes + other.payload_bytes,
            wire_bytes=self.wire_bytes + other.wire_bytes,
            seconds=self.seconds + other.seconds,
        )

    @property
    def kb(self) -> float:
        return self.payload_bytes / 1000

    def slower_by(self, s_per_kb: float) -> Costs:
        """Return the cost at a bridge whose replies take so much longer for each kB."""
        return attrs.evolve(self, seconds=self.seconds + s_per_kb * self.kb)


def costs_of(operations: Iterable[Operation]) -> Costs:
    """Return the cost of the requests to a bridge among these."""
    asked = [each for each in operations if each.operation.startswith("hue.")]
    return Costs(
        requests=len(asked),
        payload_bytes=sum(each.payload_bytes for each in asked),
        wire_bytes=sum(each.wire_bytes for each in asked),
        seconds=sum(each.duration_s for each in asked),
    )


def slope_from(small: Costs, whole: Costs) -> float:
    """Return the s/kB from which `small` is shorter by the wanted share.

    Both cost what they cost where size takes no time. A slope s adds s for each of their kB, so it is where
    small.seconds + s small.kb = 0.7 (whole.seconds + s whole.kb).
    """
    left = 1 - SHORTER
    return max(0.0, (small.seconds - left * whole.seconds) / (left * whole.kb - small.kb))
