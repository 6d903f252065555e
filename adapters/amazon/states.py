"""Reads monitors' values out of the answer of `listEndpoints`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

import attrs

from adapters.amazon.errors import shown_code
from adapters.amazon.monitors import ENDPOINT_PREFIX, Monitor
from adapters.http.lenient_json import Json, at, instant, integer, number, objects, text
from domain.reading import Quantity

_REACHABLE = {"OK": True, "REACHABLE": True, "UNREACHABLE": False}
_AWAY = {"ENDPOINT_UNREACHABLE", "BRIDGE_UNREACHABLE", "DEVICE_UNREACHABLE"}


def samples_of_endpoints(content: Json, monitors: Iterable[Monitor]) -> dict[str, Samples]:
    """What is told of each of the monitors, by endpoint id; those that are not listed are not in it."""
    listed = {_short(text(item, "id") or text(item, "endpointId")): item for item in _endpoints(content)}
    return {
        monitor.endpoint_id: _samples(listed[_short(monitor.endpoint_id)], monitor)
        for monitor in monitors
        if _short(monitor.endpoint_id) in listed
    }


def is_away(code: str | None) -> bool:
    """Whether an error means that Amazon does not reach the device."""
    return (code or "").upper() in _AWAY


def reachable(word: str | None) -> bool | None:
    """What a word of Amazon's says of a device; None for one that we do not know."""
    return _REACHABLE.get((word or "").upper())


def _endpoints(content: Json) -> Iterable[dict[str, Json]]:
    return objects(content, "data", "listEndpoints", "endpoints")


def _short(endpoint_id: str | None) -> str:
    return (endpoint_id or "").removeprefix(ENDPOINT_PREFIX).lower()


def _samples(item: dict[str, Json], monitor: Monitor) -> Samples:
    samples = Samples(raw=item)
    for feature in objects(item, "features"):
        number_of_it = integer(feature, "instance")
        instance = text(feature, "instance") or (None if number_of_it is None else str(number_of_it))
        for each in objects(feature, "properties"):
            _add(samples, monitor, instance, each)
    if samples.is_reachable is None and samples.is_empty and any(map(is_away, samples.left_out)):
        samples.is_reachable = False
    return samples


def _add(samples: Samples, monitor: Monitor, instance: str | None, each: dict[str, Json]) -> None:
    taken_at = instant(each, "timeOfSample")
    in_range = number(each, "rangeValue", "value")
    if error := at(each, "error"):
        kind = text(error, "type") or text(error, "message") or "without a word"
        samples.left_out.append(shown_code(kind))
    elif "reachabilityStatusValue" in each:
        samples.is_reachable = reachable(text(each, "reachabilityStatusValue"))
    elif in_range is not None:
        if instance is None:
            samples.left_out.append("a value that does not say of what")
        else:
            samples.add_range(monitor, instance, Sampled(in_range, taken_at))
    elif (degrees := number(each, "value", "value")) is not None:
        samples.add_temperature(degrees, text(each, "value", "scale"), taken_at)
    elif "rangeValue" in each or "value" in each:
        samples.left_out.append("a value that is no number")


# What a monitor was heard to say: values, each with its own time, in our units.

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


@attrs.frozen
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
