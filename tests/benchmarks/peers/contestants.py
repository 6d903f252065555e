"""The contestants as processes, each of which runs a cycle on request."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import attrs

from tests.benchmarks.peers.environments import Environment, process_environment


@attrs.frozen(kw_only=True)
class Entry:
    """A contestant: its name, environment and module; a slow one takes part in every so many rounds only."""

    name: str
    environment: str
    module: str
    every: int = 1


FLOOR = Entry(name="floor script", environment="script", module="floor")
OURS = Entry(name="homeclimate", environment="ours", module="ours")
AIOHUE = Entry(name="aiohue + sqlite3", environment="aiohue", module="aiohue_recipe")
PHUE = Entry(name="phue recipe", environment="phue", module="phue_recipe", every=5)
ENTRIES = (FLOOR, OURS, AIOHUE, PHUE)


class Contestant:
    """A running contestant."""

    def __init__(self, process: subprocess.Popen[str], replies: IO[str]) -> None:
        self._process = process
        self._replies = replies
        self._receive()

    def cycle(self, slot: str) -> dict[str, Any]:
        """Run a cycle, and return what it cost."""
        if self._process.stdin is None:
            raise RuntimeError("the pipe was not made")
        self._process.stdin.write(f"{slot}\n")
        self._process.stdin.flush()
        return self._receive()

    def _receive(self) -> dict[str, Any]:
        if not (line := self._replies.readline()):
            raise RuntimeError("a contestant has ended; its error is above")
        cost: dict[str, Any] = json.loads(line)
        return cost


@contextmanager
def running(entry: Entry, task: Mapping[str, str], *, prefix: Sequence[str] = ()) -> Iterator[Contestant]:
    """Start a contestant, and end it with the block; `prefix` is a command to run it under."""
    reading, writing = os.pipe()
    python = Environment(entry.environment).python
    command = [*prefix, str(python), "-m", f"tests.benchmarks.peers.{entry.module}", json.dumps(task)]
    with (
        os.fdopen(reading) as replies,
        subprocess.Popen(
            command,
            env=process_environment(PEERS_PIPE=str(writing)),
            pass_fds=[writing],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        ) as process,
    ):
        os.close(writing)
        try:
            yield Contestant(process, replies)
        finally:
            if process.stdin is not None:
                process.stdin.close()


@contextmanager
def simulated_bridge(sensors: int, clock_file: Path) -> Iterator[Mapping[str, str]]:
    """Run a bridge in a process of its own; yield its address and key."""
    module = "tests.benchmarks.peers.bridge"
    command = [str(Environment("ours").python), "-m", module, str(sensors), str(clock_file)]
    with subprocess.Popen(
        command, env=process_environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the pipes to the simulated bridge were not made")
        yield json.loads(process.stdout.readline())
        process.stdin.close()
