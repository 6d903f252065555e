"""The Alexa service in trouble, asked by the collection: what is tried again, and after which wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Any

import attrs
import pytest

from adapters.amazon.hosts import Hosts
from adapters.memory.runtime import MemoryClock
from adapters.runtime.clock import SystemClock
from adapters.runtime.stamina_retrier import StaminaRetrier
from adapters.simulator import faults
from adapters.simulator.amazon.service import SimulatedAlexa
from adapters.simulator.faults import Effect, Fault
from adapters.simulator.home import SimulatedHome
from domain.cycle import Cause, Collected, Cycle, Failed, Stored
from domain.services.collection_cycle import SOURCE_BUDGET_S, SourcePlan
from ports.clock import Clock
from tests.support.amazon_bench import AmazonBench, in_front_of
from tests.support.builders import a_due
from tests.support.collecting import a_collection

GRAPHQL = "/nexus/v1/graphql"


@attrs.define(kw_only=True)
class SkippingClock:
    """The wall of another clock, the system's stopwatch, and waits between attempts that are over at once."""

    wall: Clock
    waits: list[float] = attrs.field(factory=list)
    in_the_wait: Callable[[], None] = lambda: None

    def now(self) -> datetime:
        return self.wall.now()

    def elapsed_s(self) -> float:
        return SystemClock().elapsed_s()

    async def sleep(self, seconds: float) -> None:
        if seconds >= SOURCE_BUDGET_S:
            await asyncio.sleep(seconds)
            return
        self.waits.append(round(seconds, 3))
        await asyncio.sleep(0)
        self.in_the_wait()


@pytest.fixture
def alexa(simulated_home: SimulatedHome) -> SimulatedAlexa:
    return simulated_home.alexa


@pytest.fixture
def clock(home_clock: MemoryClock) -> SkippingClock:
    return SkippingClock(wall=home_clock)


@pytest.fixture
async def bench(alexa: SimulatedAlexa, home_clock: MemoryClock) -> AsyncIterator[AmazonBench]:
    """A source that has been let in before."""
    hosts = Hosts(domain="amazon.com", alexa=alexa.url, api=alexa.url, www=alexa.url)
    terms: dict[str, Any] = {"refresh_token": alexa.refresh_token, "roots": alexa.ca_file}
    async with in_front_of(hosts, wall=home_clock, **terms) as bench:
        await bench.read()
        home_clock.advance(120)
        bench.meter.ended.clear()
        yield bench


async def cycle(bench: AmazonBench, clock: SkippingClock) -> Cycle:
    collection = a_collection(
        [SourcePlan(source=bench.source, interval_s=300)],
        retrier=StaminaRetrier(clock=clock, journal=bench.journal, random=lambda: 0.0),
        clock=clock,
        meter=bench.meter,
        journal=bench.journal,
    )
    return await collection.run([a_due("amazon", slot=bench.wall.now())])


def is_read(done: Cycle) -> bool:
    """Whether every monitor was."""
    assert isinstance(done, Stored)
    [outcome] = done.report.outcomes
    return isinstance(outcome, Collected) and len(outcome.readings) + len(outcome.unread) == 3


def failure(done: Cycle) -> Failed:
    [outcome] = done.report.outcomes
    assert isinstance(outcome, Failed), outcome
    return outcome


def operations(bench: AmazonBench) -> list[str]:
    """Name the requests that were sent."""
    measured = [each.operation for each in bench.meter.ended]
    return [operation for operation in measured if operation.startswith("amazon.")]


async def test_a_network_timeout_is_tried_again(
    alexa: SimulatedAlexa, bench: AmazonBench, clock: SkippingClock
) -> None:
    alexa.faults.add(Fault(effect=faults.Silence(), path=GRAPHQL, count=1))
    bench.session._timeout_s = 0.1

    def be_patient() -> None:
        bench.session._timeout_s = 10.0  # else a busy computer would be too slow for the second attempt

    clock.in_the_wait = be_patient
    done = await cycle(bench, clock)
    assert is_read(done)
    assert clock.waits == [1.0]
    assert operations(bench) == ["amazon.graphql", "amazon.graphql"]
    [retry] = bench.journal.of("retry")
    assert (retry.fields["operation"], retry.fields["error"]) == ("amazon.read", "NotReached")
    assert retry.fields["endpoint"] == f"POST {alexa.address}{GRAPHQL}"


async def test_a_service_that_cannot_be_reached_is_tried_again(
    alexa: SimulatedAlexa, bench: AmazonBench, clock: SkippingClock
) -> None:
    alexa.unplug()
    clock.in_the_wait = alexa.plug_in
    assert is_read(await cycle(bench, clock))
    assert clock.waits == [1.0]


async def test_a_transient_auth_error_is_mended_within_the_attempt(
    alexa: SimulatedAlexa, bench: AmazonBench, clock: SkippingClock
) -> None:
    alexa.end_access()
    done = await cycle(bench, clock)
    assert is_read(done)
    assert clock.waits == []
    assert operations(bench) == ["amazon.graphql", "amazon.token", "amazon.graphql"]


async def test_a_permanent_auth_error_is_not_tried_again_and_says_what_to_do(
    alexa: SimulatedAlexa, bench: AmazonBench, clock: SkippingClock
) -> None:
    alexa.revoke(alexa.refresh_token)
    alexa.end_access()
    first = failure(await cycle(bench, clock))
    assert first.cause is Cause.NETWORK
    assert "refuses the refresh token" in first.detail
    assert [each.path for each in alexa.requests].count("/auth/token") == 2  # the first was to be let in
    clock.waits.clear()
    bench.wall.advance(300)
    second = failure(await cycle(bench, clock))
    assert (second.cause, clock.waits) == (Cause.CREDENTIALS, [])
    assert "homeclimate setup amazon" in second.detail
    assert alexa.refresh_token not in repr(bench.journal.records) + second.detail


@pytest.mark.parametrize(
    ("fault", "waits"),
    [
        (Fault(effect=faults.Throttle(), path=GRAPHQL, count=1), [1.0]),
        (Fault(effect=faults.Throttle(3.0), path=GRAPHQL, count=1), [3.0]),
        (Fault(effect=faults.Throttle(3.0), path=GRAPHQL, count=2), [3.0, 3.0]),
        (Fault(effect=faults.ThrottledInside("errors"), count=2), [1.0, 2.0]),
        (Fault(effect=faults.ThrottledInside("rate"), count=1), [1.0]),
    ],
)
async def test_a_rate_limit_gets_the_wait_that_it_wants(
    alexa: SimulatedAlexa, bench: AmazonBench, clock: SkippingClock, fault: Fault, waits: list[float]
) -> None:
    alexa.faults.add(fault)
    done = await cycle(bench, clock)
    assert is_read(done)
    assert clock.waits == waits
    assert "amazon.phoenix" not in operations(bench)


async def test_a_wait_that_would_outlast_the_cycle_is_left_to_the_next_one(
    alexa: SimulatedAlexa, bench: AmazonBench, clock: SkippingClock
) -> None:
    alexa.faults.add(faults.Throttle(60.0))
    done = await cycle(bench, clock)
    assert failure(done).cause is Cause.THROTTLED
    assert (clock.waits, operations(bench)) == ([], ["amazon.graphql"])


@pytest.mark.parametrize("effect", [faults.Unavailable(), faults.HtmlPage(), faults.Garbled()])
async def test_the_second_reader_saves_the_attempt(
    alexa: SimulatedAlexa, bench: AmazonBench, clock: SkippingClock, effect: Effect
) -> None:
    alexa.faults.add(Fault(effect=effect, path=GRAPHQL))
    done = await cycle(bench, clock)
    assert is_read(done)
    assert (clock.waits, operations(bench)) == ([], ["amazon.graphql", "amazon.phoenix"])


async def test_a_refusal_that_is_not_about_credentials_is_neither_tried_again_nor_signed_in_for(
    alexa: SimulatedAlexa, bench: AmazonBench, clock: SkippingClock
) -> None:
    alexa.faults.add(faults.Forbidden())
    done = await cycle(bench, clock)
    assert failure(done).cause is Cause.REFUSED
    assert (clock.waits, operations(bench)) == ([], ["amazon.graphql", "amazon.phoenix"])


async def test_partial_data_are_stored_as_far_as_they_came(
    alexa: SimulatedAlexa, bench: AmazonBench, clock: SkippingClock
) -> None:
    alexa.faults.add(faults.MissingFeatures(("range:6",)))
    assert is_read(await cycle(bench, clock))


async def test_when_all_attempts_have_failed_the_next_cycle_begins_anew(
    alexa: SimulatedAlexa, bench: AmazonBench, clock: SkippingClock
) -> None:
    alexa.unplug()
    assert failure(await cycle(bench, clock)).cause is Cause.NETWORK
    assert clock.waits == [1.0, 2.0]
    alexa.plug_in()
    assert is_read(await cycle(bench, clock))
