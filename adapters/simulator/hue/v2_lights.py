"""What v2 of the bridge's interface says of lamps, and of the groups and scenes that they are in."""

from __future__ import annotations

from collections.abc import Sequence

from adapters.simulator.hue.inventory import Light, Scene
from adapters.simulator.hue.view import View
from adapters.simulator.reply import Json
from adapters.simulator.rooms import Room

Item = dict[str, Json]
SERVICES = ("zigbee_connectivity", "light", "device_software_update")
_FULL = 254


def lights(view: View) -> list[Item]:
    """Every lamp's `light` service."""
    return [_light(view, light) for light in view.inventory.lights]


def _light(view: View, light: Light) -> Item:
    return {
        "id": light.rid("light"),
        "id_v1": f"/lights/{light.number}",
        "owner": reference(light.rid("device"), "device"),
        "metadata": {"name": light.name, "archetype": "pendant_long", "function": "decorative"},
        "product_data": {"function": "decorative"},
        "identify": {},
        "service_id": 0,
        "on": {"on": view.is_lit(light.room)},
        "dimming": {"brightness": 56.69, "min_dim_level": 5.0},
        "color_temperature": {
            "mirek": 366,
            "mirek_valid": True,
            "mirek_schema": {"mirek_minimum": 153, "mirek_maximum": 454},
        },
        "dynamics": {"status": "none", "status_values": ["none"], "speed": 0.0, "speed_valid": False},
        "alert": {"action_values": ["breathe"]},
        "signaling": {"signal_values": ["no_signal", "on_off"]},
        "mode": "normal",
        "powerup": {
            "preset": "powerfail",
            "configured": True,
            "on": {"mode": "previous"},
            "dimming": {"mode": "previous"},
        },
        "type": "light",
    }


def light_device(light: Light) -> Item:
    """The device that a lamp is."""
    return {
        "id": light.rid("device"),
        "id_v1": f"/lights/{light.number}",
        "product_data": {
            "model_id": "LTW012",
            "manufacturer_name": "Signify Netherlands B.V.",
            "product_name": "Hue ambiance candle",
            "product_archetype": "candle_bulb",
            "certified": True,
            "software_version": "1.116.8",
            "hardware_platform_type": "100b-10c",
        },
        "metadata": {"name": light.name, "archetype": "pendant_long"},
        "identify": {},
        "services": [reference(light.rid(service), service) for service in SERVICES],
        "type": "device",
    }


def light_connectivity(light: Light) -> Item:
    """Its radio."""
    return {
        "id": light.rid("zigbee_connectivity"),
        "id_v1": f"/lights/{light.number}",
        "owner": reference(light.rid("device"), "device"),
        "status": "connected",
        "mac_address": light.mac,
        "type": "zigbee_connectivity",
    }


def rooms(view: View) -> list[Item]:
    """The rooms, with the devices in them."""
    return [_room(view, room) for room in view.inventory.rooms]


def _room(view: View, room: Room) -> Item:
    inventory = view.inventory
    children = [light.rid("device") for light in inventory.lights if light.room == room]
    children += [placed.rid("device") for placed in inventory.sensors if placed.sensor.room == room.key]
    return {
        "id": inventory.room_rid(room),
        "id_v1": f"/groups/{inventory.group_number(room)}",
        "children": [reference(rid, "device") for rid in children],
        "services": [reference(inventory.room_rid(room, "grouped_light"), "grouped_light")],
        "metadata": {"name": room.name, "archetype": room.kind_v2},
        "type": "room",
    }


def grouped_lights(view: View) -> list[Item]:
    """The lamps of each room taken together, and those of the whole home."""
    inventory = view.inventory
    lit = {room.key: view.is_lit(room) for room in inventory.rooms}
    home = _grouped_light(
        inventory.rid("grouped_light"),
        0,
        reference(inventory.rid("bridge_home"), "bridge_home"),
        is_on=any(lit.values()),
    )
    return [home] + [
        _grouped_light(
            inventory.room_rid(room, "grouped_light"),
            inventory.group_number(room),
            reference(inventory.room_rid(room), "room"),
            is_on=lit[room.key],
        )
        for room in inventory.rooms
    ]


def _grouped_light(rid: str, number: int, owner: Json, *, is_on: bool) -> Item:
    return {
        "id": rid,
        "id_v1": f"/groups/{number}",
        "owner": owner,
        "on": {"on": is_on},
        "dimming": {"brightness": 56.69 if is_on else 0.0},
        "alert": {"action_values": ["breathe"]},
        "signaling": {"signal_values": ["no_signal", "on_off"]},
        "type": "grouped_light",
    }


def scenes(view: View) -> list[Item]:
    """The stored light settings."""
    return [_scene(view, scene) for scene in view.inventory.scenes]


def _scene(view: View, scene: Scene) -> Item:
    return {
        "id": scene.rid,
        "id_v1": f"/scenes/{scene.v1_id}",
        "actions": _actions(scene, [light for light in view.inventory.lights if light.room == scene.room]),
        "metadata": {"name": scene.name, "appdata": f"{scene.v1_id[:5]}_r01_d01"},
        "group": reference(view.inventory.room_rid(scene.room), "room"),
        "palette": {"color": [], "dimming": [], "color_temperature": [], "effects": []},
        "speed": 0.5,
        "auto_dynamic": False,
        "status": {"active": "inactive"},
        "type": "scene",
    }


def _actions(scene: Scene, targets: Sequence[Light]) -> Json:
    brightness = round(100 * scene.brightness / _FULL, 2)
    return [
        {
            "target": reference(light.rid("light"), "light"),
            "action": {"on": {"on": True}, "dimming": {"brightness": brightness}},
        }
        for light in targets
    ]


def reference(rid: str, kind: str) -> dict[str, Json]:
    """How one resource names another."""
    return {"rid": rid, "rtype": kind}
