"""One HTTP session with one bridge: every call bounded in time and size, and cut short from outside."""

from __future__ import annotations

import socket
import threading
import zlib
from contextlib import suppress
from typing import Any

import attrs
import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from adapters.hue.tls import Pinned, Proof, SignedBy, context_for
from domain.errors import SourceGarbled, SourceUnavailable
from ports.clock import Clock
from ports.meter import Meter

LARGEST_BODY = 4_000_000  # bytes; a whole bridge takes 30 to 85 kB
_CHUNK = 65_536
_SHORTEST_S = 0.05  # a time-out of zero would mean none


@attrs.frozen(kw_only=True)
class Reply:
    """A complete answer. Header names are as requests gives them, without regard to case."""

    status: int
    content_type: str
    body: bytes
    retry_after: str | None = None
    location: str | None = None


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
        self._sockets = _OpenSockets()
        self._session = _session(proof, self._sockets)

    def get(self, path: str, *, operation: str, deadline_s: float, headers: dict[str, str]) -> Reply:
        """The complete answer to one GET, whatever its status.

        Raises SourceUnavailable past `deadline_s` (an instant of the clock's `elapsed_s`), SourceGarbled for
        a body larger than `LARGEST_BODY`, and requests' or urllib3's own exceptions for trouble on the way.
        """
        with self._meter.measuring(operation, self._source) as tally:
            timeout_s = min(self._timeout_s, self._left_s(deadline_s))
            url = self.base_url + path
            asked = self._session.get(
                url, headers=headers, timeout=timeout_s, stream=True, allow_redirects=False
            )
            with asked as response:
                wire = self._body(response.raw, deadline_s)
                tally.wire_bytes = len(wire)
                body = _unpacked(wire, response.headers.get("Content-Encoding", ""))
                tally.payload_bytes = len(body)
                return Reply(
                    status=response.status_code,
                    content_type=response.headers.get("Content-Type", ""),
                    body=body,
                    retry_after=response.headers.get("Retry-After"),
                    location=response.headers.get("Location"),
                )

    def abort(self) -> None:
        """End the call in hand and any later one, from any thread. Closing alone would not wake a read."""
        self._sockets.shut()

    def close(self) -> None:
        """Let go of the connection."""
        self._session.close()

    def _body(self, raw: Any, deadline_s: float) -> bytes:
        wire = bytearray()
        for chunk in raw.stream(_CHUNK, decode_content=False):
            wire += chunk
            self._left_s(deadline_s)
            if len(wire) > LARGEST_BODY:
                raise SourceGarbled(f"the reply is larger than {LARGEST_BODY:,} bytes")
        return bytes(wire)

    def _left_s(self, deadline_s: float) -> float:
        left_s = deadline_s - self._clock.elapsed_s()
        if left_s <= _SHORTEST_S:
            raise SourceUnavailable("no complete answer within the time for this source")
        return left_s


class _OpenSockets:
    """The sockets of a session, so that another thread can shut them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self._is_shut = False

    def add(self, opened: socket.socket) -> None:
        with self._lock:
            self._open = [known for known in self._open if known.fileno() >= 0]
            self._open.append(opened)
            if self._is_shut:
                _shut(opened)

    def shut(self) -> None:
        with self._lock:
            self._is_shut = True
            for opened in self._open:
                _shut(opened)


def _shut(opened: socket.socket) -> None:
    with suppress(OSError):  # the peer may have gone first
        # not SSLSocket.shutdown: that one forgets the TLS state under a reading thread
        socket.socket.shutdown(opened, socket.SHUT_RDWR)


class _PinningAdapter(HTTPAdapter):
    """Requests' adapter over connections that believe only the proof and register their sockets."""

    def __init__(self, proof: Proof | None, sockets: _OpenSockets) -> None:
        self._proof = proof
        self._opened = sockets
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **_: Any) -> None:
        terms: dict[str, Any] = {}
        if self._proof is not None:
            terms["ssl_context"] = context_for(self._proof)
        match self._proof:
            case SignedBy(bridge_id=bridge_id):
                terms["server_hostname"] = bridge_id
            case Pinned(certificate_sha256=fingerprint):
                terms["assert_fingerprint"] = fingerprint
        self.poolmanager = urllib3.PoolManager(num_pools=connections, maxsize=maxsize, block=block, **terms)
        self.poolmanager.pool_classes_by_scheme = _pools(self._opened)


def _session(proof: Proof | None, sockets: _OpenSockets) -> requests.Session:
    session = requests.Session()
    session.trust_env = False  # else proxies, REQUESTS_CA_BUNDLE and .netrc get in
    session.headers.update({"Accept": "application/json", "Accept-Encoding": "gzip"})
    adapter = _PinningAdapter(proof, sockets)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    match proof:
        case SignedBy(roots=roots):
            session.verify = str(roots)  # or requests adds the public roots
        case Pinned():
            session.verify = False  # the fingerprint is what is verified
    return session


def _pools(sockets: _OpenSockets) -> dict[str, type[HTTPConnectionPool]]:
    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            opened = super()._new_conn()
            sockets.add(opened)
            return opened

    class Secure(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            opened = super()._new_conn()
            sockets.add(opened)  # for the handshake; TLS then takes the descriptor over
            return opened

        def connect(self) -> None:
            super().connect()
            if isinstance(self.sock, socket.socket):
                sockets.add(self.sock)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}


def _unpacked(wire: bytes, encoding: str) -> bytes:
    if encoding.lower() in ("", "identity"):
        return wire
    if encoding.lower() not in ("gzip", "x-gzip", "deflate"):
        raise SourceGarbled(f"the reply is packed in a way that was not asked for: {encoding[:20]}")
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    try:
        body = unpacker.decompress(wire, LARGEST_BODY + 1)
    except zlib.error as error:
        raise SourceGarbled("the packed reply cannot be unpacked") from error
    if len(body) > LARGEST_BODY or not unpacker.eof:
        raise SourceGarbled(f"the packed reply is cut short, or larger than {LARGEST_BODY:,} bytes")
    return body
