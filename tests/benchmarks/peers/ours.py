"""Ours as `collect` runs it: checks, retries, ledger, log file, lines on stdout, and alerts in between."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Any

from adapters.runtime.clock import SystemClock
from adapters.simulator.clock import MovedClock
from config.loading import load
from domain.schedule import Due
from domain.services.alerting import ALERTS_BUDGET_S, BackgroundQueue, FinishedCycle
from entrypoints.terminal.cycle_text import lines
from entrypoints.terminal.output import non_blocking_stdout
from entrypoints.wiring.collecting import collecting
from entrypoints.wiring.environment import Environment
from tests.benchmarks.peers.protocol import serve_async, task


async def main(home: dict[str, Any]) -> None:
    """Collect from the one source of the home, at the slots that come in."""
    clock = MovedClock(SystemClock(), Path(home["clock_file"]))
    environment = Environment(clock=clock, hue_roots=Path(home["ca_file"]), stderr_level=None)
    with collecting(load(Path(home["home"])), environment) as now, non_blocking_stdout() as write:
        alerts = BackgroundQueue(now.alerting.after, clock=clock, journal=now.journal)
        now.alerting.begin()
        (name,) = now.collection.plans

        async def cycle(slot: str) -> None:
            due = Due(source=name, slot=datetime.fromisoformat(slot), interval_s=300)
            ended = await now.collection.run([due])
            for line in lines(ended):
                write(line)
            alerts.add(FinishedCycle(cycle=ended, clock_faults={}))

        await serve_async(cycle)
        await alerts.finish(ALERTS_BUDGET_S)
        await now.collection.close()


asyncio.run(main(task()))
