"""The HTTP connection with one bridge: every call bounded in time and size, and cut short from outside."""

from __future__ import annotations

import json
from collections.abc import Mapping

import attrs
from urllib3 import BaseHTTPResponse, Timeout
from urllib3.connectionpool import HTTPConnectionPool

from adapters.hue.bodies import body_of
from adapters.hue.connections import pool_for
from adapters.hue.open_sockets import OpenSockets
from adapters.hue.tls import Proof
from adapters.json_reply import sample
from domain.errors import SourceGarbled, SourceUnavailable
from domain.values import frozen
from ports.clock import Clock
from ports.meter import Meter, Tally

_LONGEST_CONNECT_S = 4.0  # on a local network; so three attempts fit into a source's budget
_SHORTEST_S = 0.05  # a time-out of zero would mean none
_OK = 200
_HEADERS = {"Accept": "application/json", "Accept-Encoding": "gzip", "User-Agent": "homeclimate"}
_JSON = {"Content-Type": "application/json"}


@frozen(kw_only=True)
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


@frozen(kw_only=True)
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
        begins = "" if self.request.is_private else sample(self.body, hide=self.request.secret)
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
