"""Run blocking calls in daemon threads, without blocking the event loop or the end of the process."""

from __future__ import annotations

import asyncio
import os
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NoReturn, TypeVar

from ports.clock import Clock

T = TypeVar("T")
Job = Callable[[], Callable[[], None]]  # returns how to deliver its outcome

IDLE = "idle"  # the name of a thread that waits for its next job

# Starting a thread takes ten times as long as handing a job to one that waits. There are never more than
# have been busy at once. A forked process has no threads.
_idle: list[queue.SimpleQueue[Job]] = []
os.register_at_fork(after_in_child=_idle.clear)


async def in_daemon_thread(function: Callable[[], T], name: str) -> T:
    """Return or raise what the function does, run in a daemon thread that has that name meanwhile.

    When the awaiting task is cancelled, this returns at once and the function runs on; its result is
    dropped. The caller makes sure that it ends. (`asyncio.to_thread` would keep the process alive for it.)
    """
    outcome = await _start_thread(function, name)
    return outcome()


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
        ended = _start_thread(function, self._name, at_end=self._busy.release)
        limit = asyncio.ensure_future(self._clock.sleep(limit_s))
        either: set[asyncio.Future[Any]] = {ended, limit}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            limit.cancel()
        if not ended.done():
            raise TimeoutError(f"no answer within {limit_s:.0f} s")
        return ended.result()()


def _start_thread(
    function: Callable[[], T], name: str, at_end: Callable[[], object] = lambda: None
) -> asyncio.Future[Callable[[], T]]:
    """Run it in an idle thread, or a new one; the future gets a call that returns or raises what it did."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[Callable[[], T]] = loop.create_future()

    def hand_over(outcome: Callable[[], T]) -> None:
        if not ended.done():
            ended.set_result(outcome)

    def run() -> Callable[[], None]:
        threading.current_thread().name = name
        outcome = _outcome_of(function)
        at_end()

        def deliver() -> None:
            with suppress(RuntimeError):  # the loop has been closed: nothing waits for the outcome
                loop.call_soon_threadsafe(hand_over, outcome)

        return deliver

    try:
        jobs = _idle.pop()
    except IndexError:
        jobs = queue.SimpleQueue()
        threading.Thread(target=_run_jobs, args=(jobs,), name=name, daemon=True).start()
    jobs.put(run)
    return ended


def _run_jobs(jobs: queue.SimpleQueue[Job]) -> None:
    thread = threading.current_thread()
    while True:
        deliver = jobs.get()()
        thread.name = IDLE
        _idle.append(jobs)
        deliver()
        del deliver  # it holds the outcome


def _outcome_of(function: Callable[[], T]) -> Callable[[], T]:
    # Not the result or exception itself: a future rejects StopIteration, and warns about an exception that
    # is never retrieved.
    try:
        result = function()
    except BaseException as error:  # noqa: BLE001 - raised again, in the task that waits
        return _raising(error)
    return lambda: result


def _raising(error: BaseException) -> Callable[[], NoReturn]:
    def outcome() -> NoReturn:
        raise error

    return outcome
