"""A reading's values and age as people read them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from domain.reading import UNITS, Quantity, Reading

_PRETTY_UNITS = {"Cel": "°C", "ug/m3": "µg/m³", "[ppm]": "ppm", "{index}": ""}
_DECIMALS: Mapping[Quantity, int] = {Quantity.TEMPERATURE: 1, Quantity.CARBON_MONOXIDE: 1}


def shown(reading: Reading, quantity: Quantity) -> str:
    """The value with its unit; empty where the reading has none."""
    if quantity not in reading.values:
        return ""
    unit = _PRETTY_UNITS.get(UNITS[quantity], UNITS[quantity])
    return f"{reading.values[quantity]:.{_DECIMALS.get(quantity, 0)}f} {unit}".rstrip()


def age_shown(age: timedelta) -> str:
    """How long ago, in one unit."""
    minutes = int(age.total_seconds() // 60)
    if minutes < 1:
        return "now"
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // 1440} d"
