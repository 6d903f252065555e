"""Time: wall clock, stopwatch and waiting."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Only implementations of this port read a clock or sleep."""

    def now(self) -> datetime:
        """Return the wall-clock time: aware, UTC. It may jump either way."""
        ...

    def elapsed_s(self) -> float:
        """Return the seconds since some fixed instant; never goes back."""
        ...

    def elapsed_asleep_s(self) -> float | None:
        """Return the seconds since some fixed instant, with those in which the machine slept.

        `elapsed_s` leaves these out. None where they are unknown.
        """
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait that long by `elapsed_s`; zero or less only lets other tasks run."""
        ...
