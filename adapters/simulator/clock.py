"""A clock whose wall time can be moved, in one process or for several."""

from __future__ import annotations

import mmap
import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ports.clock import Clock

_SHIFT = struct.Struct("=d")  # seconds ahead of the real wall time; written and read in one go


class MovedClock:
    """Show another wall time that goes on from there; elapsed time and sleep stay real.

    Clocks on the same file show the same time, also in other processes. Safe to use from several threads.
    """

    def __init__(self, clock: Clock, file: Path | None = None) -> None:
        self._clock = clock
        if file is None:
            self._shift = mmap.mmap(-1, _SHIFT.size)
        else:
            with file.open("a+b") as opened:
                opened.truncate(_SHIFT.size)
                self._shift = mmap.mmap(opened.fileno(), _SHIFT.size)

    def move_to(self, instant: datetime) -> None:
        """Show that instant now; it must be aware."""
        if instant.tzinfo is None:
            raise ValueError(f"a clock needs an aware instant, not {instant}")
        ahead = instant.astimezone(UTC) - self._clock.now()
        _SHIFT.pack_into(self._shift, 0, ahead.total_seconds())

    def move_back(self) -> None:
        """Show the real time again."""
        _SHIFT.pack_into(self._shift, 0, 0.0)

    def now(self) -> datetime:
        (seconds,) = _SHIFT.unpack_from(self._shift)
        return self._clock.now() + timedelta(seconds=seconds)

    def elapsed_s(self) -> float:
        return self._clock.elapsed_s()

    def elapsed_asleep_s(self) -> float | None:
        return self._clock.elapsed_asleep_s()

    async def sleep(self, seconds: float) -> None:
        await self._clock.sleep(seconds)
