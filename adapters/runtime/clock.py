"""The system clock."""

from __future__ import annotations

import asyncio
import sys
import time
from datetime import UTC, datetime

# Linux counts sleep with this clock only; macOS with CLOCK_MONOTONIC, which is not Python's `time.monotonic`.
_WITH_SLEEP: int | None = getattr(
    time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC if sys.platform == "darwin" else None
)


class SystemClock:
    """The clocks of the operating system."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def elapsed_s(self) -> float:
        return time.monotonic()

    def elapsed_asleep_s(self) -> float | None:
        return None if _WITH_SLEEP is None else time.clock_gettime(_WITH_SLEEP)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(seconds, 0.0))
