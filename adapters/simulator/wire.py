"""Puts replies on the network, late, in pieces or not at all where a fault says so."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping, Sequence

from aiohttp import web

from adapters.simulator.faults import Delay, Dribble, Effect, Reset, Silence
from domain.values import frozen

_CHUNK_BYTES = 65_536
_RESET_AT_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER on, for no time: the kernel sends RST


@frozen(kw_only=True)
class Pace:
    """How fast a service is when nothing is wrong with it: a fixed wait, and one for each kB of the reply.

    `sleep` lets that time pass; a clock that is moved can do it without waiting.
    """

    latency_s: float = 0.0
    s_per_kb: float = 0.0
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    def wait_s(self, body_bytes: int) -> float:
        """How long a reply of that size takes."""
        return self.latency_s + self.s_per_kb * body_bytes / 1000


@frozen(kw_only=True)
class Parcel:
    """A reply, ready to be sent. `promised_bytes` is a Content-Length that is not true."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    promised_bytes: int | None = None


async def send(
    request: web.BaseRequest, parcel: Parcel, effects: Sequence[Effect], pace: Pace
) -> web.StreamResponse:
    """Send the reply as the effects and the pace want it."""
    await _wait(effects, pace, len(parcel.body))
    if any(isinstance(effect, Reset) for effect in effects):
        _reset(request)
        return web.Response()
    if any(isinstance(effect, Silence) for effect in effects):
        await asyncio.Event().wait()
    dribble = next((effect for effect in effects if isinstance(effect, Dribble)), None)
    if dribble is not None:
        return await _send_in_pieces(request, parcel, dribble.chunk_bytes, dribble.every_s)
    if parcel.promised_bytes is not None:
        return await _send_in_pieces(request, parcel, _CHUNK_BYTES, 0)
    return web.Response(status=parcel.status, headers=parcel.headers, body=parcel.body)


async def _wait(effects: Sequence[Effect], pace: Pace, body_bytes: int) -> None:
    if (usual_s := pace.wait_s(body_bytes)) > 0:
        await pace.sleep(usual_s)
    if (late_s := sum(effect.seconds for effect in effects if isinstance(effect, Delay))) > 0:
        await asyncio.sleep(late_s)


def _reset(request: web.BaseRequest) -> None:
    transport = request.transport
    if transport is None:
        return
    connection: socket.socket = transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_CLOSE)
    transport.abort()


async def _send_in_pieces(
    request: web.BaseRequest, parcel: Parcel, chunk_bytes: int, every_s: float
) -> web.StreamResponse:
    response = web.StreamResponse(status=parcel.status, headers=parcel.headers)
    response.content_length = parcel.promised_bytes or len(parcel.body)
    response.force_close()
    await response.prepare(request)
    for at in range(0, len(parcel.body), chunk_bytes):
        await response.write(parcel.body[at : at + chunk_bytes])
        if every_s:
            await asyncio.sleep(every_s)
    await response.write_eof()
    return response
