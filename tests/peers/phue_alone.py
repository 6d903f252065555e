"""The network alone for phue: its requests for every sensor, one connection each, and nothing else."""

from __future__ import annotations

from tests.peers.phue_bridge import bridge, sensors
from tests.peers.protocol import serve


def ask(_slot: str) -> None:
    for number in sensors:
        bridge.request("GET", f"/api/{bridge.username}/sensors/{number}")


serve(ask)
