"""`homeclimate collect` as fast as it can, forked from a process that has imported everything, to be killed.

python -m tests.support.collect_forked CA_FILE

Each line on stdin, a start of the wall clock and a file for stdout,
starts one. Its number is said on stdout, and, once it has ended, that it has.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys
from datetime import datetime, timedelta
from pathlib import Path

import adapters.hue
import adapters.sqlite
import domain.services
import entrypoints
from adapters.runtime.clock import SystemClock
from domain.services.continuous_collection import LONGEST_NAP_S
from entrypoints.cli import main
from entrypoints.wiring.environment import Environment


class LeapingClock:
    """Naps take no time, and the clocks go on as if they had; budgets, which are longer, take theirs."""

    def __init__(self, start: datetime) -> None:
        self._clock = SystemClock()
        self._shift = start - self._clock.now()
        self._leapt_s = 0.0

    def now(self) -> datetime:
        return self._clock.now() + self._shift + timedelta(seconds=self._leapt_s)

    def elapsed_s(self) -> float:
        return self._clock.elapsed_s() + self._leapt_s

    def elapsed_asleep_s(self) -> float | None:
        return None

    async def sleep(self, seconds: float) -> None:
        is_nap = 0 < seconds <= LONGEST_NAP_S
        await self._clock.sleep(0 if is_nap else seconds)
        self._leapt_s += seconds if is_nap else 0


def serve(ca_file: str) -> None:
    # imported by the commands only when they run: here once for all, so that a short life is spent collecting
    for package in (adapters, adapters.hue, adapters.sqlite, domain.services, entrypoints):
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    for line in sys.stdin:
        start, out = line.split()
        pid = os.fork()
        if pid == 0:
            descriptor = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            os.dup2(descriptor, 1)
            environment = Environment(
                clock=LeapingClock(datetime.fromisoformat(start)), hue_roots=Path(ca_file)
            )
            os._exit(main(["collect", "--json"], environment=environment))
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()
        _, status = os.waitpid(pid, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve(sys.argv[1])
