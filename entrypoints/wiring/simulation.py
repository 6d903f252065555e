"""Wiring of a simulation: the real collector and the simulated home in one process, in virtual time."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from adapters.runtime.threads import run_calls_by
from adapters.runtime.virtual_time import LockStepThreads, VirtualClock, VirtualTimeLoop
from adapters.simulator.home import SimulatedHome
from adapters.simulator.network import Pace
from adapters.simulator.simulation.accounts import Account
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
    "SimulatedHome",
    "SimulatedWorld",
    "Trouble",
    "VirtualClock",
    "run_in_virtual_time",
    "simulated_home",
    "simulated_world",
    "troubles",
    "user_state_in",
]

START = datetime(2026, 3, 2, tzinfo=UTC)  # summer time begins within the month
_LATENCY_S = 0.05
_STATE_HOME = "XDG_STATE_HOME"


def run_in_virtual_time(
    work: Callable[[VirtualClock, LockStepThreads], Coroutine[Any, Any, Account]],
) -> Account:
    """Run the coroutine with a clock that starts at `START`, in the loop of that clock."""
    clock = VirtualClock(START)
    loop = VirtualTimeLoop(clock)
    threads = LockStepThreads(loop)
    with run_calls_by(threads), asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(work(clock, threads))


@contextmanager
def simulated_home(
    clock: VirtualClock, threads: LockStepThreads, *, seed: int
) -> Iterator[tuple[SimulatedHome, Environment]]:
    """Serve a simulated home in memory, and yield it with the environment of its collector.

    To be used within the loop of the threads.
    """
    network = MemoryNetwork(threads)
    with SimulatedHome(clock=clock, seed=seed).running(network) as home:
        for service in (home.bridge, home.alexa):
            service.set_pace(Pace(latency_s=_LATENCY_S))
        yield (
            home,
            Environment(
                clock=clock,
                is_simulated=True,
                has_identity=True,
                stderr_level=None,
                open_hue_pool=network.open_pool,
                open_amazon_connector=network.open_connector,
                random=random.Random(seed).random,  # noqa: S311 - waits, not secrets
            ),
        )


@contextmanager
def user_state_in(folder: Path) -> Iterator[None]:
    """Keep what is saved in the user's state folder in that one: it outlasts the data folder."""
    before = os.environ.get(_STATE_HOME)
    os.environ[_STATE_HOME] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ[_STATE_HOME]
        else:
            os.environ[_STATE_HOME] = before


def simulated_world(home: SimulatedHome, clock: VirtualClock, files: HomeFiles) -> SimulatedWorld:
    """Return what happens to the home, whose collector uses the files."""
    place = Place(
        home=home,
        clock=clock,
        folder=files.home,
        database=files.database,
        network=Switch(),
        collector=Switch(),
    )
    return SimulatedWorld(place=place, start=START, alert_file=files.alert)
