"""The collector of a simulation in a process of its own, which is stopped and killed as a real one."""

from __future__ import annotations

import asyncio
import multiprocessing
import signal
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection

import attrs

from adapters.runtime.virtual_time import VirtualClock
from adapters.simulator.simulation.effects import Switch
from adapters.simulator.simulation.shared_time import LeadingSelector

_LONGEST_END_S = 60.0  # in real time


@attrs.frozen(kw_only=True)
class Channels:
    """What the process has of the simulation: its clock, what moves it, and where its lines go."""

    clock: tuple[float, float, float]  # its state
    time: Connection
    lines: Connection

    def write_line(self, line: str) -> None:
        """Pass on a line of the collector."""
        self.lines.send_bytes(line.encode())


class CollectorProcess:
    """Runs the collector in new processes, in the time of the selector.

    `preload` are modules that every one of these processes needs.
    """

    def __init__(self, selector: LeadingSelector, preload: Sequence[str] = ()) -> None:
        self._selector = selector
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(list(preload))

    async def run(
        self,
        collect: Callable[[Channels], None],
        *,
        clock: VirtualClock,
        collector: Switch,
        on_line: Callable[[str], None],
    ) -> None:
        """Run `collect` in a process until it ends: by itself once the collector is off, or killed."""
        loop = asyncio.get_running_loop()
        time, its_time = self._context.Pipe()
        lines, its_lines = self._context.Pipe(duplex=False)
        channels = Channels(clock=clock.state(), time=its_time, lines=its_lines)
        process = self._context.Process(target=collect, args=(channels,), daemon=True)
        process.start()
        its_time.close()
        its_lines.close()
        self._selector.lead(time)
        ended = asyncio.Event()

        def read() -> None:
            try:
                on_line(lines.recv_bytes().decode())
            except (OSError, EOFError):
                loop.remove_reader(lines.fileno())
                ended.set()

        async def stop() -> None:
            await collector.is_off.wait()
            process.terminate()

        loop.add_reader(lines.fileno(), read)
        stopping = asyncio.ensure_future(stop())
        try:
            await ended.wait()
        finally:
            stopping.cancel()
            lines.close()
            process.join(_LONGEST_END_S)
            process.kill()
            process.join()
        if process.exitcode not in (0, -signal.SIGKILL):
            raise RuntimeError(f"the collector's process ended with {process.exitcode}")
