"""One HTTP session with one bridge: every call bounded in time and size, and cut short from outside."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import requests

from adapters.hue.bodies import body_of
from adapters.hue.connections import session_for
from adapters.hue.open_sockets import OpenSockets
from adapters.hue.tls import Proof
from adapters.json_reply import sample
from domain.errors import SourceGarbled, SourceUnavailable
from ports.clock import Clock
from ports.meter import Meter, Tally

_LONGEST_CONNECT_S = 4.0  # on a local network; so three attempts fit into a source's budget
_SHORTEST_S = 0.05  # a time-out of zero would mean none
_OK = 200


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
        self._session = session_for(proof, self._sockets)

    def ask(self, request: Request, deadline_s: float) -> Reply:
        """The complete answer, whatever its status.

        Raises SourceUnavailable past `deadline_s` (an instant of the clock's `elapsed_s`), SourceGarbled for
        a body that is too large or wrongly packed, and requests' or urllib3's own exceptions for trouble on
        the way.
        """
        with self._meter.measuring(request.operation, self._source) as tally:
            timeout_s = min(self._timeout_s, self._left_s(deadline_s))
            asked = self._session.request(
                "GET" if request.body is None else "POST",
                self.base_url + request.path,
                headers=request.headers,
                json=request.body,
                timeout=(min(timeout_s, _LONGEST_CONNECT_S), timeout_s),
                stream=True,
                allow_redirects=False,
            )
            with asked as response:
                return self._reply(request, response, tally, deadline_s)

    def abort(self) -> None:
        """End the call in hand and any later one, from any thread."""
        self._sockets.shut()

    def close(self) -> None:
        """Let go of the connection."""
        self._session.close()

    def _reply(self, request: Request, response: requests.Response, tally: Tally, deadline_s: float) -> Reply:
        try:
            body = body_of(response.raw, tally, lambda: self._left_s(deadline_s))
        except SourceGarbled:
            if response.status_code == _OK:
                raise
            body = b""  # the status alone says what is to be done
        return Reply(
            request=request,
            status=response.status_code,
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
