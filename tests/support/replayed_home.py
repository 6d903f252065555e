"""A bridge and an account on loopback that reply as recorded, or as a test wants."""

from __future__ import annotations

import functools
import json
import re
import socket
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import attrs

from adapters.amazon.hosts import Hosts
from tests.support.odd_json import as_json
from tests.support.odd_server import odd_server, reply
from tests.support.recorded import HUE_PATHS, recorded

# How the account is read: what is good, or what fails so that the next way is taken.
Way = Literal["graphql", "endpoints", "phoenix", "cookies"]
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_STALE = reply(b'{"message": "Unauthorized"}', status="401 Unauthorized")
_CSRF = "Set-Cookie: csrf=-104756; Path=/; Secure"


@attrs.frozen(kw_only=True)
class Answer:
    """Bytes for the wire, one piece after the other; `closes` ends the connection after them."""

    pieces: Sequence[bytes]
    closes: bool = False


@attrs.define
class ReplayedHome:
    """The addresses of both. `answers` are a test's own, by request; `asked` counts the requests.

    `has_names_in_v1` is False where v1 lacks names, batteries and reachability, so that v2 is asked.
    """

    bridge: str
    hosts: Hosts
    way: Way = "graphql"
    has_names_in_v1: bool = True
    answers: dict[str, Answer] = attrs.field(factory=dict)
    asked: Counter[str] = attrs.field(factory=Counter)
    sent_bytes: Counter[str] = attrs.field(factory=Counter)

    def serve(self, connection: socket.socket) -> None:
        """Answer on one connection until it ends."""
        while True:
            head, body = _request(connection)
            name = _name_of(head, body)
            self.asked[name] += 1
            answer = self.answers.get(name) or Answer(pieces=[self._good(name, head)])
            for piece in answer.pieces:
                connection.sendall(piece)
                self.sent_bytes[name] += len(piece)
            if answer.closes:
                return

    def _good(self, name: str, head: bytes) -> bytes:
        if self.way == "cookies" and b"\r\nauthorization:" in head.lower():
            return _STALE
        if self.way == "endpoints" and name == "amazon.appliances":
            return reply(b'{"data": {"endpoints": {"items": []}}}')
        if self.way == "phoenix" and name == "amazon.monitorStates":
            return reply(b'{"data": null}')
        if name == "hue.v1/sensors" and not self.has_names_in_v1:
            return reply(as_json(_nameless(recorded().contents[name])).encode())
        if name not in recorded().contents:
            return reply(b"", status="404 Not Found")
        return reply(good_body(name), *([_CSRF] if name == "amazon.csrf" else []))


@contextmanager
def a_replayed_home() -> Iterator[ReplayedHome]:
    """Serve until the block ends: the bridge over TLS with its certificate, the account without."""
    homes: list[ReplayedHome] = []

    def serve(connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        homes[0].serve(connection)

    with odd_server(serve) as bridge, odd_server(serve, secure=False) as account:
        url = f"http://{account.address}"
        hosts = Hosts(domain="amazon.test", alexa=url, api=url, www=url)
        homes.append(ReplayedHome(bridge.address, hosts))
        yield homes[0]


@functools.cache
def good_body(name: str) -> bytes:
    """Return what was recorded."""
    return as_json(recorded().contents[name]).encode()


def _nameless(sensors: Mapping[str, Any]) -> Any:
    return {
        number: {**each, "config": {"on": True}}
        for number, each in sensors.items()
        if each["type"] != "ZLLPresence"
    }


def _request(connection: socket.socket) -> tuple[bytes, bytes]:
    """Return the next one. Raise ConnectionError at the end."""
    came = b""
    while b"\r\n\r\n" not in came:
        came += _piece(connection)
    head, _, body = came.partition(b"\r\n\r\n")
    length = _LENGTH.search(head)
    while len(body) < (int(length[1]) if length else 0):
        body += _piece(connection)
    return head, body


def _piece(connection: socket.socket) -> bytes:
    piece = connection.recv(65_536)
    if not piece:
        raise ConnectionError("no request")
    return piece


def _name_of(head: bytes, body: bytes) -> str:
    path = head.split(b" ", 2)[1].decode()
    if path == "/nexus/v1/graphql":
        return f"amazon.{json.loads(body)['operationName']}"
    return _NAMES.get(path) or _names_of_bridge()[path]


def _names_of_bridge() -> Mapping[str, str]:
    return {path.format(key=recorded().hue_key): name for name, path in HUE_PATHS.items()}


_NAMES = {
    "/auth/token": "amazon.token",
    "/ap/exchangetoken/cookies": "amazon.exchange",
    "/api/language": "amazon.csrf",
    "/api/phoenix/state": "amazon.phoenix",
    "/auth/create/codepair": "amazon.codepair",
    "/auth/register": "amazon.register",
    "/auth/deregister": "amazon.deregister",
    "/api": "hue.pair",
    "/": "hue.cloud",
}
