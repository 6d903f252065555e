"""A small scripted Alexa service, after what is known of the real one."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import attrs
from aiohttp import web

from adapters.amazon.hosts import Hosts

REFRESH_TOKEN = "Atnr|refresh-token-of-the-tests-0123456789"
COOKIES = {"session-id": "130-1234567-1234567", "session-token": "of/the+tests=", "csrf": "-104756"}
SAMPLED_AT = "2026-03-01T11:58:30.5Z"

GRAPHQL, PHOENIX = "/nexus/v1/graphql", "/api/phoenix/state"
TOKEN, EXCHANGE, LANGUAGE = "/auth/token", "/ap/exchangetoken/cookies", "/api/language"
CODE_PAIR, REGISTER, DEREGISTER = "/auth/create/codepair", "/auth/register", "/auth/deregister"

_ASSETS = {"4": "Humidity", "5": "VolatileOrganicCompounds", "6": "ParticulateMatter", "8": "CarbonMonoxide"}


@attrs.define(kw_only=True)
class Device:
    """A monitor of the account."""

    entity: str = "5c7d3f2e-0000-4000-8000-00000000000a"
    serial: str | None = "GAJ23005314600H3"
    name: str = "Kitchen"
    ranges: dict[str, float | None] = attrs.field(
        factory=lambda: {"4": 53.0, "5": 12.0, "6": 3.0, "7": 4.0, "8": 0.5, "9": 97.0}
    )
    temperature: Any = attrs.field(factory=lambda: {"value": 20.5, "scale": "CELSIUS"})
    reachability: str | None = "OK"
    sampled_at: str | None = SAMPLED_AT
    description: str = "Amazon Indoor Air Quality Monitor"
    errors: dict[str, str] = attrs.field(factory=dict)

    @property
    def endpoint(self) -> str:
        return f"amzn1.alexa.endpoint.{self.entity}"

    def appliance(self) -> dict[str, Any]:
        """Return its item in the older form of discovery."""
        identifiers = [{"dmsDeviceSerialNumber": self.serial, "dmsDeviceTypeId": "AEZME1X38KDRA"}]
        return {
            "applianceId": f"AAA_SonarCloudService_{self.entity}",
            "applianceTypes": ["AIR_QUALITY_MONITOR"],
            "friendlyName": self.name,
            "friendlyDescription": self.description,
            "entityId": self.entity,
            "alexaDeviceIdentifierList": identifiers,
            "capabilities": [
                {
                    "interfaceName": "Alexa.RangeController",
                    "instance": instance,
                    "resources": {
                        "friendlyNames": [
                            {"@type": "asset", "value": {"assetId": f"Alexa.AirQuality.{_ASSETS[instance]}"}}
                            if instance in _ASSETS
                            else {"@type": "text", "value": {"text": "Feinstaub", "locale": "de-DE"}}
                        ]
                    },
                }
                for instance in self.ranges
            ],
        }

    def listed(self) -> dict[str, Any]:
        """Return its item in the newer form of discovery."""
        return {
            "id": self.endpoint,
            "friendlyNameObject": {"value": {"text": self.name}},
            "serialNumber": {"value": {"text": self.serial}} if self.serial else None,
            "displayCategories": {"primary": {"value": "AIR_QUALITY_MONITOR"}},
            "legacyIdentifiers": {
                "dmsIdentifier": {"deviceType": {"value": {"text": "AEZME1X38KDRA"}}},
                "chrsIdentifier": {"entityId": self.entity},
            },
        }

    def state(self) -> dict[str, Any]:
        """Return its values as `listEndpoints` lists them."""
        features = [
            self._feature("rangeController", instance, {"rangeValue": {"value": value}})
            for instance, value in self.ranges.items()
        ]
        features.append(self._feature("temperatureSensor", None, {"value": self.temperature}))
        if self.reachability is not None:
            features.append(
                self._feature("connectivity", None, {"reachabilityStatusValue": self.reachability})
            )
        return {"id": self.endpoint, "features": features}

    def phoenix_state(self) -> dict[str, Any]:
        """Return its values as the older interface lists them: JSON in strings, here without times."""
        states: list[dict[str, Any]] = [
            {"namespace": "Alexa.RangeController", "name": "rangeValue", "instance": instance, "value": value}
            for instance, value in self.ranges.items()
        ]
        states.append(
            {"namespace": "Alexa.TemperatureSensor", "name": "temperature", "value": self.temperature}
        )
        states.append(
            {
                "namespace": "Alexa.EndpointHealth",
                "name": "connectivity",
                "value": {"value": self.reachability},
            }
        )
        return {
            "entity": {"entityId": self.entity, "entityType": "ENTITY"},
            "capabilityStates": [json.dumps(state) for state in states],
        }

    def _feature(self, name: str, instance: str | None, value: Mapping[str, Any]) -> dict[str, Any]:
        key = instance or name
        error = {"type": self.errors[key], "message": "no value"} if key in self.errors else None
        shown = {} if error else {**value, "timeOfSample": self.sampled_at}
        return {"name": name, "instance": instance, "properties": [{"name": name, "error": error, **shown}]}


def an_answer(content: Any = b"", status: int = 200, **headers: str) -> web.Response:
    """Return a reply: bytes as they are, anything else as JSON. `Retry_After` is a header."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    kind = "text/html" if isinstance(content, bytes) else "application/json"
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return web.Response(body=body, status=status, headers={"Content-Type": kind, **named})


def unauthenticated() -> web.Response:
    """Return the real service's reply to a stale token, with HTTP 200."""
    error = {"message": "Unauthenticated call", "extensions": {"errorCode": "FORBIDDEN"}}
    return an_answer({"errors": [error], "data": {"endpoints": None, "listEndpoints": None}})


@attrs.define(kw_only=True)
class StandIn:
    """The service. `scripts` are replies by path that come before its own, one a request.

    `sent` has a path, the bytes of the body on the network, and those before compression, for each reply.
    """

    devices: list[Device] = attrs.field(factory=lambda: [Device()])
    refresh_token: str = REFRESH_TOKEN
    cookies: dict[str, str] = attrs.field(factory=lambda: dict(COOKIES))
    scripts: dict[str, list[web.StreamResponse]] = attrs.field(factory=dict)
    takes_bearer: bool = True
    asked: list[str] = attrs.field(factory=list)
    questions: list[Any] = attrs.field(factory=list)
    forms: list[dict[str, str]] = attrs.field(factory=list)
    bodies: list[Any] = attrs.field(factory=list)
    headers: list[Mapping[str, str]] = attrs.field(factory=list)
    tokens: set[str] = attrs.field(factory=set)
    answers_in_a_list: bool = False
    compresses: bool = False
    sent: list[tuple[str, int, int]] = attrs.field(factory=list)
    url: str = ""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[StandIn]:
        """Serve on loopback, on the event loop that runs."""
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._send)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await runner.cleanup()

    @property
    def hosts(self) -> Hosts:
        return Hosts(domain="amazon.test", alexa=self.url, api=self.url, www=self.url)

    def script(self, path: str, *answers: web.StreamResponse) -> None:
        """Send these replies, in this order, before those of the service."""
        self.scripts.setdefault(path, []).extend(answers)

    def count(self, path: str) -> int:
        """Count the requests for the path."""
        return self.asked.count(path)

    async def _send(self, request: web.Request) -> web.StreamResponse:
        answer = await self._answer(request)
        if isinstance(answer, web.Response) and isinstance(answer.body, bytes):
            plain = answer.body
            if self.compresses:
                answer.body = gzip.compress(plain)
                answer.headers["Content-Encoding"] = "gzip"
            self.sent.append((request.path, len(answer.body), len(plain)))
        return answer

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        self.headers.append(dict(request.headers))
        body = await request.text()
        if request.path in (CODE_PAIR, REGISTER, DEREGISTER):
            self.bodies.append(json.loads(body))
        if scripted := self.scripts.get(request.path):
            return scripted.pop(0)
        match request.path:
            case "/auth/token" | "/ap/exchangetoken/cookies":
                self.forms.append(dict((await request.post()).items()))  # type: ignore[arg-type]
                return self._token(request.path)
            case "/api/language":
                return self._language(request)
            case "/nexus/v1/graphql" | "/api/phoenix/state" if not self._is_let_in(request):
                return unauthenticated()
            case "/nexus/v1/graphql":
                self.questions.append(json.loads(body))
                return self._graphql(self.questions[-1])
            case "/api/phoenix/state":
                self.questions.append(json.loads(body))
                return self._phoenix(self.questions[-1])
        return an_answer(b"<html>not here</html>", 404)

    def _token(self, path: str) -> web.Response:
        form = self.forms[-1]
        if form.get("source_token") != self.refresh_token or form["source_token_type"] != "refresh_token":
            return an_answer({"error": "invalid_grant", "error_description": "no such token"}, 400)
        if path == EXCHANGE:
            named = [{"Name": name, "Value": f'"{value}"'} for name, value in self.cookies.items()]
            kept = [cookie for cookie in named if cookie["Name"] != "csrf"]
            return an_answer({"response": {"tokens": {"cookies": {".amazon.test": kept}}}})
        token = f"Atna|{len(self.asked)}-of-the-tests-0123456789"
        self.tokens.add(token)
        return an_answer({"access_token": token, "token_type": "bearer", "expires_in": 3600})

    def _language(self, request: web.Request) -> web.Response:
        answer = an_answer({"language": "en-GB"})
        if request.cookies.get("session-token") == self.cookies["session-token"]:
            answer.set_cookie("csrf", self.cookies["csrf"])
        return answer

    def _is_let_in(self, request: web.Request) -> bool:
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        if self.takes_bearer and kind == "Bearer" and token in self.tokens:
            return True
        sent = dict(part.split("=", 1) for part in request.headers.get("Cookie", "").split("; ") if part)
        return sent == self.cookies and request.headers.get("csrf") == self.cookies["csrf"]

    def _graphql(self, question: Any) -> web.Response:
        is_list = isinstance(question, list)
        operation = question[0] if is_list else question
        answer = {"data": self._data(operation)}
        return an_answer([answer] if is_list or self.answers_in_a_list else answer)

    def _data(self, operation: Mapping[str, Any]) -> dict[str, Any]:
        if "endpointsQueryParams" in operation["query"]:
            items = [{"legacyAppliance": device.appliance()} for device in self.devices]
            return {"endpoints": {"items": [{"legacyAppliance": None}, *items]}}
        wanted = operation["variables"].get("endpointIds")
        if wanted is None:
            return {"listEndpoints": {"endpoints": [device.listed() for device in self.devices]}}
        states = [device.state() for device in self._wanted(wanted, "endpoint")]
        if "instance" not in operation["query"]:
            for feature in (feature for state in states for feature in state["features"]):
                feature["instance"] = None
        return {"listEndpoints": {"endpoints": states}}

    def _phoenix(self, question: Mapping[str, Any]) -> web.Response:
        requests = question["stateRequests"]
        if any(request["entityType"] != "ENTITY" for request in requests):
            return an_answer({"message": "bad entity type"}, 400)
        found = self._wanted([request["entityId"] for request in requests], "entity")
        return an_answer({"deviceStates": [device.phoenix_state() for device in found], "errors": []})

    def _wanted(self, names: list[str], kind: str) -> Iterator[Device]:
        return (device for device in self.devices if getattr(device, kind) in names)
