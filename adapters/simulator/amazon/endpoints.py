"""Endpoints of the account at one instant: the data of `endpoints.json` with the values of the monitors."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import attrs

from adapters.simulator import templates
from adapters.simulator.amazon.monitors import (
    RANGE_INSTANCES,
    Monitor,
    Sample,
    is_reachable,
    last_heard_s,
    monitors,
    sample_at,
    stamp,
)
from adapters.simulator.chance import hexadecimal, resource_id
from adapters.simulator.faults import (
    AnotherMaker,
    Effect,
    FailedFeatures,
    ListedTwice,
    MissingFeatures,
    MonitorGone,
    MonitorUnreachable,
    NestThermostat,
    NoDates,
    NullTemperatures,
    SkewedClock,
    StaleSamples,
    TextNumbers,
)
from adapters.simulator.house import House
from domain.reading import Quantity

Item = dict[str, Any]
_DATA = templates.load(Path(__file__).parent, "endpoints.json")
_QUANTITIES = {instance: quantity for quantity, instance in RANGE_INSTANCES.items()}
_QUANTITIES["temperature"] = Quantity.TEMPERATURE
_VALUE_FIELDS = ("rangeValue", "value", "reachabilityStatusValue", "toggleStateValue")
ROOM_WITHOUT_TIMES = "bedroom"  # the second reader has no times for its samples
_KEPT_BY_THE_OTHER = "NOT_FOUND"  # an error of one interface only: the second one has the value
_NOT_FOUND = "TargetApplianceNotFoundException"
_EFFECTS = (
    AnotherMaker,
    FailedFeatures,
    ListedTwice,
    MissingFeatures,
    MonitorGone,
    MonitorUnreachable,
    NestThermostat,
    NoDates,
    NullTemperatures,
    SkewedClock,
    StaleSamples,
    TextNumbers,
)


class Live:
    """Values of one instant under the names that `endpoints.json` has for them, subject to effects.

    `effects` are those on the data, of all that are given.
    """

    def __init__(self, seed: int, now: datetime, scale: str, effects: Sequence[Effect] = ()) -> None:
        self.seed = seed
        self.now = now
        self.effects = [effect for effect in effects if isinstance(effect, _EFFECTS)]
        self._scale = scale
        self._monitors = monitors(seed)
        self._has_times = not any(isinstance(effect, NoDates) for effect in effects)
        self._samples: dict[tuple[int, str], Sample] = {}  # the current ones

    def value(self, name: str) -> object:
        """Return the value of a place."""
        what, number, key = _parse_place(name)
        if what == "scale":
            return self._scale
        if what == "now":
            return stamp(self.now, 3)
        monitor = self._monitors[number]
        match what:
            case "value":
                return self._sample(monitor, key).value
            case "temperature":
                return self.in_scale(self._sample(monitor, "temperature").value)
            case "reachability":
                return "OK" if self.is_reachable(monitor) else "UNREACHABLE"
            case "network_state":
                return "REACHABLE" if self.is_reachable(monitor) else "UNREACHABLE"
        if not self._has_times:
            return None
        if what == "heard":
            heard_s = last_heard_s(self.seed, monitor, self.now.timestamp())
            return stamp(datetime.fromtimestamp(heard_s, self.now.tzinfo), 3)
        sample = self._sample(monitor, key)
        return stamp(sample.at, sample.digits)

    def is_reachable(self, monitor: Monitor) -> bool:
        """Return whether the service reaches the monitor."""
        return not self.effects_on(monitor, MonitorUnreachable) and is_reachable(
            self.seed, monitor, self.now.timestamp()
        )

    def effects_on(self, monitor: Monitor, *kinds: type[Any]) -> list[Any]:
        """Return the effects of these kinds on the monitor."""
        if not self.effects:
            return []
        return [
            effect for effect in self.effects if isinstance(effect, kinds) and monitor.is_called(effect.where)
        ]

    def _sample(self, monitor: Monitor, key: str) -> Sample:
        if (monitor.number, key) not in self._samples:
            self._samples[monitor.number, key] = self._find(monitor, key)
        return self._samples[monitor.number, key]

    def _find(self, monitor: Monitor, key: str) -> Sample:
        as_of_s = self.now.timestamp()
        ahead = timedelta()
        for effect in self.effects_on(monitor, StaleSamples, MonitorUnreachable, SkewedClock):
            match effect:
                case StaleSamples(by_s) | MonitorUnreachable(by_s):
                    as_of_s -= by_s
                case SkewedClock(by_s):
                    ahead += timedelta(seconds=by_s)
        found = sample_at(self.seed, monitor, _QUANTITIES[key], as_of_s)
        return attrs.evolve(found, at=found.at + ahead) if ahead else found

    def in_scale(self, celsius: float) -> float:
        """Return the temperature in the scale that the service shows."""
        match self._scale:
            case "FAHRENHEIT":
                return round(celsius * 1.8 + 32, 2)
            case "KELVIN":
                return round(celsius + 273.15, 2)
        return celsius


@lru_cache(maxsize=256)
def _parse_place(name: str) -> tuple[str, int, str]:
    """Return the value's name, the number of the monitor, and the key of the quantity."""
    what, _, place = name.partition(":")
    number, _, key = place.partition(":")
    return what, int(number or 0), key


@lru_cache(maxsize=8)
def endpoint_templates(seed: int) -> str:
    """Return the encoded list of all endpoints, with places for live values."""
    echo, light, nameless = (resource_id(seed, name) for name in ("echo", "skill light", "nameless"))
    others = {
        "echo": {
            "entity_id": echo,
            "serial": echo_serial(seed),
            "appliance_id": f"AAA_SonarCloudService_{hexadecimal(60, seed, 'echo appliance')}",
        },
        "light": {"entity_id": light, "appliance_id": _light_appliance(seed)},
        "nameless": {"entity_id": nameless},
    }
    first, *rest = (templates.fill(_DATA[name], values) for name, values in others.items())
    return templates.encode([first, *(_monitor(monitor) for monitor in monitors(seed)), *rest])


def endpoints(live: Live) -> list[Item]:
    """Return all endpoints as the effects leave them."""
    items: list[Item] = json.loads(templates.fill_live(endpoint_templates(live.seed), live.value))
    for monitor in monitors(live.seed):
        found = next(item for item in items if item["id"] == monitor.endpoint_id)
        if live.effects_on(monitor, MonitorGone):
            items.remove(found)
            continue
        found["features"] = list(_damaged(found["features"], live, monitor))
        if live.effects_on(monitor, ListedTwice):
            items.append({**found, "features": []})
    if any(isinstance(effect, AnotherMaker) for effect in live.effects):
        items.append(_another_makers_monitor(live))
    if any(isinstance(effect, NestThermostat) for effect in live.effects):
        items.append(_thermostat(live.seed))
    return items


def _thermostat(seed: int) -> Item:
    """Return a thermostat that a skill of Nest's connects. It is listed like the lamp of a skill."""
    entity_id = resource_id(seed, "thermostat")
    values = {"entity_id": entity_id, "appliance_id": thermostat_appliance(seed)}
    item: Item = templates.fill(_DATA["light"], values)
    shown = {"value": {"text": "Hallway"}}
    category = {"value": "THERMOSTAT"}
    item |= {"friendlyName": "Hallway", "friendlyNameObject": shown, "features": []}
    item["displayCategories"] = {"all": [category], "primary": category}
    item["legacyAppliance"] |= {
        "applianceTypes": ["THERMOSTAT"],
        "friendlyName": "Hallway",
        "friendlyDescription": "Nest Thermostat",
        "manufacturerName": "Google Nest",
        "modelName": "Thermostat",
        "capabilities": [],
    }
    return item


def thermostat_appliance(seed: int) -> str:
    """Return the appliance id of the thermostat."""
    return f"SKILL_{hexadecimal(40, seed, 'nest skill')}_{resource_id(seed, 'thermostat')}"


def thermostat_celsius(seed: int, now: datetime) -> float:
    """Return the temperature that the thermostat shows then."""
    return round(2 * House(seed).room_celsius("hall", now.timestamp())) / 2


def _another_makers_monitor(live: Live) -> Item:
    """Return a monitor with the category and the form of Amazon's, and no device type that is known."""
    template = templates.encode(_monitor(monitors(live.seed)[0]))
    item: Item = json.loads(templates.fill_live(template, live.value))
    entity_id = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
    shown = {"value": {"text": "Balcony air"}}
    item |= {"id": f"amzn1.alexa.endpoint.{entity_id}", "endpointId": f"amzn1.alexa.endpoint.{entity_id}"}
    item |= {"friendlyName": "Balcony air", "friendlyNameObject": shown, "serialNumber": None}
    item["legacyIdentifiers"] = {"chrsIdentifier": {"entityId": entity_id}, "dmsIdentifier": None}
    item["legacyAppliance"] |= {
        "alexaDeviceIdentifierList": [],
        "applianceId": f"SKILL_{entity_id}",
        "entityId": entity_id,
        "friendlyName": "Balcony air",
        "friendlyDescription": "Air monitor, works with Amazon Alexa",
        "manufacturerName": "Another maker",
    }
    return item


def echo_serial(seed: int) -> str:
    """Return the serial number of the Echo in the kitchen."""
    return f"G090{hexadecimal(12, seed, 'echo').upper()}"


def phoenix_state(live: Live, requests: Iterable[tuple[str, str]]) -> Item:
    """Return the states of entities given by id and type, and an error for each one that has none."""
    states: list[Item] = []
    errors: list[Item] = []
    for entity_id, entity_type in requests:
        entity = {"entityId": entity_id, "entityType": entity_type}
        found = _states(live, entity_id, entity_type)
        if found is None:
            message = "No appliance found for target!"
            errors.append({"entity": entity, "code": _NOT_FOUND, "message": message, "data": None})
        elif found:
            texts = [templates.encode(item) for item in found]
            states.append({"entity": entity, "capabilityStates": texts, "error": None})
        else:
            entity["entityType"] = ""
            code = "ENDPOINT_UNREACHABLE"
            errors.append({"entity": entity, "code": code, "message": None, "data": None})
    return {"deviceStates": states, "errors": errors}


def _monitor(monitor: Monitor) -> Item:
    """Return the template of a monitor, without the ranges that it lacks."""
    item: Item = templates.fill(_DATA["monitor"], _values(monitor))
    lacking = {
        instance for quantity, instance in RANGE_INSTANCES.items() if quantity not in monitor.quantities
    }
    for parts in (item, "features"), (item["legacyAppliance"], "capabilities"):
        owner, name = parts
        owner[name] = [part for part in owner[name] if part["instance"] not in lacking]
    return item


def _values(monitor: Monitor) -> Mapping[str, Any]:
    return {
        "n": monitor.number,
        "name": monitor.name,
        "serial": monitor.serial,
        "entity_id": monitor.entity_id,
        "appliance_id": monitor.appliance_id,
    }


def _light_appliance(seed: int) -> str:
    return f"SKILL_{hexadecimal(40, seed, 'skill')}_{resource_id(seed, 'skill light')}"


def _damaged(features: Iterable[Item], live: Live, monitor: Monitor) -> Iterable[Item]:
    """Yield the features as the effects leave them."""
    for feature in features:
        name = f"{feature['name']}:{feature['instance']}" if feature["instance"] else feature["name"]
        if any(name in effect.names for effect in live.effects_on(monitor, MissingFeatures)):
            continue
        for item in feature["properties"]:
            failed = [each for each in live.effects_on(monitor, FailedFeatures) if name in each.names]
            if failed:
                message = "Unable to retrieve the property."
                item |= {"type": "ERROR", "error": {"type": failed[0].type, "message": message}}
            is_null = name == "temperatureSensor" and live.effects_on(monitor, NullTemperatures)
            if failed or is_null:
                item.update((field, None) for field in _VALUE_FIELDS if field in item)
        yield feature


def _states(live: Live, entity_id: str, entity_type: str) -> Sequence[Item] | None:
    """Return the states of one entity: empty if it is unreachable, None if it does not exist."""
    light = (resource_id(live.seed, "skill light"), "ENTITY"), (_light_appliance(live.seed), "APPLIANCE")
    if (entity_id, entity_type) in light:
        states: list[Item] = _DATA["light_states"]
        return states
    if (entity_id, entity_type) == (thermostat_appliance(live.seed), "APPLIANCE"):
        return _thermostat_states(live)
    for monitor in monitors(live.seed):
        is_gone = live.effects_on(monitor, MonitorGone)
        if (monitor.entity_id, "ENTITY") == (entity_id, entity_type) and not is_gone:
            return _monitor_states(live, monitor) if live.is_reachable(monitor) else []
    return None


def _thermostat_states(live: Live) -> Sequence[Item] | None:
    if not any(isinstance(effect, NestThermostat) and effect.answers for effect in live.effects):
        return None
    shown = {
        "value": live.in_scale(thermostat_celsius(live.seed, live.now)),
        "scale": live.value("scale"),
    }
    return [
        {"namespace": "Alexa.TemperatureSensor", "name": "temperature", "value": shown},
        {"namespace": "Alexa.ThermostatController", "name": "thermostatMode", "value": "HEAT"},
    ]


def _monitor_states(live: Live, monitor: Monitor) -> Sequence[Item]:
    left_out = {
        name
        for effect in live.effects_on(monitor, MissingFeatures, FailedFeatures)
        if isinstance(effect, MissingFeatures) or effect.type != _KEPT_BY_THE_OTHER
        for name in effect.names
    }
    left_out |= {
        f"range:{instance}" for each, instance in RANGE_INSTANCES.items() if each not in monitor.quantities
    }
    filled = templates.encode(templates.fill(_DATA["monitor_states"], {"n": monitor.number}))
    states = []
    for item in json.loads(templates.fill_live(filled, live.value)):
        is_temperature = item["name"] == "temperature"
        name = "temperatureSensor" if is_temperature else f"range:{item.get('instance')}"
        if name in left_out and item["name"] in ("temperature", "rangeValue"):
            continue
        if is_temperature and live.effects_on(monitor, NullTemperatures):
            item["value"] = None
        elif live.effects_on(monitor, TextNumbers):
            _write_numbers_as_text(item)
        if monitor.room == ROOM_WITHOUT_TIMES or item.get("timeOfSample") is None:
            item.pop("timeOfSample", None)
        states.append(item)
    return states


def _write_numbers_as_text(item: Item) -> None:
    match item["name"], item["value"]:
        case "temperature", {"value": value}:
            item["value"]["value"] = str(value)
        case "rangeValue", value:
            item["value"] = str(value)
