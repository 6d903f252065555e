"""Time that passes only when nobody has anything else to do."""

from __future__ import annotations

import asyncio
import heapq
from datetime import datetime, timedelta
from itertools import count

import attrs

# So many turns of the event loop without a new sleeper mean that everybody waits for time to pass. A task
# takes a turn for each bare await on something that is ready, and few take ten in a row.
_QUIET_TURNS = 50


@attrs.define(order=True)
class _Sleeper:
    wakes_at_s: float
    number: int
    awake: asyncio.Future[None] = attrs.field(order=False)


class MemoryClock:
    """Virtual time: sleeping takes none of the real one, and every sleeper wakes at its exact instant.

    Once the event loop has been quiet for some turns, the earliest sleeper wakes and time is moved to its
    instant. Sleepers of one instant wake in the order in which they went to sleep, each after the one
    before has had its say.

    The limits: the clock sees only the event loop. Work in threads and on sockets takes real time, which
    looks like quiet, so time would jump over it; and real timers (`asyncio.sleep`, `asyncio.timeout`)
    hardly advance while virtual hours pass. One event loop at a time.
    """

    def __init__(self, start: datetime) -> None:
        if start.tzinfo is None:
            raise ValueError(f"a clock starts at an aware instant, not at {start}")
        self._start = start
        self._elapsed_s = 0.0
        self._stepped_s = 0.0
        self._sleepers: list[_Sleeper] = []
        self._numbers = count()
        self._quiet_turns = 0
        self._watched: asyncio.AbstractEventLoop | None = None

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._elapsed_s + self._stepped_s)

    def elapsed_s(self) -> float:
        return self._elapsed_s

    async def sleep(self, seconds: float) -> None:
        self._quiet_turns = 0
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        loop = asyncio.get_running_loop()
        sleeper = _Sleeper(self._elapsed_s + seconds, next(self._numbers), loop.create_future())
        heapq.heappush(self._sleepers, sleeper)
        self._watch(loop)
        await sleeper.awake

    def advance(self, seconds: float) -> None:
        """Let that much time pass now; who is due by then wakes."""
        self._elapsed_s += seconds
        self._quiet_turns = 0
        while self._sleepers and self._sleepers[0].wakes_at_s <= self._elapsed_s:
            self._wake_earliest()

    def step_wall(self, seconds: float) -> None:
        """Let the wall jump, forwards or back; no time passes."""
        self._stepped_s += seconds

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._watched is not loop:
            self._watched = loop
            loop.call_soon(self._turn, loop)

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        self._forget_cancelled()
        if not self._sleepers or self._watched is not loop:
            self._watched = None
            return
        self._quiet_turns += 1
        if self._quiet_turns > _QUIET_TURNS:
            self._quiet_turns = 0
            self._elapsed_s = max(self._elapsed_s, self._sleepers[0].wakes_at_s)
            self._wake_earliest()
        loop.call_soon(self._turn, loop)

    def _wake_earliest(self) -> None:
        awake = heapq.heappop(self._sleepers).awake
        if not awake.done():
            awake.set_result(None)

    def _forget_cancelled(self) -> None:
        asleep = [sleeper for sleeper in self._sleepers if not sleeper.awake.done()]
        if len(asleep) < len(self._sleepers):
            self._quiet_turns = 0
            heapq.heapify(asleep)
            self._sleepers = asleep
