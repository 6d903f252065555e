"""Reads monitors' values out of the answer of `/api/phoenix/state`, whose states are JSON in strings."""

from __future__ import annotations

from collections.abc import Iterable

from adapters.amazon.monitors import Monitor
from adapters.amazon.states import Sampled, Samples, is_away, reachable
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


def samples_of_states(content: Json, monitors: Iterable[Monitor]) -> dict[str, Samples]:
    """What is told of each of the monitors, by endpoint id; those that are not mentioned are not in it."""
    listed = {_entity(state): state for state in objects(content, "deviceStates")}
    away = {_entity(error) for error in objects(content, "errors") if is_away(text(error, "code"))}
    samples: dict[str, Samples] = {}
    for monitor in monitors:
        entity = monitor.entity_id.lower()
        if entity in listed:
            samples[monitor.endpoint_id] = _samples(listed[entity], monitor)
        elif entity in away:
            samples[monitor.endpoint_id] = Samples(is_reachable=False)
    return samples


def _entity(state: dict[str, Json]) -> str:
    return (text(state, "entity", "entityId") or text(state, "entityId") or "").lower()


def _samples(state: dict[str, Json], monitor: Monitor) -> Samples:
    samples = Samples(raw=state)
    capabilities = at(state, "capabilityStates")
    for written in capabilities if isinstance(capabilities, list) else []:
        capability = _capability(written)
        if isinstance(written, str):
            samples.not_finite += count_non_finite(capability)
        _add(samples, monitor, capability)
    if is_away(text(state, "error", "code")) or is_away(text(state, "error")):
        samples.is_reachable = False
    return samples


def _capability(written: Json) -> Json:
    if not isinstance(written, str):
        return written
    try:
        return parse_json(written.encode("utf-8", "replace"))
    except ValueError:
        return None


def _add(samples: Samples, monitor: Monitor, capability: Json) -> None:
    taken_at = instant(capability, "timeOfSample")
    namespace = text(capability, "namespace")
    if namespace == "Alexa.RangeController":
        number_of_it = integer(capability, "instance")
        instance = text(capability, "instance") or (None if number_of_it is None else str(number_of_it))
        in_range = number(capability, "value")
        if instance is not None and in_range is not None:
            samples.add_range(monitor, instance, Sampled(in_range, taken_at))
    elif namespace == "Alexa.TemperatureSensor":
        degrees = number(capability, "value", "value")
        if degrees is not None:
            samples.add_temperature(degrees, text(capability, "value", "scale"), taken_at)
    elif namespace == "Alexa.EndpointHealth" and text(capability, "name") == "connectivity":
        samples.is_reachable = reachable(text(capability, "value", "value") or text(capability, "value"))
