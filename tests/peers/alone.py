"""The network alone: the requests that a cycle of ours has made, over the same TLS, and nothing else."""

from __future__ import annotations

from tests.peers.protocol import serve, task
from tests.peers.trusting import trusting_session

bridge = task()
session = trusting_session(bridge["ca_file"], bridge["bridge_id"])
headers = {"hue-application-key": bridge["key"]}
places = {"v1": f"/api/{bridge['key']}", "v2": "/clip/v2/resource", "config": "/api/config"}


def ask(resources: str) -> None:
    for resource in resources.split():
        api, slash, name = resource.partition("/")
        session.get(f"https://{bridge['address']}{places[api]}{slash}{name}", headers=headers, timeout=10)


serve(ask)
