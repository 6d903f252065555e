"""What v2 of the bridge's interface says of the bridge itself and of the home as a whole."""

from __future__ import annotations

from adapters.simulator.chance import hexadecimal, mac
from adapters.simulator.hue.v2_dimmer import dimmer_rid
from adapters.simulator.hue.v2_lights import Item, reference
from adapters.simulator.hue.view import View
from adapters.simulator.local_time import TIME_ZONE
from adapters.simulator.reply import Json

_BRIDGE_SERVICES = ("bridge", "zigbee_connectivity", "entertainment", "zigbee_device_discovery")


def bridge(view: View) -> list[Item]:
    """The bridge."""
    return [
        {
            "id": view.inventory.rid("bridge"),
            "owner": reference(view.inventory.rid("device"), "device"),
            "bridge_id": view.model.bridge_id,
            "time_zone": {"time_zone": TIME_ZONE},
            "type": "bridge",
        }
    ]


def bridge_device(view: View) -> Item:
    """The bridge as a device; it has no number in v1."""
    kind = "bridge_v3" if view.model.model_id == "BSB003" else "bridge_v2"
    return {
        "id": view.inventory.rid("device"),
        "product_data": {
            "model_id": view.model.model_id,
            "manufacturer_name": "Signify Netherlands B.V.",
            "product_name": "Hue Bridge Pro" if view.model.model_id == "BSB003" else "Hue Bridge",
            "product_archetype": kind,
            "certified": True,
            "software_version": f"{view.model.api_version.rpartition('.')[0]}.{view.model.software_version}",
        },
        "metadata": {"name": view.model.name, "archetype": kind},
        "identify": {},
        "services": [reference(view.inventory.rid(service), service) for service in _BRIDGE_SERVICES],
        "type": "device",
    }


def bridge_connectivity(view: View) -> Item:
    """The bridge's own radio."""
    return {
        "id": view.inventory.rid("zigbee_connectivity"),
        "owner": reference(view.inventory.rid("device"), "device"),
        "status": "connected",
        "mac_address": mac(view.model.bridge_id),
        "channel": {"status": "set", "value": "channel_25"},
        "extended_pan_id": hexadecimal(16, view.model.bridge_id, "network"),
        "type": "zigbee_connectivity",
    }


def bridge_home(view: View) -> list[Item]:
    """The home: its rooms, and the devices that are in none."""
    inventory = view.inventory
    children: list[Json] = [
        reference(inventory.rid("device"), "device"),
        reference(dimmer_rid(view), "device"),
    ]
    children += [reference(inventory.room_rid(room), "room") for room in inventory.rooms]
    return [
        {
            "id": inventory.rid("bridge_home"),
            "id_v1": "/groups/0",
            "children": children,
            "services": [reference(inventory.rid("grouped_light"), "grouped_light")],
            "type": "bridge_home",
        }
    ]


def entertainment(view: View) -> list[Item]:
    """The bridge's part in light shows."""
    return [
        {
            "id": view.inventory.rid("entertainment"),
            "owner": reference(view.inventory.rid("device"), "device"),
            "renderer": False,
            "proxy": True,
            "equalizer": False,
            "max_streams": 1,
            "type": "entertainment",
        }
    ]


def zigbee_device_discovery(view: View) -> list[Item]:
    """The search for new lamps."""
    return [
        {
            "id": view.inventory.rid("zigbee_device_discovery"),
            "owner": reference(view.inventory.rid("device"), "device"),
            "status": "ready",
            "action": {"action_type_values": ["search", "search_allow_default_link_key"]},
            "type": "zigbee_device_discovery",
        }
    ]


def geolocation(view: View) -> list[Item]:
    """Whether the bridge knows where it is."""
    return [{"id": view.inventory.rid("geolocation"), "is_configured": True, "type": "geolocation"}]


def homekit(view: View) -> list[Item]:
    """Whether the bridge is paired with another system."""
    return [
        {
            "id": view.inventory.rid("homekit"),
            "status": "unpaired",
            "status_values": ["pairing", "paired", "unpaired"],
            "type": "homekit",
        }
    ]
