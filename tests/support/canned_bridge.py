"""A Hue bridge without a network: its reply to each operation is given beforehand."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import attrs

from adapters.hue.bridge import Bridge, BridgeOpener
from adapters.hue.http import BridgeClient, Reply, Request
from adapters.hue.tls import Proof
from adapters.memory.runtime import MemoryClock, MemoryMeter
from ports.meter import Tally
from tests.support.builders import NOON

CONFIG: Mapping[str, Any] = {
    "name": "Bridge of the tests",
    "bridgeid": "001788FFFE2E57ED",
    "modelid": "BSB002",
    "swversion": "1975170000",
}
KEY = "kept-between-us-0123456789abcdefghijklmn"


class CannedClient(BridgeClient):
    """Each operation has a reply: JSON, bytes, a Reply, or an error to raise; without one it is a 404."""

    def __init__(self, replies: Mapping[str, Any], base_url: str = "https://bridge") -> None:
        clock = MemoryClock(NOON)
        super().__init__(
            base_url=base_url, proof=None, source="hue", timeout_s=5, clock=clock, meter=MemoryMeter(clock)
        )
        self.replies = {"hue.config": CONFIG, **replies}
        self.asked: list[str] = []
        self.is_closed = self.is_shut = False

    def _exchange(self, request: Request, method: str, deadline_s: float, tally: Tally) -> Reply:
        self.asked.append(request.operation)
        reply = self.replies.get(request.operation)
        if isinstance(reply, Exception):
            raise reply
        if isinstance(reply, Reply):
            return attrs.evolve(reply, request=request)
        return a_reply_of(reply, request=request, status=404 if reply is None else 200)

    def take_asked(self) -> list[str]:
        """Return the operations since the last call."""
        asked, self.asked = self.asked, []
        return asked

    def shut(self) -> None:
        self.is_shut = True

    def close(self) -> None:
        self.is_closed = True


@attrs.frozen(kw_only=True)
class CannedOpener(BridgeOpener):
    """Opens bridges with the replies given for their base URL; every other address refuses connections."""

    replies: Mapping[str, dict[str, Any]]
    opened: list[tuple[str, Proof | None]] = attrs.field(factory=list)
    clients: list[CannedClient] = attrs.field(factory=list)

    def open(self, base_url: str, proof: Proof | None) -> Bridge:
        refused = {"hue.config": ConnectionRefusedError(111, "Connection refused")}
        self.opened.append((base_url, proof))
        self.clients.append(CannedClient(self.replies.get(base_url, refused), base_url))
        return a_canned_bridge(self.clients[-1], api_key=self.api_key)

    @property
    def asked(self) -> list[str]:
        """All operations, in the order of the connections."""
        return [operation for client in self.clients for operation in client.asked]


def a_canned_opener(replies: Mapping[str, dict[str, Any]], api_key: str = KEY) -> CannedOpener:
    clock = MemoryClock(NOON)
    return CannedOpener(
        source="hue", api_key=api_key, timeout_s=5, clock=clock, meter=MemoryMeter(clock), replies=replies
    )


def a_reply_of(content: Any, **changes: Any) -> Reply:
    """Return a reply with that content: bytes as they are, anything else as JSON."""
    fields: dict[str, Any] = {
        "request": Request(operation="hue.v1/sensors", path=f"/api/{KEY}/sensors", secret=KEY),
        "status": 200,
        "content_type": "application/json",
        "body": content if isinstance(content, bytes) else json.dumps(content).encode(),
    }
    return Reply(**(fields | changes))


def a_canned_bridge(
    replies: Mapping[str, Any] | CannedClient, *, base_url: str = "https://bridge", api_key: str = KEY
) -> Bridge:
    client = replies if isinstance(replies, CannedClient) else CannedClient(replies, base_url)
    return Bridge(client=client, api_key=api_key, clock=MemoryClock(NOON))
