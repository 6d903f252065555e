"""The resources of v2 of the bridge's interface, by type."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from adapters.simulator.hue import v2_dimmer, v2_home, v2_lights, v2_sensors
from adapters.simulator.hue.inventory import Light, PlacedSensor
from adapters.simulator.hue.v2_lights import Item, reference
from adapters.simulator.hue.view import View


def _devices(view: View) -> list[Item]:
    return [
        *(v2_sensors.device(placed) for placed in view.inventory.sensors),
        *(v2_lights.light_device(light) for light in view.inventory.lights),
        v2_dimmer.device(view),
        v2_home.bridge_device(view),
    ]


def _zigbee_connectivity(view: View) -> list[Item]:
    return [
        *_of_sensors("zigbee_connectivity")(view),
        *(v2_lights.light_connectivity(light) for light in view.inventory.lights),
        v2_dimmer.connectivity(view),
        v2_home.bridge_connectivity(view),
    ]


def _device_power(view: View) -> list[Item]:
    return [*_of_sensors("device_power")(view), v2_dimmer.power(view)]


def _device_software_update(view: View) -> list[Item]:
    owners: list[PlacedSensor | Light] = [*view.inventory.sensors, *view.inventory.lights]
    return [
        {
            "id": owner.rid("device_software_update"),
            "owner": reference(owner.rid("device"), "device"),
            "state": "no_update",
            "problems": [],
            "type": "device_software_update",
        }
        for owner in owners
    ]


def _of_sensors(kind: str) -> Callable[[View], list[Item]]:
    describe = v2_sensors.DESCRIPTIONS[kind]
    return lambda view: [
        describe(view.seed, placed, view.now.timestamp()) for placed in view.inventory.sensors
    ]


def _none(_view: View) -> list[Item]:
    """A type that bridges know and this home has nothing of."""
    return []


RESOURCES: Mapping[str, Callable[[View], list[Item]]] = {
    "behavior_instance": _none,
    "behavior_script": _none,
    "bridge": v2_home.bridge,
    "bridge_home": v2_home.bridge_home,
    "button": v2_dimmer.buttons,
    "camera_motion": _none,
    "contact": _none,
    "device": _devices,
    "device_power": _device_power,
    "device_software_update": _device_software_update,
    "entertainment": v2_home.entertainment,
    "entertainment_configuration": _none,
    "geofence_client": _none,
    "geolocation": v2_home.geolocation,
    "grouped_light": v2_lights.grouped_lights,
    "homekit": v2_home.homekit,
    "light": v2_lights.lights,
    "light_level": _of_sensors("light_level"),
    "matter": _none,
    "matter_fabric": _none,
    "motion": _of_sensors("motion"),
    "relative_rotary": _none,
    "room": v2_lights.rooms,
    "scene": v2_lights.scenes,
    "smart_scene": _none,
    "tamper": _none,
    "temperature": _of_sensors("temperature"),
    "zgp_connectivity": _none,
    "zigbee_connectivity": _zigbee_connectivity,
    "zigbee_device_discovery": v2_home.zigbee_device_discovery,
    "zone": _none,
}
