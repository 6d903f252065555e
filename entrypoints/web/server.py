"""The server of the dashboard: read-only pages on loopback, from aiohttp."""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from functools import partial
from itertools import count
from typing import Any

import attrs
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from domain.errors import StoreError
from domain.history.series import Span
from entrypoints.web.contents import Content, Contents
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
_ASK_AGAIN_S = 10
_log = logging.getLogger(__name__)
_COOKIE = "homeclimate"
_NO_CHARTS: Mapping[str, Any] = {"charts": [], "times": [], "gaps": [], "strips": [], "is_partial": True}

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
_CONTENTS = web.AppKey("contents", Contents)


def application(data: PageData, access: Access) -> web.Application:
    """Return the application; it has no route that changes anything."""
    app = web.Application(middlewares=[_guard])
    app[_DATA], app[_ACCESS], app[_CONTENTS] = data, access, Contents(data)
    app.on_response_prepare.append(_add_headers)
    app.on_cleanup.append(_close)
    app.router.add_get("/", _page)
    app.router.add_get("/data", _data)
    app.router.add_get("/events", _events)
    app.router.add_get("/static/{name}", _static)
    return app


def runner_of(app: web.Application) -> web.AppRunner:
    """Return what runs the application. It logs no requests: their addresses can have the token in them."""
    _log.addFilter(_is_our_error)
    return web.AppRunner(
        app, access_log=None, logger=_log, shutdown_timeout=_STOP_S, handler_cancellation=True
    )


def _is_our_error(record: logging.LogRecord) -> bool:
    """Return False for a reader that went away, and for what is no HTTP request, which aiohttp quotes."""
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, ConnectionError | HttpProcessingError)


@web.middleware
async def _guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse other hosts and wrong tokens."""
    access = request.app[_ACCESS]
    if not access.knows_host(request.host):
        raise web.HTTPForbidden(text="This dashboard is not served under that name.\n")
    given = request.query.get("token") or request.cookies.get(_COOKIE) or ""
    if access.token is not None and not hmac.compare_digest(_bytes(given), _bytes(access.token)):
        raise web.HTTPForbidden(text="Open the address with the token that the program printed.\n")
    if access.token is not None and "token" in request.query and request.path == "/":
        found = web.HTTPSeeOther("./")  # without the token, which would stay in the history
        found.set_cookie(_COOKIE, access.token, httponly=True, samesite="Strict")
        raise found
    return await handler(request)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")  # which a header that is not UTF-8 is decoded with


async def _add_headers(_: web.Request, response: web.StreamResponse) -> None:
    """Add the headers to every response, refusals among them."""
    response.headers.update(_HEADERS)


async def _close(app: web.Application) -> None:
    app[_CONTENTS].close()


async def _page(request: web.Request) -> web.StreamResponse:
    """Answer with the newest values; the page asks for the charts itself."""
    content = await _content(request)
    text = await asyncio.to_thread(render, {**await _first(content), **_NO_CHARTS})
    response = web.Response(text=text, content_type="text/html")
    response.enable_compression()
    return response


async def _static(request: web.Request) -> web.StreamResponse:
    name = request.match_info["name"]
    if name not in assets():
        raise web.HTTPNotFound
    response = web.Response(body=assets()[name], content_type=TYPES[name.rpartition(".")[2]], charset="utf-8")
    response.enable_compression()
    return response


async def _data(request: web.Request) -> web.StreamResponse:
    """Answer with a content while it is made: the newest values come at once."""
    content = await _content(request)
    await _first(content)
    response = web.StreamResponse(
        headers={"Content-Type": "application/json; charset=utf-8", "Vary": "Accept-Encoding"}
    )
    is_packed = "gzip" in request.headers.get("Accept-Encoding", "")
    if is_packed:
        response.headers["Content-Encoding"] = "gzip"
    await response.prepare(request)
    async for part in content.parts(content.packed if is_packed else content.plain):
        await response.write(part)
    return response


async def _content(request: web.Request) -> Content:
    """Return the content of the requested range. Raise HTTPBadRequest, HTTPServiceUnavailable."""
    name = request.query.get("range", "24h")
    key = (name, *(request.query.get(at, "") for at in ("since", "until") if name == "custom"))
    try:
        return await request.app[_CONTENTS].get(key, _span(request.app[_DATA], name, request.query))
    except StoreError as error:
        raise _unavailable(error) from error


async def _first(content: Content) -> dict[str, Any]:
    try:
        return await content.first()
    except StoreError as error:
        raise _unavailable(error) from error


def _unavailable(error: StoreError) -> web.HTTPException:
    """Return the answer while the database cannot be read; the browser asks again by itself."""
    return web.HTTPServiceUnavailable(text=f"{error}\n", headers={"Refresh": str(_ASK_AGAIN_S)})


def _span(data: PageData, name: str, query: Any) -> Callable[[], Span]:
    """Return what names the requested span. Raise HTTPBadRequest."""
    if name == "custom":
        try:
            span = data.custom_span(float(query["since"]), float(query["until"]))
        except (KeyError, ValueError, OverflowError, OSError) as error:
            raise web.HTTPBadRequest(text="since and until are Unix times, since before until.\n") from error
        return lambda: span
    if name != "all" and name not in RANGES:
        raise web.HTTPBadRequest(text=f"The ranges are {', '.join(RANGES)} and all.\n")
    return partial(data.span, name)


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
