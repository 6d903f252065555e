"""What a cycle costs above the network: ours against a bare request and commit, in turn, in one run.

Both ask the same simulated bridge, a process of its own, for the same resource over the same TLS, each on one
kept connection; the bare one parses the JSON and commits its rows into SQLite (WAL, synchronous=FULL).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sqlite3
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from adapters.runtime.clock import SystemClock
from adapters.simulator.clock import MovedClock
from config.loading import load
from domain.schedule import Due, slot_at
from domain.services.collection_cycle import CollectionCycle
from entrypoints.wiring.collecting import collecting
from entrypoints.wiring.environment import Environment
from tests.support.deployments import a_deployment


def main() -> None:
    """Print medians, 95th percentiles and ratios."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--cycles", type=int, default=600)
    cycles = arguments.parse_args().cycles
    clock = MovedClock(SystemClock())
    with tempfile.TemporaryDirectory() as folder, _simulator() as bridge:
        deployment = a_deployment(Path(folder) / "home", **bridge)
        environment = Environment(clock=clock, hue_roots=deployment.ca_file)
        with collecting(load(deployment.folder), environment) as collecting_now:
            collection = collecting_now.collection
            costs = asyncio.run(_interleaved(collection, clock, _Bare(Path(folder), **bridge), cycles))
    for name, seconds in costs.items():
        ordered = sorted(seconds)
        print(
            f"{name:28} median {statistics.median(ordered) * 1000:6.2f} ms   "
            f"p95 {ordered[int(len(ordered) * 0.95)] * 1000:6.2f} ms   n {len(ordered)}"
        )
    bare, ours = (statistics.median(costs[name]) for name in ("bare", "ours: temperature alone"))
    print(f"ratio ours / bare {ours / bare:.2f}; above it {(ours - bare) * 1000:.2f} ms a cycle")


@contextmanager
def _simulator() -> Iterator[Any]:
    """The simulated home in a process of its own: what it costs must not count."""
    command = [sys.executable, "-m", "entrypoints", "simulator", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) as running:
        assert running.stdout is not None
        told = json.loads(running.stdout.readline())
        try:
            yield {
                "address": told["address"],
                "bridge_id": told["bridge_id"],
                "key": told["key"],
                "ca_file": Path(told["ca_file"]),
            }
        finally:
            running.terminate()


class _Bare:
    """What a script would do: one session, one table, one commit."""

    def __init__(self, folder: Path, *, address: str, bridge_id: str, key: str, ca_file: Path) -> None:
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.verify = str(ca_file)
        self._session.mount("https://", _Adapter(ca_file, bridge_id))
        self._url = f"https://{address}/clip/v2/resource/temperature"
        self._headers = {"hue-application-key": key}
        self._database = sqlite3.connect(folder / "bare.db", isolation_level=None, check_same_thread=False)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=FULL")
        self._database.execute("CREATE TABLE readings (at TEXT, device TEXT, celsius REAL)")

    def cycle(self, at: str) -> None:
        reply = self._session.get(self._url, headers=self._headers, timeout=10)
        rows = [
            (at, item["id"], item["temperature"]["temperature"]) for item in json.loads(reply.content)["data"]
        ]
        self._database.execute("BEGIN IMMEDIATE")
        self._database.executemany("INSERT INTO readings VALUES (?, ?, ?)", rows)
        self._database.execute("COMMIT")


class _Adapter(HTTPAdapter):
    def __init__(self, ca_file: Path, bridge_id: str) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._context.load_verify_locations(cafile=str(ca_file))
        self._bridge_id = bridge_id
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(
            *arguments, ssl_context=self._context, server_hostname=self._bridge_id, **options
        )


async def _interleaved(
    collection: CollectionCycle, clock: MovedClock, bare: _Bare, cycles: int
) -> dict[str, list[float]]:
    costs: dict[str, list[float]] = {"bare": [], "ours: temperature alone": [], "ours: with details": []}
    (name,) = collection.plans
    first = slot_at(clock.now(), 300) - timedelta(seconds=300 * cycles)
    for number in range(cycles):
        slot = first + timedelta(seconds=300 * number)
        clock.move_to(slot + timedelta(seconds=1))
        began = time.perf_counter()
        # in a thread of its own, as our source is, so that both wait for the simulator alike
        await asyncio.to_thread(bare.cycle, slot.isoformat())
        between = time.perf_counter()
        cycle = await collection.run([Due(source=name, slot=slot, interval_s=300)])
        ended = time.perf_counter()
        asked = [m for m in cycle.report.measurements if m.operation.startswith("hue.")]
        costs["bare"].append(between - began)
        costs["ours: temperature alone" if len(asked) == 1 else "ours: with details"].append(ended - between)
    await collection.close()
    return costs


if __name__ == "__main__":
    main()
