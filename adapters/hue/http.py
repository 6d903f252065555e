"""The body of a reply, read within a time and unpacked to a size."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Mapping
from typing import Any

import attrs
import urllib3
from urllib3 import BaseHTTPResponse, Timeout
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from adapters.http.lenient_json import body_excerpt
from adapters.http.replies import check_body_size, decompress, parse_content_length
from adapters.hue.tls import OpenSockets, Pinned, Proof, SignedBy, context_for
from domain.errors import SourceGarbled, SourceUnavailable
from ports.clock import Clock
from ports.meter import Meter, Tally

_CHUNK = 65_536


def body_of(response: urllib3.BaseHTTPResponse, tally: Tally, keep_time: Callable[[], object]) -> bytes:
    """The unpacked body; counts it. `keep_time` is called for each piece and raises when time is up.

    Raises SourceGarbled for a body that is too large or wrongly packed, and urllib3's own exceptions.
    """
    check_body_size(parse_content_length(response.headers.get("Content-Length")))
    wire = bytearray()
    # read1, since read waits until a piece is complete, however slowly it drips in
    while chunk := response.read1(_CHUNK, decode_content=False):
        wire += chunk
        tally.wire_bytes = len(wire)
        keep_time()
        check_body_size(len(wire))
    body = decompress(bytes(wire), response.headers.get("Content-Encoding", ""))
    tally.payload_bytes = len(body)
    return body


# The one connection to a bridge: it believes only the proof, and nothing from outside.


def pool_for(base_url: str, proof: Proof | None, sockets: OpenSockets) -> HTTPConnectionPool:
    """A pool of one connection, which registers its sockets. `proof` is None only without HTTPS.

    Raises urllib3's own exceptions for an address that can be none. There is no session around it: cookies,
    proxies and redirects of one have no place here, and it would double what a read costs.
    """
    place = urllib3.util.parse_url(base_url)
    if proof is None:
        return _plain_pool(sockets)(place.host or "", place.port, maxsize=1)
    context = context_for(proof)
    sockets.register_through(context)
    terms: dict[str, Any] = {"ssl_context": context}
    match proof:
        case SignedBy(bridge_id=bridge_id):
            terms["server_hostname"] = bridge_id
        case Pinned(certificate_sha256=fingerprint):
            terms["assert_fingerprint"] = fingerprint
    return HTTPSConnectionPool(place.host or "", place.port, maxsize=1, **terms)


def _plain_pool(sockets: OpenSockets) -> type[HTTPConnectionPool]:
    class Connection(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            opened = super()._new_conn()
            sockets.add(opened)
            return opened

    class Pool(HTTPConnectionPool):
        ConnectionCls = Connection

    return Pool


# The HTTP connection with one bridge: every call bounded in time and size, and cut short from outside.

_LONGEST_CONNECT_S = 4.0  # on a local network; so three attempts fit into a source's budget
_SHORTEST_S = 0.05  # a time-out of zero would mean none
_OK = 200
_HEADERS = {"Accept": "application/json", "Accept-Encoding": "gzip", "User-Agent": "homeclimate"}
_JSON = {"Content-Type": "application/json"}


@attrs.frozen(kw_only=True)
class Request:
    """One GET, or a POST where there is a `body` (which is sent as JSON).

    `secret` may stand in path and headers, and no message about the reply shows it. `is_private` when the
    reply itself holds what nobody may see, such as the keys of other applications.
    """

    operation: str
    path: str = attrs.field(repr=False)
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    secret: str = attrs.field(default="", repr=False)
    is_private: bool = False
    body: Mapping[str, str] | None = None


@attrs.frozen(kw_only=True)
class Reply:
    """A complete answer."""

    request: Request
    status: int
    content_type: str
    body: bytes = attrs.field(repr=False)
    retry_after: str | None = None
    location: str | None = attrs.field(default=None, repr=False)

    @property
    def sample(self) -> str:
        """The beginning of the body, as far as a message may show it."""
        begins = "" if self.request.is_private else body_excerpt(self.body, hide=self.request.secret)
        return f"{len(self.body):,} bytes" + (f", {begins!r}" if begins else "")


class BridgeSession:
    """Keeps one connection to `base_url`. `proof` is None only for a bridge that has no HTTPS."""

    def __init__(
        self, *, base_url: str, proof: Proof | None, source: str, timeout_s: float, clock: Clock, meter: Meter
    ) -> None:
        self.base_url = base_url
        self._source = source
        self._timeout_s = timeout_s
        self._clock = clock
        self._meter = meter
        self._sockets = OpenSockets()
        self._proof = proof
        self._pool: HTTPConnectionPool | None = None

    def ask(self, request: Request, deadline_s: float) -> Reply:
        """The complete answer, whatever its status.

        Raises SourceUnavailable past `deadline_s` (an instant of the clock's `elapsed_s`), SourceGarbled for
        a body that is too large or wrongly packed, and urllib3's own exceptions for trouble on the way.
        """
        with self._meter.measuring(request.operation, self._source) as tally:
            response = self._asked(request, min(self._timeout_s, self._left_s(deadline_s)))
            try:
                return self._reply(request, response, tally, deadline_s)
            finally:
                response.close()  # a connection whose reply was not read to its end is not used again

    def abort(self) -> None:
        """End the call in hand and any later one, from any thread."""
        self._sockets.shut()

    def close(self) -> None:
        """Let go of the connection."""
        if self._pool is not None:
            self._pool.close()

    def _asked(self, request: Request, timeout_s: float) -> BaseHTTPResponse:
        if self._pool is None:
            self._pool = pool_for(self.base_url, self._proof, self._sockets)
        is_get = request.body is None
        return self._pool.urlopen(
            "GET" if is_get else "POST",
            request.path,
            headers={**_HEADERS, **({} if is_get else _JSON), **request.headers},
            body=None if is_get else json.dumps(request.body),
            timeout=Timeout(connect=min(timeout_s, _LONGEST_CONNECT_S), read=timeout_s),
            retries=False,  # whoever asks decides
            redirect=False,
            preload_content=False,
            decode_content=False,
        )

    def _reply(self, request: Request, response: BaseHTTPResponse, tally: Tally, deadline_s: float) -> Reply:
        try:
            body = body_of(response, tally, lambda: self._left_s(deadline_s))
        except SourceGarbled:
            if response.status == _OK:
                raise
            body = b""  # the status alone says what is to be done
        return Reply(
            request=request,
            status=response.status,
            content_type=response.headers.get("Content-Type", ""),
            body=body,
            retry_after=response.headers.get("Retry-After"),
            location=response.headers.get("Location"),
        )

    def _left_s(self, deadline_s: float) -> float:
        left_s = deadline_s - self._clock.elapsed_s()
        if left_s <= _SHORTEST_S:
            raise SourceUnavailable("no complete answer within the time for this source")
        return left_s
