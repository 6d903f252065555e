"""Turns a bridge's good reply into one of its bad ones."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import reduce

from adapters.simulator.damage import altered, retry_after, with_fields
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
from adapters.simulator.hue.pages import html_reply
from adapters.simulator.hue.v1 import error_reply
from adapters.simulator.hue.v2 import error_envelope
from adapters.simulator.reply import Json, Reply

_DATES = ("lastupdated", "changed")
_IDENTITIES = ("id", "id_v1", "uniqueid", "name")
_HTTP_OK = 200


def damaged(reply: Reply, effects: Sequence[Effect], path: str, now: datetime) -> Reply:
    """The reply after each effect has had its turn; those of the wire are not for here."""
    return reduce(lambda so_far, effect: _damaged(so_far, effect, path, now), effects, reply)


def _damaged(reply: Reply, effect: Effect, path: str, now: datetime) -> Reply:
    match effect:
        case Throttle():
            return html_reply(429, retry_after(effect, now))
        case Unavailable():
            return html_reply(503)
        case HtmlPage():
            return html_reply(200)
        case Redirect(location):
            return html_reply(301, {"Location": location})
        case ErrorList(kind):
            return _internal_error(kind, path)
        case NullTemperatures(where):
            return with_fields(reply, _null_temperature, where, _IDENTITIES)
        case NoDates():
            return with_fields(reply, lambda name, value: "none" if name in _DATES else value)
    return altered(reply, effect, _IDENTITIES)


def _internal_error(kind: int, path: str) -> Reply:
    if path.startswith("/clip/"):
        return error_envelope(_HTTP_OK, f"Internal error, {kind}")
    segments = path.split("/")[3:]
    return error_reply(kind, "/" + "/".join(segments), "Internal error, 404")


def _null_temperature(name: str, value: Json) -> Json:
    return None if name == "temperature" and isinstance(value, int | float) else value
