"""The system's clock, but a sleep takes a fraction of its time: for waits of a person, not of a test."""

from __future__ import annotations

from datetime import datetime

from adapters.runtime.clock import SystemClock


class FastClock:
    """What a sleep does not take is counted as passed; all else takes as long as it takes, and time-outs too.

    The wall is the system's.
    """

    def __init__(self, rate: float) -> None:
        self._clock = SystemClock()
        self._rate = rate
        self._skipped_s = 0.0

    def now(self) -> datetime:
        return self._clock.now()

    def elapsed_s(self) -> float:
        return self._clock.elapsed_s() + self._skipped_s

    async def sleep(self, seconds: float) -> None:
        await self._clock.sleep(seconds / self._rate)
        self._skipped_s += seconds - seconds / self._rate
