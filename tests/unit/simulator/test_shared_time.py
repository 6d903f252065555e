"""Virtual time that two event loops share, each in a thread here."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from multiprocessing import Pipe
from typing import Any

import pytest

from adapters.runtime.virtual_time import VirtualClock, VirtualTimeLoop
from adapters.simulator.simulation.network.shared_time import FollowingSelector, LeadingSelector
from tests.support.builders import NOON

_LONGEST_S = 30.0


@contextmanager
def following(
    leader: LeadingSelector, work: Callable[[VirtualClock], Coroutine[Any, Any, None]]
) -> Iterator[None]:
    """Run the coroutine in a loop that follows."""
    clock = VirtualClock(NOON)
    to_follower, to_leader = Pipe()

    def run() -> None:
        loop = VirtualTimeLoop(clock, FollowingSelector(clock, to_leader))
        with to_leader, asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(work(clock))

    thread = threading.Thread(target=run, daemon=True)  # a test that fails leaves it behind
    thread.start()
    leader.lead(to_follower)
    yield
    thread.join(_LONGEST_S)
    assert not thread.is_alive()


def lead(work: Callable[[VirtualClock, LeadingSelector], Coroutine[Any, Any, None]]) -> None:
    clock = VirtualClock(NOON)
    selector = LeadingSelector(clock)
    with asyncio.Runner(loop_factory=lambda: VirtualTimeLoop(clock, selector)) as runner:
        runner.run(work(clock, selector))


def test_time_moves_to_the_next_timer_of_either() -> None:
    seen: list[tuple[str, float]] = []

    async def sleep_twice(name: str, clock: VirtualClock, first_s: float, second_s: float) -> None:
        for seconds in (first_s, second_s):
            await clock.sleep(seconds)
            seen.append((name, clock.elapsed_s()))

    async def work(clock: VirtualClock, selector: LeadingSelector) -> None:
        with following(selector, lambda its: sleep_twice("follower", its, 1, 3600)):
            await sleep_twice("leader", clock, 60, 86_400)

    lead(work)
    assert seen == [("follower", 1), ("leader", 60), ("follower", 3601), ("leader", 86_460)]


def test_no_time_passes_while_bytes_are_on_their_way() -> None:
    ours, theirs = socket.socketpair()
    read_s: list[float] = []
    answered_s: list[float] = []

    async def answer(its: VirtualClock) -> None:
        reader, writer = await asyncio.open_connection(sock=theirs)
        while data := await reader.read(1):
            read_s.append(its.elapsed_s())
            writer.write(data)
        writer.close()

    async def work(clock: VirtualClock, selector: LeadingSelector) -> None:
        with following(selector, answer):
            reader, writer = await asyncio.open_connection(sock=ours)
            for _ in range(100):
                writer.write(b"x")
                async with asyncio.timeout(1):
                    await reader.readexactly(1)
                answered_s.append(clock.elapsed_s())
                await clock.sleep(1)
            writer.close()
            await writer.wait_closed()

    lead(work)
    assert read_s == answered_s == list(range(100))


def test_the_follower_sees_when_the_clock_is_set_or_the_machine_sleeps() -> None:
    seen: list[VirtualClock] = []

    async def work(clock: VirtualClock, selector: LeadingSelector) -> None:
        async def look(its: VirtualClock) -> None:
            seen.append(its)
            await its.sleep(20)

        with following(selector, look):
            await clock.sleep(10)
            clock.step_wall(-3600)
            clock.sleep_machine(60)
            await clock.sleep(20)
            assert seen[0].now() < clock.now()
            assert seen[0].state() == (20.0, 60.0, -3600.0)

    lead(work)


def test_the_leader_goes_on_alone() -> None:
    async def work(clock: VirtualClock, selector: LeadingSelector) -> None:
        async def end(its: VirtualClock) -> None:
            await its.sleep(1)

        with following(selector, end):
            await clock.sleep(86_400)
        assert clock.elapsed_s() == 86_400

    lead(work)


def test_waiting_for_nothing_is_an_error() -> None:
    async def work(_: VirtualClock, __: LeadingSelector) -> None:
        await asyncio.Event().wait()

    with pytest.raises(RuntimeError, match="every task waits"):
        lead(work)
