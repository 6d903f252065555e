"""Virtual time: the loop, its threads, and the network in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import aiohttp
import pytest
from aiohttp import web

from adapters.hue.http import BridgeClient, Request
from adapters.runtime.meter import SystemMeter
from adapters.runtime.threads import in_daemon_thread, run_calls_by
from adapters.runtime.virtual_time import LockStepThreads, VirtualClock, VirtualTimeLoop
from adapters.simulator.home import SimulatedHome
from adapters.simulator.simulation.network.memory_network import MemoryNetwork
from domain.errors import SourceUnavailable
from tests.support.builders import NOON

T = TypeVar("T")
Work = Callable[[VirtualClock, LockStepThreads], Coroutine[Any, Any, T]]


def run(work: Work[T]) -> T:
    clock = VirtualClock(NOON)
    loop = VirtualTimeLoop(clock)
    threads = LockStepThreads(loop)
    with run_calls_by(threads), asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(work(clock, threads))


def test_timers_of_asyncio_obey_the_clock() -> None:
    async def work(clock: VirtualClock, _: LockStepThreads) -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3600):
                await clock.sleep(86_400)
        return clock.elapsed_s()

    assert run(work) == 3600


def test_waiting_for_nothing_is_an_error() -> None:
    async def work(_: VirtualClock, __: LockStepThreads) -> None:
        await asyncio.Event().wait()

    with pytest.raises(RuntimeError, match="every task waits"):
        run(work)


def test_a_thread_waits_in_virtual_time_while_tasks_go_on() -> None:
    async def work(clock: VirtualClock, threads: LockStepThreads) -> list[tuple[str, float]]:
        seen: list[tuple[str, float]] = []

        def block() -> None:
            assert threads.waiting().wait(10) is False
            seen.append(("thread", clock.elapsed_s()))

        async def tick() -> None:
            await clock.sleep(4)
            seen.append(("task", clock.elapsed_s()))

        await asyncio.gather(in_daemon_thread(block, "block"), tick())
        return seen

    assert run(work) == [("task", 4), ("thread", 10)]


def test_a_thread_that_is_notified_waits_no_longer() -> None:
    async def work(clock: VirtualClock, threads: LockStepThreads) -> tuple[bool, float]:
        def block() -> bool:
            waiting = threads.waiting()
            threads.loop.call_later(2, waiting.notify)
            return waiting.wait(10)

        return await in_daemon_thread(block, "block"), clock.elapsed_s()

    assert run(work) == (True, 2)


def test_the_error_of_a_blocking_call_is_raised() -> None:
    async def work(_: VirtualClock, __: LockStepThreads) -> None:
        def fail() -> None:
            raise ValueError("no")

        await in_daemon_thread(fail, "fail")

    with pytest.raises(ValueError, match="no"):
        run(work)


def a_client(home: SimulatedHome, network: MemoryNetwork, clock: VirtualClock) -> Callable[[], int]:
    client = BridgeClient(
        base_url=f"http://{home.bridge.address}",
        proof=None,
        source="hue",
        timeout_s=5,
        clock=clock,
        meter=SystemMeter(clock),
        open_pool=lambda url, _, sockets: network.open_pool(url, sockets, None, None),
    )
    request = Request(operation="hue.config", path="/api/config")
    return lambda: client.send(request, 60, lambda reply: reply.status)


@pytest.mark.parametrize(
    ("fault", "is_answered", "elapsed_s"),
    [("kind=delay seconds=2", True, 2.0), ("kind=silence", False, 5.0), ("kind=reset", False, 0.0)],
)
def test_faults_of_the_network_reach_a_blocking_client(
    fault: str, *, is_answered: bool, elapsed_s: float
) -> None:
    async def work(clock: VirtualClock, threads: LockStepThreads) -> float:
        network = MemoryNetwork(threads)
        with SimulatedHome(clock=clock).running(network) as home:
            get = a_client(home, network, clock)
            home.bridge.faults.add(fault)
            if is_answered:
                assert await in_daemon_thread(get, "get") == 200
            else:
                with pytest.raises(SourceUnavailable):
                    await in_daemon_thread(get, "get")
            return clock.elapsed_s()

    assert run(work) == pytest.approx(elapsed_s)


def test_an_unplugged_service_refuses_connections() -> None:
    async def work(clock: VirtualClock, threads: LockStepThreads) -> None:
        network = MemoryNetwork(threads)
        with SimulatedHome(clock=clock).running(network) as home:
            get = a_client(home, network, clock)
            assert await in_daemon_thread(get, "get") == 200
            home.bridge.unplug()
            with pytest.raises(SourceUnavailable):
                await in_daemon_thread(get, "get")
            home.bridge.plug_in()
            assert await in_daemon_thread(get, "get") == 200

    run(work)


def test_an_idle_connection_of_aiohttp_is_closed_in_virtual_time() -> None:
    async def work(clock: VirtualClock, threads: LockStepThreads) -> list[asyncio.BaseTransport | None]:
        network = MemoryNetwork(threads)
        seen: list[asyncio.BaseTransport | None] = []

        async def answer(request: web.BaseRequest) -> web.Response:
            seen.append(request.transport)
            return web.Response()

        listener = network.listener(answer)
        await listener.open()
        async with aiohttp.ClientSession(connector=network.open_connector()) as session:
            for idle_s in (0, 1, 60):
                await clock.sleep(idle_s)
                await (await session.get(f"http://127.0.0.1:{listener.port}/")).read()
        await listener.close()
        return seen

    first, second, third = run(work)
    assert first is second
    assert second is not third
