"""A network in memory: the simulated services in the event loop of the collector, without sockets.

The bytes are those of the real network, without TLS: only opening a connection differs. A bridge proves its
identity in a TLS handshake, after which the connection goes on without.
"""

from __future__ import annotations

import asyncio
import errno
import io
import os
import ssl
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from itertools import count
from typing import Any, TypeVar

import aiohttp
from aiohttp import web
from aiohttp.client_proto import ResponseHandler
from urllib3 import HTTPConnectionPool
from urllib3.connection import HTTPConnection
from urllib3.exceptions import NewConnectionError
from urllib3.util import parse_url

from adapters.runtime.virtual_time import LockStepThreads, Waiting
from adapters.simulator.network import Handler, run_at_once

T = TypeVar("T")


class MemoryNetwork:
    """The server of simulated services, and what connects to them; see `network.Server`."""

    def __init__(self, threads: LockStepThreads) -> None:
        self._threads = threads
        self._ports: Iterator[int] = count(1)
        self._listeners: dict[int, MemoryListener] = {}

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine that waits for nothing."""
        return run_at_once(work)

    def listener(
        self,
        handler: Handler,
        context: ssl.SSLContext | None = None,
        port: int = 0,
        on_refused: Callable[[], None] | None = None,
    ) -> MemoryListener:
        """Return a listener; the address is a number of this network."""
        port = port or next(self._ports)
        self._listeners[port] = MemoryListener(handler, port, on_refused, context)
        return self._listeners[port]

    def stop(self) -> None:
        """Do nothing: the listeners are closed, and the loop is another's."""

    def connect(self, port: int | None, client: asyncio.Protocol) -> MemoryTransport:
        """Connect to a listener. Raise ConnectionRefusedError if it is not open."""
        listener = self._listeners.get(port or 0)
        server = None if listener is None else listener.accept()
        if listener is None or server is None:
            raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
        transport = connect(self._threads.loop, client, server)
        listener.note(transport.peer)
        return transport

    def certificate(self, port: int, client: ssl.SSLContext, server_name: str | None = None) -> bytes:
        """Return the leaf that a listener shows to the client, in DER form.

        Raise ConnectionRefusedError if the listener is not open, and ssl.SSLError.
        """
        listener = self._listeners.get(port)
        if listener is None or listener.context is None or not listener.is_open:
            raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
        return shake_hands(client, listener.context, server_name)

    def connect_blocking(self, port: int | None) -> MemorySocket:
        """Connect a thread."""
        opened = MemorySocket(self._threads.waiting)
        opened.transport = self.connect(port, opened)
        return opened

    def open_pool(
        self, base_url: str, sockets: Any, client: ssl.SSLContext | None, server_name: str | None
    ) -> HTTPConnectionPool:
        """Return a pool of one connection, for `requests`, whose server proves its name to the context."""
        network = self

        class Connection(HTTPConnection):
            def _new_conn(self) -> Any:
                try:
                    opened = network.connect_blocking(self.port)
                except OSError as error:
                    message = f"Failed to establish a new connection: {error}"
                    raise NewConnectionError(self, message) from error
                if client is not None:
                    try:
                        network.certificate(self.port, client, server_name)
                    except ssl.SSLError:
                        opened.close()
                        raise
                    sockets.has_handshake = True
                return opened

            @property
            def is_connected(self) -> bool:
                opened: Any = self.sock
                return opened is not None and not opened.has_input

        class Pool(HTTPConnectionPool):
            ConnectionCls = Connection

        place = parse_url(base_url)
        return Pool(place.host or "", place.port, maxsize=1)

    def open_connector(self) -> aiohttp.BaseConnector:
        """Return a connector for aiohttp."""
        return _MemoryConnector(self)


class _MemoryConnector(aiohttp.BaseConnector):
    def __init__(self, network: MemoryNetwork) -> None:
        super().__init__()
        self._network = network

    async def _create_connection(self, req: Any, *_: Any) -> ResponseHandler:
        protocol = ResponseHandler(asyncio.get_running_loop())
        try:
            self._network.connect(req.connection_key.port, protocol)
        except OSError as error:
            raise aiohttp.ClientConnectorError(req.connection_key, error) from error
        return protocol

    def _cleanup(self) -> None:
        # It is called when connections may have been idle for too long, and compares with the real clock, in
        # which no time has passed.
        timeout_s, self._keepalive_timeout = self._keepalive_timeout, 0.0
        super()._cleanup()
        self._keepalive_timeout = timeout_s


class MemoryListener:
    """One port of the network in memory."""

    def __init__(
        self,
        handler: Handler,
        port: int,
        on_refused: Callable[[], None] | None = None,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self.port = port
        self.context = context
        self._handler = handler
        self._on_refused = on_refused
        self._server: web.Server | None = None
        self._accepted: list[MemoryTransport] = []

    async def open(self) -> None:
        self._server = web.Server(self._handler, access_log=None, handler_cancellation=True)

    async def close(self) -> None:
        """Stop listening, and cut every connection."""
        self._server = None
        for connection in self._accepted:
            connection.abort()
        self._accepted.clear()

    @property
    def is_open(self) -> bool:
        return self._server is not None

    def accept(self) -> asyncio.Protocol | None:
        """Return the server's side of a new connection, or None if it is refused."""
        if self._server is None:
            if self._on_refused is not None:
                self._on_refused()
            return None
        return self._server()

    def note(self, accepted: MemoryTransport) -> None:
        """Cut the connection when the listener is closed."""
        self._accepted = [*(one for one in self._accepted if not one.is_closing()), accepted]


def shake_hands(client: ssl.SSLContext, server: ssl.SSLContext, server_name: str | None) -> bytes:
    """Complete a TLS handshake in memory, and return the server's leaf. Raise ssl.SSLError."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    asking = client.wrap_bio(to_client, to_server, server_hostname=server_name)
    waiting = [asking, server.wrap_bio(to_server, to_client, server_side=True)]
    while waiting:
        for one in tuple(waiting):
            with suppress(ssl.SSLWantReadError):
                one.do_handshake()
                waiting.remove(one)
    return asking.getpeercert(binary_form=True) or b""


def connect(
    loop: asyncio.AbstractEventLoop, client: asyncio.Protocol, server: asyncio.Protocol
) -> MemoryTransport:
    """Connect two protocols; return the client's transport."""
    mine, other = MemoryTransport(loop, client), MemoryTransport(loop, server)
    mine.peer, other.peer = other, mine
    loop.call_soon(server.connection_made, other)  # it starts a task: not from the thread of a client
    client.connection_made(mine)
    return mine


class MemoryTransport(asyncio.Transport):
    """One end of a connection. What is written arrives in the next turn of the loop, in order."""

    peer: MemoryTransport

    def __init__(self, loop: asyncio.AbstractEventLoop, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self._loop = loop
        self._protocol = protocol
        self._is_closing = False
        self._is_lost = False

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        if not self._is_closing:
            self._loop.call_soon(self.peer.receive, bytes(data))

    def receive(self, data: bytes) -> None:
        """Pass on what the other end has written."""
        if not self._is_lost:
            self._protocol.data_received(data)

    def close(self) -> None:
        self._end(None)

    def abort(self) -> None:
        self._end(ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET)))

    def lose(self, error: Exception | None) -> None:
        """End the connection at this end."""
        if not self._is_lost:
            self._is_lost = self._is_closing = True
            self._protocol.connection_lost(error)

    def is_closing(self) -> bool:
        return self._is_closing

    def pause_reading(self) -> None:
        """Do nothing: nothing is too much for the memory."""

    def resume_reading(self) -> None:
        """Do nothing."""

    def _end(self, error: Exception | None) -> None:
        if not self._is_closing:
            self._is_closing = True
            self._loop.call_soon(self.lose, None)
            self._loop.call_soon(self.peer.lose, error)


class MemorySocket(asyncio.Protocol):
    """The client's end of a connection, for blocking code: the part of a socket that `http.client` uses."""

    transport: MemoryTransport

    def __init__(self, waiting: Callable[[], Waiting]) -> None:
        self._waiting = waiting
        self._awaited: Waiting | None = None
        self._received = bytearray()
        self._error: Exception | None = None
        self._has_ended = False
        self._timeout_s: float | None = None

    @property
    def has_input(self) -> bool:
        """Return whether a read would not wait."""
        return bool(self._received) or self._has_ended

    def data_received(self, data: bytes) -> None:
        self._received += data
        self._notify()

    def connection_lost(self, exc: Exception | None) -> None:
        self._error, self._has_ended = exc, True
        self._notify()

    def settimeout(self, seconds: float | None) -> None:
        self._timeout_s = seconds

    def setsockopt(self, *_: int) -> None:
        """Do nothing: there are no packets."""

    def sendall(self, data: bytes) -> None:
        if self._has_ended:
            raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
        self.transport.write(data)

    def recv_into(self, buffer: Any) -> int:
        """Wait for bytes; return 0 at the end of the connection."""
        if not self.has_input:
            self._awaited = self._waiting()
            is_notified = self._awaited.wait(self._timeout_s)
            self._awaited = None
            if not is_notified:
                raise TimeoutError("timed out")
        if not self._received and self._error is not None:
            raise self._error
        size = min(len(buffer), len(self._received))
        buffer[:size] = self._received[:size]
        del self._received[:size]
        return size

    def makefile(self, _mode: str = "rb", *_: Any, **__: Any) -> io.BufferedReader:
        return io.BufferedReader(_SocketFile(self))

    def shutdown(self, _how: int) -> None:
        self.transport.close()

    def close(self) -> None:
        self.transport.close()

    def _notify(self) -> None:
        if self._awaited is not None:
            self._awaited.notify()


class _SocketFile(io.RawIOBase):
    def __init__(self, opened: MemorySocket) -> None:
        super().__init__()
        self._opened = opened

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        return self._opened.recv_into(buffer)
