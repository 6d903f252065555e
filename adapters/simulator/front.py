"""What stands between the network and a simulated service: faults, pace, certificates, and what was seen."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence
from datetime import UTC
from email.utils import format_datetime
from functools import partial

from aiohttp import web

from adapters.simulator.certificates import Certificate
from adapters.simulator.fault_text import parse_fault
from adapters.simulator.faults import Effect, Faults, Reset, Silence
from adapters.simulator.reply import Answer, Reply, Request
from adapters.simulator.seen import SeenRequest
from adapters.simulator.wire import Pace, Parcel, send
from domain.values import frozen
from ports.clock import Clock


@frozen(kw_only=True)
class Names:
    """The certificate that a service shows, and the one that it shows instead for each kind of fault."""

    right: Certificate
    wrong: Callable[[str], Certificate]


class Front:
    """Lets a service answer what comes over the network. Runs in the server's loop."""

    def __init__(
        self, clock: Clock, answer: Answer, *, names: Names | None, blotted: Callable[[str], str]
    ) -> None:
        self.faults = Faults(clock.elapsed_s, parse_fault)
        self.requests: list[SeenRequest] = []
        self.pace = Pace()
        self._clock = clock
        self._answer = answer
        self._blotted = blotted
        self._at_once = 0
        self._wrong: dict[str, ssl.SSLContext] = {}
        self.context: ssl.SSLContext | None = None  # for the listener of a service that has a certificate
        if names is not None:
            self.context = names.right.server_context()
            self.context.sni_callback = partial(self._choose_certificate, names)

    async def handle(self, request: web.BaseRequest, *, is_secure: bool) -> web.StreamResponse:
        """Answer one request, as the faults that it meets want it."""
        effects = self.faults.meeting(self._blotted(request.path))
        if is_secure and self._is_from_before_the_wrong_certificate(request):
            effects = [*effects, Reset()]
        self._at_once += 1
        try:
            asked = await self._asked(request, is_secure=is_secure)
            reply = self._answer(asked, effects)
            self._remember(asked, reply, effects)
            return await send(request, self._parcel(reply), effects, self.pace)
        finally:
            self._at_once -= 1

    async def _asked(self, request: web.BaseRequest, *, is_secure: bool) -> Request:
        at_once = self._at_once
        return Request(
            method=request.method,
            path=request.path,
            headers=request.headers,
            body=await request.read(),
            raw_path=request.raw_path,
            query=request.query,
            host=request.host,
            is_secure=is_secure,
            at_once=at_once,
        )

    def _remember(self, asked: Request, reply: Reply, effects: Sequence[Effect]) -> None:
        is_answered = not any(isinstance(effect, Reset | Silence) for effect in effects)
        self.requests.append(
            SeenRequest(
                method=asked.method,
                path=self._blotted(asked.path),
                scheme="https" if asked.is_secure else "http",
                at=self._clock.now(),
                elapsed_s=self._clock.elapsed_s(),
                status=reply.status if is_answered else None,
                reply_bytes=len(reply.body) if is_answered else 0,
                at_once=asked.at_once,
                faults=tuple(type(effect).__name__ for effect in effects),
            )
        )

    def _parcel(self, reply: Reply) -> Parcel:
        date = format_datetime(self._clock.now().astimezone(UTC), usegmt=True)
        return Parcel(
            status=reply.status,
            headers={**reply.headers, "Date": date},
            body=reply.body,
            promised_bytes=reply.promised_bytes,
        )

    def _is_from_before_the_wrong_certificate(self, request: web.BaseRequest) -> bool:
        """Who shows another certificate has restarted or is somebody else: old connections are gone."""
        connection: ssl.SSLObject | None = request.get_extra_info("ssl_object")
        return (
            connection is not None and connection.context is self.context and self.faults.is_certificate_wrong
        )

    def _choose_certificate(
        self, names: Names, connection: ssl.SSLObject, _server_name: str | None, _context: ssl.SSLContext
    ) -> None:
        fault = self.faults.meeting_handshake()
        if fault is not None:
            if fault.kind not in self._wrong:
                self._wrong[fault.kind] = names.wrong(fault.kind).server_context()
            connection.context = self._wrong[fault.kind]
