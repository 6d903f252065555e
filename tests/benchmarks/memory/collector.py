"""A collector that does its cycles as fast as it can and says how much memory it holds.

python -m tests.benchmarks.memory.collector JSON, with the keys home, clock_file, hue, amazon, and doing: how
many cycles, how many from one look to the next, and whether each look collects garbage first.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import entrypoints.cli  # noqa: F401 - a collector has it in memory
from adapters.runtime.clock import SystemClock
from adapters.simulator.clock import MovedClock
from config.loading import load
from domain.cycle import Collected
from domain.schedule import Due, slot_at
from domain.services.alerting import ALERTS_BUDGET_S, BackgroundQueue, FinishedCycle
from entrypoints.terminal.cycle_text import lines
from entrypoints.terminal.output import non_blocking_stdout
from entrypoints.wiring.collecting import Collecting, collecting
from entrypoints.wiring.environment import Environment

INTERVAL_S = 300


def main(told: dict[str, Any]) -> None:
    """A line of JSON on stderr for each look; at the end the modules that there are."""
    clock = MovedClock(SystemClock(), Path(told["clock_file"]))
    environment = Environment(
        clock=clock, hue_roots=Path(told["hue"]), amazon_roots=Path(told["amazon"]), stderr_level=None
    )
    with collecting(load(Path(told["home"])), environment) as now:
        asyncio.run(_cycles(now, clock, **told["doing"]))
    say(modules=[name for name, module in sys.modules.items() if module is not None and _is_theirs(name)])


async def _cycles(now: Collecting, clock: MovedClock, *, cycles: int, every: int, sweeping: bool) -> None:
    alerts = BackgroundQueue(now.alerting.after, clock=clock, journal=now.journal)
    now.alerting.begin()
    first = slot_at(clock.now(), INTERVAL_S) - timedelta(seconds=INTERVAL_S * cycles)
    failed = 0
    with non_blocking_stdout() as tell:
        for number in range(1, cycles + 1):
            slot: datetime = first + timedelta(seconds=INTERVAL_S * number)
            clock.move_to(slot + timedelta(seconds=1))
            due = [Due(source=name, slot=slot, interval_s=INTERVAL_S) for name in now.collection.plans]
            cycle = await now.collection.run(due)
            for line in lines(cycle):
                tell(line)
            alerts.add(FinishedCycle(cycle=cycle, clock_faults={}))
            # minutes pass here at home; without a pause a hundred cycles may wait to be told of
            await alerts.finish(ALERTS_BUDGET_S)
            failed += sum(not isinstance(outcome, Collected) for outcome in cycle.report.outcomes)
            if number % every == 0 or number == cycles:
                # before anything is swept up that nobody sweeps up at home
                look: dict[str, int] = {"resident_bytes": resident_bytes()}
                if sweeping:
                    gc.collect()
                    look["blocks"] = sys.getallocatedblocks()
                say(cycle=number, failed=failed, **look)
    await now.collection.close()


def _is_theirs(name: str) -> bool:
    ours = ("adapters", "config", "domain", "entrypoints", "ports", "tests", "__main__")
    return name.split(".", 1)[0] not in ours


def resident_bytes() -> int:
    """What of this process is in memory, as the kernel counts it."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def say(**what: object) -> None:
    sys.stderr.write(f"{json.dumps(what)}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
