"""What only the retrier with stamina does: it hides arguments, and has a decorator."""

from __future__ import annotations

import asyncio
import threading

import pytest
import stamina
import stamina.instrumentation

from adapters.memory.runtime import MemoryClock, MemoryJournal
from adapters.runtime.stamina_retrier import StaminaRetrier
from domain.errors import SourceUnavailable
from domain.services.retry_policy import RetryPolicy
from tests.support.builders import NOON


def a_retrier(clock: MemoryClock, journal: MemoryJournal | None = None) -> StaminaRetrier:
    return StaminaRetrier(clock=clock, journal=journal or MemoryJournal(), random=lambda: 0.0)


async def test_only_the_journal_logs_retries(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    stamina.instrumentation.set_on_retry_hooks(None)  # stamina's own, which log
    retrier = a_retrier(MemoryClock(NOON))

    @retrier.retrying(name="read", policy=RetryPolicy(), budget_s=18.0)
    async def read(key: str) -> None:
        raise SourceUnavailable(f"no answer to {len(key)} letters")

    with pytest.raises(SourceUnavailable):
        await read("marked-secret")
    assert caplog.records == []
    assert capfd.readouterr() == ("", "")


async def test_stamina_is_entered_only_after_a_first_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: object) -> None:
        raise AssertionError("stamina was entered")

    monkeypatch.setattr(stamina, "retry_context", fail)

    async def read(error: Exception | None) -> str:
        if error is not None:
            raise error
        return "readings"

    retrier = a_retrier(MemoryClock(NOON)).retrying(name="read", policy=RetryPolicy(), budget_s=18.0)(read)
    assert await retrier(None) == "readings"
    with pytest.raises(AssertionError, match="was entered"):
        await retrier(SourceUnavailable("reset"))


async def test_decorated_function_is_retried_with_its_arguments() -> None:
    clock = MemoryClock(NOON)
    calls: list[tuple[int, str]] = []

    @a_retrier(clock).retrying(name="read", policy=RetryPolicy(), budget_s=18.0)
    async def read(number: int, *, word: str) -> str:
        calls.append((number, word))
        if len(calls) == 1:
            raise SourceUnavailable("reset")
        return word * number

    assert await read(2, word="ab") == "abab"
    assert calls == [(2, "ab"), (2, "ab")]
    assert read.__name__ == "read"


async def test_each_decorated_call_has_its_own_budget() -> None:
    clock = MemoryClock(NOON)
    began_s: list[float] = []

    @a_retrier(clock).retrying(name="read", policy=RetryPolicy(), budget_s=2.0)
    async def read() -> None:
        began_s.append(clock.elapsed_s())
        raise SourceUnavailable("reset")

    for _ in range(2):
        with pytest.raises(SourceUnavailable):
            await read()
        clock.advance(100)
    assert began_s == [0.0, 1.0, 101.0, 102.0]


async def test_each_attempt_gets_new_jitter() -> None:
    clock = MemoryClock(NOON)
    numbers = iter([1.0, 0.0])
    retrier = StaminaRetrier(clock=clock, journal=MemoryJournal(), random=lambda: next(numbers, 0.0))
    began_s: list[float] = []

    async def read() -> None:
        began_s.append(clock.elapsed_s())
        raise SourceUnavailable("reset")

    with pytest.raises(SourceUnavailable):
        await retrier.call(read, name="read", policy=RetryPolicy(), deadline_s=18.0)
    assert began_s == [0.0, 1.25, 3.25]


def test_concurrent_threads_keep_their_own_attempts() -> None:
    made: dict[int, int] = {}

    def run(number: int) -> None:
        clock = MemoryClock(NOON)

        async def read() -> int:
            made[number] = made.get(number, 0) + 1
            if made[number] <= number % 3:
                raise SourceUnavailable("reset")
            return number

        call = a_retrier(clock).call(read, name="read", policy=RetryPolicy(), deadline_s=18.0)
        assert asyncio.run(call) == number

    threads = [threading.Thread(target=run, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == {number: number % 3 + 1 for number in range(16)}
