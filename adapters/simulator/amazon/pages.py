"""The replies of the Alexa service and its neighbours: JSON, and the pages that people see."""

from __future__ import annotations

import html
import uuid
from collections.abc import Mapping

from adapters.simulator.reply import Json, Reply, compact

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>{title}</title></head>
<body>
<h1>{title}</h1>
{content}
</body>
</html>
"""
_SIGN_IN = """<form name="signIn" method="post" action="/ap/signin">
<input type="hidden" name="appActionToken" value="simulated">
<label>Email or mobile phone number <input type="email" name="email"></label>
<label>Password <input type="password" name="password"></label>
<input type="submit" value="Sign in">
</form>"""
_CODE = """<p>{message}</p>
<form name="cbl" method="post" action="/code">
<label>Code <input name="cbl-code" value="{code}" autocomplete="off" autofocus></label>
<button name="action" value="register">Register device</button>
<button name="action" value="deny">Not my device</button>
</form>"""


def json_reply(content: Json, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """A reply of the application."""
    return Reply(
        status=status,
        headers={
            "Content-Type": "application/json",
            "Cache-Control": "no-cache, no-store, must-revalidate",
            "x-amzn-RequestId": str(uuid.uuid4()),
            **(headers or {}),
        },
        body=compact(content),
    )


def page(title: str, content: str = "", status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """A page; `content` is HTML."""
    return Reply(
        status=status,
        headers={"Content-Type": "text/html;charset=UTF-8", **(headers or {})},
        body=_PAGE.format(title=html.escape(title), content=content).encode(),
    )


def sign_in_page() -> Reply:
    """Where somebody ends who is not signed in."""
    return page("Amazon Sign-In", _SIGN_IN)


def code_page(message: str, code: str = "", status: int = 200) -> Reply:
    """Where people type the code that a device shows them."""
    content = _CODE.format(message=html.escape(message), code=html.escape(code, quote=True))
    return page("Register Your Device", content, status)


def redirect(location: str) -> Reply:
    """302 to another place."""
    return page("Moved", headers={"Location": location}, status=302)


def refusal(code: str, description: str, status: int = 400, shape: str = "error") -> Reply:
    """How the token endpoints refuse: the code stands in one of three places, or there is none."""
    error: dict[str, Json] = {"code": code, "message": description, "detail": description, "index": code}
    match shape:
        case "error.code":
            return json_reply({"error": error}, status)
        case "response.error.code":
            return json_reply({"response": {"error": error}, "request_id": str(uuid.uuid4())}, status)
        case "html":
            return page("Sorry! Something went wrong", status=status)
        case "empty":
            return Reply(status=status)
    return json_reply(
        {"error": code, "error_description": description, "request_id": str(uuid.uuid4())}, status
    )
