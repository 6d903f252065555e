"""Virtual time: a clock, an event loop and threads in which waiting takes no real time."""

from __future__ import annotations

import asyncio
import selectors
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

from adapters.runtime.threads import Outcome, T, set_outcome


class VirtualClock:
    """The clocks of a machine, which stand still until the event loop on them has nothing else to do.

    See `ports.clock`. `stepped` is by how much the wall clock differs from the true time.
    """

    def __init__(self, start: datetime) -> None:
        if start.tzinfo is None:
            raise ValueError(f"a clock starts at an aware instant, not at {start}")
        self.start = start
        self.stepped = timedelta()
        self.woke = asyncio.Event()  # set for a moment when the machine wakes
        self._elapsed_s = 0.0
        self._asleep_s = 0.0

    def now(self) -> datetime:
        return self.start + timedelta(seconds=self._elapsed_s + self._asleep_s) + self.stepped

    def elapsed_s(self) -> float:
        return self._elapsed_s

    def elapsed_asleep_s(self) -> float:
        return self._elapsed_s + self._asleep_s

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(seconds, 0.0))

    def advance(self, seconds: float) -> None:
        """Let that much time pass now."""
        self._elapsed_s += seconds

    def sleep_machine(self, seconds: float) -> None:
        """Let the machine sleep that long: the wall clock goes on, and no task does."""
        self._asleep_s += seconds
        self.woke.set()
        self.woke.clear()

    def state(self) -> tuple[float, float, float]:
        """Return the seconds awake, asleep, and by which the wall clock was stepped: for another process."""
        return self._elapsed_s, self._asleep_s, self.stepped.total_seconds()

    def show(self, state: tuple[float, float, float]) -> None:
        """Show what a clock with the same start shows in another process."""
        self._elapsed_s, self._asleep_s, stepped_s = state
        self.stepped = timedelta(seconds=stepped_s)

    def step_wall(self, seconds: float) -> None:
        """Move the wall clock forwards or back; no time passes."""
        self.stepped += timedelta(seconds=seconds)


class TrueClock:
    """The time outside a machine: its clock is never set, and goes on while the machine sleeps."""

    def __init__(self, machine: VirtualClock) -> None:
        self._machine = machine

    def now(self) -> datetime:
        return self._machine.start + timedelta(seconds=self.elapsed_s())

    def elapsed_s(self) -> float:
        return self._machine.elapsed_asleep_s()

    def elapsed_asleep_s(self) -> float:
        return self.elapsed_s()

    async def sleep(self, seconds: float) -> None:
        ends_s = self.elapsed_s() + seconds
        await asyncio.sleep(0)
        with suppress(TimeoutError):  # the end, though the loop's timers may be early by their resolution
            while (left_s := ends_s - self.elapsed_s()) > 0:
                await asyncio.wait_for(self._machine.woke.wait(), left_s)


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop whose time is that of the clock: it moves to the next timer when nothing is ready.

    Real sockets do not work in it, as time would pass them by, unless another selector takes care of that.
    Waiting for nothing raises RuntimeError.
    """

    def __init__(self, clock: VirtualClock, selector: selectors.BaseSelector | None = None) -> None:
        self._clock = clock
        super().__init__(selector or _JumpingSelector(clock))

    def time(self) -> float:
        return self._clock.elapsed_s()


class _JumpingSelector(selectors.DefaultSelector):
    """Move the clock instead of waiting: no file is ever ready, so the system is not asked."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("every task waits for something that no timer and no task will bring")
        if timeout > 0:
            self._clock.advance(timeout)
        return []


class LockStepThreads:
    """Runs blocking calls in threads that take turns with the event loop, so that one runs at a time.

    The order is the same every time. A call may wait in virtual time with a `Waiting`.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.is_idle = asyncio.Event()
        self.is_idle.set()
        self._running = 0
        self._loop_turn = threading.Semaphore(0)
        self._own = threading.local()  # the turn of the thread that reads it

    def start(self, function: Callable[[], T], name: str) -> asyncio.Future[Outcome[T]]:
        """Run the function until it ends or waits for the first time."""
        ended: asyncio.Future[Outcome[T]] = self.loop.create_future()
        turn = threading.Semaphore(0)

        def work() -> None:
            turn.acquire()
            self._own.turn = turn
            outcome = Outcome.of(function)
            self.loop.call_soon(set_outcome, ended, outcome)
            self.loop.call_soon(self._note_end)
            self._loop_turn.release()

        self._running += 1
        self.is_idle.clear()
        threading.Thread(target=work, name=name, daemon=True).start()
        self._give_turn(turn)
        return ended

    def waiting(self) -> Waiting:
        """Return something for the calling thread to wait for."""
        return Waiting(self.loop, self._own.turn, self._give_turn, self._loop_turn.release)

    def _note_end(self) -> None:
        self._running -= 1
        if not self._running:
            self.is_idle.set()

    def _give_turn(self, turn: threading.Semaphore) -> None:
        turn.release()
        self._loop_turn.acquire()


class Waiting:
    """Something that a thread waits for, in virtual time."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        turn: threading.Semaphore,
        give_turn: Callable[[threading.Semaphore], None],
        end_turn: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._turn = turn
        self._give_turn = give_turn
        self._end_turn = end_turn
        self._is_over = False
        self._is_notified = False

    def wait(self, timeout_s: float | None) -> bool:
        """Wait until `notify`; return False if the time is over first."""
        timer = None if timeout_s is None else self._loop.call_later(timeout_s, self._resume)
        self._end_turn()
        self._turn.acquire()
        if timer is not None:
            timer.cancel()
        return self._is_notified

    def notify(self) -> None:
        """End the wait in one of the loop's next turns."""
        self._is_notified = True
        self._loop.call_soon(self._resume)

    def _resume(self) -> None:
        if not self._is_over:
            self._is_over = True
            self._give_turn(self._turn)
