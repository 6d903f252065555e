"""Retry operations as a policy decides."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from domain.retry import Attempt, Decision

T = TypeVar("T")


class Policy(Protocol):
    """Decides what follows a failed attempt; see `domain.services.retry_policy`."""

    def decide(self, attempt: Attempt) -> Decision: ...

    def attempts_for(self, error: Exception) -> int:
        """Return how many attempts an operation gets that fails with this error."""
        ...


class Retrier(Protocol):
    """Retries operations. Nothing else in the program does."""

    async def call(
        self,
        operation: Callable[[], Awaitable[T]],
        *,
        name: str,
        policy: Policy,
        deadline_s: float,
    ) -> T:
        """Return the operation's result, or raise its last error once the policy gives up.

        `name` names the operation in the journal, without secrets. `deadline_s` is an instant of
        `Clock.elapsed_s`: no attempt begins that is expected to end after it. A cancelled operation is
        cancelled at once.
        """
        ...
