"""Run blocking calls in daemon threads, without blocking the event loop or the end of the process."""

from __future__ import annotations

import asyncio
import os
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, Generic, Protocol, TypeVar

import attrs

from ports.clock import Clock

T = TypeVar("T")

_IDLE_S = 1.0
IDLE = "idle"  # the name of a thread that waits for its next call


@attrs.frozen(kw_only=True)
class Outcome(Generic[T]):
    """What a function returned or raised. Not raised in a future: that rejects StopIteration."""

    result: T | None = None
    error: BaseException | None = None

    @classmethod
    def of(cls, function: Callable[[], T]) -> Outcome[T]:
        """Call the function."""
        try:
            return cls(result=function())
        except BaseException as error:  # noqa: BLE001 - raised again, in the task that waits
            return cls(error=error)

    def get(self) -> T:
        if self.error is not None:
            raise self.error
        return self.result  # type: ignore[return-value]  # without an error it is one


@attrs.frozen(kw_only=True, eq=False)
class _Call:
    """A call for a thread, and the future that gets its outcome."""

    function: Callable[[], Any]
    name: str
    loop: asyncio.AbstractEventLoop
    ended: asyncio.Future[Outcome[Any]]


# Starting a thread takes ten times as long as handing a call to one that waits. There are never more than
# have been busy at once. A forked process has no threads.
_idle: list[queue.SimpleQueue[_Call]] = []
os.register_at_fork(after_in_child=_idle.clear)


class Threads(Protocol):
    """What runs blocking calls next to the event loop."""

    def start(self, function: Callable[[], T], name: str) -> asyncio.Future[Outcome[T]]:
        """Run the function in a thread that has that name meanwhile."""
        ...


class DaemonThreads:
    """Runs each call in an idle thread, or a new one."""

    def start(self, function: Callable[[], T], name: str) -> asyncio.Future[Outcome[T]]:
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[Outcome[T]] = loop.create_future()
        try:
            calls = _idle.pop()
        except IndexError:
            calls = queue.SimpleQueue()
            threading.Thread(target=_run_calls, args=(calls,), name=name, daemon=True).start()
        calls.put(_Call(function=function, name=name, loop=loop, ended=ended))
        return ended


_DAEMON_THREADS = DaemonThreads()
_threads: ContextVar[Threads] = ContextVar("threads")


@contextmanager
def run_calls_by(threads: Threads) -> Iterator[None]:
    """Let these threads run the blocking calls of the present context, and of tasks that it starts."""
    token = _threads.set(threads)
    try:
        yield
    finally:
        _threads.reset(token)


async def in_daemon_thread(function: Callable[[], T], name: str) -> T:
    """Return or raise what the function does, run in a daemon thread that has that name meanwhile.

    When the awaiting task is cancelled, this returns at once and the function runs on; its result is
    dropped. The caller makes sure that it ends. (`asyncio.to_thread` would keep the process alive for it.)
    """
    outcome = await _threads.get(_DAEMON_THREADS).start(function, name)
    return outcome.get()


class SingleThread:
    """Runs one blocking call at a time, each with a time limit.

    A call that exceeds its limit runs on alone. While it does, further calls are rejected: however long a
    server holds a connection open, at most one thread is left behind.
    """

    def __init__(self, name: str, clock: Clock) -> None:
        self._name = name
        self._clock = clock
        self._busy = threading.Lock()

    async def run(self, function: Callable[[], T], limit_s: float) -> T:
        """Return or raise what the function does. Raise `TimeoutError` after `limit_s`, or if still busy."""
        if not self._busy.acquire(blocking=False):
            raise TimeoutError("the previous attempt has not ended yet")

        def call() -> T:
            try:
                return function()
            finally:
                self._busy.release()

        ended = _threads.get(_DAEMON_THREADS).start(call, self._name)
        limit = asyncio.ensure_future(self._clock.sleep(limit_s))
        either: set[asyncio.Future[Any]] = {ended, limit}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            limit.cancel()
        if not ended.done():
            raise TimeoutError(f"no answer within {limit_s:.0f} s")
        return ended.result().get()


def _run_calls(calls: queue.SimpleQueue[_Call]) -> None:
    thread = threading.current_thread()
    while True:
        call = calls.get()
        thread.name = call.name
        outcome = Outcome.of(call.function)
        thread.name = IDLE
        _idle.append(calls)
        with suppress(RuntimeError):  # the loop has been closed: nothing waits for the outcome
            call.loop.call_soon_threadsafe(set_outcome, call.ended, outcome)
        del call, outcome  # an idle thread keeps nothing alive


def set_outcome(ended: asyncio.Future[Outcome[T]], outcome: Outcome[T]) -> None:
    """Set the result of the future, unless nothing waits for it any more."""
    if not ended.done():
        ended.set_result(outcome)


class OrderedCalls:
    """Runs calls in a daemon thread, one after the other, and waits for each until it has ended.

    If one takes longer than `limit_s`, it and those after it run on in their order, and nothing waits for
    them. The functions must not raise. The thread ends when it has been idle for a second.
    """

    def __init__(self, name: str, *, limit_s: float, most_waiting: int = 1000) -> None:
        self._name = name
        self._limit_s = limit_s
        self._calls: queue.Queue[tuple[Callable[[], object], threading.Event]] = queue.Queue(most_waiting)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._late: threading.Event | None = None

    def run(self, function: Callable[[], object]) -> bool:
        """Return whether the function has ended. Raise `queue.Full` if too many calls wait already."""
        ended = threading.Event()
        with self._lock:
            try:
                if self._thread is None or not self._thread.is_alive():  # a forked process has no threads
                    self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
                    self._thread.start()
            except RuntimeError:  # the system allows no more threads
                self._thread = None
                function()
                return True
            self._calls.put_nowait((function, ended))
        if self._late is not None and not self._late.is_set():
            return False
        self._late = None if ended.wait(self._limit_s) else ended
        return self._late is None

    def _work(self) -> None:
        while True:
            try:
                function, ended = self._calls.get(timeout=_IDLE_S)
            except queue.Empty:
                with self._lock:
                    if self._calls.empty():
                        self._thread = None
                        return
                continue
            function()
            ended.set()
            del function, ended  # a thread that waits keeps nothing alive
