"""Version 2 of the bridge's interface: the key in a header, and every reply in an envelope."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from adapters.simulator.hue.keys import ApplicationKeys
from adapters.simulator.hue.pages import html_reply, json_reply
from adapters.simulator.hue.resources_v2 import RESOURCES
from adapters.simulator.hue.view import View
from adapters.simulator.reply import Json, Reply

_KEY_HEADER = "hue-application-key"


def read(view: View, keys: ApplicationKeys, headers: Mapping[str, str], segments: Sequence[str]) -> Reply:
    """Answer a GET below `/clip/v2`."""
    if not keys.knows(headers.get(_KEY_HEADER, "")):
        return html_reply(403)
    match list(segments):
        case ["resource"]:
            return envelope([item for describe in RESOURCES.values() for item in describe(view)])
        case ["resource", kind] if kind in RESOURCES:
            return envelope(RESOURCES[kind](view))
        case ["resource", kind, rid] if kind in RESOURCES:
            found: list[Json] = [item for item in RESOURCES[kind](view) if item["id"] == rid]
            if found:
                return envelope(found)
    return error_envelope(404, "Not Found")


def envelope(items: Sequence[Json]) -> Reply:
    """What was asked for."""
    return json_reply({"errors": [], "data": list(items)})


def error_envelope(status: int, description: str) -> Reply:
    """Nothing, and why."""
    return json_reply({"errors": [{"description": description}], "data": []}, status)
