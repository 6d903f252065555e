"""The floor: the least that reads a bridge over TLS and stores it durably. No checks, no ledger, no log."""

from __future__ import annotations

import json
import sqlite3
import ssl
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from tests.benchmarks.peers.protocol import serve, task

bridge = task()


class _BridgeAdapter(HTTPAdapter):
    """Trusts the bridge's own certificate."""

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cafile=bridge["ca_file"])
        super().init_poolmanager(
            *arguments, ssl_context=context, server_hostname=bridge["bridge_id"], **options
        )


session = requests.Session()
session.trust_env = False
session.verify = bridge["ca_file"]
session.mount("https://", _BridgeAdapter())
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
