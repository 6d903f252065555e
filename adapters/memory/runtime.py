"""Virtual time, and a journal, a meter and a retrier in memory."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from itertools import count
from typing import TypeVar

import attrs

from adapters.runtime.stamina_retrier import RetryEvents
from adapters.runtime.virtual_time import VirtualClock
from domain.measurements import Operation
from domain.retry import Attempt, GiveUp, Retry
from ports.clock import Clock
from ports.journal import Journal, Level
from ports.meter import Tally
from ports.retrier import Policy

# After so many turns of the event loop without a new sleeper, all tasks wait for time to pass. A task takes a
# turn for each await on something that is ready, and few take ten in a row.
_QUIET_TURNS = 50


@attrs.define(order=True)
class _Sleeper:
    wakes_at_s: float
    number: int
    awake: asyncio.Future[None] = attrs.field(order=False)


class MemoryClock(VirtualClock):
    """Virtual time: sleeping takes no real time, and every sleeper wakes at its exact instant.

    Once the event loop has been idle for some turns, time moves to the earliest sleeper's instant and wakes
    it. Sleepers of the same instant wake in the order in which they began, each after the one before has run.

    The clock sees only the event loop: work in threads and on sockets looks idle, so that time jumps over it,
    and real timers (`asyncio.sleep`, `asyncio.timeout`) hardly advance. One event loop at a time.
    """

    def __init__(self, start: datetime) -> None:
        super().__init__(start)
        self._sleepers: list[_Sleeper] = []
        self._numbers = count()
        self._quiet_turns = 0
        self._watched: asyncio.AbstractEventLoop | None = None

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
        """Let that much time pass now; wake the sleepers that are due by then."""
        self._elapsed_s += seconds
        self._quiet_turns = 0
        while self._sleepers and self._sleepers[0].wakes_at_s <= self._elapsed_s:
            self._wake_earliest()

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


@attrs.frozen(kw_only=True)
class Record:
    """One record of the journal."""

    level: Level
    event: str
    fields: Mapping[str, object]


class MemoryJournal:
    """A journal that keeps its `records`, oldest first; a field with a secret is stored as redacted text."""

    def __init__(self, redact: Callable[[str], str] = str) -> None:
        self.records: list[Record] = []
        self._redact = redact

    def record(self, level: Level, event: str, **fields: object) -> None:
        safe_fields = {name: self._without_secrets(value) for name, value in fields.items()}
        self.records.append(Record(level=level, event=self._redact(event), fields=safe_fields))

    def _without_secrets(self, value: object) -> object:
        try:
            text = str(value)
        except Exception:  # noqa: BLE001 - the contract: a journal never raises
            return f"<unprintable {type(value).__name__}>"
        redacted = self._redact(text)
        return value if redacted == text else redacted

    def events(self) -> tuple[str, ...]:
        """Return the names of the events, oldest first."""
        return tuple(record.event for record in self.records)

    def of(self, event: str) -> tuple[Record, ...]:
        """Return the records of that event, oldest first."""
        return tuple(record for record in self.records if record.event == event)


class MemoryMeter:
    """A meter on a clock. `operations` are all that ended; the CPU time `used_cpu_s` is set by the test."""

    def __init__(self, clock: Clock) -> None:
        self.used_cpu_s = 0.0
        self.operations: list[Operation] = []
        self._clock = clock
        self._undrained: list[Operation] = []

    @contextmanager
    def measuring(self, operation: str, source: str) -> Iterator[Tally]:
        tally, began_s, succeeded = Tally(), self._clock.elapsed_s(), False
        try:
            yield tally
            succeeded = True
        finally:
            ended = Operation(
                operation=operation,
                source=source,
                duration_s=self._clock.elapsed_s() - began_s,
                wire_bytes=tally.wire_bytes,
                payload_bytes=tally.payload_bytes,
                strategy=tally.strategy,
                succeeded=succeeded,
            )
            self.operations.append(ended)
            self._undrained.append(ended)

    def drain(self) -> tuple[Operation, ...]:
        drained = tuple(self._undrained)
        del self._undrained[: len(drained)]  # other threads may have appended since
        return drained

    def cpu_s(self) -> float:
        return self.used_cpu_s


T = TypeVar("T")


class MemoryRetrier:
    """A retrier that is a plain loop; without jitter unless it is given."""

    def __init__(self, *, clock: Clock, journal: Journal, random: Callable[[], float] = lambda: 0.0) -> None:
        self._clock = clock
        self._journal = journal
        self._random = random

    async def call(
        self,
        operation: Callable[[], Awaitable[T]],
        *,
        name: str,
        policy: Policy,
        deadline_s: float,
    ) -> T:
        events = RetryEvents(journal=self._journal, name=name, policy=policy)
        began_s = self._clock.elapsed_s()
        failed: Attempt | None = None
        while True:
            attempt_began_s = self._clock.elapsed_s()
            try:
                result = await operation()
            except Exception as error:
                ended_s = self._clock.elapsed_s()
                failed = Attempt(
                    number=1 if failed is None else failed.number + 1,
                    error=error,
                    elapsed_s=ended_s - began_s,
                    cost_s=ended_s - attempt_began_s,
                    budget_s=deadline_s - began_s,
                    jitter=self._random(),
                )
                if not await self._wait_to_retry(events, failed, deadline_s):
                    raise
            else:
                if failed is not None:
                    events.recovered(failed, self._clock.elapsed_s() - began_s)
                return result

    async def _wait_to_retry(self, events: RetryEvents, attempt: Attempt, deadline_s: float) -> bool:
        """Wait as the policy decides; return whether another attempt follows."""
        match events.policy.decide(attempt):
            case GiveUp(reason):
                events.gave_up(attempt, reason)
                return False
            case Retry(after_s):
                events.will_retry(attempt, after_s)
                await self._clock.sleep(after_s)
        if self._clock.elapsed_s() + attempt.cost_s > deadline_s:
            events.gave_up(attempt, "the wait took longer than planned")
            return False
        return True
