"""A moved wall that another process lives by too, through eight bytes in a file."""

from __future__ import annotations

import mmap
import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ports.clock import Clock

_SHIFT = struct.Struct("=d")  # seconds that the wall is ahead of the real one; written and read in one go


class FollowingClock:
    """Shows the wall of the `LeadingClock` on the same file; stopwatch and waiting are the real ones."""

    def __init__(self, clock: Clock, file: Path) -> None:
        self._clock = clock
        with file.open("r+b") as opened:
            self._shift = mmap.mmap(opened.fileno(), _SHIFT.size)

    def now(self) -> datetime:
        (seconds,) = _SHIFT.unpack_from(self._shift)
        return self._clock.now() + timedelta(seconds=seconds)

    def elapsed_s(self) -> float:
        return self._clock.elapsed_s()

    async def sleep(self, seconds: float) -> None:
        await self._clock.sleep(seconds)


class LeadingClock(FollowingClock):
    """A wall that can be moved, for all who follow it. Makes the file."""

    def __init__(self, clock: Clock, file: Path) -> None:
        file.write_bytes(_SHIFT.pack(0.0))
        super().__init__(clock, file)

    def move_to(self, instant: datetime) -> None:
        """Let the wall show that instant now, and go on from there; it must be aware."""
        if instant.tzinfo is None:
            raise ValueError(f"a clock is moved to an aware instant, not to {instant}")
        ahead = instant.astimezone(UTC) - self._clock.now()
        _SHIFT.pack_into(self._shift, 0, ahead.total_seconds())

    def move_back(self) -> None:
        """Let the wall show the real time again."""
        _SHIFT.pack_into(self._shift, 0, 0.0)
