"""Time: the wall's, the stopwatch's, and waiting."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Only its adapters read a clock or sleep."""

    def now(self) -> datetime:
        """The wall clock: aware, UTC. May jump either way."""
        ...

    def elapsed_s(self) -> float:
        """Seconds since some fixed instant; never goes back. Only differences mean something."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait that long by `elapsed_s`. Zero or less only lets others run."""
        ...
