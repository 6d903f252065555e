"""Amazon without a network: the reply to each operation is set beforehand."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from adapters.amazon.hosts import Hosts
from adapters.amazon.http import AmazonSession, Reply, Request
from adapters.simulator import messages
from adapters.simulator.amazon.service import AlexaApi
from adapters.simulator.faults import Effect
from tests.support.alexa_stand_in import Device

HOSTS = Hosts(
    domain="amazon.test", alexa="https://alexa.test", api="https://api.test", www="https://www.test"
)
TOKEN = {"access_token": "Atna|canned", "token_type": "bearer", "expires_in": 3600}


class CannedAlexa(AmazonSession):
    """Has a reply for each operation: JSON, bytes, a Reply, or an error to raise; else 404."""

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self.answers = {"amazon.token": TOKEN, **answers}
        self.asked: list[str] = []

    async def send(self, request: Request, deadline_s: float) -> Reply:
        self.asked.append(request.operation)
        answer = self.answers.get(request.operation)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, Reply):
            return answer
        return a_reply_of(answer, request=request, status=404 if answer is None else 200)

    async def close(self) -> None:
        pass


class SimulatedAlexaSession(AmazonSession):
    """The simulated service, asked without a network. `effects` are those of each operation."""

    def __init__(self, api: AlexaApi, effects: Mapping[str, Sequence[Effect]] | None = None) -> None:
        self.api = api
        self.effects = dict(effects or {})
        self.asked: list[str] = []

    async def send(self, request: Request, deadline_s: float) -> Reply:
        self.asked.append(request.operation)
        parts = urlsplit(request.url)
        received = messages.Request(
            method=request.method,
            path=parts.path,
            headers=request.headers,
            body=request.body,
            host=parts.netloc,
        )
        reply = self.api.answer(received, self.effects.get(request.operation, ()))
        return Reply(
            request=request,
            status=reply.status,
            content_type=reply.headers.get("Content-Type", ""),
            body=reply.body,
            location=reply.headers.get("Location"),
        )

    async def close(self) -> None:
        pass


def a_reply_of(content: Any, **changes: Any) -> Reply:
    """Return a reply with that content: bytes as they are, anything else as JSON."""
    fields: dict[str, Any] = {
        "request": Request(operation="amazon.graphql", url="https://alexa.test/nexus/v1/graphql"),
        "status": 200,
        "content_type": "application/json",
        "body": content if isinstance(content, bytes) else json.dumps(content).encode(),
    }
    return Reply(**(fields | changes))


def discovered(*devices: Device) -> dict[str, Any]:
    """Return the older form of discovery."""
    items = [{"legacyAppliance": device.appliance()} for device in devices]
    return {"data": {"endpoints": {"items": items}}}


def listed(*devices: Device) -> dict[str, Any]:
    """Return the newer form of discovery."""
    return {"data": {"listEndpoints": {"endpoints": [device.listed() for device in devices]}}}


def states(*devices: Device) -> dict[str, Any]:
    """Return the devices' values by GraphQL."""
    return {"data": {"listEndpoints": {"endpoints": [device.state() for device in devices]}}}


def phoenix_states(*devices: Device) -> dict[str, Any]:
    """Return the devices' values by the older interface."""
    return {"deviceStates": [device.phoenix_state() for device in devices], "errors": []}
