"""The simulated bridge in its own process, so that its cost does not count."""

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
    """Address and credentials of its bridge."""

    address: str
    bridge_id: str
    key: str
    ca_file: Path


@contextmanager
def bridge_apart(*arguments: str) -> Iterator[BridgeApart]:
    """Run `homeclimate simulator` with these arguments until the block ends."""
    command = [sys.executable, "-m", "entrypoints", "simulator", "--json", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) as running:
        assert running.stdout is not None
        try:
            facts = json.loads(running.stdout.readline())
            yield BridgeApart(
                address=facts["address"],
                bridge_id=facts["bridge_id"],
                key=facts["key"],
                ca_file=Path(facts["ca_file"]),
            )
        finally:
            running.terminate()
