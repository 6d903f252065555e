"""The usual recipe: phue over plain HTTP, a request and a commit for each sensor, sqlite3 as it comes."""

from __future__ import annotations

import sqlite3

from tests.peers.phue_bridge import bridge, sensors, told
from tests.peers.protocol import serve

database = sqlite3.connect(told["database"])
database.execute("CREATE TABLE readings (at TEXT, device TEXT, celsius REAL)")


def cycle(slot: str) -> None:
    for number in sensors:
        sensor = bridge.get_sensor(number)
        row = (slot, sensor["uniqueid"], sensor["state"]["temperature"] / 100)
        database.execute("INSERT INTO readings VALUES (?, ?, ?)", row)
        database.commit()


serve(cycle)
