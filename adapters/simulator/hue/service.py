"""A simulated bridge on the network: its ports, its certificate, its faults, and what it has seen."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from datetime import UTC
from email.utils import format_datetime
from functools import partial

from aiohttp import web

from adapters.simulator import certificates
from adapters.simulator.fault_text import parse_fault
from adapters.simulator.faults import Effect, Faults, Reset, RevokedKey, Silence
from adapters.simulator.hue.bridge import Bridge, Request
from adapters.simulator.hue.damage import damaged
from adapters.simulator.hue.keys import NoKeys
from adapters.simulator.hue.pages import Reply, html_reply
from adapters.simulator.seen import SeenRequest
from adapters.simulator.server import Listener
from adapters.simulator.wire import Pace, Parcel, send

MOST_AT_ONCE = 3  # what a bridge answers at the same time; it refuses more
_KEY_SEGMENT = 2
_PUBLIC_SEGMENTS = ("", "config")


class BridgeService:
    """Serves a bridge over HTTPS and HTTP, as far as its model does. Runs in the server's loop."""

    def __init__(self, bridge: Bridge, *, port: int = 0) -> None:
        self.bridge = bridge
        self.faults = Faults(bridge.clock.elapsed_s, parse_fault)
        self.requests: list[SeenRequest] = []
        self.pace = Pace()
        self._at_once = 0
        self._no_keys = NoKeys(bridge.clock, "", bridge.model.bridge_id)
        certificate = bridge.model.certificate
        self._contexts: dict[str, ssl.SSLContext] = {}
        self.http = Listener(partial(self._handle, is_secure=False), port=0 if certificate else port)
        self.https: Listener | None = None
        if certificate is not None:
            context = self._context(certificate)
            context.sni_callback = self._choose_certificate
            self.https = Listener(partial(self._handle, is_secure=True), context, port)

    @property
    def listeners(self) -> Sequence[Listener]:
        """The ports that this bridge has."""
        return [self.http] if self.https is None else [self.https, self.http]

    async def _handle(self, request: web.BaseRequest, *, is_secure: bool) -> web.StreamResponse:
        effects = self.faults.meeting(_blotted(request.path))
        if is_secure and self._is_from_before_the_wrong_certificate(request):
            effects = [*effects, Reset()]
        self._at_once += 1
        try:
            reply = await self._reply(request, effects, is_secure=is_secure)
            self._remember(request, reply, effects, is_secure=is_secure)
            return await send(request, self._parcel(reply), effects, self.pace)
        finally:
            self._at_once -= 1

    async def _reply(self, request: web.BaseRequest, effects: Sequence[Effect], *, is_secure: bool) -> Reply:
        body = await request.read()
        if self._at_once > MOST_AT_ONCE:
            return html_reply(429)
        if not is_secure and not self.bridge.model.has_http and self.https is not None:
            location = f"https://{request.url.host}:{self.https.port}{request.raw_path}"
            return html_reply(301, {"Location": location})
        asked = Request(
            method=request.method,
            path=request.path,
            headers=request.headers,
            body=body,
            is_secure=is_secure,
        )
        revoked = any(isinstance(effect, RevokedKey) for effect in effects)
        reply = self.bridge.answer(asked, self._no_keys if revoked else None)
        return damaged(reply, effects, request.path, self.bridge.clock.now())

    def _remember(
        self, request: web.BaseRequest, reply: Reply, effects: Sequence[Effect], *, is_secure: bool
    ) -> None:
        is_answered = not any(isinstance(effect, Reset | Silence) for effect in effects)
        self.requests.append(
            SeenRequest(
                method=request.method,
                path=_blotted(request.path),
                scheme="https" if is_secure else "http",
                at=self.bridge.clock.now(),
                elapsed_s=self.bridge.clock.elapsed_s(),
                status=reply.status if is_answered else None,
                reply_bytes=len(reply.body) if is_answered else 0,
                at_once=self._at_once,
                faults=tuple(type(effect).__name__ for effect in effects),
            )
        )

    def _parcel(self, reply: Reply) -> Parcel:
        date = format_datetime(self.bridge.clock.now().astimezone(UTC), usegmt=True)
        return Parcel(
            status=reply.status,
            headers={**reply.headers, "Date": date},
            body=reply.body,
            promised_bytes=reply.promised_bytes,
        )

    def _is_from_before_the_wrong_certificate(self, request: web.BaseRequest) -> bool:
        """Who shows another certificate has restarted or is somebody else: old connections are gone."""
        connection: ssl.SSLObject | None = request.get_extra_info("ssl_object")
        right = self._context(self.bridge.model.certificate or "")
        return connection is not None and connection.context is right and self.faults.is_certificate_wrong

    def _choose_certificate(
        self, connection: ssl.SSLObject, _server_name: str | None, _context: ssl.SSLContext
    ) -> None:
        fault = self.faults.meeting_handshake()
        if fault is not None:
            connection.context = self._context(f"{fault.kind}.pem")

    def _context(self, certificate: str) -> ssl.SSLContext:
        if certificate not in self._contexts:
            self._contexts[certificate] = certificates.server_context(certificate)
        return self._contexts[certificate]


def _blotted(path: str) -> str:
    """The path, without the application key that v1 has in it."""
    segments = path.split("/")
    if path.startswith("/api/") and segments[_KEY_SEGMENT] not in _PUBLIC_SEGMENTS:
        segments[_KEY_SEGMENT] = "***"
    return "/".join(segments)
