"""The HTTP client of one bridge: one `requests` session, bounded in time and size."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from functools import partial
from http.cookiejar import DefaultCookiePolicy
from typing import Any, TypeVar

import attrs
import requests
from requests.adapters import HTTPAdapter
from urllib3 import BaseHTTPResponse, HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection
from urllib3.exceptions import HTTPError
from urllib3.util import parse_url

from adapters.http.lenient_json import body_excerpt
from adapters.http.replies import check_body_size, decompress, endpoint_of, parse_content_length
from adapters.hue.errors import out_of_time, showable_cause, transport_error
from adapters.hue.tls import OpenSockets, Pinned, Proof, SignedBy, tls_context
from domain.errors import SourceError, SourceGarbled
from ports.clock import Clock
from ports.meter import Meter, Tally

_MAX_CONNECT_S = 4.0  # on a local network; three attempts fit into a source's budget
_MIN_TIMEOUT_S = 0.05  # a time-out of zero would mean none
_CHUNK_BYTES = 65_536
_OK = 200
T = TypeVar("T")
OpenPool = Callable[[str, Proof | None, OpenSockets], HTTPConnectionPool]  # for a base URL
_HEADERS = {"Accept": "application/json", "Accept-Encoding": "gzip", "User-Agent": "homeclimate"}


@attrs.frozen(kw_only=True)
class Request:
    """A GET, or a POST of `json`.

    `secret` may occur in path and headers and is hidden in every message. `is_private`: the reply itself
    holds secrets, such as the keys of other applications.
    """

    operation: str
    path: str = attrs.field(repr=False)
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    secret: str = attrs.field(default="", repr=False)
    is_private: bool = False
    json: Mapping[str, str] | None = None


@attrs.frozen(kw_only=True)
class Reply:
    """A complete reply with any status."""

    request: Request
    status: int
    content_type: str
    body: bytes = attrs.field(repr=False)
    retry_after: str | None = None
    location: str | None = attrs.field(default=None, repr=False)

    @property
    def excerpt(self) -> str:
        """The size and the beginning of the body, without secrets."""
        text = "" if self.request.is_private else body_excerpt(self.body, hide=self.request.secret)
        return f"{len(self.body):,} bytes" + (f", {text!r}" if text else "")


class BridgeClient:
    """Keeps one connection to `base_url`. `proof` is None only for a bridge without HTTPS.

    `endpoint` names the last request; it holds no secret.
    """

    def __init__(
        self,
        *,
        base_url: str,
        proof: Proof | None,
        source: str,
        timeout_s: float,
        clock: Clock,
        meter: Meter,
        open_pool: OpenPool | None = None,
    ) -> None:
        self.base_url = base_url
        self.endpoint: str | None = None
        self._proof = proof
        self._source = source
        self._timeout_s = timeout_s
        self._clock = clock
        self._meter = meter
        self._open_pool = open_pool or open_network_pool
        self._sockets = OpenSockets()
        self._session: requests.Session | None = None
        # by operation, since an operation is one URL
        self._endpoints: dict[str, str] = {}
        self._prepared: dict[str, requests.PreparedRequest] = {}

    def send(self, request: Request, deadline_s: float, parse: Callable[[Reply], T]) -> T:
        """Return what `parse` makes of the reply.

        Raise SourceError with the endpoint, also past `deadline_s` (an instant of `Clock.elapsed_s`).
        """
        method = "GET" if request.json is None else "POST"
        if request.operation not in self._endpoints:
            url = self.base_url + request.path
            self._endpoints[request.operation] = endpoint_of(method, url, request.secret)
        self.endpoint = self._endpoints[request.operation]
        try:
            with self._meter.measuring(request.operation, self._source) as tally:
                try:
                    reply = self._exchange(request, method, deadline_s, tally)
                except (OSError, HTTPError) as error:  # the errors of `requests` are OSErrors
                    raise transport_error(error, self.base_url) from showable_cause(error)
            return parse(reply)
        except SourceError as error:
            error.endpoint = error.endpoint or self.endpoint
            raise

    @property
    def is_proved(self) -> bool:
        """Return whether a TLS handshake was completed."""
        return self._sockets.has_handshake

    def interrupt(self) -> None:
        """End the current request, from any thread; the next one connects again."""
        self._sockets.interrupt()

    def shut(self) -> None:
        """End the current request and every later one, from any thread."""
        self._sockets.shut()

    def close(self) -> None:
        """Close the connection."""
        if self._session is not None:
            self._session.close()

    def _exchange(self, request: Request, method: str, deadline_s: float, tally: Tally) -> Reply:
        prepared = self._prepared.get(request.operation)
        if prepared is None:
            headers = {**_HEADERS, **request.headers}
            url = self.base_url + request.path
            prepared = requests.Request(method, url, headers=headers, json=request.json).prepare()
            self._prepared[request.operation] = prepared
        if self._session is None:
            self._session = BoundedSession(
                _BridgeAdapter(self._open_pool(self.base_url, self._proof, self._sockets))
            )
            self._session.trust_env = False  # no proxies, no netrc
        timeout_s = min(self._timeout_s, self._time_left_s(deadline_s))
        response = self._session.send(
            prepared,
            stream=True,
            allow_redirects=False,
            timeout=(min(timeout_s, _MAX_CONNECT_S), timeout_s),
        )
        try:
            body = read_body(response.raw, tally, partial(self._time_left_s, deadline_s))
        except SourceGarbled:
            if response.status_code == _OK:
                raise
            body = b""  # the status alone decides
        finally:
            response.close()  # a connection whose reply was not read to its end is not used again
        reply_headers = response.raw.headers
        return Reply(
            request=request,
            status=response.status_code,
            content_type=reply_headers.get("Content-Type", ""),
            body=body,
            retry_after=reply_headers.get("Retry-After"),
            location=reply_headers.get("Location"),
        )

    def _time_left_s(self, deadline_s: float) -> float:
        left_s = deadline_s - self._clock.elapsed_s()
        if left_s <= _MIN_TIMEOUT_S:
            raise out_of_time()
        return left_s


def read_body(response: BaseHTTPResponse, tally: Tally, check_time: Callable[[], object]) -> bytes:
    """Return the decompressed body and count its bytes. `check_time` raises when the time is up.

    Raise SourceGarbled for a body that is too large or wrongly encoded, and urllib3's exceptions.
    """
    check_body_size(parse_content_length(response.headers.get("Content-Length")))
    wire = bytearray()
    # read1 returns what has come; read and iter_content wait for a whole chunk, however slowly it drips
    while chunk := response.read1(_CHUNK_BYTES, decode_content=False):
        wire += chunk
        tally.wire_bytes = len(wire)
        check_time()
        check_body_size(len(wire))
    body = decompress(bytes(wire), response.headers.get("Content-Encoding", ""))
    tally.payload_bytes = len(body)
    return body


class BoundedSession(requests.Session):
    """A session that never follows a redirect and keeps no cookie.

    `allow_redirects=False` alone is not enough: `requests` still reads the whole body of a redirect, of any
    size, to return its target.
    """

    def __init__(self, adapter: HTTPAdapter) -> None:
        super().__init__()
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self.mount("https://", adapter)
        self.mount("http://", adapter)

    def get_redirect_target(self, resp: requests.Response) -> str | None:  # noqa: ARG002
        return None


class _BridgeAdapter(HTTPAdapter):
    """Holds the one connection, whose server is verified by the bridge's proof alone."""

    def __init__(self, pool: HTTPConnectionPool) -> None:
        super().__init__()
        self._pool = pool

    def get_connection_with_tls_context(self, *_: Any, **__: Any) -> HTTPConnectionPool:
        return self._pool

    def cert_verify(self, *_: Any, **__: Any) -> None:
        """Leave the verification to the pool: the public roots that `requests` would add do not count."""

    def build_response(self, req: requests.PreparedRequest, resp: Any) -> requests.Response:
        """Return what is read here: copying the headers and cookies would be a tenth of a request's CPU."""
        response = requests.Response()
        response.request, response.status_code, response.raw = req, resp.status, resp
        return response

    def close(self) -> None:
        self._pool.close()
        super().close()


def open_network_pool(base_url: str, proof: Proof | None, sockets: OpenSockets) -> HTTPConnectionPool:
    """Return a pool of one connection, whose sockets are registered."""
    place = parse_url(base_url)
    if proof is None:
        return _plain_pool(sockets)(place.host or "", place.port, maxsize=1)
    context = tls_context(proof)
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
