"""Turns a good reply of any simulated service into a bad one, where that does not depend on the service."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import cast

import attrs

from adapters.simulator.faults import Effect, Garbled, HalfBody, HugeBody, MissingFields, Overwrite, Throttle
from adapters.simulator.reply import Json, Reply, compact


class Missing:
    """Stands for a field that is left out."""


MISSING = Missing()
Change = Callable[[str, Json], "Json | Missing"]


def altered(reply: Reply, effect: Effect, identities: Collection[str]) -> Reply:
    """The reply after the effect, or as it was. `identities` are the fields by which a thing is known."""
    match effect:
        case HalfBody():
            half = reply.body[: len(reply.body) // 2]
            return attrs.evolve(reply, body=half, promised_bytes=len(reply.body))
        case Garbled():
            return attrs.evolve(reply, body=reply.body[: len(reply.body) // 2])
        case HugeBody(padding_bytes):
            return attrs.evolve(reply, body=reply.body + b" " * padding_bytes)
        case MissingFields(names, where):
            return with_fields(
                reply, lambda name, value: MISSING if name in names else value, where, identities
            )
        case Overwrite(field, value, where):
            return with_fields(
                reply, lambda name, old: value if _is_leaf(name, old, field) else old, where, identities
            )
    return reply


def retry_after(effect: Throttle, now: datetime) -> dict[str, str]:
    """The header that tells for how long to keep away, if the effect wants one."""
    if effect.retry_after is None:
        return {}
    if effect.as_date:
        due = now + timedelta(seconds=effect.retry_after)
        return {"Retry-After": format_datetime(due, usegmt=True)}
    return {"Retry-After": f"{effect.retry_after:g}"}


def with_fields(reply: Reply, change: Change, where: str = "", identities: Collection[str] = ()) -> Reply:
    """The reply with the fields of its JSON changed, or those of one thing; a page stays as it is."""
    if "json" not in reply.headers.get("Content-Type", ""):
        return reply
    content = cast("Json", json.loads(reply.body))
    changed = _changed(content, change, where, identities, is_inside=not where)
    return attrs.evolve(reply, body=compact(changed))


def _is_leaf(name: str, value: Json, wanted: str) -> bool:
    return name == wanted and not isinstance(value, dict | list)


def _changed(
    content: Json, change: Change, where: str, identities: Collection[str], *, is_inside: bool
) -> Json:
    if isinstance(content, list):
        return [_changed(item, change, where, identities, is_inside=is_inside) for item in content]
    if not isinstance(content, dict):
        return content
    is_inside = is_inside or any(content.get(name) == where for name in identities)
    fields = ((name, change(name, value) if is_inside else value) for name, value in content.items())
    return {
        name: _changed(value, change, where, identities, is_inside=is_inside)
        for name, value in fields
        if not isinstance(value, Missing)
    }
