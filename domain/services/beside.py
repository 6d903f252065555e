"""What is done after each cycle, beside the next ones, so that it never holds one up."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from ports.clock import Clock
from ports.journal import Journal, Level

T = TypeVar("T")
_WAITING_BOUND = 100


class Beside(Generic[T]):
    """Hands items to a coroutine function one after the other, in a task of its own.

    What the function raises is a fault of ours: it is said, and costs nothing but that item. When it cannot
    keep up, the oldest waiting items are dropped.
    """

    def __init__(self, function: Callable[[T], Awaitable[None]], *, clock: Clock, journal: Journal) -> None:
        self._function = function
        self._clock = clock
        self._journal = journal
        self._waiting: deque[T] = deque(maxlen=_WAITING_BOUND)
        self._task: asyncio.Task[None] | None = None

    def add(self, item: T) -> None:
        """Have the item done after those that wait. Returns at once."""
        self._waiting.append(item)
        if self._task is None or self._task.done():
            self._task = asyncio.ensure_future(self._work())

    async def finish(self, limit_s: float) -> None:
        """Wait until all is done, at most that long; what is not done by then is cancelled."""
        if self._task is None or self._task.done():
            return
        limit = asyncio.ensure_future(self._clock.sleep(limit_s))
        try:
            await asyncio.wait({self._task, limit}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            limit.cancel()
            self._task.cancel()

    async def _work(self) -> None:
        while self._waiting:
            item = self._waiting.popleft()
            try:
                await self._function(item)
            except Exception as error:  # noqa: BLE001 - the isolation boundary: what comes after a cycle costs none
                self._journal.record(Level.ERROR, "after_cycle.bug", error=f"{type(error).__name__}: {error}")
