"""Turns a good reply of the Alexa service into one of its bad ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import reduce

from adapters.simulator.alexa_effects import Forbidden, ThrottledInside
from adapters.simulator.amazon import graphql
from adapters.simulator.amazon.hosts import neighbour
from adapters.simulator.amazon.pages import json_reply, page, redirect
from adapters.simulator.damage import altered, retry_after
from adapters.simulator.faults import Effect, ErrorList, HtmlPage, Redirect, Throttle, Unavailable
from adapters.simulator.reply import Json, Reply, Request

GRAPHQL_PATH = "/nexus/v1/graphql"
_IDENTITIES = ("id", "endpointId", "entityId", "applianceId", "friendlyName", "name", "instance")
_EXCEPTION = "com.amazon.coral.availability#ThrottlingException"


def damaged(reply: Reply, effects: Sequence[Effect], asked: Request, now: datetime) -> Reply:
    """The reply after each effect has had its turn; those of the wire or of the view are not for here."""
    return reduce(lambda so_far, effect: _damaged(so_far, effect, asked, now), effects, reply)


def _damaged(reply: Reply, effect: Effect, asked: Request, now: datetime) -> Reply:
    match effect:
        case Throttle():
            return json_reply({"message": "Rate exceeded"}, 429, retry_after(effect, now))
        case ThrottledInside(form):
            return _throttled(asked, form)
        case Unavailable():
            return page("503 Service Unavailable", status=503)
        case HtmlPage():
            return page("Alexa")
        case Redirect(location):
            # A bridge has no other place to name than its own kind's default.
            return redirect(neighbour(asked, "www") + "/" if location == Redirect().location else location)
        case Forbidden():
            return json_reply({"message": "Forbidden"}, 403)
        case ErrorList():
            return _failed(asked, "Internal server error", {"errorCode": "INTERNAL_ERROR"})
    return altered(reply, effect, _IDENTITIES)


def _throttled(asked: Request, form: str) -> Reply:
    match form:
        case "rate":
            return json_reply({"message": "Rate exceeded"}, 400)
        case "exception":
            return json_reply({"__type": _EXCEPTION, "message": None}, 400)
    return _failed(asked, "Too many requests", {"errorCode": "THROTTLED"})


def _failed(asked: Request, message: str, extensions: Mapping[str, Json]) -> Reply:
    """An error of the application's own, with status 200."""
    if asked.path == GRAPHQL_PATH:
        return graphql.failing(asked.body, message, extensions)
    return json_reply({"message": message, **extensions})
