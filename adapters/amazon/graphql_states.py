"""Reads monitors' values out of the answer of `listEndpoints`."""

from __future__ import annotations

from collections.abc import Iterable

from adapters.amazon.monitors import ENDPOINT_PREFIX, Monitor
from adapters.amazon.said import shown_code
from adapters.amazon.samples import Sampled, Samples
from adapters.json_reply import Json, at, instant, integer, number, objects, text

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
