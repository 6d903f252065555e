"""The system's clock, running faster, for waits that a person takes and a test should not."""

from __future__ import annotations

from datetime import datetime

from adapters.system_clock import SystemClock


class FastClock:
    """Its stopwatch and its sleep are that many times faster; the wall is the system's."""

    def __init__(self, rate: float) -> None:
        self._clock = SystemClock()
        self._rate = rate

    def now(self) -> datetime:
        return self._clock.now()

    def elapsed_s(self) -> float:
        return self._clock.elapsed_s() * self._rate

    async def sleep(self, seconds: float) -> None:
        await self._clock.sleep(seconds / self._rate)
