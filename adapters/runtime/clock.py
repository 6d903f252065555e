"""The system clock, and a clock whose wall time can be moved."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import UTC, datetime, timedelta

from ports.clock import Clock


class SystemClock:
    """The clocks of the operating system."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def elapsed_s(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(seconds, 0.0))


class MovedClock:
    """A clock whose wall time is shifted; elapsed time and sleeping are those of the underlying clock.

    Thread-safe.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._shift = timedelta()
        self._lock = threading.Lock()

    def move_to(self, instant: datetime) -> None:
        """Set the wall time; it goes on from there. Raise `ValueError` for a naive time."""
        if instant.tzinfo is None:
            raise ValueError(f"the clock needs an aware time, not {instant}")
        with self._lock:
            self._shift = instant.astimezone(UTC) - self._clock.now()

    def move_back(self) -> None:
        """Show the real time again."""
        with self._lock:
            self._shift = timedelta()

    def now(self) -> datetime:
        with self._lock:
            return self._clock.now() + self._shift

    def elapsed_s(self) -> float:
        return self._clock.elapsed_s()

    async def sleep(self, seconds: float) -> None:
        await self._clock.sleep(seconds)
