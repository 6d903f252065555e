"""Replies of the Alexa service and its neighbours: JSON, pages, refusals, host names, and faults."""

from __future__ import annotations

import html
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import attrs

from adapters.simulator.faults import (
    Effect,
    ErrorList,
    Forbidden,
    HtmlPage,
    PersonPage,
    Redirect,
    Throttle,
    ThrottledInside,
    Unavailable,
)
from adapters.simulator.messages import Json, Reply, Request, alter, retry_after
from adapters.simulator.templates import encode

FailReply = Callable[[Request, str, Mapping[str, Json]], Reply]
DEFAULT_MARKET = "amazon.com"
_IDENTITIES = ("id", "endpointId", "entityId", "applianceId", "friendlyName", "name", "instance")
_THROTTLED: Mapping[str, Json] = {
    "rate": {"message": "Rate exceeded"},
    "exception": {"__type": "com.amazon.coral.availability#ThrottlingException", "message": None},
    "client": {
        "errors": [
            {
                "message": "Too many requests",
                "extensions": {
                    "code": "UNOFFICIAL_CLIENT_TOO_MANY_REQUESTS",
                    "errorCode": "UNOFFICIAL_CLIENT_TOO_MANY_REQUESTS",
                    "isRetryable": False,
                },
            }
        ],
        "data": None,
    },
}
_PERSON_PATHS: Mapping[str, str] = {
    "captcha": "/errors/validateCaptcha",
    "code": "/ap/cvf/request",
    "mfa": "/ap/mfa",
    "signin": "/ap/signin",
}
_ERRORS: Mapping[type[Effect], tuple[str, Mapping[str, Json]]] = {
    ThrottledInside: ("Too many requests", {"errorCode": "THROTTLED"}),
    ErrorList: ("Internal server error", {"errorCode": "INTERNAL_ERROR"}),
}
_FOLDER = Path(__file__).parent
_PAGE = (_FOLDER / "page.html").read_text("utf-8")
_SIGN_IN = (_FOLDER / "sign_in.html").read_text("utf-8").rstrip()
_CODE = (_FOLDER / "code.html").read_text("utf-8").rstrip()


def json_reply(content: Json, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """Return JSON, or a text that is encoded JSON already."""
    return Reply(
        status=status,
        headers={
            "Content-Type": "application/json",
            "Cache-Control": "no-cache, no-store, must-revalidate",
            "x-amzn-RequestId": str(uuid.uuid4()),
            **(headers or {}),
        },
        body=(content if isinstance(content, str) else encode(content)).encode(),
    )


def page(title: str, content: str = "", status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """Return a page; `content` is HTML."""
    return Reply(
        status=status,
        headers={"Content-Type": "text/html;charset=UTF-8", **(headers or {})},
        body=_PAGE.format(title=html.escape(title), content=content).encode(),
    )


def sign_in_page() -> Reply:
    """Return the page on which people sign in."""
    return page("Amazon Sign-In", _SIGN_IN)


def _person_page(which: str, request: Request, *, is_redirect: bool) -> Reply:
    if is_redirect:
        return redirect(neighbour(request, "www") + _PERSON_PATHS[which])
    if which == "signin":
        return sign_in_page()
    form = f'<form method="get" action="{_PERSON_PATHS[which]}"><input name="field-keywords"></form>'
    return page("Amazon.com", form)


def code_page(message: str, code: str = "", status: int = 200) -> Reply:
    """Return the page on which people enter the code that a device shows."""
    content = _CODE.format(message=html.escape(message), code=html.escape(code, quote=True))
    return page("Register Your Device", content, status)


def redirect(location: str) -> Reply:
    """Return a redirect, 302."""
    return page("Moved", headers={"Location": location}, status=302)


def refusal(code: str, description: str, status: int = 400, shape: str = "error") -> Reply:
    """Return a refusal of the token endpoints, with the code in one of three places, or without JSON.

    Without its code it refuses nothing: the service may be in trouble.
    """
    error: dict[str, Json] = {"code": code, "message": description, "detail": description, "index": code}
    request_id = str(uuid.uuid4())
    match shape:
        case "error.code":
            return attrs.evolve(json_reply({"error": error}, status), is_refusal=True)
        case "response.error.code":
            content: Json = {"response": {"error": error}, "request_id": request_id}
            return attrs.evolve(json_reply(content, status), is_refusal=True)
        case "html":
            return page("Sorry! Something went wrong", status=status)
        case "empty":
            return Reply(status=status)
    content = {"error": code, "error_description": description, "request_id": request_id}
    return attrs.evolve(json_reply(content, status), is_refusal=True)


def market(host: str) -> str:
    """Return the market of a host such as `alexa.amazon.co.uk:443`; amazon.com for any other host."""
    _, found, ending = host.partition(":")[0].rpartition("amazon.")
    return f"amazon.{ending}" if found else DEFAULT_MARKET


def neighbour(request: Request, name: str) -> str:
    """Return the URL of `www`, `alexa` or `api`: the service's own, unless it was called by such a name."""
    is_named = "amazon." in request.host
    return f"https://{name}.{market(request.host)}" if is_named else f"https://{request.host}"


def damage(
    reply: Reply, effects: Sequence[Effect], request: Request, now: datetime, fail: FailReply
) -> Reply:
    """Return the reply after all effects except those of the network and of the monitors.

    `fail` makes the reply for an error of the application at status 200.
    """
    for effect in effects:
        match effect:
            case Throttle():
                reply = json_reply({"message": "Rate exceeded"}, 429, retry_after(effect, now))
            case ThrottledInside(form) if form in _THROTTLED:
                reply = json_reply(_THROTTLED[form], 200 if form == "client" else 400)
            case ThrottledInside() | ErrorList():
                reply = fail(request, *_ERRORS[type(effect)])
            case Unavailable():
                reply = page("503 Service Unavailable", status=503)
            case HtmlPage():
                reply = page("Alexa")
            case Redirect(location):
                reply = redirect(location or neighbour(request, "www") + "/")
            case PersonPage(which, form):
                reply = _person_page(which, request, is_redirect=form == "redirect")
            case Forbidden():
                reply = json_reply({"message": "Forbidden"}, 403)
            case _:
                reply = alter(reply, effect, _IDENTITIES)
    return reply
