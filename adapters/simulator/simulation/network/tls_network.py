"""A network of real TLS connections on loopback whose waits obey virtual time."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from aiohttp import web

from adapters.runtime.virtual_time import LockStepThreads
from adapters.simulator.network import LOOPBACK, Handler, run_at_once

T = TypeVar("T")


class LoopServer:
    """Serves simulated services on loopback in the running event loop; see `network.Server`."""

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine that waits for nothing."""
        return run_at_once(work)

    def listener(
        self,
        handler: Handler,
        context: ssl.SSLContext | None = None,
        port: int = 0,
        on_refused: Callable[[], None] | None = None,
    ) -> LoopListener:
        """Return a listener that is not open so far."""
        del on_refused  # the system refuses them
        return LoopListener(handler, context, port)

    def stop(self) -> None:
        """Do nothing: the listeners are closed, and the loop is another's."""


class LoopListener:
    """One port on loopback, served in the running event loop."""

    def __init__(self, handler: Handler, context: ssl.SSLContext | None, port: int) -> None:
        self.port = port  # 0 until opened: then the one that the system chose, also when opened again
        self._context = context
        self._services = web.Server(handler, access_log=None, handler_cancellation=True)
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        opened = socket.create_server((LOOPBACK, self.port))
        self.port = opened.getsockname()[1]
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._services, sock=opened, ssl=self._context)

    async def close(self) -> None:
        """Stop listening, and cut every connection."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for connection in self._services.connections:
            if connection.transport is not None:
                connection.transport.abort()


def wait_in_virtual_time(context: ssl.SSLContext, threads: LockStepThreads) -> None:
    """Let the sockets of a TLS context, used by blocking code in these threads, wait in virtual time."""

    class VirtualTimeSocket(context.sslsocket_class):  # type: ignore[name-defined,misc]
        _timeout_s: float | None = None

        def settimeout(self, value: float | None) -> None:
            self._timeout_s = value
            super().settimeout(0)  # whatever would wait raises an error

        def gettimeout(self) -> float | None:
            return self._timeout_s

        def do_handshake(self, block: bool = False) -> None:
            self._complete(lambda: super(VirtualTimeSocket, self).do_handshake(block))

        def read(self, *arguments: Any) -> Any:
            return self._complete(lambda: super(VirtualTimeSocket, self).read(*arguments))

        def send(self, *arguments: Any) -> Any:
            return self._complete(lambda: super(VirtualTimeSocket, self).send(*arguments))

        def _complete(self, operation: Callable[[], T]) -> T:
            return _complete(operation, threads, self.fileno(), self._timeout_s)

    context.sslsocket_class = VirtualTimeSocket


def _complete(
    operation: Callable[[], T], threads: LockStepThreads, descriptor: int, timeout_s: float | None
) -> T:
    """Repeat an operation on a TLS socket that does not block until it is done, or its time is over."""
    loop = threads.loop
    while True:
        waiting = threads.waiting()
        try:
            return operation()
        except ssl.SSLWantReadError:
            loop.add_reader(descriptor, waiting.notify)
        except ssl.SSLWantWriteError:
            loop.add_writer(descriptor, waiting.notify)
        try:
            if not waiting.wait(timeout_s):
                raise TimeoutError("timed out")
        finally:
            loop.remove_reader(descriptor)
            loop.remove_writer(descriptor)
