"""Blocking calls beside the event loop, in threads that never hold the process open."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import NoReturn, TypeVar

from ports.clock import Clock

T = TypeVar("T")


async def in_daemon_thread(function: Callable[[], T], name: str) -> T:
    """What the function returns or raises, from a daemon thread of that name.

    When the awaiting task is cancelled, this returns at once and the function goes on alone: whoever
    passes it in makes sure that it ends. What it then returns or raises is thrown away.
    (`asyncio.to_thread` would hold the process open until the function ends.)
    """
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[Callable[[], T]] = loop.create_future()

    def hand_over(outcome: Callable[[], T]) -> None:
        if not ended.done():
            ended.set_result(outcome)

    def run() -> None:
        outcome = _outcome_of(function)
        try:
            loop.call_soon_threadsafe(hand_over, outcome)
        except RuntimeError:
            return  # the loop was closed meanwhile: nobody waits any more

    threading.Thread(target=run, name=name, daemon=True).start()
    outcome = await ended
    return outcome()


async def in_daemon_thread_within(
    limit_s: float, function: Callable[[], T], name: str, *, clock: Clock, give_up: Callable[[], object]
) -> T:
    """The same, or `TimeoutError` once that long has passed by the clock.

    `give_up` is called whenever nobody waits any more, and makes the function end.
    """
    working = asyncio.ensure_future(in_daemon_thread(function, name))
    limit = asyncio.ensure_future(clock.sleep(limit_s))
    try:
        await asyncio.wait({working, limit}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise TimeoutError(f"no end within {limit_s:g} s")
        return working.result()
    finally:
        limit.cancel()
        working.cancel()
        give_up()


def _outcome_of(function: Callable[[], T]) -> Callable[[], T]:
    # An outcome is a call that returns or raises: a future would refuse StopIteration, and complain aloud
    # about an exception that nobody fetches.
    try:
        result = function()
    except BaseException as error:  # noqa: BLE001 - raised again, in the task that waits
        return _raising(error)
    return lambda: result


def _raising(error: BaseException) -> Callable[[], NoReturn]:
    def outcome() -> NoReturn:
        raise error

    return outcome
