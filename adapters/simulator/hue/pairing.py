"""Gives a new application its key: `POST /api`."""

from __future__ import annotations

import json
import secrets

from adapters.simulator.hue.keys import ApplicationKeys
from adapters.simulator.hue.pages import json_reply
from adapters.simulator.hue.v1 import error_reply
from adapters.simulator.reply import Json, Reply

_DEVICETYPE_CHARACTERS = 40
_APPLICATION_CHARACTERS = 20
_DEVICE_CHARACTERS = 19
_PARAMETERS = ("devicetype", "generateclientkey")


def pair(keys: ApplicationKeys, body: bytes) -> Reply:
    """A key for a well-formed request while the button counts as pressed. Every answer has status 200."""
    try:
        asked = json.loads(body)
    except ValueError:
        asked = None
    if not isinstance(asked, dict):
        return error_reply(2, "", "body contains invalid json")
    unknown = next((name for name in asked if name not in _PARAMETERS), None)
    if unknown is not None:
        return error_reply(6, f"/{unknown}", f"parameter, {unknown}, not available")
    if "devicetype" not in asked:
        return error_reply(5, "", "invalid/missing parameters in body")
    for name in _PARAMETERS:
        if name in asked and not _is_valid(name, asked[name]):
            shown = asked[name] if isinstance(asked[name], str) else json.dumps(asked[name])
            return error_reply(7, f"/{name}", f"invalid value, {shown}, for parameter, {name}")
    if not keys.is_pairing:
        return error_reply(101, "", "link button not pressed")
    success: dict[str, Json] = {"username": keys.give(asked["devicetype"])}
    if asked.get("generateclientkey"):
        success["clientkey"] = secrets.token_hex(16).upper()
    return json_reply([{"success": success}])


def _is_valid(name: str, value: object) -> bool:
    if name == "generateclientkey":
        return isinstance(value, bool)
    if not isinstance(value, str) or not 0 < len(value) <= _DEVICETYPE_CHARACTERS:
        return False
    application, _, device = value.partition("#")
    return "#" not in value or (
        0 < len(application) <= _APPLICATION_CHARACTERS and len(device) <= _DEVICE_CHARACTERS
    )
