"""A collector with both sources, a process of its own, and how much memory it held along its cycles."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from adapters.runtime.clock import SystemClock
from adapters.simulator.clock import MovedClock
from tests.support.deployments import a_deployment, with_amazon


def looks_at(
    folder: Path,
    *,
    cycles: int,
    every: int,
    sweeping: bool = False,
    told: Callable[[str], object] = str,
) -> tuple[Sequence[dict[str, Any]], Sequence[str]]:
    """A look every so many cycles, told as it comes; and the modules of others that it imported."""
    said: list[dict[str, Any]] = []
    MovedClock(SystemClock(), folder / "clock")
    with _simulated_home(folder / "clock") as where:
        bridge, alexa = ({**one, "ca_file": Path(one["ca_file"])} for one in where.values())
        deployment = with_amazon(a_deployment(folder / "home", **bridge), **alexa)
        task = {
            "home": str(deployment.folder),
            "clock_file": str(folder / "clock"),
            "hue": str(deployment.ca_file),
            "amazon": str(deployment.amazon_ca_file),
            "doing": {"cycles": cycles, "every": every, "sweeping": sweeping},
        }
        command = [sys.executable, "-m", "tests.benchmarks.memory.collector", json.dumps(task)]
        # measuring coverage keeps a note of each line that is run: that is no memory of the collector
        environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
        with subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment
        ) as process:
            assert process.stderr is not None
            for line in process.stderr:
                if line.startswith("{"):
                    said.append(json.loads(line))
                    told(_as_text(said[-1]))
    *looks, last = said
    return looks, last["modules"]


def _as_text(look: dict[str, Any]) -> str:
    if "cycle" not in look:
        return "the collector has ended"
    return (
        f"after {look['cycle']:>7,} cycles {look['resident_bytes'] / 2**20:6.2f} MiB, failed {look['failed']}"
    )


@contextmanager
def _simulated_home(clock_file: Path) -> Iterator[dict[str, Any]]:
    command = [sys.executable, "-m", "tests.benchmarks.memory.home", str(clock_file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
        process.stdin.close()
