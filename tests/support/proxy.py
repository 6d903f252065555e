"""A web server that passes requests on to another one, as docs/how-to/dashboard.md sets it up."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import ClientSession, web


@contextmanager
def proxied(address: str, folder: str) -> Iterator[str]:
    """Pass what is under the folder on to the address, with 127.0.0.1 as the host; give the new address."""
    started: list[tuple[str, asyncio.AbstractEventLoop]] = []
    is_started = threading.Event()
    stop = asyncio.Event()

    async def serve() -> None:
        async with ClientSession() as session:

            async def pass_on(request: web.Request) -> web.StreamResponse:
                url = f"{address}{request.match_info['path']}"
                headers = {"Host": "127.0.0.1"}
                async with session.get(url, params=request.query, headers=headers) as reply:
                    names = ("Content-Type", "Content-Security-Policy")
                    response = web.StreamResponse(
                        status=reply.status, headers={name: reply.headers[name] for name in names}
                    )
                    await response.prepare(request)
                    async for part in reply.content.iter_any():
                        await response.write(part)
                    return response

            app = web.Application()
            app.router.add_get(f"/{folder}/{{path:.*}}", pass_on)
            runner = web.AppRunner(app, shutdown_timeout=0.1)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            outer = f"http://127.0.0.1:{runner.addresses[0][1]}/{folder}/"
            started.append((outer, asyncio.get_running_loop()))
            is_started.set()
            await stop.wait()
            await runner.cleanup()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        assert is_started.wait(30)
        yield started[0][0]
    finally:
        for _, loop in started:
            loop.call_soon_threadsafe(stop.set)
        thread.join()
