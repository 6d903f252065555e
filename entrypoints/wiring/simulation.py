"""Wiring of a simulation: the real collector and the simulated home in one process, in virtual time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from adapters.runtime.threads import run_calls_by
from adapters.runtime.virtual_time import LockStepThreads, TrueClock, VirtualTimeLoop
from adapters.simulator.home import SimulatedHome
from adapters.simulator.network import Pace
from adapters.simulator.simulation.accounts import Account
from adapters.simulator.simulation.clocks import RecordedClock
from adapters.simulator.simulation.effects import Place, Switch
from adapters.simulator.simulation.memory_network import MemoryNetwork
from adapters.simulator.simulation.troubles import KINDS, Trouble, troubles
from adapters.simulator.simulation.world import SimulatedWorld
from config.files import HomeFiles
from entrypoints.wiring.environment import Environment

__all__ = [
    "KINDS",
    "START",
    "Account",
    "LockStepThreads",
    "RecordedClock",
    "SimulatedHome",
    "SimulatedWorld",
    "Trouble",
    "run_in_virtual_time",
    "simulated_home",
    "simulated_world",
    "troubles",
]

START = datetime(2026, 3, 2, tzinfo=UTC)  # summer time begins within the month
_LATENCY_S = 0.05


def run_in_virtual_time(
    work: Callable[[RecordedClock, LockStepThreads], Coroutine[Any, Any, Account]],
) -> Account:
    """Run the coroutine with a clock that starts at `START`, in the loop of that clock."""
    clock = RecordedClock(START)
    loop = VirtualTimeLoop(clock)
    threads = LockStepThreads(loop)
    with run_calls_by(threads), asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(work(clock, threads))


@contextmanager
def simulated_home(
    clock: RecordedClock, threads: LockStepThreads, *, seed: int
) -> Iterator[tuple[SimulatedHome, Environment]]:
    """Serve a simulated home in memory, and yield it with the environment of its collector.

    To be used within the loop of the threads.
    """
    network = MemoryNetwork(threads)
    with SimulatedHome(clock=TrueClock(clock), seed=seed).running(network) as home:
        for service in (home.bridge, home.alexa):
            service.set_pace(Pace(latency_s=_LATENCY_S))
        yield (
            home,
            Environment(
                clock=clock,
                is_simulated=True,
                stderr_level=None,
                open_hue_pool=network.open_pool,
                open_amazon_connector=network.open_connector,
                random=random.Random(seed).random,  # noqa: S311 - waits, not secrets
            ),
        )


def simulated_world(home: SimulatedHome, clock: RecordedClock, files: HomeFiles) -> SimulatedWorld:
    """Return what happens to the home, whose collector uses the files."""
    place = Place(
        home=home,
        clock=clock,
        folder=files.home,
        database=files.database,
        network=Switch(),
        collector=Switch(),
    )
    return SimulatedWorld(place=place, true=TrueClock(clock), start=START, alert_file=files.alert)
