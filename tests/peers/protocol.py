"""What every contestant does besides its cycles: it waits for its turn, and says what a cycle cost."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import IO, Any

_SAID_TO = "PEERS_SAID_TO"  # the descriptor of the pipe, so that stdout stays the contestant's own


def task() -> dict[str, Any]:
    """Where the bridge is and where to store, as the bench said it on the command line."""
    told: dict[str, Any] = json.loads(sys.argv[1])
    return told


def serve(cycle: Callable[[str], dict[str, Any] | None]) -> None:
    """A cycle for each line of stdin, which says the slot; a line of JSON for each cycle."""
    cost = _Cost()
    for line in sys.stdin:
        began_s = time.perf_counter()
        more = cycle(line.strip())
        cost.say(time.perf_counter() - began_s, more)


async def serve_awaited(cycle: Callable[[str], Awaitable[dict[str, Any] | None]]) -> None:
    """The same in an event loop, which goes on with whatever else there is between the cycles."""
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(lines), sys.stdin.buffer
    )
    cost = _Cost()
    while line := await lines.readline():
        began_s = time.perf_counter()
        more = await cycle(line.decode().strip())
        cost.say(time.perf_counter() - began_s, more)


class _Cost:
    """What one cycle cost; the CPU from one report to the next, so that what is done beside counts too."""

    def __init__(self) -> None:
        self._pipe: IO[str] = os.fdopen(int(os.environ[_SAID_TO]), "w")
        self._cpu_s = time.process_time()
        self.say(0.0, None)

    def say(self, wall_s: float, more: dict[str, Any] | None) -> None:
        cpu_s = time.process_time()
        said = {"wall_s": wall_s, "cpu_s": cpu_s - self._cpu_s, "resident": _resident(), **(more or {})}
        self._cpu_s = cpu_s
        self._pipe.write(f"{json.dumps(said)}\n")
        self._pipe.flush()


def _resident() -> int:
    """Bytes in memory; 0 where nobody tells."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0
