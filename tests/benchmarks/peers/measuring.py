"""Cycles of each contestant in turn, their syncs, and how long our commands take to start."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import attrs

from adapters.runtime.clock import SystemClock
from adapters.simulator.clock import MovedClock
from domain.schedule import slot_at
from tests.benchmarks.peers.contestants import OURS, Entry, running, simulated_bridge
from tests.benchmarks.peers.environments import Environment, process_environment
from tests.support.deployments import a_deployment

SENSORS = 20
WARM_UP = 15  # more than an hour of cycles, so that ours has read the details once
BARE, IMPORTS = "`python -c pass`", '`python -c "import requests, yaml, sqlite3"`'
VERSION, HEALTH = "`homeclimate --version`", "`homeclimate health --offline`"
ONCE = "`homeclimate collect --once --source hue`"
_INTERVAL_S = 300
_COMMAND = "import sys; from entrypoints.cli import main; sys.exit(main())"
_ROOTS = """\
import sys; from pathlib import Path
from entrypoints.cli import main; from entrypoints.wiring.environment import Environment
sys.exit(main(sys.argv[2:], environment=Environment(hue_roots=Path(sys.argv[1]))))
"""


@attrs.frozen(kw_only=True)
class Field:
    """The bridge, the clock that it lives by, and a folder for what is stored."""

    bridge: Mapping[str, str]
    clock: MovedClock
    folder: Path

    def task(self, entry: Entry) -> Mapping[str, str]:
        """Return what a contestant needs to know; its folder is empty."""
        place = self.folder / entry.module
        shutil.rmtree(place, ignore_errors=True)
        deployment = a_deployment(
            place,
            address=self.bridge["address"],
            bridge_id=self.bridge["bridge_id"],
            key=self.bridge["key"],
            ca_file=Path(self.bridge["ca_file"]),
        )
        return {**self.bridge, "home": str(deployment.folder), "database": str(place / "peer.db")}


@contextmanager
def simulated_field() -> Iterator[Field]:
    """Run a simulated bridge until the block ends."""
    with TemporaryDirectory(prefix="peers-") as name:
        folder = Path(name)
        clock = MovedClock(SystemClock(), folder / "clock")
        with simulated_bridge(SENSORS, folder / "clock") as bridge:
            yield Field(bridge=bridge, clock=clock, folder=folder)


def measure_cycles(field: Field, entries: Sequence[Entry], rounds: int) -> Mapping[str, list[dict[str, Any]]]:
    """Return what each cycle cost each contestant; a slow moment of the machine meets them all alike."""
    costs: dict[str, list[dict[str, Any]]] = {entry.name: [] for entry in entries}
    with ExitStack() as stack:
        contestants = {entry: stack.enter_context(running(entry, field.task(entry))) for entry in entries}
        for number, slot in enumerate(_slots(field.clock, WARM_UP + rounds)):
            field.clock.move_to(slot + timedelta(seconds=1))
            due = [entry for entry in entries if number % entry.every == 0]
            first = number % len(due)
            for entry in due[first:] + due[:first]:  # another one begins each round
                cost = contestants[entry].cycle(slot.isoformat())
                if number >= WARM_UP:
                    costs[entry.name].append(cost)
    return costs


def count_syncs(field: Field, entry: Entry, cycles: int) -> float | None:
    """Return the fsync and fdatasync calls a cycle; None if strace is missing, or must not trace."""
    if shutil.which("strace") is None:
        return None
    trace = field.folder / f"{entry.module}.strace"
    prefix = ["strace", "-f", "-q", "-e", "trace=fsync,fdatasync", "-o", str(trace)]
    cycles //= entry.every
    try:
        with running(entry, field.task(entry), prefix=prefix) as contestant:
            before = 0
            for number, slot in enumerate(_slots(field.clock, WARM_UP + cycles)):
                if number == WARM_UP:
                    before = _count_calls(trace)
                field.clock.move_to(slot + timedelta(seconds=1))
                contestant.cycle(slot.isoformat())
            return (_count_calls(trace) - before) / cycles
    except RuntimeError:
        return None


def _count_calls(trace: Path) -> int:
    """Count calls; an interrupted one is on two lines, the second of which says `resumed`."""
    return sum("sync(" in line for line in trace.read_text().splitlines())


def _slots(clock: MovedClock, count: int) -> Iterator[datetime]:
    """Yield the newest slots, oldest first."""
    clock.move_back()
    newest = slot_at(clock.now(), _INTERVAL_S)
    for number in range(count):
        yield newest - timedelta(seconds=_INTERVAL_S * (count - number))


def time_starts(field: Field, rounds: int) -> Mapping[str, list[float]]:
    """Return seconds by command, each started in turn in the environment that the locks pin."""
    python = str(Environment(OURS.environment).python)
    task = field.task(OURS)
    environment = process_environment(HOMECLIMATE_HOME=task["home"])
    commands = {
        BARE: [python, "-c", "pass"],
        IMPORTS: [python, "-c", "import requests, yaml, sqlite3"],
        VERSION: [python, "-c", _COMMAND, "--version"],
        HEALTH: [python, "-c", _COMMAND, "health", "--offline"],
        # the certificate of the simulated bridge comes from a CA of its own
        ONCE: [python, "-c", _ROOTS, task["ca_file"], "collect", "--once", "--source", "hue"],
    }
    field.clock.move_back()
    for command in (commands[ONCE], *commands.values()):  # makes the database, and compiles
        _start(command, environment)
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            times[name].append(_start(command, environment))
    return times


def _start(command: list[str], environment: Mapping[str, str]) -> float:
    began_s = time.perf_counter()
    subprocess.run(command, env=environment, capture_output=True, timeout=60, check=True)
    return time.perf_counter() - began_s
