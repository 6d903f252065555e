"""Carries a retry policy out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from domain.retry import RetryPolicy

T = TypeVar("T")


class Retrier(Protocol):
    """Repeats an operation as its policy decides. Nothing else in the program repeats one."""

    async def call(
        self,
        operation: Callable[[], Awaitable[T]],
        *,
        name: str,
        policy: RetryPolicy,
        deadline_s: float,
    ) -> T:
        """The operation's result, or its last error once the policy gives up.

        `name` says in the journal what is tried, without secrets. `deadline_s` is an instant of
        `Clock.elapsed_s`: no attempt begins that would be expected to end after it. A cancelled
        operation is cancelled at once.
        """
        ...
