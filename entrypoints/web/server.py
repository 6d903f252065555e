"""The server of the dashboard: read-only pages on loopback, from aiohttp."""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import json
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from itertools import count
from typing import Any

import attrs
from aiohttp import web

from domain.errors import StoreError
from domain.history.series import Span
from entrypoints.web.page_data import RANGES, PageData
from entrypoints.web.rendering import TYPES, assets, render

_STOP_S = 1.0
_LOOK_EVERY_S = 2.0
_HEARTBEAT_LOOKS = 7  # it keeps the connection open, and shows that the server is alive
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_COOKIE = "homeclimate"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@attrs.frozen(kw_only=True)
class Access:
    """Who may see the pages: requests for these host names, with this token if there is one.

    With `any_address` a request may name any IP address: nobody can point a name of their own at the pages
    so, since it is the name that the browser sends.
    """

    hosts: Collection[str]
    any_address: bool = False
    token: str | None = None

    def knows_host(self, host: str) -> bool:
        """Return whether the Host header names this server, and no name that was pointed at its address."""
        name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
        return name.lower() in self.hosts or (self.any_address and _is_address(name.strip("[]")))


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


_DATA, _ACCESS = web.AppKey("data", PageData), web.AppKey("access", Access)


def application(data: PageData, access: Access) -> web.Application:
    """Return the application; it has no route that changes anything."""
    app = web.Application(middlewares=[_guard])
    app[_DATA], app[_ACCESS] = data, access
    app.on_response_prepare.append(_add_headers)
    app.router.add_get("/", _page)
    app.router.add_get("/data", _data)
    app.router.add_get("/events", _events)
    app.router.add_get("/static/{name}", _static)
    return app


def runner_of(app: web.Application) -> web.AppRunner:
    """Return what runs the application. It logs no requests: their addresses can have the token in them."""
    return web.AppRunner(app, access_log=None, shutdown_timeout=_STOP_S)


@web.middleware
async def _guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse other hosts and wrong tokens."""
    access = request.app[_ACCESS]
    if not access.knows_host(request.host):
        raise web.HTTPForbidden(text="This dashboard is not served under that name.\n")
    given = request.query.get("token") or request.cookies.get(_COOKIE) or ""
    if access.token is not None and not hmac.compare_digest(given.encode(), access.token.encode()):
        raise web.HTTPForbidden(text="Open the address with the token that the program printed.\n")
    if access.token is not None and "token" in request.query and request.path == "/":
        found = web.HTTPSeeOther("./")  # without the token, which would stay in the history
        found.set_cookie(_COOKIE, access.token, httponly=True, samesite="Strict")
        raise found
    return await handler(request)


async def _add_headers(_: web.Request, response: web.StreamResponse) -> None:
    """Add the headers to every response, refusals among them."""
    response.headers.update(_HEADERS)


async def _page(request: web.Request) -> web.StreamResponse:
    data = request.app[_DATA]
    content = await asyncio.to_thread(_content, data, request.query.get("range", "24h"), request.query)
    return web.Response(text=render(content), content_type="text/html")


async def _static(request: web.Request) -> web.StreamResponse:
    name = request.match_info["name"]
    if name not in assets():
        raise web.HTTPNotFound
    response = web.Response(body=assets()[name], content_type=TYPES[name.rpartition(".")[2]], charset="utf-8")
    response.enable_compression()
    return response


async def _data(request: web.Request) -> web.StreamResponse:
    data = request.app[_DATA]
    content = await asyncio.to_thread(_content, data, request.query.get("range", "24h"), request.query)
    response = web.json_response(text=json.dumps(content, separators=(",", ":")))
    response.enable_compression()
    return response


def _content(data: PageData, name: str, query: Any) -> dict[str, Any]:
    try:
        return {**data.build(_span(data, name, query)), "range": name}
    except StoreError as error:
        raise web.HTTPServiceUnavailable(text=f"{error}\n") from error


def _span(data: PageData, name: str, query: Any) -> Span:
    """Return the requested span. Raise HTTPBadRequest."""
    if name == "custom":
        try:
            return data.custom_span(float(query["since"]), float(query["until"]))
        except (KeyError, ValueError, OverflowError, OSError) as error:
            raise web.HTTPBadRequest(text="since and until are Unix times, since before until.\n") from error
    if name != "all" and name not in RANGES:
        raise web.HTTPBadRequest(text=f"The ranges are {', '.join(RANGES)} and all.\n")
    return data.span(name)


async def _events(request: web.Request) -> web.StreamResponse:
    """Send the newest reading's number whenever it changes, and now and then, until the reader goes."""
    data = request.app[_DATA]
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    newest: int | None = None
    for look in count():
        last = newest
        with suppress(StoreError):  # the page goes on showing what it has
            newest = await asyncio.to_thread(data.history.newest_id)
        if newest != last or look % _HEARTBEAT_LOOKS == 0:
            await response.write(f"event: newest\ndata: {newest}\n\n".encode())
        await data.clock.sleep(_LOOK_EVERY_S)
    return response
