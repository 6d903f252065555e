"""Replies of a bridge: JSON of the application, HTML of its web server, errors of v1 and v2, and faults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from adapters.simulator.faults import (
    Effect,
    ErrorList,
    HtmlPage,
    NoDates,
    NullTemperatures,
    Redirect,
    Throttle,
    Unavailable,
)
from adapters.simulator.messages import Json, Reply, alter, change_fields, retry_after
from adapters.simulator.templates import encode

_SECURITY_HEADERS = {
    "Server": "nginx",
    "X-XSS-Protection": "1; mode=block",
    "X-Frame-Options": "SAMEORIGIN",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_JSON_HEADERS = {
    **_SECURITY_HEADERS,
    "Content-Type": "application/json",
    "Cache-Control": "no-store, no-cache, must-revalidate, post-check=0, pre-check=0",
    "Pragma": "no-cache",
    "Expires": "Mon, 1 Aug 2011 09:00:00 GMT",
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "POST, GET, OPTIONS, PUT, DELETE, HEAD",
    "Access-Control-Allow-Headers": "Content-Type",
    "Access-Control-Allow-Credentials": "true",
    "Access-Control-Max-Age": "3600",
}
_HTML_HEADERS = {**_SECURITY_HEADERS, "Content-Type": "text/html"}
_PAGE = """<!DOCTYPE html>
<html>
<head>
    <title>hue personal wireless lighting</title>
    <link rel="stylesheet" type="text/css" href="/index.css">
</head>
<body>
    <div class="header"><img src="/hue-logo.png" alt="hue personal wireless lighting" /></div>
    <div class="error">{message}</div>
</body>
</html>
"""
_MESSAGES = {
    403: "Forbidden: you have no access to this page.",
    404: "Oops, there appears to be no such page here.",
    429: "Oops, too many requests. Please try again later.",
    503: "Oops, the bridge is busy. Please try again later.",
}
_DATES = ("lastupdated", "changed")
_IDENTITIES = ("id", "id_v1", "uniqueid", "name")


def json_reply(body: str, status: int = 200) -> Reply:
    """Return encoded JSON."""
    return Reply(status=status, headers=_JSON_HEADERS, body=body.encode())


def html_reply(status: int, headers: Mapping[str, str] | None = None) -> Reply:
    """Return a page of the web server."""
    message = _MESSAGES.get(status, "Welcome to your bridge.")
    return Reply(
        status=status,
        headers={**_HTML_HEADERS, **(headers or {})},
        body=_PAGE.format(message=message).encode(),
    )


def v1_error(kind: int, address: str, description: str) -> Reply:
    """Return a list with one error, at status 200."""
    error: Json = {"type": kind, "address": address, "description": description}
    return json_reply(encode([{"error": error}]))


def v2_error(status: int, description: str) -> Reply:
    """Return an envelope without data."""
    return json_reply(encode({"errors": [{"description": description}], "data": []}), status)


def damage(reply: Reply, effects: Sequence[Effect], path: str, now: datetime) -> Reply:
    """Return the reply after all effects except those of the network."""
    for effect in effects:
        match effect:
            case Throttle():
                reply = html_reply(429, retry_after(effect, now))
            case Unavailable():
                reply = html_reply(503)
            case HtmlPage():
                reply = html_reply(200)
            case Redirect(location):
                reply = html_reply(301, {"Location": location or "https://127.0.0.1:1/"})
            case ErrorList(kind) if path.startswith("/clip/"):
                reply = v2_error(200, f"Internal error, {kind}")
            case ErrorList(kind):
                reply = v1_error(kind, "/" + "/".join(path.split("/")[3:]), "Internal error, 404")
            case NullTemperatures(where):
                reply = change_fields(reply, _null_temperature, where, _IDENTITIES)
            case NoDates():
                reply = change_fields(reply, lambda name, value: "none" if name in _DATES else value)
            case _:
                reply = alter(reply, effect, _IDENTITIES)
    return reply


def _null_temperature(name: str, value: Json) -> Json:
    return None if name == "temperature" and isinstance(value, int | float) else value
