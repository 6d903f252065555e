"""What v2 of the bridge's interface says of the bridge itself, the home as a whole, and a switch."""

from __future__ import annotations

from adapters.simulator.chance import hexadecimal, mac, resource_id
from adapters.simulator.hue.collections_v1 import View
from adapters.simulator.hue.pages import Json
from adapters.simulator.hue.v2_lights import Item, reference
from adapters.simulator.hue.v2_sensors import stamp
from adapters.simulator.local_time import TIME_ZONE

_BRIDGE_SERVICES = ("bridge", "zigbee_connectivity", "entertainment", "zigbee_device_discovery")
_DIMMER_BUTTONS = (1, 2, 3, 4)
DIMMER_ID_V1 = "/sensors/2"


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
    children: list[Json] = [reference(inventory.rid("device"), "device"), reference(_dimmer(view), "device")]
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


def dimmer_device(view: View) -> Item:
    """A wall switch, a device without temperature."""
    services = [(resource_id(_dimmer(view), "button", number), "button") for number in _DIMMER_BUTTONS]
    services.append((resource_id(_dimmer(view), "device_power"), "device_power"))
    services.append((resource_id(_dimmer(view), "zigbee_connectivity"), "zigbee_connectivity"))
    return {
        "id": _dimmer(view),
        "id_v1": DIMMER_ID_V1,
        "product_data": {
            "model_id": "RWL021",
            "manufacturer_name": "Signify Netherlands B.V.",
            "product_name": "Hue dimmer switch",
            "product_archetype": "unknown_archetype",
            "certified": True,
            "software_version": "1.1.28573",
            "hardware_platform_type": "100b-109",
        },
        "metadata": {"name": "Living room remote", "archetype": "unknown_archetype"},
        "services": [reference(rid, kind) for rid, kind in services],
        "type": "device",
    }


def dimmer_buttons(view: View) -> list[Item]:
    """Its four buttons."""
    pressed = stamp(view.now.timestamp() // 3600 * 3600)
    return [
        {
            "id": resource_id(_dimmer(view), "button", number),
            "id_v1": DIMMER_ID_V1,
            "owner": reference(_dimmer(view), "device"),
            "metadata": {"control_id": number},
            "button": {
                "last_event": "short_release",
                "button_report": {"updated": pressed, "event": "short_release"},
                "repeat_interval": 800,
                "event_values": ["initial_press", "repeat", "short_release", "long_release"],
            },
            "type": "button",
        }
        for number in _DIMMER_BUTTONS
    ]


def dimmer_power(view: View) -> Item:
    """Its battery, which nobody has read yet."""
    return _dimmer_service(view, "device_power", power_state={})


def dimmer_connectivity(view: View) -> Item:
    """Its radio."""
    return _dimmer_service(
        view,
        "zigbee_connectivity",
        status="connected",
        mac_address=view.inventory.dimmer_mac,
    )


def _dimmer_service(view: View, kind: str, **content: Json) -> Item:
    return {
        "id": resource_id(_dimmer(view), kind),
        "id_v1": DIMMER_ID_V1,
        "owner": reference(_dimmer(view), "device"),
        **content,
        "type": kind,
    }


def _dimmer(view: View) -> str:
    return resource_id(view.inventory.dimmer_mac, "device")
