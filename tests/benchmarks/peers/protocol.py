"""What every contestant does besides its cycles: wait for its turn, and report what a cycle cost."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import IO, Any

_PIPE = "PEERS_PIPE"  # the descriptor to report to, so that stdout stays the contestant's own


def task() -> dict[str, Any]:
    """Return where the bridge is and where to store, from the command line."""
    found: dict[str, Any] = json.loads(sys.argv[1])
    return found


def serve(cycle: Callable[[str], None]) -> None:
    """Run a cycle for each line of stdin, which is the slot."""
    report = _Report()
    for line in sys.stdin:
        began_s = time.perf_counter()
        cycle(line.strip())
        report.send(time.perf_counter() - began_s)


async def serve_async(cycle: Callable[[str], Awaitable[None]]) -> None:
    """Do the same in an event loop, which goes on between the cycles."""
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(lines), sys.stdin.buffer
    )
    report = _Report()
    while line := await lines.readline():
        began_s = time.perf_counter()
        await cycle(line.decode().strip())
        report.send(time.perf_counter() - began_s)


class _Report:
    """Sends what one cycle cost; CPU time counts from one report to the next."""

    def __init__(self) -> None:
        self._pipe: IO[str] = os.fdopen(int(os.environ[_PIPE]), "w")
        self._cpu_s = time.process_time()
        self.send(0.0)

    def send(self, wall_s: float) -> None:
        cpu_s = time.process_time()
        cost = {"wall_s": wall_s, "cpu_s": cpu_s - self._cpu_s, "resident": _resident()}
        self._cpu_s = cpu_s
        self._pipe.write(f"{json.dumps(cost)}\n")
        self._pipe.flush()


def _resident() -> int:
    """Return the bytes in memory; 0 on systems without /proc."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0
