"""What v1 of the bridge's interface says of lamps, and of the groups and scenes that they are in."""

from __future__ import annotations

from adapters.simulator.hue.inventory import Light, Scene
from adapters.simulator.hue.view import View
from adapters.simulator.reply import Json
from adapters.simulator.rooms import Room

OWNER = "1b6d2cf0a6c24c6bb4a5d1f0c2e83a97"  # the application that set everything up


def lights(view: View) -> dict[str, Json]:
    """The lamps, by number."""
    return {str(light.number): _light(view, light) for light in view.inventory.lights}


def _light(view: View, light: Light) -> dict[str, Json]:
    return {
        "state": {
            "on": view.is_lit(light.room),
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


def groups(view: View) -> dict[str, Json]:
    """The rooms, by number."""
    return {str(view.inventory.group_number(room)): _group(view, room) for room in view.inventory.rooms}


def _group(view: View, room: Room) -> dict[str, Json]:
    lit = view.is_lit(room)
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


def scenes(view: View) -> dict[str, Json]:
    """The stored light settings, by their ids."""
    return {scene.v1_id: _scene(view, scene) for scene in view.inventory.scenes}


def _scene(view: View, scene: Scene) -> dict[str, Json]:
    number = view.inventory.group_number(scene.room)
    return {
        "name": scene.name,
        "type": "GroupScene",
        "group": str(number),
        "lights": [str(light.number) for light in view.inventory.lights if light.room == scene.room],
        "owner": OWNER,
        "recycle": False,
        "locked": True,
        "appdata": {"version": 1, "data": f"{scene.v1_id[:5]}_r{number:02d}_d01"},
        "picture": "",
        "image": "a1f7da49-d181-4328-abea-68c9dc4b5416",
        "lastupdated": "2024-10-02T19:20:11",
        "version": 2,
    }
