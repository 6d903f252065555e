"""Discovery in a simulation takes virtual time, and finds what is plugged in."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

from adapters.runtime.virtual_time import LockStepThreads, TrueClock, VirtualClock, VirtualTimeLoop
from adapters.simulator.home import SimulatedHome
from adapters.simulator.simulation.network.discovery import Announcements, VirtualTimeFinder
from adapters.simulator.simulation.network.memory_network import MemoryNetwork
from tests.support.builders import NOON


def test_a_search_finds_what_is_plugged_in(tmp_path: Path) -> None:
    clock = VirtualClock(NOON)
    loop = VirtualTimeLoop(clock)
    threads = LockStepThreads(loop)
    announcements = Announcements(file=tmp_path / "announced.json")
    finder = VirtualTimeFinder(announcements=announcements, threads=threads)

    async def search(bridge_id: str) -> tuple[int, float]:
        began_s = clock.elapsed_s()
        outcome = await threads.start(partial(finder.find, 4.0, bridge_id), "search")
        return len(outcome.get()), clock.elapsed_s() - began_s

    async def searches() -> list[tuple[int, float]]:
        with SimulatedHome(clock=TrueClock(clock)).running(MemoryNetwork(threads)) as home:
            home.bridge.on_change = partial(announcements.write, home.bridges)
            announcements.write(home.bridges)
            found = [await search(home.bridge.id), await search("another")]
            home.bridge.unplug()
            return [*found, await search(home.bridge.id)]

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        found = runner.run(searches())
    assert [(number, round(seconds, 6)) for number, seconds in found] == [(1, 0.3), (1, 4.0), (0, 4.0)]
