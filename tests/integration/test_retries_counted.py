"""The retries in the log file are the repeated requests that the simulated home received."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from adapters.log.rotating_log import RotatingLog
from adapters.memory.runtime import MemoryClock
from adapters.runtime.stamina_retrier import StaminaRetrier
from adapters.simulator.faults import parse_fault
from adapters.simulator.home import SimulatedHome
from domain.services.collection_cycle import CollectionCycle, SourcePlan
from ports.clock import Clock
from ports.source import Source
from tests.support.amazon_bench import in_front_of_simulation
from tests.support.builders import NOON, a_due
from tests.support.collecting import SkippingClock, a_collection
from tests.support.hue_bench import in_front_of as in_front_of_bridge

CYCLES = 30
V2, GRAPHQL = "/clip/v2/resource/temperature", "/nexus/v1/graphql"


@pytest.fixture
def log(tmp_path: Path) -> RotatingLog:
    return RotatingLog(tmp_path, redact=str, clock=MemoryClock(NOON))


def events(folder: Path, event: str) -> list[dict[str, str]]:
    """Return the fields of every such event in the log file."""
    lines = (folder / "homeclimate.log").read_text().splitlines()
    return [dict(re.findall(r"(\w+)=(\S+)", line)) for line in lines if line.split()[2] == event]


def a_logging_collection(source: Source, clock: Clock, log: RotatingLog) -> CollectionCycle:
    return a_collection(
        [SourcePlan(source=source, interval_s=300)],
        retrier=StaminaRetrier(clock=clock, journal=log, random=lambda: 0.0),
        clock=clock,
        journal=log,
    )


def failures_per_cycle() -> list[int]:
    """Return how many requests in a row fail in each cycle: none, some, or all."""
    chance = random.Random(11)  # noqa: S311 - troubles, not secrets
    return [chance.choice([0, 0, 1, 2, 3]) for _ in range(CYCLES)]


def check(folder: Path, repeats: int, failures: list[int], source: str) -> None:
    assert repeats == sum(min(count, 2) for count in failures)
    assert len(events(folder, "retry")) == repeats
    assert len(events(folder, "retry_recovered")) == sum(0 < count < 3 for count in failures)
    assert len(events(folder, "retry_gave_up")) == failures.count(3)
    for retry in events(folder, "retry"):
        assert retry["operation"] == f"{source}.read"
        assert (retry["attempt"], retry["of"]) in (("1", "3"), ("2", "3"))
        assert {"endpoint", "error", "wait_s", "elapsed_s"} <= retry.keys()


async def test_the_log_has_the_retries_that_a_bridge_received(
    simulated_home: SimulatedHome, log: RotatingLog, tmp_path: Path
) -> None:
    bridge, failures = simulated_home.bridge, failures_per_cycle()
    async with in_front_of_bridge(bridge) as bench:
        collection = a_logging_collection(bench.source, SkippingClock(), log)
        for count in failures:
            if count:
                bridge.faults.add(f"kind=unavailable path={V2} count={count}")
            await collection.run([a_due("hue", scheduled=False)])
            bridge.faults.clear()
    seen = sum(request.path == V2 for request in bridge.requests)
    check(tmp_path, seen - CYCLES, failures, "hue")


async def test_the_log_has_the_retries_that_an_account_received(
    simulated_home: SimulatedHome, home_clock: MemoryClock, log: RotatingLog, tmp_path: Path
) -> None:
    alexa, failures = simulated_home.alexa, failures_per_cycle()
    async with in_front_of_simulation(alexa, wall=home_clock) as bench:
        await bench.read()  # signs in and discovers the monitors
        before = len(alexa.requests)
        collection = a_logging_collection(bench.source, SkippingClock(), log)
        for count in failures:
            if count:
                alexa.faults.add(parse_fault(f"kind=throttle path={GRAPHQL} count={count}"))
            await collection.run([a_due("amazon", scheduled=False)])
            alexa.faults.clear()
    seen = sum(request.path == GRAPHQL for request in alexa.requests[before:])
    check(tmp_path, seen - CYCLES, failures, "amazon")
