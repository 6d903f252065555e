"""The replies of a bridge: JSON from the application, HTML from the web server before it."""

from __future__ import annotations

from collections.abc import Mapping

from adapters.simulator.reply import Json, Reply, compact

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


def json_reply(content: Json, status: int = 200) -> Reply:
    """A reply of the application: JSON without any blank."""
    return Reply(status=status, headers=_JSON_HEADERS, body=compact(content))


def html_reply(status: int, headers: Mapping[str, str] | None = None) -> Reply:
    """A reply of the web server, which knows only pages."""
    message = _MESSAGES.get(status, "Welcome to your bridge.")
    return Reply(
        status=status,
        headers={**_HTML_HEADERS, **(headers or {})},
        body=_PAGE.format(message=message).encode(),
    )
