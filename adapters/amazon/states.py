"""Values of monitors, out of the replies of `listEndpoints` and of the older `/api/phoenix/state`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime

import attrs

from adapters.amazon.errors import shown_code
from adapters.amazon.monitors import ENDPOINT_PREFIX, Monitor
from adapters.http.lenient_json import (
    Json,
    at,
    count_non_finite,
    excerpt,
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
# A comma before three digits would be ambiguous: it may separate thousands.
_NUMBER_AS_TEXT = re.compile(r"[+-]?[0-9]{1,12}(\.[0-9]{0,12}|,[0-9]{1,2})?([eE][+-]?[0-9]{1,2})?")
_SCALE_AFFIXES = re.compile(r"[^a-z]|^deg(rees?)?")
_EARLIEST = datetime.min.replace(tzinfo=UTC)


@attrs.define(kw_only=True)
class Samples:
    """The samples of one monitor in one reply, in our units.

    `observed_at` is the time of its newest value, `heard_at` of its newest sample of any kind, reachability
    included; None without times. `is_dated` is False once one of them came without a time. `left_out` names
    what could not be used, and why; `in_error` are the quantities that came with an error. `not_finite`
    counts the NaN and infinite numbers in JSON that came in strings.
    """

    values: dict[Quantity, float] = attrs.field(factory=dict)
    others: dict[str, float] = attrs.field(factory=dict)
    observed_at: datetime | None = None
    heard_at: datetime | None = None
    is_dated: bool = True
    is_reachable: bool | None = None
    thermostat_mode: str | None = None
    left_out: list[str] = attrs.field(factory=list)
    in_error: set[Quantity] = attrs.field(factory=set)
    not_finite: int = 0
    raw: Json = None

    @property
    def is_empty(self) -> bool:
        return not self.values and not self.others

    def note_time(self, sampled_at: datetime | None) -> None:
        """Take a sample's time into account."""
        self.heard_at = max(filter(None, (self.heard_at, sampled_at)), default=None)

    def set_reachable(self, word: str | None, sampled_at: datetime | None) -> None:
        """Take into account whether the service reaches the monitor."""
        self.note_time(sampled_at)
        self.is_reachable = _REACHABLE.get((word or "").strip().upper())
        self.is_dated = self.is_dated and (sampled_at is not None or not self.is_reachable)

    def add_range(self, monitor: Monitor, instance: str, written: Json, sampled_at: datetime | None) -> None:
        """Add a value under the quantity that its range means, or under the range's number."""
        if instance == _LED:
            return
        quantity, value = range_quantity(monitor, instance), _number(written)
        if value is None:
            self.left_out.append(f"{_range_name(monitor, instance)}: {_shown(written)}")
        elif quantity is not None and quantity not in self.values:
            self.values[quantity] = value
            self._observe(sampled_at)
        elif len(self.others) >= _MOST_OTHERS:
            self.left_out.append(f"more than {_MOST_OTHERS} values without a name")
        else:
            self.others[f"range.{instance[:20]}"] = value
            self._observe(sampled_at)

    def add_temperature(self, written: Json, scale: str | None, sampled_at: datetime | None) -> None:
        """Add a temperature, converted from the scale that the reply names."""
        value = _number(written)
        if value is None:
            self.left_out.append(f"temperature: {_shown(written)}")
            return
        match _SCALE_AFFIXES.sub("", (scale or "").lower()):
            case "celsius" | "c":
                celsius = value
            case "fahrenheit" | "f":
                celsius = (value - 32) / 1.8
            case "kelvin" | "k":
                celsius = value - _KELVIN_AT_ZERO
            case _:
                self.left_out.append(f"temperature: the scale {_quoted(scale)} is not known")
                return
        if Quantity.TEMPERATURE not in self.values:
            self.values[Quantity.TEMPERATURE] = round(celsius, 2)
            self._observe(sampled_at)

    def take(self, other: Samples, quantities: AbstractSet[Quantity]) -> AbstractSet[Quantity]:
        """Take those of the quantities that the other samples have, and forget why they were left out."""
        taken = quantities & other.values.keys()
        self.values |= {quantity: other.values[quantity] for quantity in taken}
        self.left_out = [one for one in self.left_out if one.partition(":")[0] not in taken]
        self.not_finite += other.not_finite
        self.note_time(other.heard_at)
        return taken

    def _observe(self, sampled_at: datetime | None) -> None:
        self.is_dated = self.is_dated and sampled_at is not None
        self.observed_at = max(filter(None, (self.observed_at, sampled_at)), default=None)


def range_quantity(monitor: Monitor, instance: str) -> Quantity | None:
    """Return the quantity of a range: by Amazon's name of it, else by its number."""
    return _BY_ASSET.get(monitor.assets.get(instance, "").lower()) or _BY_INSTANCE.get(instance)


def expected_quantities(monitor: Monitor) -> AbstractSet[Quantity]:
    """Return what the monitor measures: its temperature, and the ranges that Amazon describes.

    Where it describes none, PM10 is not expected: some monitors do not have it.
    """
    if not monitor.assets:
        return frozenset(Quantity) - {Quantity.PM10, Quantity.CARBON_DIOXIDE}
    ranges = (range_quantity(monitor, instance) for instance in monitor.assets)
    return {Quantity.TEMPERATURE, *filter(None, ranges)}


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
    codes: list[str] = []
    for feature in objects(item, "features"):
        for each in objects(feature, "properties"):
            if each.get("error") or text(each, "type") == "ERROR":
                code = text(each, "error", "type") or text(each, "error", "message") or "an error"
                named = _feature_name(feature, monitor)
                samples.left_out.append(f"{named}: {shown_code(code)}")
                codes.append(code)
                samples.in_error |= {each for each in Quantity if each == named}
            else:
                _add_property(samples, monitor, _instance(feature), each)
    if samples.is_reachable is None and samples.is_empty and any(map(_is_unreachable, codes)):
        samples.is_reachable = False
    return samples


def _add_property(samples: Samples, monitor: Monitor, instance: str | None, each: dict[str, Json]) -> None:
    sampled_at = instant(each, "timeOfSample")
    if "reachabilityStatusValue" in each:
        samples.set_reachable(text(each, "reachabilityStatusValue"), sampled_at)
    elif "rangeValue" in each:
        samples.note_time(sampled_at)
        if instance is None:
            samples.left_out.append("a value of an unknown range")
        else:
            samples.add_range(monitor, instance, _bare(each["rangeValue"]), sampled_at)
    elif "value" in each:
        samples.note_time(sampled_at)
        samples.add_temperature(_bare(each["value"]), _scale(each), sampled_at)


def _state_samples(state: dict[str, Json], monitor: Monitor) -> Samples:
    samples = Samples(raw=state)
    capabilities = at(state, "capabilityStates")
    for capability in capabilities if isinstance(capabilities, list) else []:
        parsed = capability
        if isinstance(capability, str):
            try:
                parsed = parse_json(capability.encode("utf-8", "replace"))
            except ValueError:
                samples.left_out.append("a state that is not JSON")
                continue
            samples.not_finite += count_non_finite(parsed)
        if isinstance(parsed, dict):
            _add_capability(samples, monitor, parsed)
    code = text(state, "error", "code") or text(state, "error")
    if _is_unreachable(code):
        samples.is_reachable = False
    elif code is not None:
        samples.left_out.append(shown_code(code))
    return samples


def _add_capability(samples: Samples, monitor: Monitor, capability: dict[str, Json]) -> None:
    sampled_at = instant(capability, "timeOfSample")
    match text(capability, "namespace"):
        case "Alexa.RangeController":
            samples.note_time(sampled_at)
            instance = _instance(capability)
            if instance is None:
                samples.left_out.append("a value of an unknown range")
            else:
                samples.add_range(monitor, instance, _bare(capability.get("value")), sampled_at)
        case "Alexa.TemperatureSensor":
            samples.note_time(sampled_at)
            samples.add_temperature(_bare(capability.get("value")), _scale(capability), sampled_at)
        case "Alexa.ThermostatController" if text(capability, "name") == "thermostatMode":
            samples.thermostat_mode = text(capability, "value", "value") or text(capability, "value")
        case "Alexa.EndpointHealth" if text(capability, "name") == "connectivity":
            word = text(capability, "value", "value") or text(capability, "value")
            samples.set_reachable(word, sampled_at)


def _bare(value: Json) -> Json:
    """Return what is in an object's `value`, or the value itself where it is no object."""
    return value.get("value") if isinstance(value, dict) else value


def _scale(value: Json) -> str | None:
    """Return the scale that is named in a temperature, or next to it."""
    return text(value, "value", "scale") or text(value, "scale")


def _number(value: Json) -> float | None:
    """Return a finite number, which may be written as text; None for anything else."""
    if isinstance(value, str):
        written = value.strip()
        return float(written.replace(",", ".")) if _NUMBER_AS_TEXT.fullmatch(written) else None
    return number(value)


def _shown(value: Json) -> str:
    """Describe what came instead of a number."""
    match value:
        case None:
            return "no value"
        case str():
            return f"{_quoted(value)} is not a number"
        case bool() | float() | int():
            return f"{str(value)[:20].lower()} is not a number"
    return "not a number"


def _quoted(text: str | None) -> str:
    return repr(excerpt(text or "", 20))


def _feature_name(feature: dict[str, Json], monitor: Monitor) -> str:
    """Return the name of what a feature measures."""
    instance = _instance(feature)
    if instance is not None:
        return _range_name(monitor, instance)
    feature_name = text(feature, "name") or "a value"
    return "temperature" if feature_name == "temperatureSensor" else excerpt(feature_name, 20)


def _range_name(monitor: Monitor, instance: str) -> str:
    return range_quantity(monitor, instance) or f"range.{excerpt(instance, 20)}"


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
