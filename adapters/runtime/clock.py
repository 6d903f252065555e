"""The computer's own clocks, and one whose wall was moved."""

from __future__ import annotations

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
        import asyncio  # whoever can wait has it; who only asks for the time needs it not

        await asyncio.sleep(max(seconds, 0.0))


class MovedClock:
    """A clock whose wall shows another time and goes on from there; stopwatch and waiting stay as they were.

    May be moved and read from several threads.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._shift = timedelta()
        self._lock = threading.Lock()

    def move_to(self, instant: datetime) -> None:
        """Let the wall show that instant now; it must be aware."""
        if instant.tzinfo is None:
            raise ValueError(f"a clock is moved to an aware instant, not to {instant}")
        with self._lock:
            self._shift = instant.astimezone(UTC) - self._clock.now()

    def move_back(self) -> None:
        """Let the wall show the real time again."""
        with self._lock:
            self._shift = timedelta()

    def now(self) -> datetime:
        with self._lock:
            return self._clock.now() + self._shift

    def elapsed_s(self) -> float:
        return self._clock.elapsed_s()

    async def sleep(self, seconds: float) -> None:
        await self._clock.sleep(seconds)
