"""A home whose collector is killed again and again, and what must be true of it all the while."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from adapters.simulator.home import SimulatedHome
from tests.support.builders import NOON
from tests.support.databases import rows
from tests.support.deployments import Deployment, a_deployment
from tests.support.old_homes import Age, make_old_home

_INTERVAL = timedelta(minutes=5)
_SMALLEST_LOG = 65_536
_SMALL_LOG = f"logging: {{max_bytes: {_SMALLEST_LOG}, backup_count: 2}}\n"
OLD_ROWS = 300


class KilledHome:
    """Knows from outside what was acknowledged: the lines that each collector wrote before it was killed."""

    def __init__(self, deployment: Deployment, server: subprocess.Popen[str]) -> None:
        self.deployment = deployment
        self._server = server
        self._said = deployment.folder.parent / "acknowledged"
        self._start = NOON

    def live_for(self, seconds: float) -> None:
        """Start the collector, its log about to be rolled, and kill it so many seconds later."""
        log = self.deployment.folder / "logs" / "homeclimate.log"
        log.parent.mkdir(exist_ok=True)
        with log.open("ab") as full:
            full.write(b"-" * (_SMALLEST_LOG - 1000 - full.tell()) + b"\n")
        pid = int(self._ask(f"{self._start.isoformat()} {self._said}\n"))
        time.sleep(seconds)  # the instant of the kill is real: there is no clock to be moved in its place
        os.kill(pid, signal.SIGKILL)
        assert self._server.stdout is not None
        assert int(self._server.stdout.readline()) == -signal.SIGKILL
        self._start = max([NOON, *self.slots()]) + 3 * _INTERVAL

    def acknowledged(self) -> list[dict[str, list[str]]]:
        """What each acknowledged cycle said that it stored, by slot. A last line may be cut off."""
        text = self._said.read_text() if self._said.exists() else ""
        cycles = [json.loads(line) for line in text.split("\n") if line.endswith("}")]
        assert all(cycle["stored"] for cycle in cycles)
        return [
            {
                outcome["slot"]: [reading["device_id"] for reading in outcome["readings"]]
                for outcome in cycle["outcomes"]
            }
            for cycle in cycles
        ]

    def rows(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        """What a program gets that may write: a kill may leave a transaction to be rolled back."""
        return rows(self.deployment.database, sql, *parameters)

    def slots(self) -> list[datetime]:
        """The slots in the ledger; none before there is one."""
        if not self.rows("SELECT 1 FROM sqlite_schema WHERE name = 'outcomes'"):
            return []
        return [datetime.fromisoformat(slot) for (slot,) in self.rows("SELECT slot FROM outcomes")]

    def _ask(self, line: str) -> str:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(line)
        self._server.stdin.flush()
        return self._server.stdout.readline()


@contextmanager
def a_killed_home(folder: Path, home: SimulatedHome) -> Iterator[KilledHome]:
    """A home of the earlier system, so that the first kills come while its database is brought up to date."""
    bridge = home.bridge
    deployment = a_deployment(
        folder / "home",
        address=bridge.address,
        bridge_id=bridge.id,
        key=bridge.key,
        ca_file=bridge.ca_file,
    )
    deployment.config_file.write_text(deployment.config_file.read_text() + _SMALL_LOG)
    deployment.database.parent.mkdir()
    make_old_home(deployment.database, Age.B, OLD_ROWS)
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.support.collect_forked", str(deployment.ca_file)],
        env=deployment.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with server:
        yield KilledHome(deployment, server)


def complaints(home: KilledHome) -> list[str]:
    """What is not as it must be after a kill; nothing, if all is well."""
    found: list[str] = []
    if home.rows("PRAGMA integrity_check") != [("ok",)]:
        found.append("integrity_check")
    if home.rows("SELECT count(*) FROM readings WHERE id <= ?", OLD_ROWS) != [(OLD_ROWS,)]:
        found.append("old rows")
    if not home.slots():
        return [*found, "acknowledged, and no ledger"] if home.acknowledged() else found
    stored = dict(home.rows("SELECT slot, readings FROM outcomes WHERE state = 'stored'"))
    new = home.rows("SELECT timestamp, device_id FROM readings WHERE id > ?", OLD_ROWS)
    by_slot: dict[str, list[str]] = {}
    for slot, device_id in new:
        by_slot.setdefault(slot, []).append(device_id)
    for said in home.acknowledged():
        for slot, devices in said.items():
            if slot not in stored or sorted(by_slot.get(slot, ())) != sorted(devices):
                found.append(f"acknowledged, and not there once and whole: {slot}")
    if {slot: len(devices) for slot, devices in by_slot.items()} != {s: n for s, n in stored.items() if n}:
        found.append("a cycle in part or twice")
    return found


def gaps(home: KilledHome) -> list[datetime]:
    """The slots between the first and the last of which the ledger says nothing."""
    slots = home.slots()
    if not slots:
        return []
    every = (min(slots) + number * _INTERVAL for number in range((max(slots) - min(slots)) // _INTERVAL))
    return sorted(set(every) - set(slots))
