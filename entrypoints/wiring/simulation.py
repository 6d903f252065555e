"""Wiring of a simulation: the real collector and the simulated home in one process, in virtual time."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs

from adapters.runtime.threads import run_calls_by
from adapters.runtime.virtual_time import LockStepThreads, VirtualClock, VirtualTimeLoop
from adapters.simulator.home import SimulatedHome
from adapters.simulator.network import Pace
from adapters.simulator.simulation.accounts import Account, HandedOver, Watched, account
from adapters.simulator.simulation.memory_network import MemoryNetwork
from adapters.simulator.simulation.troubles import KINDS, Trouble, troubles
from entrypoints.wiring.environment import Environment

__all__ = [
    "KINDS",
    "START",
    "Account",
    "LockStepThreads",
    "SimulatedWorld",
    "VirtualClock",
    "run_in_virtual_time",
    "simulated_world",
    "troubles",
]

START = datetime(2026, 3, 2, tzinfo=UTC)  # summer time begins within the month
_LATENCY_S = 0.05


@attrs.define(kw_only=True)
class SimulatedWorld:
    """A simulated home, the environment of its collector, and what is seen of both."""

    home: SimulatedHome
    environment: Environment
    clock: VirtualClock
    started_at: datetime = START  # the collector, last
    handed_over: HandedOver = attrs.field(factory=HandedOver)
    longest_cycle_s: float = 0.0
    largest_log_bytes: int = 0
    largest_wal_bytes: int = 0
    alerts: list[bool] = attrs.field(factory=list)  # whether there is an alert, at each change
    _locks: list[sqlite3.Connection] = attrs.field(factory=list)
    _cuts: int = 0
    _begins: datetime | None = None  # the first cycle, which need not begin with its slot

    async def cause(self, trouble: Trouble, database: Path) -> None:
        """Begin the trouble when it is due, and end it."""
        kind, home, clock = trouble.kind, self.home, self.clock
        await clock.sleep(trouble.begins_s - clock.elapsed_s())
        for service, fault in ((home.bridge, kind.hue), (home.alexa, kind.amazon)):
            if fault:
                service.faults.add(f"for={trouble.lasts_s}s kind={fault}")
        if kind.ends_access:
            home.alexa.account.end_access()
        if kind.unplugs:
            self._plug(+1)
        lock = None
        if kind.locks_database:
            lock = sqlite3.connect(database, isolation_level=None, timeout=0)
            lock.execute("BEGIN IMMEDIATE")
        await clock.sleep(trouble.lasts_s)
        if lock is not None:
            lock.close()
        if kind.unplugs:
            self._plug(-1)

    def note_start(self) -> None:
        """Note that the collector starts now."""
        self.started_at = self._begins = self.clock.now()

    def look(self, folder: Path, slot: datetime, alert_file: Path) -> None:
        """Note what can be seen after the cycle of the slot."""
        self.handed_over.take(self.home, self._begins)
        self._begins = None
        cycle_s = (self.clock.now() - max(slot, self.started_at)).total_seconds()
        self.longest_cycle_s = max(self.longest_cycle_s, cycle_s)
        log_bytes = sum(path.stat().st_size for path in (folder / "logs").glob("*"))
        self.largest_log_bytes = max(self.largest_log_bytes, log_bytes)
        wal = folder / "data" / "readings.db-wal"
        self.largest_wal_bytes = max(self.largest_wal_bytes, wal.stat().st_size if wal.exists() else 0)
        has_alert = alert_file.exists()
        if has_alert is not (bool(self.alerts) and self.alerts[-1]):
            self.alerts.append(has_alert)

    def account(self, database: Path, end: datetime, found: tuple[Trouble, ...]) -> Account:
        """Count what the home handed over, and what the database holds."""
        watched = Watched(
            longest_cycle_s=round(self.longest_cycle_s, 3),
            largest_log_bytes=self.largest_log_bytes,
            largest_wal_bytes=self.largest_wal_bytes,
            alerts_raised=self.alerts.count(True),
            alerts_cleared=self.alerts.count(False),
        )
        return account(database, self.handed_over, watched, start=START, end=end, troubles=found)

    def _plug(self, cuts: int) -> None:
        self._cuts += cuts
        if self._cuts == max(cuts, 0):
            for service in (self.home.bridge, self.home.alexa):
                (service.unplug if cuts > 0 else service.plug_in)()


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
def simulated_world(clock: VirtualClock, threads: LockStepThreads, *, seed: int) -> Iterator[SimulatedWorld]:
    """Serve a simulated home in memory; to be used within the loop of the threads."""
    network = MemoryNetwork(threads)
    with SimulatedHome(clock=clock, seed=seed).running(network) as home:
        for service in (home.bridge, home.alexa):
            service.set_pace(Pace(latency_s=_LATENCY_S))
        environment = Environment(
            clock=clock,
            is_simulated=True,
            stderr_level=None,
            open_hue_pool=network.open_pool,
            open_amazon_connector=network.open_connector,
            random=random.Random(seed).random,  # noqa: S311 - waits, not secrets
        )
        yield SimulatedWorld(home=home, environment=environment, clock=clock)
