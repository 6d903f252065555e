"""A probe made of a function that blocks; it runs in a daemon thread, so that nobody waits for its end."""

from __future__ import annotations

from collections.abc import Callable

from adapters.threads import in_daemon_thread
from domain.health import Answer, Weight
from domain.values import frozen


@frozen
class BlockingProbe:
    """Whoever gives up waiting leaves the thread behind: the process ends without it."""

    component: str
    answer: Callable[[], Answer]
    weight: Weight = Weight.ORDINARY

    async def look(self) -> Answer:
        return await in_daemon_thread(self.answer, f"probe {self.component}")
