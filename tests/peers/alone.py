"""The network alone: the requests that a cycle of ours has made, over the same TLS, and nothing else."""

from __future__ import annotations

from tests.peers.protocol import serve, task
from tests.peers.trusting import trusting_session

bridge = task()
session = trusting_session(bridge["ca_file"], bridge["bridge_id"])
headers = {"hue-application-key": bridge["key"]}


def ask(resources: str) -> None:
    for resource in resources.split():
        session.get(f"https://{bridge['address']}/clip/v2/resource/{resource}", headers=headers, timeout=10)


serve(ask)
