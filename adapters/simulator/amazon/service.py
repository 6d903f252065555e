"""The simulated Alexa service on the network: one port for all of its names."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from functools import partial

import attrs

from adapters.simulator.amazon.alexa import Alexa
from adapters.simulator.certificates import Certificate, shipped
from adapters.simulator.faults import Effect, HugeBody
from adapters.simulator.front import Front, Names
from adapters.simulator.reply import Reply, Request
from adapters.simulator.server import Listener

_WORTH_PACKING_BYTES = 500


class AlexaService:
    """Serves the account over HTTPS. Runs in the server's loop."""

    def __init__(self, alexa: Alexa, *, port: int = 0, certificate: Certificate | None = None) -> None:
        self.alexa = alexa
        names = Names(right=certificate or shipped("alexa.pem"), wrong=_wrong_certificate)
        self.front = Front(alexa.clock, self._answer, names=names, blotted=str)
        self.listener = Listener(partial(self.front.handle, is_secure=True), self.front.context, port)

    def _answer(self, asked: Request, effects: Sequence[Effect]) -> Reply:
        reply = self.alexa.answer(asked, effects)
        is_huge = any(isinstance(effect, HugeBody) for effect in effects)
        return reply if is_huge else _packed(reply, asked)


def _packed(reply: Reply, asked: Request) -> Reply:
    """The reply as those get it who take gzip, as the real service does."""
    takes_gzip = "gzip" in asked.headers.get("Accept-Encoding", "")
    if not takes_gzip or reply.promised_bytes is not None or len(reply.body) < _WORTH_PACKING_BYTES:
        return reply
    headers = {**reply.headers, "Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    return attrs.evolve(reply, headers=headers, body=gzip.compress(reply.body, 1, mtime=0))


def _wrong_certificate(kind: str) -> Certificate:
    return shipped(f"alexa-{kind}.pem")
