"""Blocking calls in daemon threads, with and without a limit."""

from __future__ import annotations

import asyncio
import queue
import subprocess
import sys
import threading
from collections.abc import Callable

import pytest

from adapters.memory.runtime import MemoryClock
from adapters.runtime.clock import SystemClock
from adapters.runtime.threads import OrderedCalls, SingleThread, in_daemon_thread
from tests.support.builders import NOON
from tests.support.threads import busy_threads, wait_until_idle

ABANDONS_A_THREAD = """
import asyncio, threading
from adapters.runtime.threads import in_daemon_thread

async def main():
    try:
        async with asyncio.timeout(0.05):
            await in_daemon_thread(threading.Event().wait, "stuck")
    except TimeoutError:
        print("went on")

asyncio.run(main())
"""


class Failure(BaseException):
    """Not an `Exception`, on purpose."""


def raising(error: BaseException) -> Callable[[], None]:
    def function() -> None:
        raise error

    return function


async def test_function_runs_in_a_named_daemon_thread() -> None:
    def describe() -> tuple[threading.Thread, str]:
        return threading.current_thread(), threading.current_thread().name

    thread, name = await in_daemon_thread(describe, "hue read")
    assert thread is not threading.current_thread()
    assert (name, thread.daemon) == ("hue read", True)


async def test_idle_thread_is_used_again() -> None:
    threads = {await in_daemon_thread(threading.current_thread, "first") for _ in range(20)}
    assert len(threads) <= 2
    assert len(busy_threads("first")) == 0


async def test_event_loop_runs_meanwhile() -> None:
    may_end = threading.Event()

    async def release() -> None:
        may_end.set()

    ended, _ = await asyncio.gather(in_daemon_thread(lambda: may_end.wait(30), "waits"), release())
    assert ended


@pytest.mark.parametrize("error", [ValueError("garbled"), Failure("odd")])
async def test_error_is_raised_in_the_waiting_task(error: BaseException) -> None:
    with pytest.raises(type(error)) as raised:
        await in_daemon_thread(raising(error), "fails")
    assert raised.value is error


async def test_stop_iteration_does_not_hang() -> None:
    with pytest.raises(RuntimeError, match="StopIteration"):
        await in_daemon_thread(lambda: next(iter(())), "fails")


@pytest.mark.parametrize("error", [None, ValueError("too late")])
async def test_cancelled_call_returns_at_once_and_drops_the_result(
    error: Exception | None, caplog: pytest.LogCaptureFixture
) -> None:
    began, may_end, ended = threading.Event(), threading.Event(), threading.Event()

    def slow() -> str:
        began.set()
        may_end.wait(30)
        ended.set()
        if error is not None:
            raise error
        return "late"

    call = asyncio.create_task(in_daemon_thread(slow, "slow"))
    await asyncio.sleep(0)
    assert began.wait(30)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert not ended.is_set()
    may_end.set()
    assert ended.wait(30)
    wait_until_idle("slow")
    await asyncio.sleep(0)
    assert caplog.records == []


@pytest.mark.parametrize("error", [None, ValueError("too late"), SystemExit(3)])
def test_result_after_the_loop_has_closed_is_dropped(
    error: BaseException | None, capfd: pytest.CaptureFixture[str]
) -> None:
    may_end = threading.Event()
    threads: list[threading.Thread] = []

    def slow() -> None:
        threads.append(threading.current_thread())
        may_end.wait(30)
        if error is not None:
            raise error

    async def leave_it_behind() -> None:
        call = asyncio.create_task(in_daemon_thread(slow, "slow"))
        await asyncio.sleep(0)
        call.cancel()

    asyncio.run(leave_it_behind())
    may_end.set()
    while not threads:
        threading.Event().wait(0.001)
    wait_until_idle("slow")
    assert capfd.readouterr() == ("", "")


def test_hanging_thread_does_not_keep_the_process_alive() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", ABANDONS_A_THREAD], capture_output=True, text=True, timeout=30, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "went on\n", "")


async def test_concurrent_calls_get_their_own_results() -> None:
    calls = [in_daemon_thread(lambda number=number: number, "counts") for number in range(32)]  # type: ignore[misc]
    assert await asyncio.gather(*calls) == list(range(32))


async def test_single_thread_returns_and_raises_what_the_function_does() -> None:
    thread = SingleThread("one", SystemClock())
    assert await thread.run(lambda: 7, 10.0) == 7
    with pytest.raises(ValueError, match="garbled"):
        await thread.run(raising(ValueError("garbled")), 10.0)
    assert await thread.run(lambda: 8, 10.0) == 8


async def test_single_thread_gives_up_at_its_limit_and_rejects_calls_while_busy() -> None:
    clock = MemoryClock(NOON)  # whose time passes at once when nothing else runs
    thread = SingleThread("stuck", clock)
    has_begun, may_end = threading.Event(), threading.Event()

    def hang() -> None:
        has_begun.set()
        may_end.wait(30)

    with pytest.raises(TimeoutError, match="within 5 s"):
        await thread.run(hang, 5.0)
    assert clock.elapsed_s() == 5
    with pytest.raises(TimeoutError, match="has not ended"):
        await thread.run(lambda: None, 5.0)
    has_begun.wait(30)
    may_end.set()
    wait_until_idle("stuck")
    thread._clock = SystemClock()  # this call takes real time
    assert await thread.run(lambda: 9, 30.0) == 9


def test_ordered_calls_are_waited_for_until_one_is_stuck() -> None:
    calls, may_end, done = OrderedCalls("log", limit_s=0.01, most_waiting=2), threading.Event(), list[int]()
    patient = OrderedCalls("log", limit_s=30.0)
    assert patient.run(lambda: done.append(0))
    assert done == [0]
    assert not calls.run(lambda: may_end.wait(30))
    assert not calls.run(lambda: done.append(1))
    assert not calls.run(lambda: done.append(2))
    with pytest.raises(queue.Full):
        calls.run(lambda: done.append(3))
    may_end.set()
    wait_until_idle("log")
    assert done == [0, 1, 2]
    assert calls.run(lambda: done.append(4))


def test_ordered_calls_run_without_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    done: list[int] = []
    assert OrderedCalls("log", limit_s=30.0).run(lambda: done.append(1))
    assert done == [1]
