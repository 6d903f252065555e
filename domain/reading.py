"""Readings: quantities, units, and the rules for implausible and unstorable values."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import attrs

_MOST_AHEAD = timedelta(hours=1)  # how far a credible observation may be later than its slot
LARGEST = sys.float_info.max  # the largest finite number
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


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
    """The kinds of device. The `readings` table contains these words: add, never rename."""

    HUE_SENSOR = "hue_sensor"
    ALEXA_AQM = "alexa_aqm"
    NEST_THERMOSTAT = "nest_thermostat"


class ThermostatMode(StrEnum):
    """The modes of a thermostat that the `readings` table takes."""

    HEATING = "heating"
    COOLING = "cooling"
    OFF = "off"
    AWAY = "away"


@attrs.frozen(kw_only=True)
class Range:
    """A closed interval of values, in the unit of its quantity. It contains no infinity and no NaN."""

    least: float
    most: float

    def __contains__(self, value: float) -> bool:
        return math.isfinite(value) and self.least <= value <= self.most


# What the checks of the `readings` table accept, in existing homes too.
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
    """What one device reported.

    `collected_at` is the slot of the cycle, `observed_at` the device's own time, if it has one; both are
    aware and UTC. `values` are in the units of `UNITS`; `other_values` are those without a quantity, or that
    the table cannot store. `battery_percent` is 0 to 100.
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
    thermostat_mode: ThermostatMode | None = None


def flag_implausible(reading: Reading, plausible: Mapping[Quantity, Range]) -> Reading:
    """Mark the reading as anomalous if a value is outside its plausible range. Drop no value."""
    for quantity, limits in plausible.items():
        value = reading.values.get(quantity)
        if value is not None and value not in limits:
            return attrs.evolve(reading, is_anomalous=True)
    return reading


def fit_to_table(reading: Reading) -> Reading:
    """Move values that the table's checks reject to `other_values`, and mark the reading as anomalous.

    Infinities and NaN are dropped, since JSON cannot represent them: only the mark remains.
    """
    rejected = {
        quantity: value for quantity, value in reading.values.items() if value not in STORABLE[quantity]
    }
    others = reading.other_values
    if others:
        others = {name: value for name, value in others.items() if math.isfinite(value)}
    if not rejected and len(others) == len(reading.other_values):
        return reading
    others = {**others, **{name.value: value for name, value in rejected.items() if math.isfinite(value)}}
    values = {quantity: value for quantity, value in reading.values.items() if quantity not in rejected}
    return attrs.evolve(reading, values=values, other_values=others, is_anomalous=True)


def is_newer(reading: Reading, other: Reading) -> bool:
    """Return whether the reading was observed later.

    An unknown time counts as the oldest, and so does one more than an hour after the slot: the device's
    clock is wrong, and a value that it left behind would be the newest for years.
    """
    return _age_order(reading) > _age_order(other)


def _age_order(reading: Reading) -> tuple[bool, datetime]:
    observed_at = reading.observed_at
    if observed_at is None:
        return False, _LONG_AGO
    return observed_at - reading.collected_at <= _MOST_AHEAD, observed_at
