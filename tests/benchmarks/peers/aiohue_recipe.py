"""aiohue over its TLS, which verifies nothing, and sqlite3: one request and one durable commit a cycle."""

from __future__ import annotations

import asyncio
import sqlite3
from typing import Any

from aiohue.util import dataclass_from_dict  # type: ignore[import-not-found, unused-ignore]
from aiohue.v2 import HueBridgeV2  # type: ignore[import-not-found, unused-ignore]
from aiohue.v2.models.temperature import Temperature  # type: ignore[import-not-found, unused-ignore]

from tests.benchmarks.peers.protocol import serve_async, task

home = task()
database = sqlite3.connect(home["database"], isolation_level=None)
database.execute("PRAGMA journal_mode=WAL")
database.execute("PRAGMA synchronous=FULL")
database.execute("CREATE TABLE readings (at TEXT, device TEXT, celsius REAL)")


async def main() -> None:
    bridge: Any = HueBridgeV2(home["address"], home["key"])

    async def cycle(slot: str) -> None:
        items = await bridge.request("get", "clip/v2/resource/temperature")
        found = [dataclass_from_dict(Temperature, item) for item in items]
        database.execute("BEGIN IMMEDIATE")
        rows = [(slot, one.id, one.temperature.value) for one in found]
        database.executemany("INSERT INTO readings VALUES (?, ?, ?)", rows)
        database.execute("COMMIT")

    await serve_async(cycle)
    await bridge.close()


asyncio.run(main())
