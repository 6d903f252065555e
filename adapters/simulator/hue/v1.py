"""Version 1 of the bridge's interface: keys in the path, and errors with status 200."""

from __future__ import annotations

from collections.abc import Sequence

from adapters.simulator.hue.collections_v1 import COLLECTIONS
from adapters.simulator.hue.config_v1 import full_config, short_config
from adapters.simulator.hue.keys import ApplicationKeys
from adapters.simulator.hue.pages import json_reply
from adapters.simulator.hue.view import View
from adapters.simulator.reply import Json, Reply


def read(view: View, keys: ApplicationKeys, key: str, segments: Sequence[str]) -> Reply:
    """Answer a GET below `/api/<key>`."""
    address = "/" + "/".join(segments)
    if not keys.knows(key):
        if list(segments) == ["config"]:
            return json_reply(short_config(view.model))
        return error_reply(1, address, "unauthorized user")
    match list(segments):
        case []:
            return json_reply(_whole(view, keys))
        case ["config"]:
            return json_reply(full_config(view.model, keys, view.now))
        case ["lights" | "sensors", "new"]:
            return json_reply({"lastscan": "none"})
        case [collection] if collection in COLLECTIONS:
            return json_reply(COLLECTIONS[collection](view))
        case [collection, name] if collection in COLLECTIONS:
            things = COLLECTIONS[collection](view)
            if name in things:
                return json_reply(things[name])
    return error_reply(3, address, f"resource, {address}, not available")


def error_reply(kind: int, address: str, description: str) -> Reply:
    """A list with one error, and status 200."""
    return json_reply([{"error": {"type": kind, "address": address, "description": description}}])


def refuse_method(method: str, segments: Sequence[str]) -> Reply:
    """The answer to a method that the resource does not have."""
    address = "/" + "/".join(segments)
    return error_reply(4, address, f"method, {method}, not available for resource, {address}")


def _whole(view: View, keys: ApplicationKeys) -> dict[str, Json]:
    content: dict[str, Json] = {name: COLLECTIONS[name](view) for name in COLLECTIONS}
    content["config"] = full_config(view.model, keys, view.now)
    return content
