"""Retry operations with stamina, and log each retry."""

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

P = ParamSpec("P")
T = TypeVar("T")


class StaminaRetrier:
    """Retries an operation with stamina, as its policy decides; waits go through the clock.

    stamina is entered only after a first attempt has failed, and its own limits and waits are off: it would
    neither shorten a wait nor end an attempt, and it cannot sleep by another clock. Its hooks are global, and
    the default one logs the arguments of what it retries, secrets included: constructing a retrier removes
    them.
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
        began_s = self._clock.elapsed_s()
        run = _Run(
            clock=self._clock,
            events=RetryEvents(journal=self._journal, name=name, policy=policy),
            random=self._random,
            policy=policy,
            began_s=began_s,
            deadline_s=deadline_s,
            attempt_began_s=began_s,
        )
        try:
            return await operation()
        except Exception as error:
            if run.wait_after(error) is False:
                raise
        async for attempt in stamina.retry_context(on=run.wait_after, attempts=None, timeout=None):
            await run.begin_attempt()
            with attempt:
                result = await operation()
                run.log_recovery()
                return result
        raise AssertionError("stamina ended with neither a result nor an error")

    def retrying(
        self, *, name: str, policy: Policy, budget_s: float
    ) -> Callable[[Callable[P, Awaitable[T]]], Callable[P, Coroutine[Any, Any, T]]]:
        """Decorate a coroutine function so that each call is retried within its own budget."""

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


@attrs.frozen(kw_only=True)
class RetryEvents:
    """Logs the retries of one operation: what failed, at which endpoint, and how it ended."""

    journal: Journal
    name: str
    policy: Policy

    def will_retry(self, attempt: Attempt, wait_s: float) -> None:
        """Log that the attempt failed and another one follows."""
        fields = {"attempt": attempt.number, "wait_s": round(wait_s, 3), "message": str(attempt.error)}
        self._record(Level.WARNING, "retry", attempt.error, attempt.elapsed_s, **fields)

    def recovered(self, failed: Attempt, elapsed_s: float) -> None:
        """Log that the attempt after the failed one succeeded."""
        self._record(Level.INFO, "retry_recovered", failed.error, elapsed_s, attempts=failed.number + 1)

    def gave_up(self, attempt: Attempt, reason: str) -> None:
        """Log that the attempt was the last one."""
        fields = {"attempts": attempt.number, "reason": reason, "message": str(attempt.error)}
        self._record(Level.WARNING, "retry_gave_up", attempt.error, attempt.elapsed_s, **fields)

    def _record(self, level: Level, event: str, error: Exception, elapsed_s: float, **fields: object) -> None:
        # Without an endpoint no request was sent, as when the adapter knew that it need not.
        endpoint = error.endpoint if isinstance(error, HomeclimateError) else None
        self.journal.record(
            level,
            event,
            operation=self.name,
            endpoint=endpoint or "-",
            of=self.policy.attempts_for(error),
            error=type(error).__name__,
            elapsed_s=round(elapsed_s, 3),
            **fields,
        )


@attrs.define(kw_only=True)
class _Run:
    """One operation and its attempts so far."""

    clock: Clock
    events: RetryEvents
    random: Callable[[], float]
    policy: Policy
    began_s: float
    deadline_s: float
    attempt_began_s: float
    number: int = 1
    failed: Attempt | None = None
    wait_s: float = 0.0

    def wait_after(self, error: BaseException) -> bool | float:
        """Return how long stamina shall wait before it tries again, or False to give up."""
        # stamina calls this for everything that is raised, a cancellation too.
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
                return 0.0  # `begin_attempt` waits, by our clock
            case GiveUp(reason):
                self.events.gave_up(self.failed, reason)
                return False

    async def begin_attempt(self) -> None:
        """Wait, and count the next attempt. Raise the last error if the wait took too long."""
        assert self.failed is not None  # noqa: S101 - for the type checker
        await self.clock.sleep(self.wait_s)
        if self.clock.elapsed_s() + self.failed.cost_s > self.deadline_s:
            self.events.gave_up(self.failed, "the wait took longer than planned")
            raise self.failed.error
        self.number += 1
        self.attempt_began_s = self.clock.elapsed_s()

    def log_recovery(self) -> None:
        assert self.failed is not None  # noqa: S101 - for the type checker
        self.events.recovered(self.failed, self.clock.elapsed_s() - self.began_s)
