"""What a retrier tells the journal of an operation that did not succeed at once."""

from __future__ import annotations

import functools
import random as random_numbers
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

import attrs
import stamina
import stamina.instrumentation

from domain.errors import HomeclimateError
from domain.retry import Attempt, GiveUp, Retry
from ports.clock import Clock
from ports.journal import Journal, Level
from ports.retrier import Policy


@attrs.frozen(kw_only=True)
class RetryEvents:
    """One operation's events: each names the operation and the endpoint, and the last one how it ended."""

    journal: Journal
    name: str
    policy: Policy

    def will_retry(self, attempt: Attempt, wait_s: float) -> None:
        """The attempt failed, and another one follows."""
        self.journal.record(
            Level.WARNING,
            "retry",
            operation=self.name,
            endpoint=_endpoint(attempt.error),
            attempt=attempt.number,
            of=self.policy.attempts_for(attempt.error),
            error=type(attempt.error).__name__,
            wait_s=round(wait_s, 3),
            elapsed_s=round(attempt.elapsed_s, 3),
            message=str(attempt.error),
        )

    def recovered(self, failed: Attempt, elapsed_s: float) -> None:
        """The attempt after the failed one succeeded."""
        self.journal.record(
            Level.INFO,
            "retry_recovered",
            operation=self.name,
            endpoint=_endpoint(failed.error),
            attempts=failed.number + 1,
            of=self.policy.attempts_for(failed.error),
            error=type(failed.error).__name__,
            elapsed_s=round(elapsed_s, 3),
        )

    def gave_up(self, attempt: Attempt, reason: str) -> None:
        """The attempt was the last one."""
        self.journal.record(
            Level.WARNING,
            "retry_gave_up",
            operation=self.name,
            endpoint=_endpoint(attempt.error),
            attempts=attempt.number,
            of=self.policy.attempts_for(attempt.error),
            reason=reason,
            error=type(attempt.error).__name__,
            elapsed_s=round(attempt.elapsed_s, 3),
            message=str(attempt.error),
        )


def _endpoint(error: Exception) -> str:
    """`-` where nothing was asked, as when the adapter knew beforehand that it need not."""
    return (error.endpoint if isinstance(error, HomeclimateError) else None) or "-"


# Repeats operations by means of stamina.

P = ParamSpec("P")
T = TypeVar("T")


class StaminaRetrier:
    """Lets stamina repeat what the policy wants repeated; the waits go through the clock.

    stamina's own limits are off: its time-out neither shortens a wait nor ends an attempt, and it has no
    seam for sleeping. Its hooks belong to the whole process, and the default one prints the arguments
    of what it repeats, secrets included: there are none once a retrier exists.
    """

    def __init__(
        self, *, clock: Clock, journal: Journal, random: Callable[[], float] = random_numbers.random
    ) -> None:
        self._clock = clock
        self._journal = journal
        self._random = random
        stamina.instrumentation.set_on_retry_hooks([])

    async def call(
        self,
        operation: Callable[[], Awaitable[T]],
        *,
        name: str,
        policy: Policy,
        deadline_s: float,
    ) -> T:
        run = _Run(
            clock=self._clock,
            events=RetryEvents(journal=self._journal, name=name, policy=policy),
            random=self._random,
            policy=policy,
            began_s=self._clock.elapsed_s(),
            deadline_s=deadline_s,
        )
        async for attempt in stamina.retry_context(on=run.is_worth_another, attempts=None, timeout=None):
            await run.begin_attempt()
            with attempt:
                result = await operation()
                run.succeeded()
                return result
        raise AssertionError("stamina ended with neither a result nor an error")

    def retrying(
        self, *, name: str, policy: Policy, budget_s: float
    ) -> Callable[[Callable[P, Awaitable[T]]], Callable[P, Coroutine[Any, Any, T]]]:
        """Decorate a coroutine function, so that each call of it is repeated within its own budget."""

        def decorate(function: Callable[P, Awaitable[T]]) -> Callable[P, Coroutine[Any, Any, T]]:
            @functools.wraps(function)
            async def retried(*args: P.args, **kwargs: P.kwargs) -> T:
                return await self.call(
                    lambda: function(*args, **kwargs),
                    name=name,
                    policy=policy,
                    deadline_s=self._clock.elapsed_s() + budget_s,
                )

            return retried

        return decorate


@attrs.define(kw_only=True)
class _Run:
    """The attempts at one operation, so that operations side by side do not mix theirs up."""

    clock: Clock
    events: RetryEvents
    random: Callable[[], float]
    policy: Policy
    began_s: float
    deadline_s: float
    number: int = 0
    attempt_began_s: float = 0.0
    failed: Attempt | None = None
    wait_s: float = 0.0

    async def begin_attempt(self) -> None:
        """Wait as was decided, and count the next attempt; raises the last error when it got too late."""
        if self.failed is not None:
            await self.clock.sleep(self.wait_s)
            if self.clock.elapsed_s() + self.failed.cost_s > self.deadline_s:
                self.events.gave_up(self.failed, "the wait took longer than planned")
                raise self.failed.error
        self.number += 1
        self.attempt_began_s = self.clock.elapsed_s()

    def is_worth_another(self, error: BaseException) -> bool | float:
        """stamina's hook: the seconds that stamina shall wait, or False to give up."""
        # stamina asks about everything that was raised, a cancellation too.
        if not isinstance(error, Exception):
            return False
        now_s = self.clock.elapsed_s()
        self.failed = Attempt(
            number=self.number,
            error=error,
            elapsed_s=now_s - self.began_s,
            cost_s=now_s - self.attempt_began_s,
            budget_s=self.deadline_s - self.began_s,
            jitter=self.random(),
        )
        match self.policy.decide(self.failed):
            case Retry(after_s):
                self.wait_s = after_s
                self.events.will_retry(self.failed, after_s)
                return 0.0  # the wait is ours
            case GiveUp(reason):
                self.events.gave_up(self.failed, reason)
                return False

    def succeeded(self) -> None:
        if self.failed is not None:
            self.events.recovered(self.failed, self.clock.elapsed_s() - self.began_s)
