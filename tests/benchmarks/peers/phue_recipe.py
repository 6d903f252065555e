"""The usual recipe: phue over plain HTTP, a request and a commit for each sensor, sqlite3 as it comes."""

from __future__ import annotations

import sqlite3
from typing import Any

import phue  # type: ignore[import-not-found, unused-ignore]

from tests.benchmarks.peers.protocol import serve, task

home = task()
bridge: Any = phue.Bridge(home["http_address"], username=home["key"])
sensors = [int(number) for number, one in bridge.get_sensor().items() if one["type"] == "ZLLTemperature"]
database = sqlite3.connect(home["database"])
database.execute("CREATE TABLE readings (at TEXT, device TEXT, celsius REAL)")


def cycle(slot: str) -> None:
    for number in sensors:
        sensor = bridge.get_sensor(number)
        row = (slot, sensor["uniqueid"], sensor["state"]["temperature"] / 100)
        database.execute("INSERT INTO readings VALUES (?, ?, ?)", row)
        database.commit()


serve(cycle)
