"""A kill that is played: the files stay as they were."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from adapters.runtime.threads import run_calls_by
from adapters.runtime.virtual_time import LockStepThreads, VirtualClock, VirtualTimeLoop
from adapters.simulator.simulation.collector_task import CollectorTask, restore
from adapters.simulator.simulation.effects import Collector
from domain.schedule import slot_at
from tests.support.builders import NOON


def test_what_a_killed_collector_does_on_its_way_to_an_end_is_undone(tmp_path: Path) -> None:
    clock = VirtualClock(NOON)
    loop = VirtualTimeLoop(clock)
    threads = LockStepThreads(loop)
    file = tmp_path / "home" / "seconds"
    file.parent.mkdir()
    lines: list[str] = []

    async def collect(stop: asyncio.Event, write_line: Callable[[str], None]) -> None:
        try:
            while not stop.is_set():
                await clock.sleep(70)
                file.write_text(str(clock.elapsed_s()))
                slot_at(clock.now(), 300)  # a step
                write_line(file.read_text())
        finally:
            file.unlink()

    async def work() -> bool:
        task = CollectorTask(collect, threads=threads, folder=file.parent, cut_connections=lambda: None)
        collector = Collector()
        with collector.killed(after=0):
            return await task.run(clock=clock, collector=collector, on_line=lines.append)

    with run_calls_by(threads), asyncio.Runner(loop_factory=lambda: loop) as runner:
        assert runner.run(work())
    assert file.read_text() == "350.0", "the next slot begins after 300 s"
    assert lines == ["70.0", "140.0", "210.0", "280.0"]


def test_files_that_are_there_still_are_written_over_in_place(tmp_path: Path) -> None:
    saved, folder = tmp_path / "saved", tmp_path / "home"
    for place in (saved, folder):
        (place / "data").mkdir(parents=True)
    (saved / "data" / "kept").write_text("before")
    (saved / "data" / "deleted").write_text("before")
    (folder / "data" / "kept").write_text("afterwards")
    (folder / "data" / "new").write_text("afterwards")
    with (folder / "data" / "kept").open() as opened:
        restore(saved, folder)
        assert opened.read() == "before"
    found = {path.name: path.read_text() for path in (folder / "data").iterdir()}
    assert found == {"kept": "before", "deleted": "before"}
