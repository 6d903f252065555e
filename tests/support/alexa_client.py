"""A plain client of the simulated Alexa service over the network, independent of the program's."""

from __future__ import annotations

import gzip
import http.client
import json
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import urlencode

from adapters.simulator.amazon.service import SimulatedAlexa
from tests.support.bridge_client import Answer
from tests.support.simulated_services import GRAPHQL, READINGS, browser


def ask(
    alexa: SimulatedAlexa,
    path: str,
    *,
    method: str = "GET",
    body: bytes | str | None = None,
    headers: Mapping[str, str] | None = None,
    name: str = "",
) -> Answer:
    """Send a request on its own connection, under a host name if one is given."""
    with connection(alexa, name) as asking:
        asking.request(method, path, body, {**({"Host": name} if name else {}), **(headers or {})})
        reply = asking.getresponse()
        content = reply.read()
    named = {key.lower(): value for key, value in reply.getheaders()}
    if named.get("content-encoding") == "gzip":
        content = gzip.decompress(content)
    return Answer(status=reply.status, headers=named, body=content)


def post_form(alexa: SimulatedAlexa, path: str, name: str = "", **fields: str) -> Answer:
    """Post a form."""
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return ask(alexa, path, method="POST", body=urlencode(fields), headers=headers, name=name)


def refresh(alexa: SimulatedAlexa) -> Answer:
    """Exchange the refresh token for an access token."""
    return post_form(
        alexa,
        "/auth/token",
        app_name="tests",
        app_version="1",
        source_token=alexa.refresh_token,
        source_token_type="refresh_token",
        requested_token_type="access_token",
    )


def bearer(alexa: SimulatedAlexa) -> dict[str, str]:
    """Return the headers of a new access token."""
    return {"Authorization": f"Bearer {refresh(alexa).json['access_token']}"}


def readings(alexa: SimulatedAlexa, headers: Mapping[str, str] | None = None) -> Answer:
    """Read all monitors, with the ready cookies unless other headers are given."""
    variables = {"ids": [monitor.endpoint_id for monitor in alexa.monitors]}
    body = json.dumps({"query": READINGS, "variables": variables})
    sent = {"Content-Type": "application/json", **(browser(alexa.cookies) if headers is None else headers)}
    return ask(alexa, GRAPHQL, method="POST", body=body, headers=sent)


@contextmanager
def connection(alexa: SimulatedAlexa, name: str = "") -> Iterator[http.client.HTTPConnection]:
    """Connect over TLS, under a host name if one is given."""
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
