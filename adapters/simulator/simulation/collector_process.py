"""The collector of a simulation in a process of its own, which is stopped and killed as a real one."""

from __future__ import annotations

import asyncio
import multiprocessing
import signal
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from multiprocessing.connection import Connection
from pathlib import Path

import attrs

from adapters.runtime.virtual_time import VirtualClock
from adapters.simulator.simulation.effects import Collector
from adapters.simulator.simulation.network.shared_time import LeadingSelector
from domain.schedule import next_slot

_INTERVAL_S = 300
_FIRST_CYCLE_S = 0.1
_LONGEST_END_S = 60.0  # in real time


@attrs.frozen(kw_only=True)
class Channels:
    """What the process has of the simulation: its clock, what moves that, and where its lines go."""

    start: datetime
    clock: tuple[float, float, float]  # its state
    moves: Connection
    lines: Connection

    def write_line(self, line: str) -> None:
        """Pass on a line of the collector."""
        self.lines.send_bytes(line.encode())


class CollectorProcess:
    """Runs `collect` in new processes, in the time of the selector, until SIGTERM.

    `preload` are modules that every one of these processes needs.
    """

    def __init__(
        self,
        collect: Callable[[Channels], None],
        *,
        selector: LeadingSelector,
        preload: Sequence[str] = (),
    ) -> None:
        self._collect = collect
        self._selector = selector
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(list(preload))
        self._cycle_s = _FIRST_CYCLE_S  # of the last one, in real time

    async def run(self, *, clock: VirtualClock, collector: Collector, on_line: Callable[[str], None]) -> bool:
        """Run the collector in a process until that ends, and return whether it was killed.

        It is sent SIGTERM when the collector is off, and SIGKILL in the cycle in which it is to be killed.
        """
        moves, its_moves = self._context.Pipe()
        lines, its_lines = self._context.Pipe(duplex=False)
        channels = Channels(start=clock.start, clock=clock.state(), moves=its_moves, lines=its_lines)
        process = self._context.Process(target=self._collect, args=(channels,), daemon=True)
        process.start()
        its_moves.close()
        its_lines.close()
        self._selector.lead(moves)
        collector.process = Path(f"/proc/{process.pid}")
        killer = _Killer(process.kill, self._cycle_s)

        def on_whole_cycle(line: str) -> None:
            self._cycle_s = killer.passed_s()
            on_line(line)
            killer.wait()

        async def stop() -> None:
            await collector.is_off.wait()
            process.terminate()

        ending = [asyncio.ensure_future(each) for each in (stop(), killer.run(clock, collector))]
        try:
            await _read(lines, on_whole_cycle)
            process.join(_LONGEST_END_S)
        finally:
            for each in ending:
                each.cancel()
            killer.cancel()
            lines.close()
            process.kill()
            process.join()
        if process.exitcode not in (0, -signal.SIGKILL):
            raise RuntimeError(f"the collector's process ended with {process.exitcode}")
        return process.exitcode == -signal.SIGKILL


class _Killer:
    """Kills a process at an instant of a cycle, by real time: nothing else tells how far it has come."""

    def __init__(self, kill: Callable[[], None], cycle_s: float) -> None:
        self._kill = kill
        self._cycle_s = cycle_s
        self._began_s = time.perf_counter()
        self._timer: threading.Timer | None = None

    async def run(self, clock: VirtualClock, collector: Collector) -> None:
        """Wait for the cycle in which the collector is to be killed."""
        while self._timer is None:
            await clock.sleep((next_slot(clock.now(), _INTERVAL_S) - clock.now()).total_seconds())
            self._began_s = time.perf_counter()
            if collector.killed_after is not None:
                self._timer = threading.Timer(collector.killed_after * self._cycle_s, self._kill)
                self._timer.start()

    def passed_s(self) -> float:
        """Return the real time since the cycle began."""
        return time.perf_counter() - self._began_s

    def wait(self) -> None:
        """Let the process go on until it is killed, if it is to be killed in this cycle."""
        if self._timer is not None:
            self._timer.join()

    def cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()


async def _read(lines: Connection, on_line: Callable[[str], None]) -> None:
    """Pass on lines until the process at the other end has ended. Raise what `on_line` raises."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[None] = loop.create_future()

    def read() -> None:
        try:
            line = lines.recv_bytes().decode()
        except (OSError, EOFError):  # it may have been killed within a line
            ended.set_result(None)
            loop.remove_reader(lines.fileno())
            return
        try:
            on_line(line)
        except Exception as error:  # noqa: BLE001 - raised in the task that waits
            ended.set_exception(error)
            loop.remove_reader(lines.fileno())

    loop.add_reader(lines.fileno(), read)
    await ended
