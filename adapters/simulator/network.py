"""How a simulated service is served on loopback: listeners, certificates, pace, and faults on the wire."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
import threading
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import UTC
from email.utils import format_datetime
from functools import partial
from typing import Any, Protocol, TypeVar

import attrs
from aiohttp import web

from adapters.simulator.active_faults import Faults
from adapters.simulator.certificates import Certificate
from adapters.simulator.faults import Delay, Dribble, Effect, Reset, Silence
from adapters.simulator.messages import Answer, Reply, Request, SeenRequest
from ports.clock import Clock

LOOPBACK = "127.0.0.1"
_START_S = 10.0
_LAST_REPLIES_S = 0.1
_CHUNK_BYTES = 65_536
_RESET_AT_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER on, for no time: the kernel sends RST

T = TypeVar("T")
Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@attrs.frozen(kw_only=True)
class Pace:
    """How slow a healthy service is: a fixed wait, and one for each kB of the reply.

    `sleep` waits; with a clock that is moved it need not take real time.
    """

    latency_s: float = 0.0
    s_per_kb: float = 0.0
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    def wait_s(self, body_bytes: int) -> float:
        """Return how long a reply of that size takes."""
        return self.latency_s + self.s_per_kb * body_bytes / 1000


@attrs.frozen(kw_only=True)
class ServerCertificates:
    """The certificate that a service shows, and those that it shows for each kind of fault."""

    right: Certificate
    wrong: Callable[[str], Certificate]


class Listening(Protocol):
    """One port. Its methods run in the loop of its server."""

    port: int

    async def open(self) -> None: ...
    async def close(self) -> None:
        """Stop listening, and close every connection."""
        ...


class Server(Protocol):
    """What runs the listeners of simulated services."""

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run the coroutine in the server's loop, and wait for its result."""
        ...

    def listener(
        self,
        handler: Handler,
        context: ssl.SSLContext | None = None,
        port: int = 0,
        on_refused: Callable[[], None] | None = None,
    ) -> Listening:
        """Return a listener that is not open so far.

        `on_refused` is called for each connection that is refused, where the server knows of it.
        """
        ...

    def stop(self) -> None: ...


def run_at_once(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that waits for nothing."""
    try:
        while work.send(None) is None:  # a turn of the loop, which need not pass
            pass
    except StopIteration as ended:
        result: T = ended.value
        return result
    raise RuntimeError("a service in the loop of its caller must not wait")


class ServerThread:
    """An event loop in a daemon thread, so that blocking and asynchronous clients can use its servers."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="simulated home", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run the coroutine in the thread, and wait for its result."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_START_S)

    def listener(
        self,
        handler: Handler,
        context: ssl.SSLContext | None = None,
        port: int = 0,
        on_refused: Callable[[], None] | None = None,
    ) -> Listening:
        """Return a listener on loopback."""
        del on_refused  # the system refuses them
        return Listener(handler, context, port)

    def stop(self) -> None:
        """Cancel all tasks, and end the thread."""
        self.run(_cancel_all())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_START_S)
        self._loop.close()


async def _cancel_all() -> None:
    tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.sleep(0.01)  # TLS connections need a turn of the loop to close their sockets
    await asyncio.get_running_loop().shutdown_asyncgens()


class Listener:
    """One port on loopback. Its methods run in the server thread's loop."""

    def __init__(self, handler: Handler, context: ssl.SSLContext | None = None, port: int = 0) -> None:
        self.port = port  # 0 until opened: then the one that the system chose, also when opened again
        self._handler = handler
        self._context = context
        self._runner: web.ServerRunner | None = None

    async def open(self) -> None:
        server = web.Server(self._handler, access_log=None, handler_cancellation=True)
        self._runner = web.ServerRunner(server, shutdown_timeout=_LAST_REPLIES_S)
        await self._runner.setup()
        site = web.TCPSite(self._runner, LOOPBACK, self.port, ssl_context=self._context)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def close(self) -> None:
        """Stop listening, and close every connection."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None


class NetworkService:
    """A service on the network: applies faults and pace, and records requests. Usable from any thread.

    `answer` runs in the server's loop, `redact` removes secrets from a path.
    """

    def __init__(
        self,
        clock: Clock,
        server: Server,
        answer: Answer,
        *,
        certificates: ServerCertificates | None,
        has_http: bool,
        port: int = 0,
        redact: Callable[[str], str] = str,
    ) -> None:
        self.faults = Faults(clock.elapsed_s)
        self.requests: list[SeenRequest] = []  # oldest first
        self.on_change: Callable[[], None] = lambda: None  # when it was plugged in, unplugged or moved
        self._plugged_in_s: float | None = None
        self._moves = 0
        self._pace = Pace()
        self._clock = clock
        self._server = server
        self._answer = answer
        self._redact = redact
        self._in_progress = 0
        self._wrong: dict[str, ssl.SSLContext] = {}
        self._context: ssl.SSLContext | None = None
        if certificates is not None:
            self._context = certificates.right.server_context()
            self._context.sni_callback = partial(self._choose_certificate, certificates)
        self._has_http = has_http
        self._listeners = self._make_listeners(port)

    @property
    def address(self) -> str:
        """Return where it answers: over HTTPS if it can, else over HTTP."""
        return f"{LOOPBACK}:{self._listeners[0].port}"

    def set_pace(self, pace: Pace) -> None:
        """Make it that slow."""
        self._pace = pace

    @property
    def is_plugged_in(self) -> bool:
        """Return whether it answers."""
        return self._plugged_in_s is not None

    def elapsed_s(self) -> float:
        """Return the present instant of its clock, as in the requests that it has seen."""
        return self._clock.elapsed_s()

    def was_unplugged_since(self, since_s: float) -> bool:
        """Return whether it was unplugged for a part of the time since then."""
        return self._plugged_in_s is None or self._plugged_in_s > since_s

    def unplug(self) -> None:
        """Stop answering: connections are refused until it is plugged in, at the same address."""
        self._plugged_in_s = None
        for listener in self._listeners:
            self._server.run(listener.close())
        self.on_change()

    def restart(self) -> None:
        """Cut every connection, and answer again at once, if it is plugged in."""
        if self.is_plugged_in:
            self.unplug()
            self.plug_in()

    def move(self) -> None:
        """Answer at another address from now on."""
        was_plugged_in = self.is_plugged_in
        if was_plugged_in:
            self.unplug()
        self._moves += 1
        self._listeners = self._make_listeners(0)
        if was_plugged_in:
            self.plug_in()

    def plug_in(self) -> None:
        """Start answering."""
        self._plugged_in_s = self._clock.elapsed_s()
        for listener in self._listeners:
            self._server.run(listener.open())
        self.on_change()

    async def _handle(self, received: web.BaseRequest, *, is_secure: bool) -> web.StreamResponse:
        """Answer one request, subject to the faults that affect it."""
        faults = self.faults.for_request(self._redact(received.path))
        effects = [fault.effect for fault in faults]
        if is_secure and self._is_of_replaced_certificate(received):
            effects = [*effects, Reset()]
        self._in_progress += 1
        try:
            request = Request(
                method=received.method,
                path=received.path,
                headers=received.headers,
                at_once=self._in_progress,
                body=await received.read(),
                raw_path=received.raw_path,
                query=received.query,
                host=received.host,
                is_secure=is_secure,
            )
            reply = self._answer(request, effects)
            seen = self._record(request, reply, effects)
            seen.is_limited = any(fault.count is not None for fault in faults)
            sent = await self._send(received, reply, effects)
            if seen.status is not None:
                seen.completed_at = self._clock.now()
            return sent
        finally:
            self._in_progress -= 1

    def _record(self, request: Request, reply: Reply, effects: Sequence[Effect]) -> SeenRequest:
        is_answered = not any(isinstance(effect, Reset | Silence) for effect in effects)
        seen = SeenRequest(
            method=request.method,
            path=self._redact(request.path),
            scheme="https" if request.is_secure else "http",
            at=self._clock.now(),
            elapsed_s=self._clock.elapsed_s(),
            status=reply.status if is_answered else None,
            reply_bytes=len(reply.body) if is_answered else 0,
            at_once=request.at_once,
            faults=tuple(type(effect).__name__ for effect in effects),
            late_s=_late_s(effects),
            is_refusal=reply.is_refusal,
            is_discovery=reply.is_discovery,
            retry_after=reply.headers.get("Retry-After"),
        )
        self.requests.append(seen)
        return seen

    def _make_listeners(self, port: int) -> list[Listening]:
        listeners = []
        on_refused = partial(self._note_refused, self._moves)
        if self._context is not None:
            handler = partial(self._handle, is_secure=True)
            listeners.append(self._server.listener(handler, self._context, port, on_refused))
        if self._has_http:
            plain_port = port if self._context is None else 0
            handler = partial(self._handle, is_secure=False)
            listeners.append(self._server.listener(handler, None, plain_port, on_refused))
        return listeners

    def _note_refused(self, moves: int) -> None:
        if moves == self._moves:  # nobody is at its former addresses to see it
            self._note_connection()

    def _note_connection(self, *faults: str) -> None:
        """List a connection that was refused, or broken off in the handshake, as a request without a path."""
        self.requests.append(
            SeenRequest(
                method="",
                path="",
                scheme="",
                at=self._clock.now(),
                elapsed_s=self._clock.elapsed_s(),
                status=None,
                reply_bytes=0,
                at_once=0,
                faults=faults,
            )
        )

    async def _send(
        self, received: web.BaseRequest, reply: Reply, effects: Sequence[Effect]
    ) -> web.StreamResponse:
        date = format_datetime(self._clock.now().astimezone(UTC), usegmt=True)
        reply = attrs.evolve(reply, headers={**reply.headers, "Date": date})
        if (usual_s := self._pace.wait_s(len(reply.body))) > 0:
            await self._pace.sleep(usual_s)
        if (late_s := _late_s(effects)) > 0:
            await asyncio.sleep(late_s)
        if any(isinstance(effect, Reset) for effect in effects):
            _reset(received)
            return web.Response()
        if any(isinstance(effect, Silence) for effect in effects):
            await asyncio.Event().wait()
        dribble = next((effect for effect in effects if isinstance(effect, Dribble)), None)
        if dribble is not None and dribble.head:
            return await _dribble_head(received, reply, dribble)
        if dribble is not None:
            return await _send_in_pieces(received, reply, dribble.chunk_bytes, dribble.every_s)
        if reply.promised_bytes is not None:
            return await _send_in_pieces(received, reply, _CHUNK_BYTES, 0)
        return web.Response(status=reply.status, headers=reply.headers, body=reply.body)

    def _is_of_replaced_certificate(self, received: web.BaseRequest) -> bool:
        """Return whether the connection is older than a wrong certificate: a restart would have closed it."""
        connection: ssl.SSLObject | None = received.get_extra_info("ssl_object")
        return (
            connection is not None
            and connection.context is self._context
            and self.faults.is_certificate_wrong
        )

    def _choose_certificate(
        self,
        certificates: ServerCertificates,
        connection: ssl.SSLObject,
        _server_name: str | None,
        _context: ssl.SSLContext,
    ) -> None:
        fault = self.faults.for_handshake()
        if fault is not None:
            self._note_connection(type(fault).__name__)
            if fault.which not in self._wrong:
                self._wrong[fault.which] = certificates.wrong(fault.which).server_context()
            connection.context = self._wrong[fault.which]


def _late_s(effects: Sequence[Effect]) -> float:
    return sum((effect.seconds for effect in effects if isinstance(effect, Delay)), 0.0)


def _reset(received: web.BaseRequest) -> None:
    transport = received.transport
    if transport is None:
        return
    connection: socket.socket | None = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_CLOSE)
    transport.abort()


async def _dribble_head(received: web.BaseRequest, reply: Reply, dribble: Dribble) -> web.StreamResponse:
    lines = [f"HTTP/1.1 {reply.status} OK", *(f"{name}: {value}" for name, value in reply.headers.items())]
    head = "\r\n".join([*lines, f"Content-Length: {len(reply.body)}", "", ""]).encode()
    for at in range(0, len(head), dribble.chunk_bytes):
        if received.transport is None or received.transport.is_closing():
            return web.Response()
        received.transport.write(head[at : at + dribble.chunk_bytes])
        await asyncio.sleep(dribble.every_s)
    if received.transport is not None:
        received.transport.write(reply.body)
        received.transport.close()
    return web.Response()


async def _send_in_pieces(
    received: web.BaseRequest, reply: Reply, chunk_bytes: int, every_s: float
) -> web.StreamResponse:
    response = web.StreamResponse(status=reply.status, headers=reply.headers)
    response.content_length = reply.promised_bytes or len(reply.body)
    response.force_close()
    await response.prepare(received)
    for at in range(0, len(reply.body), chunk_bytes):
        await response.write(reply.body[at : at + chunk_bytes])
        if every_s:
            await asyncio.sleep(every_s)
    await response.write_eof()
    return response
