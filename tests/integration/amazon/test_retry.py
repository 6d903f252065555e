"""A cycle while the Alexa service is in trouble: what is tried again, and after which wait."""

from __future__ import annotations

from typing import Literal

import pytest

from adapters.memory.runtime import MemoryClock
from adapters.runtime.stamina_retrier import StaminaRetrier
from adapters.simulator import faults
from adapters.simulator.amazon.service import SimulatedAlexa
from adapters.simulator.faults import Fault
from domain.cycle import Cause, Collected, Cycle, Failed, Stored
from domain.services.collection_cycle import SourcePlan
from tests.support.amazon_bench import AmazonBench
from tests.support.builders import a_due
from tests.support.collecting import SkippingClock, a_collection

GRAPHQL = "/nexus/v1/graphql"


@pytest.fixture
def clock(home_clock: MemoryClock) -> SkippingClock:
    return SkippingClock(wall=home_clock)


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
    """Whether every monitor has an outcome."""
    assert isinstance(done, Stored)
    [outcome] = done.report.outcomes
    return isinstance(outcome, Collected) and len(outcome.readings) + len(outcome.unread) == 3


def failure(done: Cycle) -> Failed:
    [outcome] = done.report.outcomes
    assert isinstance(outcome, Failed), outcome
    return outcome


def operations(bench: AmazonBench) -> list[str]:
    """Return the requests that were sent."""
    measured = [each.operation for each in bench.meter.operations]
    return [operation for operation in measured if operation.startswith("amazon.")]


async def test_a_network_timeout_is_tried_again(
    alexa: SimulatedAlexa, signed_in: AmazonBench, clock: SkippingClock
) -> None:
    alexa.faults.add(Fault(effect=faults.Silence(), count=2))  # by either interface
    signed_in.session._timeout_s = 0.1

    def be_patient() -> None:
        signed_in.session._timeout_s = 10.0  # a busy computer may be slow in the second attempt

    clock.in_the_wait = be_patient
    done = await cycle(signed_in, clock)
    assert is_read(done)
    asked = ["amazon.graphql", "amazon.phoenix", "amazon.graphql"]
    assert (clock.waits, operations(signed_in)) == ([1.0], asked)
    [retry] = signed_in.journal.of("retry")
    assert (retry.fields["operation"], retry.fields["error"]) == ("amazon.read", "SourceUnavailable")
    assert retry.fields["endpoint"] == f"POST {alexa.address}{GRAPHQL}"


async def test_an_unreachable_service_is_tried_again_in_the_cycle_and_in_the_next(
    alexa: SimulatedAlexa, signed_in: AmazonBench, clock: SkippingClock
) -> None:
    alexa.unplug()
    assert failure(await cycle(signed_in, clock)).cause is Cause.NETWORK
    assert clock.waits == [1.0, 2.0]
    clock.in_the_wait = alexa.plug_in
    assert is_read(await cycle(signed_in, clock))
    assert clock.waits == [1.0, 2.0, 1.0]


async def test_a_transient_auth_error_is_mended_within_the_attempt(
    alexa: SimulatedAlexa, signed_in: AmazonBench, clock: SkippingClock
) -> None:
    alexa.account.end_access()
    done = await cycle(signed_in, clock)
    assert is_read(done)
    assert (clock.waits, operations(signed_in)) == ([], ["amazon.graphql", "amazon.token", "amazon.graphql"])


async def test_a_permanent_auth_error_is_not_tried_again_and_says_what_to_do(
    alexa: SimulatedAlexa, signed_in: AmazonBench, clock: SkippingClock
) -> None:
    alexa.account.revoke(alexa.refresh_token)
    alexa.account.end_access()
    first = failure(await cycle(signed_in, clock))
    assert first.cause is Cause.NETWORK
    assert "refuses the refresh token" in first.detail
    assert [each.path for each in alexa.requests].count("/auth/token") == 2  # the first was to be let in
    clock.waits.clear()
    signed_in.wall.advance(300)
    second = failure(await cycle(signed_in, clock))
    assert (second.cause, clock.waits) == (Cause.CREDENTIALS, [])
    assert "homeclimate setup amazon" in second.detail
    assert alexa.refresh_token not in repr(signed_in.journal.records) + second.detail


@pytest.mark.parametrize(
    ("fault", "waits"),
    [
        (Fault(effect=faults.Throttle(), path=GRAPHQL, count=1), [1.0]),
        (Fault(effect=faults.Throttle(3.0), path=GRAPHQL, count=2), [3.0, 3.0]),
        (Fault(effect=faults.ThrottledInside("errors"), count=2), [1.0, 2.0]),
        (Fault(effect=faults.ThrottledInside("rate"), count=1), [1.0]),
        (Fault(effect=faults.ThrottledInside("client"), count=1), [1.0]),
    ],
)
async def test_a_rate_limit_gets_the_wait_that_it_names(
    alexa: SimulatedAlexa, signed_in: AmazonBench, clock: SkippingClock, fault: Fault, waits: list[float]
) -> None:
    alexa.faults.add(fault)
    done = await cycle(signed_in, clock)
    assert is_read(done)
    assert clock.waits == waits
    assert "amazon.phoenix" not in operations(signed_in)


@pytest.mark.parametrize("answered", ["page", "redirect"])
async def test_a_page_for_a_person_is_neither_tried_again_nor_a_call_for_one(
    alexa: SimulatedAlexa, signed_in: AmazonBench, clock: SkippingClock, answered: Literal["page", "redirect"]
) -> None:
    alexa.faults.add(faults.PersonPage("captcha", answered))
    failed = failure(await cycle(signed_in, clock))
    assert (failed.cause, failed.needs_person) == (Cause.CREDENTIALS, False)
    assert failed.detail.startswith("Amazon asks for a person: it wants a captcha")
    assert operations(signed_in) == ["amazon.graphql"]
    alexa.faults.clear()
    assert is_read(await cycle(signed_in, clock))
