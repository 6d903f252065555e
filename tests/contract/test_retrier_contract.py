"""The contract of retriers: do what the policy decides, and log it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import attrs
import pytest

from adapters.memory.runtime import MemoryClock, MemoryJournal, MemoryRetrier
from adapters.runtime.stamina_retrier import StaminaRetrier
from domain.errors import CredentialsRefused, SourceThrottled, SourceUnavailable
from domain.services.retry_policy import RetryPolicy
from ports.journal import Level
from ports.retrier import Retrier
from tests.support.builders import NOON

BUDGET_S = 18.0


@attrs.frozen(kw_only=True)
class Bench:
    """A retrier with the clock and the journal that it was given."""

    retrier: Retrier
    clock: MemoryClock
    journal: MemoryJournal

    async def call(self, operation: Operation, policy: RetryPolicy | None = None, name: str = "read") -> str:
        deadline_s = self.clock.elapsed_s() + BUDGET_S
        return await self.retrier.call(
            operation, name=name, policy=policy or RetryPolicy(), deadline_s=deadline_s
        )


class Operation:
    """Raises the failures, then succeeds; every attempt takes `cost_s`."""

    def __init__(self, clock: MemoryClock, *failures: BaseException, cost_s: float = 0.0) -> None:
        self._clock = clock
        self._failures = list(failures)
        self._cost_s = cost_s
        self.began_s: list[float] = []

    async def __call__(self) -> str:
        self.began_s.append(self._clock.elapsed_s())
        await self._clock.sleep(self._cost_s)
        if self._failures:
            raise self._failures.pop(0)
        return "readings"


RETRIERS: dict[str, Callable[..., Retrier]] = {"memory": MemoryRetrier, "stamina": StaminaRetrier}


@pytest.fixture(params=RETRIERS)
def bench(request: pytest.FixtureRequest) -> Bench:
    clock, journal = MemoryClock(NOON), MemoryJournal()
    return Bench(
        retrier=RETRIERS[request.param](clock=clock, journal=journal, random=lambda: 0.0),
        clock=clock,
        journal=journal,
    )


async def test_success_at_the_first_attempt_is_not_logged(bench: Bench) -> None:
    operation = Operation(bench.clock)
    assert await bench.call(operation) == "readings"
    assert len(operation.began_s) == 1
    assert bench.journal.records == []


async def test_transient_failure_is_retried(bench: Bench) -> None:
    operation = Operation(bench.clock, SourceUnavailable("reset"))
    assert await bench.call(operation) == "readings"
    assert bench.journal.events() == ("retry", "retry_recovered")


async def test_waits_follow_the_policy(bench: Bench) -> None:
    failures = [SourceUnavailable("reset") for _ in range(4)]
    operation = Operation(bench.clock, *failures)
    await bench.call(operation, RetryPolicy(attempts=5, base_s=0.5, multiplier=3.0, cap_s=8.0))
    assert operation.began_s == [0.0, 0.5, 2.0, 6.5, 14.5]


async def test_last_error_is_raised(bench: Bench) -> None:
    failures = [SourceUnavailable(f"reset {number}") for number in range(3)]
    operation = Operation(bench.clock, *failures)
    with pytest.raises(SourceUnavailable) as raised:
        await bench.call(operation)
    assert raised.value is failures[-1]
    assert operation.began_s == [0.0, 1.0, 3.0]
    assert bench.journal.events() == ("retry", "retry", "retry_gave_up")


@pytest.mark.parametrize("error", [CredentialsRefused("revoked"), ValueError("a fault of ours")])
async def test_permanent_error_is_raised_at_once(bench: Bench, error: Exception) -> None:
    operation = Operation(bench.clock, error)
    with pytest.raises(type(error)) as raised:
        await bench.call(operation)
    assert raised.value is error
    assert operation.began_s == [0.0]
    assert [record.fields["reason"] for record in bench.journal.of("retry_gave_up")] == ["permanent"]


async def test_retry_after_is_waited_for(bench: Bench) -> None:
    operation = Operation(bench.clock, SourceThrottled("429", retry_after_s=11.0))
    await bench.call(operation)
    assert operation.began_s == [0.0, 11.0]


async def test_no_attempt_begins_that_would_exceed_the_deadline(bench: Bench) -> None:
    failures = [SourceUnavailable("time-out") for _ in range(3)]
    operation = Operation(bench.clock, *failures, cost_s=6.0)
    with pytest.raises(SourceUnavailable):
        await bench.call(operation)
    assert operation.began_s == [0.0, 7.0]
    assert bench.clock.elapsed_s() == 13.0


async def test_budget_counts_from_the_call(bench: Bench) -> None:
    bench.clock.advance(1000)
    operation = Operation(bench.clock, SourceUnavailable("reset"))
    assert await bench.call(operation) == "readings"


async def test_wait_that_took_too_long_is_the_end(bench: Bench) -> None:
    operation = Operation(bench.clock, SourceUnavailable("reset"))
    call = asyncio.create_task(bench.call(operation))
    for _ in range(20):
        await asyncio.sleep(0)
    assert bench.journal.events() == ("retry",)
    bench.clock.advance(3600)
    with pytest.raises(SourceUnavailable):
        await call
    assert operation.began_s == [0.0]
    assert bench.journal.events() == ("retry", "retry_gave_up")


async def test_events_have_operation_endpoint_and_error(bench: Bench) -> None:
    reset = SourceUnavailable("reset", endpoint="GET 192.0.2.1/clip")
    operation = Operation(bench.clock, reset, cost_s=0.25)
    await bench.call(operation, name="hue GET /clip/v2/resource/temperature")
    retry, recovered = bench.journal.records
    assert (retry.level, recovered.level) == (Level.WARNING, Level.INFO)
    assert retry.fields == {
        "operation": "hue GET /clip/v2/resource/temperature",
        "endpoint": "GET 192.0.2.1/clip",
        "attempt": 1,
        "of": 3,
        "error": "SourceUnavailable",
        "wait_s": 1.0,
        "elapsed_s": 0.25,
        "message": "reset",
    }
    assert recovered.fields == {
        "operation": "hue GET /clip/v2/resource/temperature",
        "endpoint": "GET 192.0.2.1/clip",
        "attempts": 2,
        "of": 3,
        "error": "SourceUnavailable",
        "elapsed_s": 1.5,
    }


async def test_giving_up_is_logged_with_its_reason(bench: Bench) -> None:
    failures = [SourceUnavailable(f"reset {number}") for number in range(1, 3)]
    with pytest.raises(SourceUnavailable):
        await bench.call(Operation(bench.clock, *failures), RetryPolicy(attempts=2))
    assert bench.journal.records[-1].level == Level.WARNING
    assert bench.journal.records[-1].fields == {
        "operation": "read",
        "endpoint": "-",
        "attempts": 2,
        "of": 2,
        "reason": "2 attempts failed",
        "error": "SourceUnavailable",
        "elapsed_s": 1.0,
        "message": "reset 2",
    }


@pytest.mark.parametrize("failures_before", [0, 1])
async def test_cancelled_operation_ends_at_once(bench: Bench, failures_before: int) -> None:
    failures = [SourceUnavailable("reset")] * failures_before
    operation = Operation(bench.clock, *failures, cost_s=2)
    call = asyncio.create_task(bench.call(operation, RetryPolicy(base_s=0.0)))
    await bench.clock.sleep(1 + 2 * failures_before)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert call.cancelled()
    assert len(operation.began_s) == 1 + failures_before
    assert bench.journal.of("retry_gave_up") == ()


async def test_cancelled_wait_ends_at_once(bench: Bench) -> None:
    operation = Operation(bench.clock, SourceUnavailable("reset"))
    call = asyncio.create_task(bench.call(operation, RetryPolicy(base_s=8.0)))
    await bench.clock.sleep(1)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert len(operation.began_s) == 1


async def test_cancellation_is_not_retried(bench: Bench) -> None:
    operation = Operation(bench.clock, asyncio.CancelledError())
    with pytest.raises(asyncio.CancelledError):
        await bench.call(operation)
    assert len(operation.began_s) == 1
    assert bench.journal.records == []


async def test_concurrent_operations_keep_their_own_attempts(bench: Bench) -> None:
    operations = [
        Operation(
            bench.clock, *(SourceUnavailable(f"{number}") for _ in range(number % 4)), cost_s=number / 100
        )
        for number in range(16)
    ]
    calls = [bench.call(operation, name=str(number)) for number, operation in enumerate(operations)]
    results = await asyncio.gather(*calls, return_exceptions=True)
    for number, (operation, result) in enumerate(zip(operations, results, strict=True)):
        logged = [record for record in bench.journal.records if record.fields["operation"] == str(number)]
        attempts = [record.fields["attempt"] for record in logged if record.event == "retry"]
        assert len(operation.began_s) == min(number % 4 + 1, 3)
        assert attempts == list(range(1, min(number % 4, 2) + 1))
        if number % 4 == 3:
            assert str(result) == str(number)
            assert logged[-1].event == "retry_gave_up"
        else:
            assert result == "readings"


async def test_first_attempt_is_made_after_the_deadline(bench: Bench) -> None:
    bench.clock.advance(100)
    operation = Operation(bench.clock, SourceUnavailable("reset"))
    with pytest.raises(SourceUnavailable):
        await bench.retrier.call(operation, name="read", policy=RetryPolicy(), deadline_s=50.0)
    assert len(operation.began_s) == 1
