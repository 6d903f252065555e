"""Services of the simulated home without a network: requests go straight to the code that answers them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

import attrs
from multidict import CIMultiDict
from yarl import URL

from adapters.simulator.amazon.account import csrf_number
from adapters.simulator.amazon.monitors import Monitor, monitors
from adapters.simulator.amazon.service import AlexaApi
from adapters.simulator.chance import hexadecimal
from adapters.simulator.faults import Effect, parse_fault
from adapters.simulator.house import ROOMS
from adapters.simulator.hue.inventory import inventory
from adapters.simulator.hue.keys import ApplicationKeys
from adapters.simulator.hue.model import BSB002, BridgeModel
from adapters.simulator.hue.service import BridgeApi
from adapters.simulator.messages import Reply, Request
from ports.clock import Clock

GRAPHQL = "/nexus/v1/graphql"
READINGS = """query Readings($ids: [String]!) {
  listEndpoints(
    listEndpointsInput: {latencyTolerance: LOW, endpointIds: $ids, includeHouseholdDevices: true}
  ) {
    endpoints { id features { name instance properties {
      name type accuracy error { type message }
      ... on RangeValue { rangeValue { value } timeOfSample }
      ... on TemperatureSensor { value { value scale } timeOfSample }
      ... on Reachability { reachabilityStatusValue timeOfSample }
    } } }
  }
}"""


def content(reply: Reply) -> Any:
    """Return the JSON of a reply."""
    assert "json" in reply.headers["Content-Type"] or "octet" in reply.headers["Content-Type"], reply
    return json.loads(reply.body)


def is_html(reply: Reply) -> bool:
    return reply.headers["Content-Type"].startswith("text/html") and b"<html" in reply.body


@attrs.define
class _Client:
    service: BridgeApi | AlexaApi
    effects: tuple[Effect, ...] = ()

    def with_faults(self, *texts: str) -> Any:
        """Return a client whose requests all meet these faults."""
        return attrs.evolve(self, effects=tuple(parse_fault(text).effect for text in texts))

    def ask(
        self,
        path: str,
        method: str = "GET",
        body: bytes | str | object = b"",
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> Reply:
        """Ask; a body that is neither bytes nor text is encoded as JSON."""
        if not isinstance(body, bytes | str):
            body = json.dumps(body)
        raw = body.encode() if isinstance(body, str) else body
        request = Request(
            method=method,
            path=urlsplit(path).path,
            query=URL(path).query,
            raw_path=path,
            headers=CIMultiDict(headers or {}),
            body=raw,
            **{"host": "127.0.0.1:4443", **more},
        )
        return self.service.answer(request, self.effects)


@attrs.define
class BridgeClient(_Client):
    """A client of one bridge."""

    key: str = ""

    def v1(self, path: str = "", key: str | None = None) -> Reply:
        """Read below `/api/<key>`."""
        return self.ask(f"/api/{self.key if key is None else key}" + (f"/{path}" if path else ""))

    def v2(self, path: str = "resource", key: str | None = None) -> Reply:
        """Read below `/clip/v2`."""
        return self.ask(f"/clip/v2/{path}", headers={"Hue-Application-Key": self.key if key is None else key})

    def resources(self, kind: str) -> list[dict[str, Any]]:
        """Return the v2 resources of a type."""
        found: list[dict[str, Any]] = content(self.v2(f"resource/{kind}"))["data"]
        return found


def bridge_client(
    clock: Clock, model: BridgeModel = BSB002, *, seed: int = 1, sensors: int = len(ROOMS)
) -> BridgeClient:
    """Return a client of a bridge that has all rooms."""
    key = hexadecimal(40, seed, model.bridge_id, "ready key")
    api = BridgeApi(
        seed=seed,
        model=model,
        things=inventory(seed, model, ROOMS, sensors),
        keys=ApplicationKeys(clock, key, model.bridge_id),
        clock=clock,
    )
    return BridgeClient(service=api, key=key)


@attrs.define
class AlexaClient(_Client):
    """A client of the Alexa service, signed in with the cookies of a browser."""

    cookies: Mapping[str, str] = attrs.field(factory=dict)

    @property
    def api(self) -> AlexaApi:
        assert isinstance(self.service, AlexaApi)
        return self.service

    @property
    def monitors(self) -> tuple[Monitor, ...]:
        return monitors(self.api.seed)

    @property
    def browser(self) -> dict[str, str]:
        """Return the headers of the browser."""
        return browser(self.cookies)

    def get(self, path: str, **more: Any) -> Reply:
        return self.ask(path, headers=self.browser, **more)

    def post(self, path: str, body: object, headers: Mapping[str, str] | None = None, **more: Any) -> Reply:
        """Post JSON, with the browser's cookies unless there are other headers."""
        return self.ask(path, "POST", body, self.browser if headers is None else headers, **more)

    def post_form(self, path: str, host: str = "127.0.0.1:4443", **fields: str) -> Reply:
        return self.ask(path, "POST", urlencode(fields), host=host)

    def query(self, text: str, headers: Mapping[str, str] | None = None, **more: Any) -> Any:
        """Return the content of the reply to a GraphQL request."""
        return content(self.post(GRAPHQL, {"query": text, **more}, headers))

    def readings(self, headers: Mapping[str, str] | None = None) -> Any:
        """Return the reply for all monitors."""
        ids = [monitor.endpoint_id for monitor in self.monitors]
        return self.query(READINGS, headers, variables={"ids": ids})

    def properties(self) -> list[dict[str, Any]]:
        """Return the properties of each monitor by feature, with the instance where it has one."""
        return [
            {
                ":".join(filter(None, (feature["name"], feature["instance"]))): feature["properties"][0]
                for feature in endpoint["features"]
            }
            for endpoint in self.readings()["data"]["listEndpoints"]["endpoints"]
        ]

    def state(self, *entities: tuple[str, str]) -> Any:
        """Return the reply of the second reader for entities by id and type."""
        requests = [{"entityId": entity_id, "entityType": kind} for entity_id, kind in entities]
        return content(self.post("/api/phoenix/state", {"stateRequests": requests}))

    def refresh(self, refresh_token: str | None = None, **fields: str) -> Reply:
        """Exchange the refresh token."""
        ready = self.api.account.ready.refresh_token
        return self.post_form(
            "/auth/token",
            **{
                "app_name": "tests",
                "app_version": "1",
                "source_token": ready if refresh_token is None else refresh_token,
                "source_token_type": "refresh_token",
                "requested_token_type": "access_token",
                **fields,
            },
        )

    def bearer(self) -> dict[str, str]:
        """Return the headers of a new access token."""
        return {"Authorization": f"Bearer {content(self.refresh())['access_token']}"}

    def is_accepted(self, headers: Mapping[str, str]) -> bool:
        return "errors" not in self.readings(headers)


def alexa_client(clock: Clock, seed: int = 1) -> AlexaClient:
    """Return a client of the account."""
    api = AlexaApi(clock, seed)
    session = api.account.new_session(api.account.ready, "amazon.com")
    return AlexaClient(service=api, cookies={**session, "csrf": csrf_number(session["session-id"])})


def browser(cookies: Mapping[str, str]) -> dict[str, str]:
    """Return the headers of a browser with these cookies."""
    headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}
    return headers | ({"csrf": cookies["csrf"]} if "csrf" in cookies else {})
