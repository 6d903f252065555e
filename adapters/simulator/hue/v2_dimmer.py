"""What v2 of the bridge's interface says of a wall switch, a device without temperature."""

from __future__ import annotations

from adapters.simulator.chance import resource_id
from adapters.simulator.hue.v2_lights import Item, reference
from adapters.simulator.hue.v2_sensors import stamp
from adapters.simulator.hue.view import View
from adapters.simulator.reply import Json

_BUTTONS = (1, 2, 3, 4)
_ID_V1 = "/sensors/2"


def device(view: View) -> Item:
    """The switch."""
    services = [(resource_id(dimmer_rid(view), "button", number), "button") for number in _BUTTONS]
    services.append((resource_id(dimmer_rid(view), "device_power"), "device_power"))
    services.append((resource_id(dimmer_rid(view), "zigbee_connectivity"), "zigbee_connectivity"))
    return {
        "id": dimmer_rid(view),
        "id_v1": _ID_V1,
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


def buttons(view: View) -> list[Item]:
    """Its four buttons."""
    pressed = stamp(view.now.timestamp() // 3600 * 3600)
    return [
        {
            "id": resource_id(dimmer_rid(view), "button", number),
            "id_v1": _ID_V1,
            "owner": reference(dimmer_rid(view), "device"),
            "metadata": {"control_id": number},
            "button": {
                "last_event": "short_release",
                "button_report": {"updated": pressed, "event": "short_release"},
                "repeat_interval": 800,
                "event_values": ["initial_press", "repeat", "short_release", "long_release"],
            },
            "type": "button",
        }
        for number in _BUTTONS
    ]


def power(view: View) -> Item:
    """Its battery, which nobody has read yet."""
    return _service(view, "device_power", power_state={})


def connectivity(view: View) -> Item:
    """Its radio."""
    return _service(
        view,
        "zigbee_connectivity",
        status="connected",
        mac_address=view.inventory.dimmer_mac,
    )


def _service(view: View, kind: str, **content: Json) -> Item:
    return {
        "id": resource_id(dimmer_rid(view), kind),
        "id_v1": _ID_V1,
        "owner": reference(dimmer_rid(view), "device"),
        **content,
        "type": kind,
    }


def dimmer_rid(view: View) -> str:
    """The device itself."""
    return resource_id(view.inventory.dimmer_mac, "device")
