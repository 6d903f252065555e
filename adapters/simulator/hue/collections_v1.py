"""The collections of v1 of the bridge's interface, by the names in its paths."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from adapters.simulator.hue import v1_automations, v1_lights
from adapters.simulator.hue.v1_sensors import sensors
from adapters.simulator.hue.view import View
from adapters.simulator.reply import Json


def _sensors(view: View) -> dict[str, Json]:
    return sensors(view.seed, view.inventory, view.now.timestamp())


COLLECTIONS: Mapping[str, Callable[[View], dict[str, Json]]] = {
    "lights": v1_lights.lights,
    "groups": v1_lights.groups,
    "schedules": v1_automations.schedules,
    "scenes": v1_lights.scenes,
    "rules": v1_automations.rules,
    "sensors": _sensors,
    "resourcelinks": v1_automations.resourcelinks,
}
