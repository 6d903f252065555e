"""The contestants as processes, each of which does a cycle when it is told to."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import attrs

from tests.peers.environments import Environment, surroundings


@attrs.frozen(kw_only=True)
class Entry:
    """A contestant: what it is called, in which environment it runs, and which module it is.

    One that is slow takes part in every so many rounds only.
    """

    name: str
    environment: str
    module: str
    every: int = 1


FLOOR = Entry(name="floor script", environment="script", module="floor")
ALONE = Entry(name="requests of ours alone", environment="script", module="alone")
PHUE = Entry(name="phue recipe", environment="phue", module="phue_recipe", every=5)
PHUE_ALONE = Entry(name="requests of phue alone", environment="phue", module="phue_alone", every=5)
AIOHUE = Entry(name="aiohue + sqlite3", environment="aiohue", module="aiohue_recipe")
OURS = Entry(name="homeclimate", environment="ours", module="ours")
# Those alone come last in a round: they repeat what the others have asked.
ENTRIES = (FLOOR, OURS, AIOHUE, PHUE, PHUE_ALONE, ALONE)


class Contestant:
    """One of them at work."""

    def __init__(self, process: subprocess.Popen[str], said: IO[str]) -> None:
        self._process = process
        self._said = said
        self.began = self._heard()

    def cycle(self, order: str) -> dict[str, Any]:
        """Have it do one, and hear what that cost."""
        if self._process.stdin is None:
            raise RuntimeError("the pipe was not made")
        self._process.stdin.write(f"{order}\n")
        self._process.stdin.flush()
        return self._heard()

    def _heard(self) -> dict[str, Any]:
        if not (line := self._said.readline()):
            raise RuntimeError("a contestant has ended; what it said of it stands above")
        told: dict[str, Any] = json.loads(line)
        return told


@contextmanager
def at_work(entry: Entry, task: Mapping[str, str], *, prefix: Sequence[str] = ()) -> Iterator[Contestant]:
    """Start one, and end it with the block. `prefix` is a command to run it under."""
    hearing, saying = os.pipe()
    python = Environment(entry.environment).python
    command = [*prefix, str(python), "-m", f"tests.peers.{entry.module}", json.dumps(task)]
    with (
        os.fdopen(hearing) as said,
        subprocess.Popen(
            command,
            env=surroundings(PEERS_SAID_TO=str(saying)),
            pass_fds=[saying],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        ) as process,
    ):
        os.close(saying)
        try:
            yield Contestant(process, said)
        finally:
            if process.stdin is not None:
                process.stdin.close()


@contextmanager
def simulated_bridge(sensors: int, clock_file: Path) -> Iterator[Mapping[str, str]]:
    """The bridge in a process of its own, and where it is."""
    command = [
        str(Environment("ours").python),
        "-m",
        "tests.peers.bridge",
        str(sensors),
        str(clock_file),
    ]
    with subprocess.Popen(
        command, env=surroundings(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the pipes to the simulated bridge were not made")
        yield json.loads(process.stdout.readline())
        process.stdin.close()
