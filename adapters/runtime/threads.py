"""Run blocking calls in daemon threads, without blocking the event loop or the end of the process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from ports.clock import Clock

T = TypeVar("T")


async def in_daemon_thread(function: Callable[[], T], name: str) -> T:
    """Return or raise what the function does, run in a daemon thread of that name.

    When the awaiting task is cancelled, this returns at once and the function runs on; its result is
    dropped. The caller makes sure that it ends. (`asyncio.to_thread` would keep the process alive for it.)
    """
    result: T
    result, error = await _start_thread(function, name)
    if error is not None:
        raise error
    return result


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
        ended = _start_thread(function, self._name, release=self._busy.release)
        limit = asyncio.ensure_future(self._clock.sleep(limit_s))
        either: set[asyncio.Future[Any]] = {ended, limit}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            limit.cancel()
        if not ended.done():
            raise TimeoutError(f"no answer within {limit_s:.0f} s")
        result: T
        result, error = ended.result()
        if error is not None:
            raise error
        return result


def _start_thread(
    function: Callable[[], object], name: str, release: Callable[[], object] | None = None
) -> asyncio.Future[tuple[Any, BaseException | None]]:
    """Start the thread; the future gets what the function returned, or raised."""
    loop = asyncio.get_running_loop()
    # Not the exception itself: a future rejects StopIteration, and warns about one that is never retrieved.
    ended: asyncio.Future[tuple[Any, BaseException | None]] = loop.create_future()

    def hand_over(result: object, error: BaseException | None) -> None:
        if not ended.done():
            ended.set_result((result, error))

    def run() -> None:
        result, error = None, None
        try:
            result = function()
        except BaseException as raised:  # noqa: BLE001 - raised again, in the task that waits
            error = raised
        if release is not None:
            release()
        with suppress(RuntimeError):  # the loop has been closed: nothing waits for the outcome
            loop.call_soon_threadsafe(hand_over, result, error)

    threading.Thread(target=run, name=name, daemon=True).start()
    return ended
