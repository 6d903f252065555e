"""The dashboard as a process of its own, which the collector starts and does not depend on."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import entrypoints
from ports.clock import Clock
from ports.journal import Journal, Level

RESTART_DELAY_S = 60.0
_END_S = 3.0  # for requests that run
_NICENESS = 10
_OOM_SCORE = "500"  # of -1000 to 1000: when memory runs out, the kernel ends this process first
_FOLDER = Path(entrypoints.__file__).parents[1]


def dashboard_command(*arguments: str) -> list[str]:
    """Return the command line of the dashboard as a child process."""
    return [sys.executable, "-m", "entrypoints", "dashboard", "--child", *arguments]


def give_way() -> None:
    """Let the collector go first when the processor is busy, or memory runs out."""
    os.nice(_NICENESS)
    with suppress(OSError):  # only Linux has it
        Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE)


def become_child(stop: asyncio.Event) -> None:
    """Give way to the collector; set the event when it closes stdin, which its end does too."""
    give_way()
    loop, stdin = asyncio.get_running_loop(), sys.stdin.fileno()

    def closed() -> None:
        loop.remove_reader(stdin)
        stop.set()

    loop.add_reader(stdin, closed)


@asynccontextmanager
async def kept_running(
    command: Sequence[str], *, clock: Clock, journal: Journal, on_line: Callable[[str], None]
) -> AsyncIterator[None]:
    """Run a program as long as the block runs, and start it again a minute after it has ended.

    Its output goes to `on_line`, its start and end to the journal. Nothing that happens to it raises.
    """
    task = asyncio.create_task(_keep_running(command, clock, journal, on_line))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled() and (error := task.exception()):
            journal.record(Level.ERROR, "dashboard.bug", error=repr(error))


async def _keep_running(
    command: Sequence[str], clock: Clock, journal: Journal, on_line: Callable[[str], None]
) -> None:
    while True:
        try:
            # Ctrl-C ends the collector only, which then ends this process.
            process = await asyncio.create_subprocess_exec(
                *command, stdin=PIPE, stdout=PIPE, stderr=STDOUT, cwd=_FOLDER, start_new_session=True
            )
        except OSError as error:
            journal.record(Level.WARNING, "dashboard.not_started", error=str(error))
        else:
            journal.record(Level.INFO, "dashboard.started", pid=process.pid)
            try:
                await _read_to_end(process, on_line)
            finally:
                await _end(process)
            journal.record(Level.WARNING, "dashboard.ended", code=process.returncode)
        await clock.sleep(RESTART_DELAY_S)


async def _read_to_end(process: Process, on_line: Callable[[str], None]) -> None:
    assert process.stdout is not None  # noqa: S101 - for the type checker
    async for line in process.stdout:
        on_line(line.decode(errors="replace").rstrip())
    await process.wait()


async def _end(process: Process) -> None:
    """Close its stdin, and kill it if it goes on."""
    assert process.stdin is not None  # noqa: S101 - for the type checker
    process.stdin.close()
    try:
        await asyncio.wait_for(process.wait(), _END_S)
    except TimeoutError:
        process.kill()
        await process.wait()
