"""Values of monitors, out of the replies of `listEndpoints` and of the older `/api/phoenix/state`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime

import attrs

from adapters.amazon.errors import shown_code
from adapters.amazon.monitors import ENDPOINT_PREFIX, Monitor
from adapters.http.lenient_json import (
    Json,
    at,
    count_non_finite,
    instant,
    integer,
    number,
    objects,
    parse_json,
    text,
)
from domain.reading import Quantity

_REACHABLE = {"OK": True, "REACHABLE": True, "UNREACHABLE": False}
_UNREACHABLE_CODES = {"ENDPOINT_UNREACHABLE", "BRIDGE_UNREACHABLE", "DEVICE_UNREACHABLE"}
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
_MOST_OTHERS = 100  # of one monitor; a real one has one
_KELVIN_AT_ZERO = 273.15
_NUMBER_AS_TEXT = re.compile(r"[+-]?[0-9]{1,12}(\.[0-9]{1,12})?")
_EARLIEST = datetime.min.replace(tzinfo=UTC)


@attrs.define(kw_only=True)
class Samples:
    """The samples of one monitor in one reply, in our units.

    `observed_at` is the time of its newest value, `heard_at` of its newest sample of any kind, reachability
    included; None without times. `left_out` names what could not be used. `not_finite` counts the NaN and
    infinite numbers in JSON that came in strings.
    """

    values: dict[Quantity, float] = attrs.field(factory=dict)
    others: dict[str, float] = attrs.field(factory=dict)
    observed_at: datetime | None = None
    heard_at: datetime | None = None
    is_reachable: bool | None = None
    left_out: list[str] = attrs.field(factory=list)
    not_finite: int = 0
    raw: Json = None

    @property
    def is_empty(self) -> bool:
        return not self.values and not self.others

    def note_time(self, sampled_at: datetime | None) -> None:
        """Take a sample's time into account."""
        self.heard_at = max(filter(None, (self.heard_at, sampled_at)), default=None)

    def add_range(self, monitor: Monitor, instance: str, value: float, sampled_at: datetime | None) -> None:
        """Add a value under the quantity that its range means, or under the range's number."""
        quantity = _BY_ASSET.get(monitor.assets.get(instance, "").lower()) or _BY_INSTANCE.get(instance)
        if quantity is not None and quantity not in self.values:
            self.values[quantity] = value
            self._observe(sampled_at)
        elif len(self.others) >= _MOST_OTHERS:
            self.left_out.append(f"more than {_MOST_OTHERS} values without a name")
        elif instance != _LED:
            self.others[f"range.{instance[:20]}"] = value
            self._observe(sampled_at)

    def add_temperature(self, value: float, scale: str | None, sampled_at: datetime | None) -> None:
        """Add a temperature, converted from the scale that the reply names."""
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
        if Quantity.TEMPERATURE not in self.values:
            self.values[Quantity.TEMPERATURE] = round(celsius, 2)
            self._observe(sampled_at)

    def _observe(self, sampled_at: datetime | None) -> None:
        self.observed_at = max(filter(None, (self.observed_at, sampled_at)), default=None)


def samples_of_endpoints(content: Json, monitors: Iterable[Monitor]) -> dict[str, Samples]:
    """Return the samples of each monitor that `listEndpoints` lists, by endpoint id."""
    by_id = {_short(monitor.endpoint_id): monitor for monitor in monitors}
    samples: dict[str, Samples] = {}
    for item in objects(content, "data", "listEndpoints", "endpoints"):
        if monitor := by_id.get(_short(text(item, "id") or text(item, "endpointId"))):
            _keep_better(samples, monitor, _endpoint_samples(item, monitor))
    return samples


def samples_of_states(content: Json, monitors: Iterable[Monitor]) -> dict[str, Samples]:
    """Return the samples of each monitor that `/api/phoenix/state` mentions, by endpoint id."""
    by_id = {monitor.entity_id.lower(): monitor for monitor in monitors}
    samples: dict[str, Samples] = {}
    for state in objects(content, "deviceStates"):
        if monitor := by_id.get(_entity(state)):
            _keep_better(samples, monitor, _state_samples(state, monitor))
    for error in objects(content, "errors"):
        if (monitor := by_id.get(_entity(error))) and _is_unreachable(text(error, "code")):
            samples.setdefault(monitor.endpoint_id, Samples(is_reachable=False))
    return samples


def _keep_better(samples: dict[str, Samples], monitor: Monitor, new: Samples) -> None:
    """Keep the newest values of a monitor that is listed twice: the second time it may have none."""
    old = samples.get(monitor.endpoint_id)
    if old is None or _rank(new) > _rank(old):
        samples[monitor.endpoint_id] = new


def _rank(samples: Samples) -> tuple[bool, datetime]:
    return not samples.is_empty, samples.observed_at or _EARLIEST


def _endpoint_samples(item: dict[str, Json], monitor: Monitor) -> Samples:
    samples = Samples(raw=item)
    for feature in objects(item, "features"):
        instance = _instance(feature)
        for each in objects(feature, "properties"):
            _add_property(samples, monitor, instance, each)
    if samples.is_reachable is None and samples.is_empty and any(map(_is_unreachable, samples.left_out)):
        samples.is_reachable = False
    return samples


def _add_property(samples: Samples, monitor: Monitor, instance: str | None, each: dict[str, Json]) -> None:
    error = at(each, "error")
    if error or text(each, "type") == "ERROR":
        samples.left_out.append(shown_code(text(error, "type") or text(error, "message") or "an error"))
        return
    sampled_at = instant(each, "timeOfSample")
    samples.note_time(sampled_at)
    if "reachabilityStatusValue" in each:
        samples.is_reachable = _reachable(text(each, "reachabilityStatusValue"))
    elif (in_range := _number(each, "rangeValue", "value")) is not None:
        if instance is None:
            samples.left_out.append("a value of an unknown range")
        else:
            samples.add_range(monitor, instance, in_range, sampled_at)
    elif (degrees := _number(each, "value", "value")) is not None:
        samples.add_temperature(degrees, text(each, "value", "scale"), sampled_at)
    elif "rangeValue" in each or "value" in each:
        samples.left_out.append("a value that is no number")


def _state_samples(state: dict[str, Json], monitor: Monitor) -> Samples:
    samples = Samples(raw=state)
    capabilities = at(state, "capabilityStates")
    for capability in capabilities if isinstance(capabilities, list) else []:
        if not isinstance(capability, str):
            _add_capability(samples, monitor, capability)
            continue
        with suppress(ValueError):
            parsed = parse_json(capability.encode("utf-8", "replace"))
            samples.not_finite += count_non_finite(parsed)
            _add_capability(samples, monitor, parsed)
    if _is_unreachable(text(state, "error", "code")) or _is_unreachable(text(state, "error")):
        samples.is_reachable = False
    return samples


def _add_capability(samples: Samples, monitor: Monitor, capability: Json) -> None:
    sampled_at = instant(capability, "timeOfSample")
    samples.note_time(sampled_at)
    match text(capability, "namespace"):
        case "Alexa.RangeController":
            instance, in_range = _instance(capability), _number(capability, "value")
            if instance is not None and in_range is not None:
                samples.add_range(monitor, instance, in_range, sampled_at)
        case "Alexa.TemperatureSensor":
            if (degrees := _number(capability, "value", "value")) is not None:
                samples.add_temperature(degrees, text(capability, "value", "scale"), sampled_at)
        case "Alexa.EndpointHealth" if text(capability, "name") == "connectivity":
            word = text(capability, "value", "value") or text(capability, "value")
            samples.is_reachable = _reachable(word)


def _number(value: Json, *path: str) -> float | None:
    """Return the finite number at the path, which may be written as text."""
    written = text(value, *path)
    if written is not None and _NUMBER_AS_TEXT.fullmatch(written.strip()):
        return float(written)
    return number(value, *path)


def _instance(value: Json) -> str | None:
    """Return the instance of a range, which may be text or a number."""
    as_number = integer(value, "instance")
    return text(value, "instance") or (None if as_number is None else str(as_number))


def _entity(state: dict[str, Json]) -> str:
    return (text(state, "entity", "entityId") or text(state, "entityId") or "").lower()


def _short(endpoint_id: str | None) -> str:
    return (endpoint_id or "").removeprefix(ENDPOINT_PREFIX).lower()


def _is_unreachable(code: str | None) -> bool:
    return (code or "").upper() in _UNREACHABLE_CODES


def _reachable(word: str | None) -> bool | None:
    return _REACHABLE.get((word or "").upper())
