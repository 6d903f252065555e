"""Turns a bridge's good reply into one of its bad ones."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from email.utils import format_datetime
from functools import reduce
from typing import cast

import attrs

from adapters.simulator.faults import (
    Effect,
    ErrorList,
    Garbled,
    HalfBody,
    HtmlPage,
    HugeBody,
    MissingFields,
    NoDates,
    NullTemperatures,
    Overwrite,
    Redirect,
    Throttle,
    Unavailable,
)
from adapters.simulator.hue.pages import Json, Reply, html_reply, json_reply
from adapters.simulator.hue.v1 import error_reply
from adapters.simulator.hue.v2 import error_envelope

_DATES = ("lastupdated", "changed")
_IDENTITIES = ("id", "id_v1", "uniqueid", "name")
_HTTP_OK = 200


def damaged(reply: Reply, effects: Sequence[Effect], path: str, now: datetime) -> Reply:
    """The reply after each effect has had its turn; those of the wire are not for here."""
    return reduce(lambda so_far, effect: _damaged(so_far, effect, path, now), effects, reply)


def _damaged(reply: Reply, effect: Effect, path: str, now: datetime) -> Reply:
    match effect:
        case Throttle():
            return html_reply(429, _retry_after(effect, now))
        case Unavailable():
            return html_reply(503)
        case HtmlPage():
            return html_reply(200)
        case Redirect(location):
            return html_reply(301, {"Location": location})
        case ErrorList(kind):
            return _internal_error(kind, path)
    return _altered(reply, effect)


def _altered(reply: Reply, effect: Effect) -> Reply:
    match effect:
        case HalfBody():
            return attrs.evolve(
                reply, body=reply.body[: len(reply.body) // 2], promised_bytes=len(reply.body)
            )
        case Garbled():
            return attrs.evolve(reply, body=reply.body[: len(reply.body) // 2])
        case HugeBody(padding_bytes):
            return attrs.evolve(reply, body=reply.body + b" " * padding_bytes)
        case NullTemperatures(where):
            return _with_fields(reply, _null_temperature, where)
        case MissingFields(names, where):
            return _with_fields(reply, lambda name, value: _MISSING if name in names else value, where)
        case NoDates():
            return _with_fields(reply, lambda name, value: "none" if name in _DATES else value)
        case Overwrite(field, value, where):
            return _with_fields(reply, lambda name, old: value if _is_leaf(name, old, field) else old, where)
    return reply


def _retry_after(effect: Throttle, now: datetime) -> dict[str, str]:
    if effect.retry_after is None:
        return {}
    if effect.as_date:
        due = now + timedelta(seconds=effect.retry_after)
        return {"Retry-After": format_datetime(due, usegmt=True)}
    return {"Retry-After": f"{effect.retry_after:g}"}


def _internal_error(kind: int, path: str) -> Reply:
    if path.startswith("/clip/"):
        return error_envelope(_HTTP_OK, f"Internal error, {kind}")
    segments = path.split("/")[3:]
    return error_reply(kind, "/" + "/".join(segments), "Internal error, 404")


class _Missing:
    """Stands for a field that is left out."""


_MISSING = _Missing()
_Change = Callable[[str, Json], "Json | _Missing"]


def _null_temperature(name: str, value: Json) -> Json:
    return None if name == "temperature" and isinstance(value, int | float) else value


def _is_leaf(name: str, value: Json, wanted: str) -> bool:
    return name == wanted and not isinstance(value, dict | list)


def _with_fields(reply: Reply, change: _Change, where: str = "") -> Reply:
    """The reply with the fields of its JSON changed, or those of one thing; a page stays as it is."""
    if "json" not in reply.headers.get("Content-Type", ""):
        return reply
    content = cast("Json", json.loads(reply.body))
    return json_reply(_changed(content, change, where, is_inside=not where), reply.status)


def _changed(content: Json, change: _Change, where: str, *, is_inside: bool) -> Json:
    if isinstance(content, list):
        return [_changed(item, change, where, is_inside=is_inside) for item in content]
    if not isinstance(content, dict):
        return content
    is_inside = is_inside or any(content.get(name) == where for name in _IDENTITIES)
    fields = ((name, change(name, value) if is_inside else value) for name, value in content.items())
    return {
        name: _changed(value, change, where, is_inside=is_inside)
        for name, value in fields
        if not isinstance(value, _Missing)
    }
