"""The simulated home in a process of its own, so that what it costs does not count."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs


@attrs.frozen(kw_only=True)
class BridgeApart:
    """Where its bridge is, and what it takes to ask it."""

    address: str
    bridge_id: str
    key: str
    ca_file: Path


@contextmanager
def bridge_apart(*arguments: str) -> Iterator[BridgeApart]:
    """The bridge of `homeclimate simulator` with these arguments, until the block ends."""
    command = [sys.executable, "-m", "entrypoints", "simulator", "--json", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) as running:
        assert running.stdout is not None
        try:
            told = json.loads(running.stdout.readline())
            yield BridgeApart(
                address=told["address"],
                bridge_id=told["bridge_id"],
                key=told["key"],
                ca_file=Path(told["ca_file"]),
            )
        finally:
            running.terminate()
