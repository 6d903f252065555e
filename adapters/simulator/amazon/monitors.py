"""The air quality monitors of the simulated home: which there are, and what each can measure."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import attrs

from adapters.simulator.chance import hexadecimal, resource_id
from domain.reading import Quantity

DEVICE_TYPE = "AEZME1X38KDRA"

RANGE_INSTANCES: Mapping[Quantity, str] = {
    Quantity.RELATIVE_HUMIDITY: "4",
    Quantity.VOC_INDEX: "5",
    Quantity.PM25: "6",
    Quantity.PM10: "7",
    Quantity.CARBON_MONOXIDE: "8",
    Quantity.IAQ_SCORE: "9",
}


@attrs.frozen(kw_only=True, cache_hash=True)
class Monitor:
    """A monitor, by the name that its owner gave it and by all the names that the service has for it."""

    number: int
    room: str
    name: str
    serial: str
    entity_id: str
    appliance_id: str
    quantities: tuple[Quantity, ...]

    @property
    def endpoint_id(self) -> str:
        """Its identity in GraphQL."""
        return f"amzn1.alexa.endpoint.{self.entity_id}"

    @property
    def device_id(self) -> str:
        """Its identity in readings."""
        return f"alexa:{self.serial}"

    def is_called(self, where: str) -> bool:
        """Whether that is one of its names; an empty one is everybody's."""
        names = (self.serial, self.name, self.room, self.entity_id, self.endpoint_id, self.appliance_id)
        return not where or where in names


@lru_cache(maxsize=64)
def monitors(seed: int) -> tuple[Monitor, ...]:
    """A monitor in each of three rooms. A seed's monitors are always the same."""
    everything = (Quantity.TEMPERATURE, *RANGE_INSTANCES)
    without_pm10 = tuple(quantity for quantity in everything if quantity is not Quantity.PM10)
    placed = (
        ("kitchen", "First Air Quality Monitor", everything),
        ("bedroom", "Bedroom air", without_pm10),
        ("living", "Living Room Air Quality Monitor", everything),
    )
    return tuple(
        Monitor(
            number=number,
            room=room,
            name=name,
            serial=f"GAJ2{hexadecimal(12, seed, 'serial', number).upper()}",
            entity_id=resource_id(seed, "monitor", number),
            appliance_id=f"AAA_SonarCloudService_00QA{hexadecimal(60, seed, 'appliance', number)}",
            quantities=quantities,
        )
        for number, (room, name, quantities) in enumerate(placed)
    )
