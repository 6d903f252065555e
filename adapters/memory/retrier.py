"""A retrier that is a plain loop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from domain.retry import Attempt, GiveUp, Retry, RetryPolicy
from ports.clock import Clock
from ports.journal import Journal, Level

T = TypeVar("T")


class MemoryRetrier:
    """Does what the real one does, without its library; jitter is nothing unless it is given."""

    def __init__(self, *, clock: Clock, journal: Journal, random: Callable[[], float] = lambda: 0.0) -> None:
        self._clock = clock
        self._journal = journal
        self._random = random

    async def call(
        self,
        operation: Callable[[], Awaitable[T]],
        *,
        name: str,
        policy: RetryPolicy,
        deadline_s: float,
    ) -> T:
        began_s = self._clock.elapsed_s()
        number = 0
        while True:
            number += 1
            attempt_began_s = self._clock.elapsed_s()
            try:
                result = await operation()
            except Exception as error:
                ended_s = self._clock.elapsed_s()
                attempt = Attempt(
                    number=number,
                    error=error,
                    elapsed_s=ended_s - began_s,
                    cost_s=ended_s - attempt_began_s,
                    budget_s=deadline_s - began_s,
                    jitter=self._random(),
                )
                if not await self._waited(name, policy, attempt, deadline_s):
                    raise
            else:
                self._succeeded(name, number, self._clock.elapsed_s() - began_s)
                return result

    async def _waited(self, name: str, policy: RetryPolicy, attempt: Attempt, deadline_s: float) -> bool:
        """Whether another attempt is to be made; then its wait is over."""
        match policy.decide(attempt):
            case GiveUp(reason):
                self._gave_up(name, attempt, reason)
                return False
            case Retry(after_s):
                self._journal.record(
                    Level.WARNING,
                    "retry",
                    operation=name,
                    attempt=attempt.number,
                    of=policy.attempts_for(attempt.error),
                    error=type(attempt.error).__name__,
                    wait_s=round(after_s, 3),
                    elapsed_s=round(attempt.elapsed_s, 3),
                    message=str(attempt.error),
                )
                await self._clock.sleep(after_s)
        if self._clock.elapsed_s() + attempt.cost_s > deadline_s:
            self._gave_up(name, attempt, "the wait took longer than planned")
            return False
        return True

    def _succeeded(self, name: str, number: int, elapsed_s: float) -> None:
        if number > 1:
            self._journal.record(
                Level.INFO,
                "retry_recovered",
                operation=name,
                attempts=number,
                elapsed_s=round(elapsed_s, 3),
            )

    def _gave_up(self, name: str, attempt: Attempt, reason: str) -> None:
        self._journal.record(
            Level.WARNING,
            "retry_gave_up",
            operation=name,
            attempts=attempt.number,
            reason=reason,
            error=type(attempt.error).__name__,
            elapsed_s=round(attempt.elapsed_s, 3),
            message=str(attempt.error),
        )
