"""Requests and replies of the simulated services, apart from the network, and how faults alter a reply."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import cast

import attrs

from adapters.simulator.faults import (
    Effect,
    Garbled,
    HalfBody,
    HugeBody,
    MissingFields,
    OtherAnswer,
    Overwrite,
    Throttle,
)
from adapters.simulator.templates import encode

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


@attrs.frozen(kw_only=True)
class Request:
    """A request; header names are looked up without regard to case.

    `path` is decoded and without its query, `raw_path` is as received. `host` is the Host header.
    `at_once` is how many requests were in progress at its arrival, itself included.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""
    raw_path: str = ""
    query: Mapping[str, str] = attrs.field(factory=dict)
    host: str = ""
    is_secure: bool = True
    at_once: int = 1


@attrs.frozen(kw_only=True)
class Reply:
    """A reply.

    `promised_bytes` is a wrong Content-Length; `is_refusal` if it asks for another credential; `is_discovery`
    if it names devices, and has no values, where another request to the same path has them.
    """

    status: int = 200
    headers: Mapping[str, str] = attrs.field(factory=dict)
    body: bytes = b""
    promised_bytes: int | None = None
    is_refusal: bool = False
    is_discovery: bool = False


@attrs.define(kw_only=True)
class SeenRequest:
    """A request that was received, and its outcome.

    `path` has `***` in place of an application key. `status` is None if no reply was sent. `faults` names
    the effects on it, `late_s` is by how much they delay the reply; `is_limited` if one of them affects only
    so many requests. `is_refusal` if the
    credential was refused, which some services do with status 200; `is_discovery` as in the reply.
    `completed_at` is when the whole reply was sent; None so far, or since the client closed the connection.
    """

    method: str
    path: str
    scheme: str
    at: datetime
    elapsed_s: float
    status: int | None
    reply_bytes: int
    at_once: int
    faults: tuple[str, ...] = ()
    late_s: float = 0.0
    is_limited: bool = False
    is_refusal: bool = False
    is_discovery: bool = False
    retry_after: str | None = None
    completed_at: datetime | None = None


Answer = Callable[[Request, Sequence[Effect]], Reply]
_REMOVE = object()


def alter(reply: Reply, effect: Effect, identities: Collection[str]) -> Reply:
    """Return the reply after an effect that is the same for all services, or unchanged.

    `identities` are the names of the fields that identify a thing.
    """
    match effect:
        case OtherAnswer(status, body, content):
            return Reply(status=status, headers={"Content-Type": content}, body=body.encode())
        case HalfBody():
            half = reply.body[: len(reply.body) // 2]
            return attrs.evolve(reply, body=half, promised_bytes=len(reply.body))
        case Garbled():
            return attrs.evolve(reply, body=reply.body[: len(reply.body) // 2])
        case HugeBody(padding_bytes):
            return attrs.evolve(reply, body=reply.body + b" " * padding_bytes)
        case MissingFields(names, where):
            return change_fields(
                reply, lambda name, value: _REMOVE if name in names else value, where, identities
            )
        case Overwrite(name, new, where):
            return change_fields(
                reply,
                lambda field, old: new if field == name and not isinstance(old, dict | list) else old,
                where,
                identities,
            )
    return reply


def change_fields(
    reply: Reply, change: Callable[[str, Json], object], where: str = "", identities: Collection[str] = ()
) -> Reply:
    """Return the reply with the fields of its JSON changed, of all things or of `where`."""
    if "json" not in reply.headers.get("Content-Type", ""):
        return reply

    def changed(content: Json, *, is_inside: bool) -> Json:
        if isinstance(content, list):
            return [changed(item, is_inside=is_inside) for item in content]
        if not isinstance(content, dict):
            return content
        is_inside = is_inside or any(content.get(name) == where for name in identities)
        fields = ((name, change(name, value) if is_inside else value) for name, value in content.items())
        return {
            name: changed(cast("Json", value), is_inside=is_inside)
            for name, value in fields
            if value is not _REMOVE
        }

    return attrs.evolve(reply, body=encode(changed(json.loads(reply.body), is_inside=not where)).encode())


def retry_after(effect: Throttle, now: datetime) -> dict[str, str]:
    """Return the Retry-After header that the effect asks for, if any."""
    if effect.retry_after is None:
        return {}
    if effect.as_date:
        due = now + timedelta(seconds=effect.retry_after)
        return {"Retry-After": format_datetime(due, usegmt=True)}
    return {"Retry-After": f"{effect.retry_after:g}"}
