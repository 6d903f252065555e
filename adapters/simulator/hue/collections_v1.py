"""The collections of v1 of the bridge's interface, by the names in its paths."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

import attrs

from adapters.simulator.hue.inventory import Inventory, Light, Scene
from adapters.simulator.hue.model import BridgeModel
from adapters.simulator.hue.pages import Json
from adapters.simulator.hue.v1_sensors import sensors
from adapters.simulator.local_time import local_time
from adapters.simulator.rooms import Room, is_used

_OWNER = "1b6d2cf0a6c24c6bb4a5d1f0c2e83a97"


@attrs.frozen(kw_only=True)
class View:
    """What a reply is made of: one bridge's things at one instant."""

    seed: int
    model: BridgeModel
    inventory: Inventory
    now: datetime


def _lights(view: View) -> dict[str, Json]:
    return {str(light.number): _light(view, light) for light in view.inventory.lights}


def _light(view: View, light: Light) -> dict[str, Json]:
    return {
        "state": {
            "on": is_lit(view.seed, light.room, view.now),
            "bri": 144,
            "ct": 366,
            "alert": "select",
            "colormode": "ct",
            "mode": "homeautomation",
            "reachable": True,
        },
        "swupdate": {"state": "noupdates", "lastinstall": "2025-08-12T12:04:33"},
        "type": "Color temperature light",
        "name": light.name,
        "modelid": "LTW012",
        "manufacturername": "Signify Netherlands B.V.",
        "productname": "Hue ambiance candle",
        "capabilities": {
            "certified": True,
            "control": {"mindimlevel": 1000, "maxlumen": 450, "ct": {"min": 153, "max": 454}},
            "streaming": {"renderer": False, "proxy": False},
        },
        "config": {
            "archetype": "pendantlong",
            "function": "decorative",
            "direction": "omnidirectional",
            "startup": {"mode": "safety", "configured": True},
        },
        "uniqueid": f"{light.mac}-0b",
        "swversion": "1.116.8",
        "swconfigid": "3EB43A0C",
        "productid": "Philips-LTW012-1-E14CTv1",
    }


def is_lit(seed: int, room: Room, now: datetime) -> bool:
    """Whether the lamps of the room are on: in the evening, where somebody is."""
    local = local_time(now.timestamp())
    return local.hour >= 17 and is_used(room, local, seed)


def _groups(view: View) -> dict[str, Json]:
    return {str(view.inventory.group_number(room)): _group(view, room) for room in view.inventory.rooms}


def _group(view: View, room: Room) -> dict[str, Json]:
    lit = is_lit(view.seed, room, view.now)
    return {
        "name": room.name,
        "lights": [str(light.number) for light in view.inventory.lights if light.room == room],
        "sensors": [],
        "type": "Room",
        "state": {"all_on": lit, "any_on": lit},
        "recycle": False,
        "class": room.kind_v1,
        "action": {"on": lit, "bri": 144, "ct": 366, "alert": "select", "colormode": "ct"},
    }


def _scenes(view: View) -> dict[str, Json]:
    return {scene.v1_id: _scene(view, scene) for scene in view.inventory.scenes}


def _scene(view: View, scene: Scene) -> dict[str, Json]:
    number = view.inventory.group_number(scene.room)
    return {
        "name": scene.name,
        "type": "GroupScene",
        "group": str(number),
        "lights": [str(light.number) for light in view.inventory.lights if light.room == scene.room],
        "owner": _OWNER,
        "recycle": False,
        "locked": True,
        "appdata": {"version": 1, "data": f"{scene.v1_id[:5]}_r{number:02d}_d01"},
        "picture": "",
        "image": "a1f7da49-d181-4328-abea-68c9dc4b5416",
        "lastupdated": "2024-10-02T19:20:11",
        "version": 2,
    }


def _schedules(view: View) -> dict[str, Json]:
    """The lamps go off at night, room by room."""
    return {
        str(number): {
            "name": f"Night {room.name}"[:32],
            "description": "",
            "command": {
                "address": f"/api/{_OWNER}/groups/{view.inventory.group_number(room)}/action",
                "body": {"on": False},
                "method": "PUT",
            },
            "localtime": f"W127/T23:{5 * number:02d}:00",
            "time": f"W127/T22:{5 * number:02d}:00",
            "created": "2024-10-02T19:25:00",
            "status": "enabled",
            "recycle": False,
        }
        for number, room in enumerate(view.inventory.rooms[:3], start=1)
    }


def _rules(view: View) -> dict[str, Json]:
    """Each motion sensor switches its room's lamps on and off."""
    rules: dict[str, Json] = {}
    for placed in view.inventory.sensors:
        presence = f"/sensors/{placed.ids.presence}/state/presence"
        room = next(room for room in view.inventory.rooms if room.key == placed.sensor.room)
        for is_on in (True, False):
            rules[str(len(rules) + 1)] = {
                "name": f"MotionSensor {placed.ids.presence}.{'on' if is_on else 'off'}",
                "owner": _OWNER,
                "created": "2024-10-02T19:30:12",
                "lasttriggered": "none",
                "timestriggered": 0,
                "status": "enabled",
                "recycle": True,
                "conditions": [
                    {"address": presence, "operator": "eq", "value": str(is_on).lower()},
                    {"address": presence, "operator": "ddx", "value": "PT00:00:01"},
                ],
                "actions": [
                    {
                        "address": f"/groups/{view.inventory.group_number(room)}/action",
                        "method": "PUT",
                        "body": {"on": is_on},
                    }
                ],
            }
    return rules


def _sensors(view: View) -> dict[str, Json]:
    return sensors(view.seed, view.inventory, view.now.timestamp())


def _resourcelinks(view: View) -> dict[str, Json]:
    return {
        str(1000 + number): {
            "name": f"MotionSensor {placed.ids.presence}",
            "description": f"MotionSensor {placed.ids.presence} behavior",
            "type": "Link",
            "classid": 10020,
            "owner": _OWNER,
            "recycle": False,
            "links": [
                f"/sensors/{placed.ids.presence}",
                f"/rules/{2 * number + 1}",
                f"/rules/{2 * number + 2}",
            ],
        }
        for number, placed in enumerate(view.inventory.sensors)
    }


COLLECTIONS: Mapping[str, Callable[[View], dict[str, Json]]] = {
    "lights": _lights,
    "groups": _groups,
    "schedules": _schedules,
    "scenes": _scenes,
    "rules": _rules,
    "sensors": _sensors,
    "resourcelinks": _resourcelinks,
}
