"""What is measured, by which device, and which values are plausible."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

import attrs


class Quantity(StrEnum):
    """What a device measures. Each has one unit (`UNITS`, UCUM codes) everywhere in the program."""

    TEMPERATURE = "temperature"
    RELATIVE_HUMIDITY = "relative_humidity"
    PM25 = "pm25"
    PM10 = "pm10"
    CARBON_MONOXIDE = "carbon_monoxide"
    CARBON_DIOXIDE = "carbon_dioxide"
    VOC_INDEX = "voc_index"
    IAQ_SCORE = "iaq_score"


UNITS: Mapping[Quantity, str] = {
    Quantity.TEMPERATURE: "Cel",
    Quantity.RELATIVE_HUMIDITY: "%",
    Quantity.PM25: "ug/m3",
    Quantity.PM10: "ug/m3",
    Quantity.CARBON_MONOXIDE: "[ppm]",
    Quantity.CARBON_DIOXIDE: "[ppm]",
    Quantity.VOC_INDEX: "{index}",
    Quantity.IAQ_SCORE: "{index}",
}


class DeviceKind(StrEnum):
    """The kinds of device, by the names that the `readings` table has always used."""

    HUE_SENSOR = "hue_sensor"
    ALEXA_AQM = "alexa_aqm"


@attrs.frozen(kw_only=True)
class Range:
    """A closed interval of values, in the unit of its quantity. Infinities and NaN are in none."""

    least: float
    most: float

    def __contains__(self, value: float) -> bool:
        return math.isfinite(value) and self.least <= value <= self.most


# What the checks of the readings table take; existing homes have the same checks.
STORABLE: Mapping[Quantity, Range] = {
    Quantity.TEMPERATURE: Range(least=-40.0, most=50.0),
    Quantity.RELATIVE_HUMIDITY: Range(least=0.0, most=100.0),
    Quantity.PM25: Range(least=0.0, most=math.inf),
    Quantity.PM10: Range(least=0.0, most=math.inf),
    Quantity.CARBON_MONOXIDE: Range(least=0.0, most=math.inf),
    Quantity.CARBON_DIOXIDE: Range(least=0.0, most=math.inf),
    Quantity.VOC_INDEX: Range(least=0.0, most=math.inf),
    Quantity.IAQ_SCORE: Range(least=0.0, most=100.0),
}


@attrs.frozen(kw_only=True)
class Reading:
    """What one device reported at one instant.

    `collected_at` is the cycle's slot; `observed_at` is when the device says that it was true, where it
    says so. Both are aware and UTC. `values` are in the units of `UNITS`; `other_values` holds what has no
    quantity, or a value that the table cannot take. `battery_percent` is 0 to 100.
    """

    device_id: str
    kind: DeviceKind
    location: str
    collected_at: datetime
    observed_at: datetime | None = None
    values: Mapping[Quantity, float]
    other_values: Mapping[str, float] = attrs.field(factory=dict)
    battery_percent: int | None = None
    is_reachable: bool | None = None
    is_anomalous: bool = False
    raw_response: str | None = None


def flagged(reading: Reading, plausible: Mapping[Quantity, Range]) -> Reading:
    """The reading, marked as anomalous when a value lies outside its plausible range. No value is dropped."""
    implausible = any(
        quantity in plausible and value not in plausible[quantity]
        for quantity, value in reading.values.items()
    )
    return attrs.evolve(reading, is_anomalous=True) if implausible else reading


def storable(reading: Reading) -> Reading:
    """The reading with the values that the table's checks refuse moved to `other_values`, and marked.

    Infinities and NaN go nowhere, since JSON has no word for them: of these only the mark remains.
    """
    refused = {
        quantity: value for quantity, value in reading.values.items() if value not in STORABLE[quantity]
    }
    if not refused and not reading.other_values:
        return reading
    finite_others = {name: value for name, value in reading.other_values.items() if math.isfinite(value)}
    if not refused and len(finite_others) == len(reading.other_values):
        return reading
    return attrs.evolve(
        reading,
        values={quantity: value for quantity, value in reading.values.items() if quantity not in refused},
        other_values={
            **finite_others,
            **{quantity.value: value for quantity, value in refused.items() if math.isfinite(value)},
        },
        is_anomalous=True,
    )
