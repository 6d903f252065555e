"""The collector of a simulation in the process of the simulated home, where `kill -9` is played.

A process that is killed leaves the files as they are. So they are saved before the call that is to be the
last of the collector's code. What it still does on its way to an end is undone, and its connections are cut,
as the system does. This shows a kill between any two steps of the collector, but not within one, such as a
commit, and not the locks of its files, which it releases by itself.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import FrameType
from typing import Any

from adapters.runtime.virtual_time import LockStepThreads, VirtualClock
from adapters.simulator.simulation.effects import Collector
from adapters.simulator.simulation.machine import unlimited_files
from domain.schedule import next_slot

_INTERVAL_S = 300
_STEPS = 4_200  # of a cycle, about
_CODE = ("domain.", "adapters.", "config.", "entrypoints.")
_CODE_OF_SIMULATION = (
    "adapters.simulator.",
    "adapters.runtime.virtual_time",
    "entrypoints.wiring.simulation",
)


class CollectorTask:
    """Runs the collector as a task, and kills it as if it were a process. `folder` has all of its files.

    `collect` runs until the event is set, and writes lines.
    """

    def __init__(
        self,
        collect: Callable[[asyncio.Event, Callable[[str], None]], Coroutine[Any, Any, None]],
        *,
        threads: LockStepThreads,
        folder: Path,
        cut_connections: Callable[[], None],
    ) -> None:
        self._collect = collect
        self._threads = threads
        self._folder = folder
        self._cut_connections = cut_connections

    async def run(self, *, clock: VirtualClock, collector: Collector, on_line: Callable[[str], None]) -> bool:
        """Run the collector until it ends, and return whether it was killed."""
        with tempfile.TemporaryDirectory() as saved:
            kill = _Kill(self._folder, Path(saved) / "home")
            task = asyncio.ensure_future(self._collect(collector.is_off, kill.unless_killed(on_line)))
            killing = asyncio.ensure_future(kill.run(clock, collector, task.cancel))
            await asyncio.wait({task})
            killing.cancel()
            kill.stop()
            if not kill.has_happened:
                task.result()
                return False
            self._cut_connections()
            await self._end_rest()
            with unlimited_files():
                restore(kill.saved, self._folder)
            return True

    async def _end_rest(self) -> None:
        """End the tasks and threads that the collector would have waited for."""
        for task in asyncio.all_tasks():
            frame = getattr(task.get_coro(), "cr_frame", None)
            if frame is not None and frame.f_globals["__name__"].startswith("domain."):
                task.cancel()
        await self._threads.is_idle.wait()


class _Kill:
    def __init__(self, folder: Path, saved: Path) -> None:
        self.saved = saved
        self.has_happened = False
        self._folder = folder
        self._steps_left = 0
        self._end: Callable[[], object] = bool
        self._loop = asyncio.get_running_loop()

    async def run(self, clock: VirtualClock, collector: Collector, end: Callable[[], object]) -> None:
        """Wait for the cycle in which the collector is to be killed, and count its steps."""
        while not self._steps_left:
            await clock.sleep((next_slot(clock.now(), _INTERVAL_S) - clock.now()).total_seconds())
            if collector.killed_after is not None:
                self._steps_left = 1 + int(collector.killed_after * _STEPS)
                self._end = end
                threading.setprofile(self._count)
                sys.setprofile(self._count)

    def unless_killed(self, on_line: Callable[[str], None]) -> Callable[[str], None]:
        def write(line: str) -> None:
            if not self.has_happened:
                on_line(line)

        return write

    def stop(self) -> None:
        sys.setprofile(None)
        threading.setprofile(None)

    def _count(self, frame: FrameType, event: str, _: Any) -> None:
        if event in {"call", "c_call"} and not self.has_happened:
            name: str = frame.f_globals.get("__name__", "")
            if name.startswith(_CODE) and not name.startswith(_CODE_OF_SIMULATION):
                self._steps_left -= 1
                if not self._steps_left:
                    self.has_happened = True
                    with unlimited_files():
                        shutil.copytree(self._folder, self.saved)
                    self._loop.call_soon(self._end)


def restore(saved: Path, folder: Path) -> None:
    """Make the folder what it was when it was saved; files that are there still are written over in place."""
    for path in sorted(folder.rglob("*"), reverse=True):
        if not (saved / path.relative_to(folder)).exists():
            path.rmdir() if path.is_dir() else path.unlink()
    for path in sorted(saved.rglob("*")):
        place = folder / path.relative_to(saved)
        if path.is_dir():
            place.mkdir(exist_ok=True)
        elif not place.exists():
            shutil.copy2(path, place)
        elif (content := path.read_bytes()) != place.read_bytes():
            with place.open("r+b") as file:
                file.write(content)
                file.truncate()
            shutil.copystat(path, place)
