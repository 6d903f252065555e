"""A child process next to the collector: it is started again after its end, and ends with the collector."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

import pytest

from adapters.memory.runtime import MemoryClock, MemoryJournal
from entrypoints.commands.stored_data import dashboard_process
from entrypoints.commands.stored_data.dashboard_process import RESTART_DELAY_S, kept_running
from tests.support.builders import NOON

WAITS = "import sys; print('started', flush=True); sys.stdin.read(); print('stdin ended')"
GOES_ON = "import time; print('started', flush=True); time.sleep(60)"


class Child:
    """A program that is kept running, its output, and what was logged about it."""

    def __init__(self, code: str, program: str = sys.executable) -> None:
        self.clock, self.journal = MemoryClock(NOON), MemoryJournal()
        self.lines: list[str] = []
        self._new_line = asyncio.Event()
        self.running = kept_running(
            [program, "-c", code], clock=self.clock, journal=self.journal, on_line=self._add
        )

    def _add(self, line: str) -> None:
        self.lines.append(line)
        self._new_line.set()

    async def wait_for_lines(self, count: int) -> None:
        while len(self.lines) < count:
            self._new_line.clear()
            await asyncio.wait_for(self._new_line.wait(), 30)

    def pids(self) -> list[int]:
        started = [one for one in self.journal.records if one.event == "dashboard.started"]
        return [int(str(one.fields["pid"])) for one in started]

    def events(self) -> list[str]:
        return [one.event for one in self.journal.records]


async def test_killed_program_is_started_again_after_a_minute() -> None:
    child = Child(WAITS)
    async with child.running:
        await child.wait_for_lines(1)
        os.kill(child.pids()[0], signal.SIGKILL)
        await child.wait_for_lines(2)
        assert child.clock.elapsed_s() == RESTART_DELAY_S
    assert child.events() == ["dashboard.started", "dashboard.ended", "dashboard.started"]


async def test_program_ends_with_the_block() -> None:
    child = Child(WAITS)
    async with child.running:
        await child.wait_for_lines(1)
    with pytest.raises(ProcessLookupError):
        os.kill(child.pids()[0], 0)


async def test_program_that_goes_on_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dashboard_process, "_END_S", 0.01)
    child = Child(GOES_ON)
    async with child.running:
        await child.wait_for_lines(1)
    with pytest.raises(ProcessLookupError):
        os.kill(child.pids()[0], 0)


async def test_program_that_cannot_be_started_is_reported() -> None:
    child = Child("", program="/nowhere/python")
    async with child.running:
        await child.clock.sleep(1)
    assert child.events() == ["dashboard.not_started"]
