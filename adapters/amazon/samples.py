"""What a monitor was heard to say: values, each with its own time, in our units."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import attrs

from adapters.amazon.monitors import Monitor
from adapters.json_reply import Json
from domain.reading import Quantity
from domain.values import frozen

_BY_ASSET: Mapping[str, Quantity] = {
    "alexa.airquality.humidity": Quantity.RELATIVE_HUMIDITY,
    "alexa.airquality.volatileorganiccompounds": Quantity.VOC_INDEX,
    "alexa.airquality.particulatematter": Quantity.PM25,
    "alexa.airquality.carbonmonoxide": Quantity.CARBON_MONOXIDE,
    "alexa.airquality.indoorairquality": Quantity.IAQ_SCORE,
}
# The same on every account that was seen; PM10 has no asset.
_BY_INSTANCE: Mapping[str, Quantity] = {
    "4": Quantity.RELATIVE_HUMIDITY,
    "5": Quantity.VOC_INDEX,
    "6": Quantity.PM25,
    "7": Quantity.PM10,
    "8": Quantity.CARBON_MONOXIDE,
    "9": Quantity.IAQ_SCORE,
}
_LED = "11"
_MOST_OTHERS = 100  # of one monitor; those that were seen have one
_KELVIN_AT_ZERO = 273.15


@frozen
class Sampled:
    """A value and when it was taken, where that is told."""

    value: float
    at: datetime | None = None


@attrs.define(kw_only=True)
class Samples:
    """All that one reply tells of one monitor. `left_out` says what could not be used, and why.

    `not_finite` is how many numbers were none in JSON that stood in strings.
    """

    values: dict[Quantity, Sampled] = attrs.field(factory=dict)
    others: dict[str, Sampled] = attrs.field(factory=dict)
    is_reachable: bool | None = None
    left_out: list[str] = attrs.field(factory=list)
    not_finite: int = 0
    raw: Json = None

    @property
    def newest(self) -> datetime | None:
        """When it last said anything. What does not change is not said again, so that older values stand."""
        times = [each.at for each in (*self.values.values(), *self.others.values()) if each.at is not None]
        return max(times, default=None)

    @property
    def is_empty(self) -> bool:
        return not self.values and not self.others

    def add_range(self, monitor: Monitor, instance: str, sampled: Sampled) -> None:
        """A value of the instance, under the quantity that it means, or its number where that is unknown."""
        quantity = _BY_ASSET.get(monitor.assets.get(instance, "").lower()) or _BY_INSTANCE.get(instance)
        if quantity is not None and quantity not in self.values:
            self.values[quantity] = sampled
        elif len(self.others) >= _MOST_OTHERS:
            self.left_out.append(f"more than {_MOST_OTHERS} values without a name")
        elif instance != _LED:
            self.others[f"range.{instance[:20]}"] = sampled

    def add_temperature(self, value: float, scale: str | None, at: datetime | None) -> None:
        """A temperature in the scale that the reply names."""
        match (scale or "").upper():
            case "CELSIUS":
                celsius = value
            case "FAHRENHEIT":
                celsius = (value - 32) / 1.8
            case "KELVIN":
                celsius = value - _KELVIN_AT_ZERO
            case _:
                self.left_out.append("a temperature without a known scale")
                return
        self.values.setdefault(Quantity.TEMPERATURE, Sampled(round(celsius, 2), at))
