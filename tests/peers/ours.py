"""Ours as `collect` runs it: checks, retries, ledger, log file, lines for stdout, and alerts beside."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Any

from adapters.runtime.clock import SystemClock
from adapters.runtime.meter import SystemMeter
from adapters.simulator.clock import MovedClock
from config.loading import load
from domain.measurements import Operation
from domain.schedule import Due
from domain.services.alerting import ALERTS_BUDGET_S, BackgroundQueue, FinishedCycle
from entrypoints.terminal.cycle_text import lines
from entrypoints.terminal.stdout_writer import non_blocking_stdout
from entrypoints.wiring.collecting import collecting
from entrypoints.wiring.environment import Environment
from tests.peers.protocol import serve_awaited, task

_HUE = "hue."
drained: list[Operation] = []
drain = SystemMeter.drain


def drain_and_record(meter: SystemMeter) -> tuple[Operation, ...]:
    operations = drain(meter)
    drained.extend(operations)
    return operations


async def main(told: dict[str, Any]) -> None:
    """Collect from the one source of the home, at the slots that are said."""
    clock = MovedClock(SystemClock(), Path(told["clock_file"]))
    environment = Environment(clock=clock, hue_roots=Path(told["ca_file"]), stderr_level=None)
    with collecting(load(Path(told["home"])), environment) as now, non_blocking_stdout() as say:
        alerts = BackgroundQueue(now.alerting.after, clock=clock, journal=now.journal)
        now.alerting.begin()
        (name,) = now.collection.plans

        async def cycle(slot: str) -> dict[str, Any]:
            due = Due(source=name, slot=datetime.fromisoformat(slot), interval_s=300)
            ended = await now.collection.run([due])
            for line in lines(ended):
                say(line)
            alerts.add(FinishedCycle(cycle=ended, clock_faults={}))
            asked = [one.operation for one in drained if one.operation.startswith(_HUE)]
            drained.clear()
            return {
                "readings": len(ended.report.readings),
                "asked": [one.removeprefix(_HUE) for one in asked],
            }

        await serve_awaited(cycle)
        await alerts.finish(ALERTS_BUDGET_S)
        await now.collection.close()


SystemMeter.drain = drain_and_record  # type: ignore[method-assign, assignment]
asyncio.run(main(task()))
