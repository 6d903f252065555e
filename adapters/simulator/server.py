"""Serves the simulated home from a thread of its own, for blocking and asynchronous clients alike."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from aiohttp import web

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
T = TypeVar("T")

LOOPBACK = "127.0.0.1"
_START_S = 10.0
_LAST_REPLIES_S = 0.1


class ServerThread:
    """An event loop in a daemon thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="simulated home", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do the work in the thread and wait for its result."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_START_S)

    def stop(self) -> None:
        """Cancel what still runs, and end the thread."""
        self.run(_cancel_all())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_START_S)
        self._loop.close()


class Listener:
    """One port on loopback. Methods belong into the server thread's loop."""

    def __init__(self, handler: Handler, context: ssl.SSLContext | None = None, port: int = 0) -> None:
        self.port = port  # 0 until opened: then the one that the system picked, also when opened again
        self._handler = handler
        self._context = context
        self._runner: web.ServerRunner | None = None

    async def open(self) -> None:
        """Listen."""
        server = web.Server(self._handler, access_log=None, handler_cancellation=True)
        self._runner = web.ServerRunner(server, shutdown_timeout=_LAST_REPLIES_S)
        await self._runner.setup()
        site = web.TCPSite(self._runner, LOOPBACK, self.port, ssl_context=self._context)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def close(self) -> None:
        """Stop listening, and let go of every connection."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None


async def _cancel_all() -> None:
    tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.sleep(0.01)  # TLS connections need a turn of the loop to close their sockets
    await asyncio.get_running_loop().shutdown_asyncgens()
