"""Retries of a collection against a failing bridge, and the waits between them."""

from __future__ import annotations

import pytest

from adapters.runtime.stamina_retrier import StaminaRetrier
from adapters.simulator.home import SimulatedHome
from adapters.simulator.hue.service import SimulatedBridge
from domain.cycle import Cause, Collected, Cycle, Failed, Stored
from domain.services.collection_cycle import SOURCE_BUDGET_S, SourcePlan
from ports.clock import Clock
from tests.support.builders import NOON, a_due
from tests.support.collecting import SkippingClock, a_collection
from tests.support.hue_bench import HueBench, in_front_of

V2 = "path=/clip/v2/resource/temperature"
FIRST_TWO = ["hue.config", "hue.v2/temperature"]


@pytest.fixture
def bridge(simulated_home: SimulatedHome) -> SimulatedBridge:
    return simulated_home.bridge


@pytest.fixture
def clock() -> SkippingClock:
    return SkippingClock()


async def cycle(bench: HueBench, clock: Clock, budget_s: float = SOURCE_BUDGET_S) -> Cycle:
    collection = a_collection(
        [SourcePlan(source=bench.source, interval_s=300, budget_s=budget_s)],
        retrier=StaminaRetrier(clock=clock, journal=bench.journal, random=lambda: 0.0),
        clock=clock,
        meter=bench.meter,
        journal=bench.journal,
    )
    return await collection.run([a_due("hue", slot=NOON)])


def readings(done: Cycle) -> int:
    """Return how many readings were stored."""
    assert isinstance(done, Stored)
    [outcome] = done.report.outcomes
    assert isinstance(outcome, Collected)
    return len(outcome.readings)


def failure(done: Cycle) -> Failed:
    [outcome] = done.report.outcomes
    assert isinstance(outcome, Failed)
    return outcome


def operations(bench: HueBench) -> list[str]:
    """Name the requests that were sent."""
    return [each.operation for each in bench.meter.operations if each.operation.startswith("hue.")]


async def test_timeout_is_retried_by_v1(bridge: SimulatedBridge, clock: SkippingClock) -> None:
    bridge.faults.add(f"{V2} count=1 kind=silence")
    async with in_front_of(bridge, timeout_s=0.3) as bench:
        done = await cycle(bench, clock)
    assert readings(done) == 8
    assert clock.waits == [1.0]
    assert operations(bench)[:3] == [*FIRST_TWO, "hue.v1/sensors"], "v1 may not hang"
    [retry] = bench.journal.of("retry")
    assert (retry.fields["operation"], retry.fields["error"]) == ("hue.read", "SourceUnavailable")
    assert "did not answer in time" in str(retry.fields["message"])
    assert retry.fields["endpoint"] == f"GET {bridge.address}/clip/v2/resource/temperature"


@pytest.mark.proof
async def test_hanging_v2_leaves_time_for_v1_in_the_same_cycle(
    bridge: SimulatedBridge, clock: SkippingClock
) -> None:
    bridge.faults.add("path=/clip kind=silence")
    async with in_front_of(bridge, timeout_s=SOURCE_BUDGET_S) as bench:
        assert readings(await cycle(bench, clock)) == 8


async def test_unreachable_bridge_is_retried(bridge: SimulatedBridge, clock: SkippingClock) -> None:
    bridge.unplug()
    clock.in_the_wait = bridge.plug_in
    async with in_front_of(bridge) as bench:
        assert readings(await cycle(bench, clock)) == 8
    assert clock.waits == [1.0]
    assert bench.journal.of("retry_recovered")


@pytest.mark.parametrize(
    ("fault", "waits"),
    [
        ("count=2 kind=throttle", [1.0, 2.0]),
        ("count=2 kind=throttle retry_after=3", [3.0, 3.0]),
        ("count=2 kind=unavailable", [1.0, 2.0]),
    ],
)
async def test_throttling_waits_as_long_as_requested(
    bridge: SimulatedBridge, clock: SkippingClock, fault: str, waits: list[float]
) -> None:
    bridge.faults.add(f"{V2} {fault}")
    async with in_front_of(bridge) as bench:
        assert readings(await cycle(bench, clock)) == 8
    assert clock.waits == waits


async def test_wait_longer_than_the_cycle_is_left_to_the_next(
    bridge: SimulatedBridge, clock: SkippingClock
) -> None:
    bridge.faults.add(f"{V2} kind=throttle retry_after=60")
    async with in_front_of(bridge) as bench:
        done = await cycle(bench, clock)
    assert failure(done).cause is Cause.THROTTLED
    assert (clock.waits, operations(bench)) == ([], FIRST_TWO)


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        ("kind=revoked", Cause.CREDENTIALS),
        ("kind=certificate which=other", Cause.REFUSED),
        ("kind=redirect", Cause.REFUSED),
    ],
)
async def test_permanent_error_is_not_retried(
    bridge: SimulatedBridge, clock: SkippingClock, fault: str, cause: Cause
) -> None:
    bridge.faults.add(fault)
    async with in_front_of(bridge) as bench:
        done = await cycle(bench, clock)
    assert failure(done).cause is cause
    assert clock.waits == []
    [gave_up] = bench.journal.of("retry_gave_up")
    assert gave_up.fields["reason"] == "permanent"


async def test_garbled_reply_is_requested_twice(bridge: SimulatedBridge, clock: SkippingClock) -> None:
    bridge.faults.add("path=/clip kind=garbled")
    bridge.faults.add("path=/api/*** kind=garbled")
    async with in_front_of(bridge) as bench:
        done = await cycle(bench, clock)
    assert failure(done).cause is Cause.GARBLED
    ways = ["hue.v2/temperature", "hue.v1/sensors", "hue.v1/whole_bridge"]
    assert operations(bench) == ["hue.config", *ways * 2]


async def test_next_cycle_reads_after_all_attempts_failed(
    bridge: SimulatedBridge, clock: SkippingClock
) -> None:
    bridge.unplug()
    async with in_front_of(bridge) as bench:
        failed = failure(await cycle(bench, clock))
        assert failed.cause is Cause.NETWORK
        assert "Connection refused" in failed.detail
        assert clock.waits == [1.0, 2.0]
        assert [record.fields["attempts"] for record in bench.journal.of("retry_gave_up")] == [3]
        bridge.plug_in()
        assert readings(await cycle(bench, clock)) == 8


async def test_no_retry_shows_the_key(bridge: SimulatedBridge, clock: SkippingClock) -> None:
    for fault in ("half", "throttle", "error type=901", "html"):
        bridge.faults.add(f"first=2 kind={fault}")
        async with in_front_of(bridge, strategy="v1") as bench:
            done = await cycle(bench, clock)
        bridge.faults.clear()
        endpoints = {str(record.fields["endpoint"]) for record in bench.journal.of("retry")}
        assert endpoints <= {
            f"GET {bridge.address}{path}" for path in ("/api/config", "/api/***/sensors", "/api/***")
        }
        assert endpoints
        assert bridge.key not in bench.shown() + repr(done)
