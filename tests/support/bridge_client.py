"""A plain client of a simulated bridge over the network, independent of the program's."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import attrs

from adapters.simulator.hue.service import SimulatedBridge

KEY_HEADER = "hue-application-key"


@attrs.frozen(kw_only=True)
class Answer:
    """A whole reply. Header names are in lower case."""

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
    bridge: SimulatedBridge,
    path: str,
    *,
    method: str = "GET",
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    plain: bool = False,
) -> Answer:
    """Send a request on its own connection, over TLS by the bridge id unless `plain`."""
    with connection(bridge, plain=plain) as asking:
        return ask_on(asking, path, method=method, body=body, headers=headers)


def ask_v2(bridge: SimulatedBridge, path: str, key: str | None = None) -> Answer:
    """Read below `/clip/v2`, with the ready key unless another is given."""
    return ask(bridge, f"/clip/v2/{path}", headers={KEY_HEADER: bridge.key if key is None else key})


def ask_v1(bridge: SimulatedBridge, path: str = "", key: str | None = None) -> Answer:
    """Read below `/api/<key>`, with the ready key unless another is given."""
    below = f"/{path}" if path else ""
    is_plain = not bridge.certificate_sha256
    return ask(bridge, f"/api/{bridge.key if key is None else key}{below}", plain=is_plain)


def ask_on(
    asking: http.client.HTTPConnection,
    path: str,
    *,
    method: str = "GET",
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Send a request on an open connection."""
    asking.request(method, path, body, dict(headers or {}))
    reply = asking.getresponse()
    content = reply.read()
    named = {name.lower(): value for name, value in reply.getheaders()}
    return Answer(status=reply.status, headers=named, body=content)


@contextmanager
def connection(bridge: SimulatedBridge, *, plain: bool = False) -> Iterator[http.client.HTTPConnection]:
    """Connect to the bridge."""
    address = bridge.http_address if plain else bridge.address
    asking = http.client.HTTPConnection(address, timeout=30)
    asking.connect()
    try:
        if not plain:
            asking.sock = context(bridge).wrap_socket(asking.sock, server_hostname=bridge.id)
        yield asking
    finally:
        asking.close()


def context(bridge: SimulatedBridge) -> ssl.SSLContext:
    """Return a context that trusts a simulated bridge by its id."""
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.load_verify_locations(bridge.ca_file)
    trusting.hostname_checks_common_name = True
    return trusting


@contextmanager
def tcp(address: str) -> Iterator[socket.socket]:
    """Connect to an address such as `127.0.0.1:443`."""
    host, _, port = address.partition(":")
    with socket.create_connection((host, int(port)), timeout=30) as bare:
        yield bare
