"""A retrier that is a plain loop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from adapters.retry_events import RetryEvents
from domain.retry import Attempt, GiveUp, Retry, RetryPolicy
from ports.clock import Clock
from ports.journal import Journal

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
        events = RetryEvents(journal=self._journal, name=name, policy=policy)
        began_s = self._clock.elapsed_s()
        failed: Attempt | None = None
        while True:
            attempt_began_s = self._clock.elapsed_s()
            try:
                result = await operation()
            except Exception as error:
                ended_s = self._clock.elapsed_s()
                failed = Attempt(
                    number=1 if failed is None else failed.number + 1,
                    error=error,
                    elapsed_s=ended_s - began_s,
                    cost_s=ended_s - attempt_began_s,
                    budget_s=deadline_s - began_s,
                    jitter=self._random(),
                )
                if not await self._waited(events, failed, deadline_s):
                    raise
            else:
                if failed is not None:
                    events.recovered(failed, self._clock.elapsed_s() - began_s)
                return result

    async def _waited(self, events: RetryEvents, attempt: Attempt, deadline_s: float) -> bool:
        """Whether another attempt is to be made; then its wait is over."""
        match events.policy.decide(attempt):
            case GiveUp(reason):
                events.gave_up(attempt, reason)
                return False
            case Retry(after_s):
                events.will_retry(attempt, after_s)
                await self._clock.sleep(after_s)
        if self._clock.elapsed_s() + attempt.cost_s > deadline_s:
            events.gave_up(attempt, "the wait took longer than planned")
            return False
        return True
