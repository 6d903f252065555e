"""The resources of v2 of the bridge's interface, by type."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from adapters.simulator.hue import v2_sensors
from adapters.simulator.hue.collections_v1 import View
from adapters.simulator.hue.pages import Json

Items = list[dict[str, Json]]


def _services(kind: str, view: View) -> Items:
    describe = v2_sensors.SERVICES[kind]
    epoch_s = view.now.timestamp()
    return [describe(view.seed, placed, epoch_s) for placed in view.inventory.sensors]


RESOURCES: Mapping[str, Callable[[View], Items]] = {
    kind: partial(_services, kind) for kind in v2_sensors.SERVICES
}
