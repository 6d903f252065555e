"""The floor: the least that reads a bridge over TLS and stores it durably. No checks, no ledger, no log."""

from __future__ import annotations

import json
import sqlite3

import requests

from tests.peers.protocol import serve, task
from tests.peers.trusting import trusting_session

bridge = task()
session: requests.Session = trusting_session(bridge["ca_file"], bridge["bridge_id"])
database = sqlite3.connect(bridge["database"], isolation_level=None)
database.execute("PRAGMA journal_mode=WAL")
database.execute("PRAGMA synchronous=FULL")
database.execute("CREATE TABLE readings (at TEXT, device TEXT, celsius REAL)")
url = f"https://{bridge['address']}/clip/v2/resource/temperature"
headers = {"hue-application-key": bridge["key"]}


def cycle(slot: str) -> None:
    reply = session.get(url, headers=headers, timeout=10)
    found = json.loads(reply.content)["data"]
    rows = [(slot, one["id"], one["temperature"]["temperature_report"]["temperature"]) for one in found]
    database.execute("BEGIN IMMEDIATE")
    database.executemany("INSERT INTO readings VALUES (?, ?, ?)", rows)
    database.execute("COMMIT")


serve(cycle)
