"""A plain client for the Alexa service, of the tests' own: what it accepts owes nothing to the program."""

from __future__ import annotations

import gzip
import http.client
import json
import socket
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

import attrs

from adapters.simulator.amazon.monitors import Monitor
from adapters.simulator.amazon.service import SimulatedAlexa

GRAPHQL = "/nexus/v1/graphql"
STATE = "/api/phoenix/state"
READINGS = """
query Readings($ids: [String]!) {
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
}
"""


@attrs.frozen(kw_only=True)
class Answer:
    """A reply, whole. Headers are in lower case; of several with one name, the last."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        assert self.headers["content-type"] == "application/json"
        return json.loads(self.body)

    @property
    def is_html(self) -> bool:
        return self.headers["content-type"].startswith("text/html") and b"<html" in self.body.lower()


def ask(
    alexa: SimulatedAlexa,
    path: str,
    *,
    method: str = "GET",
    body: bytes | str | None = None,
    headers: Mapping[str, str] | None = None,
    name: str = "",
) -> Answer:
    """Ask on a connection of its own, under a host name if one is given."""
    with connection(alexa, name) as asking:
        asking.request(method, path, body, {**({"Host": name} if name else {}), **(headers or {})})
        reply = asking.getresponse()
        content = reply.read()
    named = {key.lower(): value for key, value in reply.getheaders()}
    if named.get("content-encoding") == "gzip":
        content = gzip.decompress(content)
    return Answer(status=reply.status, headers=named, body=content)


def post(
    alexa: SimulatedAlexa, path: str, content: object, headers: Mapping[str, str] | None = None
) -> Answer:
    """Post JSON."""
    sent = {"Content-Type": "application/json", **(headers or {})}
    return ask(alexa, path, method="POST", body=json.dumps(content), headers=sent)


def post_form(alexa: SimulatedAlexa, path: str, name: str = "", **fields: str) -> Answer:
    """Post a form."""
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return ask(alexa, path, method="POST", body=urlencode(fields), headers=headers, name=name)


def refresh(alexa: SimulatedAlexa, refresh_token: str | None = None, **fields: str) -> Answer:
    """Ask for an access token, or what the fields say."""
    asked = {
        "app_name": "tests",
        "app_version": "1",
        "source_token": alexa.refresh_token if refresh_token is None else refresh_token,
        "source_token_type": "refresh_token",
        "requested_token_type": "access_token",
        **fields,
    }
    return post_form(alexa, "/auth/token", **asked)


def bearer(alexa: SimulatedAlexa) -> dict[str, str]:
    """The headers of a fresh access token."""
    return {"Authorization": f"Bearer {refresh(alexa).json['access_token']}"}


def browser(cookies: Mapping[str, str]) -> dict[str, str]:
    """The headers of a browser with these cookies."""
    headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}
    return headers | ({"csrf": cookies["csrf"]} if "csrf" in cookies else {})


def readings(alexa: SimulatedAlexa, headers: Mapping[str, str] | None = None) -> Answer:
    """All monitors in one call, with the ready cookies unless other headers are given."""
    asked = {"query": READINGS, "variables": {"ids": [each.endpoint_id for each in alexa.monitors]}}
    return post(alexa, GRAPHQL, asked, browser(alexa.cookies) if headers is None else headers)


def endpoints(alexa: SimulatedAlexa) -> list[Any]:
    """What the readings say, one item a monitor."""
    found: list[Any] = readings(alexa).json["data"]["listEndpoints"]["endpoints"]
    return found


def properties(endpoint: Any) -> dict[str, Any]:
    """The properties of an endpoint by feature, with its instance where it has one."""
    return {
        feature["name"] + (f":{feature['instance']}" if feature["instance"] else ""): feature["properties"][0]
        for feature in endpoint["features"]
    }


def state(alexa: SimulatedAlexa, monitors: Sequence[Monitor], kind: str = "ENTITY") -> Any:
    """What the second way says of monitors."""
    asked = {"stateRequests": [{"entityId": each.entity_id, "entityType": kind} for each in monitors]}
    return post(alexa, STATE, asked, browser(alexa.cookies)).json


@contextmanager
def connection(alexa: SimulatedAlexa, name: str = "") -> Iterator[http.client.HTTPConnection]:
    """A connection over TLS, under a host name if one is given; closed at the end."""
    host, _, port = alexa.address.partition(":")
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.load_verify_locations(alexa.ca_file)
    asking = http.client.HTTPConnection(alexa.address, timeout=30)
    bare = socket.create_connection((host, int(port)), timeout=30)
    try:
        asking.sock = trusting.wrap_socket(bare, server_hostname=name or host)
        yield asking
    finally:
        asking.close()
        bare.close()
