"""Wiring of a simulation: the real collector and the simulated home in one process, in virtual time."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from selectors import BaseSelector
from typing import TYPE_CHECKING, Any, TypeVar

from adapters.runtime.threads import run_calls_by
from adapters.runtime.virtual_time import LockStepThreads, TrueClock, VirtualClock, VirtualTimeLoop
from adapters.simulator.certificates import AMAZON_CA_FILE, CA_FILE
from adapters.simulator.home import SimulatedHome
from adapters.simulator.hue.model import BSB002, BSB002_SECOND
from adapters.simulator.network import Pace
from adapters.simulator.simulation.account.accounts import Account
from adapters.simulator.simulation.account.incidents import AlertWatch
from adapters.simulator.simulation.account.local_days import in_zone
from adapters.simulator.simulation.bounds import Taken, Watch
from adapters.simulator.simulation.clocks import RecordedClock
from adapters.simulator.simulation.collector_process import Channels, CollectorProcess
from adapters.simulator.simulation.collector_task import CollectorTask
from adapters.simulator.simulation.effects import Collector, Place
from adapters.simulator.simulation.network.discovery import Announcements, VirtualTimeFinder
from adapters.simulator.simulation.network.memory_network import MemoryNetwork
from adapters.simulator.simulation.network.shared_time import FollowingSelector, LeadingSelector
from adapters.simulator.simulation.network.tls_network import LoopServer, wait_in_virtual_time
from adapters.simulator.simulation.sources import services_of
from adapters.simulator.simulation.troubles import (
    DAYLIGHT_SAVING,
    KINDS,
    SENSOR_ON_TWO_BRIDGES,
    Trouble,
    troubles,
)
from adapters.simulator.simulation.world import SimulatedWorld
from config.files import HomeFiles
from config.loading import Loaded
from domain.errors import StoreError
from entrypoints.wiring.environment import Environment
from entrypoints.wiring.home import home_of
from entrypoints.wiring.storage import salvaging
from ports.journal import Level

if TYPE_CHECKING:
    from urllib3 import HTTPConnectionPool

    from adapters.hue.tls import Leaf, OpenSockets, Proof

__all__ = [
    "DAYLIGHT_SAVING",
    "KINDS",
    "Account",
    "Channels",
    "CollectorProcess",
    "CollectorTask",
    "LeadingSelector",
    "LockStepThreads",
    "RecordedClock",
    "SimulatedHome",
    "SimulatedWorld",
    "Taken",
    "Trouble",
    "collector_process",
    "follow",
    "in_zone",
    "run_in_virtual_time",
    "simulated_home",
    "simulated_world",
    "start_of",
    "troubles",
    "user_state_in",
]

_START = datetime(2026, 3, 2, tzinfo=UTC)  # summer time begins within the month
_CHANGES = (datetime(2026, 3, 28, tzinfo=UTC), datetime(2026, 10, 24, tzinfo=UTC))  # the days before
_LATENCY_S = 0.05
_STATE_HOME = "XDG_STATE_HOME"
_ANNOUNCEMENTS = "announced.json"  # in the folder of the home
_PRELOADED = ("entrypoints.commands.simulate", "adapters.hue.source", "adapters.amazon.source")
T = TypeVar("T")


def start_of(faults: str, seed: int) -> datetime:
    """Return when a simulation begins: with `daylight-saving` the day before a change, each in turn."""
    return _CHANGES[(seed + 1) % 2] if faults == DAYLIGHT_SAVING else _START


def run_in_virtual_time(
    work: Callable[[LockStepThreads], Coroutine[Any, Any, T]],
    clock: VirtualClock,
    selector: BaseSelector | None = None,
) -> T:
    """Run the coroutine in the loop of the clock; the selector moves that if there are other processes."""
    loop = VirtualTimeLoop(clock, selector)
    threads = LockStepThreads(loop)
    with run_calls_by(threads), asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(work(threads))


@contextmanager
def simulated_home(
    clock: RecordedClock,
    threads: LockStepThreads,
    *,
    faults: str,
    seed: int,
    folder: Path,
    is_in_memory: bool,
) -> Iterator[tuple[SimulatedHome, Environment]]:
    """Serve a simulated home, and yield it with the environment of a collector in the same process.

    To be used within the loop of the threads. It is served in memory, or with TLS on loopback, and its
    network is announced in the folder. It has two bridges with `sensor-on-two-bridges`.
    """
    network = MemoryNetwork(threads)
    server = network if is_in_memory else LoopServer()
    bridges = (BSB002, BSB002_SECOND) if faults == SENSOR_ON_TWO_BRIDGES else (BSB002,)
    with SimulatedHome(clock=TrueClock(clock), seed=seed, bridges=bridges).running(server) as home:
        for service in services_of(home).values():
            service.set_pace(Pace(latency_s=_LATENCY_S))
        announcements = Announcements(file=folder / _ANNOUNCEMENTS)
        for bridge in home.bridges:
            bridge.on_change = partial(announcements.write, home.bridges)
        announcements.write(home.bridges)

        def open_pool(base_url: str, proof: Proof | None, sockets: OpenSockets) -> HTTPConnectionPool:
            from adapters.hue.tls import SignedBy, tls_context

            context = None if proof is None else tls_context(proof)
            name = proof.bridge_id if isinstance(proof, SignedBy) else None
            return network.open_pool(base_url, sockets, context, name)

        def fetch_leaf(
            host: str, port: int, *, roots: Path | None, timeout_s: float, sockets: OpenSockets
        ) -> Leaf:
            from adapters.hue.tls import Leaf, leaf_context

            del host, timeout_s, sockets  # there is one host, and nothing to wait for
            return Leaf.of(network.certificate(port, leaf_context(roots)))

        environment = Environment(
            clock=clock,
            hue_roots=CA_FILE,
            is_simulated=True,
            has_identity=True,
            stderr_level=None,
            bridge_finder=VirtualTimeFinder(announcements=announcements, threads=threads),
            open_hue_pool=open_pool,
            fetch_hue_leaf=fetch_leaf,
            open_amazon_connector=network.open_connector,
            random=random.Random(seed).random,  # noqa: S311 - waits, not secrets
        )
        yield home, environment


def collector_process(collect: Callable[[Channels], None], selector: LeadingSelector) -> CollectorProcess:
    """Return what runs the collector in a process of its own."""
    return CollectorProcess(collect, selector=selector, preload=_PRELOADED)


def follow(
    channels: Channels,
    work: Callable[[Environment], Coroutine[Any, Any, None]],
    folder: Path,
    seed: int,
) -> None:
    """Run the coroutine in the process of a collector, in the time of the simulation."""
    clock = VirtualClock(channels.start)
    clock.show(channels.clock)

    def in_threads(threads: LockStepThreads) -> Coroutine[Any, Any, None]:
        def open_pool(base_url: str, proof: Any, sockets: Any) -> HTTPConnectionPool:
            from adapters.hue.http import open_network_pool

            pool = open_network_pool(base_url, proof, sockets)
            if proof is not None:
                wait_in_virtual_time(pool.conn_kw["ssl_context"], threads)
            return pool

        environment = Environment(
            clock=clock,
            hue_roots=CA_FILE,
            amazon_roots=AMAZON_CA_FILE,
            is_simulated=True,
            has_identity=True,
            stderr_level=None,
            bridge_finder=VirtualTimeFinder(
                announcements=Announcements(file=folder / _ANNOUNCEMENTS), threads=threads
            ),
            open_hue_pool=open_pool,
            random=random.Random(f"{seed} {clock.elapsed_s()}").random,  # noqa: S311 - waits, not secrets
        )
        return work(environment)

    run_in_virtual_time(in_threads, clock, FollowingSelector(clock, channels.moves))


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


def simulated_world(
    home: SimulatedHome, clock: RecordedClock, loaded: Loaded, environment: Environment
) -> SimulatedWorld:
    """Return what happens to the home, from which a collector with this environment collects."""
    files = HomeFiles(home=loaded.home, database=loaded.settings.storage.database_path)
    place = Place(
        home=home,
        clock=clock,
        folder=files.home,
        database=files.database,
        collector=Collector(),
        salvage=partial(_salvage, loaded, environment),
    )
    watch = Watch(
        logs=files.home / "logs",
        database=files.database,
        alert_file=files.alert,
        secrets=(*(bridge.key for bridge in home.bridges), home.alexa.account.ready.refresh_token),
    )
    true = TrueClock(clock)
    alerts = AlertWatch(
        database=files.database, state=files.state, alert_file=files.alert, elapsed_s=true.elapsed_s
    )
    return SimulatedWorld(place=place, true=true, start=clock.start, watch=watch, alerts=alerts)


def _salvage(loaded: Loaded, environment: Environment, damaged: Path) -> int | None:
    """Do what `homeclimate db salvage` does; return how many readings it reports lost, or None."""
    try:
        return salvaging(home_of(loaded, environment, level=Level.CRITICAL)).merge(damaged).lost
    except StoreError:
        return None
