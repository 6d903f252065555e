"""A simulated bridge on the network: its ports, and the limits of what it takes on at once."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from adapters.simulator.certificates import Certificate, shipped
from adapters.simulator.faults import Effect, RevokedKey
from adapters.simulator.front import Front, Names
from adapters.simulator.hue.bridge import Bridge
from adapters.simulator.hue.damage import damaged
from adapters.simulator.hue.keys import NoKeys
from adapters.simulator.hue.pages import html_reply
from adapters.simulator.reply import Reply, Request
from adapters.simulator.server import Listener

MOST_AT_ONCE = 3  # what a bridge answers at the same time; it refuses more
_KEY_SEGMENT = 2
_PUBLIC_SEGMENTS = ("", "config")


class BridgeService:
    """Serves a bridge over HTTPS and HTTP, as far as its model does. Runs in the server's loop."""

    def __init__(self, bridge: Bridge, *, port: int = 0) -> None:
        self.bridge = bridge
        self._no_keys = NoKeys(bridge.clock, "", bridge.model.bridge_id)
        certificate = bridge.model.certificate
        names = Names(right=shipped(certificate), wrong=_wrong_certificate) if certificate else None
        self.front = Front(bridge.clock, self._answer, names=names, blotted=_blotted)
        self.http = Listener(partial(self.front.handle, is_secure=False), port=0 if certificate else port)
        self.https: Listener | None = None
        if certificate is not None:
            self.https = Listener(partial(self.front.handle, is_secure=True), self.front.context, port)

    @property
    def listeners(self) -> Sequence[Listener]:
        """The ports that this bridge has."""
        return [self.http] if self.https is None else [self.https, self.http]

    def _answer(self, asked: Request, effects: Sequence[Effect]) -> Reply:
        if asked.at_once > MOST_AT_ONCE:
            return html_reply(429)
        if not asked.is_secure and not self.bridge.model.has_http and self.https is not None:
            name = asked.host.partition(":")[0]
            return html_reply(301, {"Location": f"https://{name}:{self.https.port}{asked.raw_path}"})
        revoked = any(isinstance(effect, RevokedKey) for effect in effects)
        reply = self.bridge.answer(asked, self._no_keys if revoked else None)
        return damaged(reply, effects, asked.path, self.bridge.clock.now())


def _wrong_certificate(kind: str) -> Certificate:
    return shipped(f"{kind}.pem")


def _blotted(path: str) -> str:
    """The path, without the application key that v1 has in it."""
    segments = path.split("/")
    if path.startswith("/api/") and segments[_KEY_SEGMENT] not in _PUBLIC_SEGMENTS:
        segments[_KEY_SEGMENT] = "***"
    return "/".join(segments)
