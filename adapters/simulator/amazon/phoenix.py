"""The second way to the values: `POST /api/phoenix/state`."""

from __future__ import annotations

import json
from collections.abc import Sequence

from adapters.simulator.amazon.endpoints import light_ids
from adapters.simulator.amazon.features import Item
from adapters.simulator.amazon.monitors import RANGE_INSTANCES, Monitor
from adapters.simulator.amazon.pages import json_reply
from adapters.simulator.amazon.view import View, feature_name
from adapters.simulator.reply import Json, Reply, compact
from domain.reading import Quantity

_NOT_FOUND = "TargetApplianceNotFoundException"
_WITHOUT_TIMES = "bedroom"  # its samples do not say when they were true


def state(view: View, body: bytes) -> Reply:
    """The states of the things asked for, and an error for each that has none."""
    try:
        requests = json.loads(body)["stateRequests"]
        asked = [(item["entityId"], item["entityType"]) for item in requests]
    except (ValueError, KeyError, TypeError):
        return json_reply({"message": "Invalid request body"}, 400)
    states: list[Json] = []
    errors: list[Json] = []
    for entity_id, entity_type in asked:
        found = _found(view, entity_id, entity_type)
        if isinstance(found, str):
            errors.append(_error(found, entity_id, entity_type))
        else:
            entity: Json = {"entityId": entity_id, "entityType": entity_type}
            states.append({"entity": entity, "capabilityStates": list(found), "error": None})
    return json_reply({"deviceStates": states, "errors": errors})


def _found(view: View, entity_id: str, entity_type: str) -> Sequence[str] | str:
    """The states of one thing, or the code of what is wrong with it."""
    light_entity, light_appliance = light_ids(view.seed)
    if (entity_id, entity_type) in ((light_entity, "ENTITY"), (light_appliance, "APPLIANCE")):
        return [_text({"namespace": "Alexa.PowerController", "name": "powerState", "value": "ON"})]
    if entity_type != "ENTITY":
        return _NOT_FOUND
    monitor = next((each for each in view.monitors if each.entity_id == entity_id), None)
    if monitor is None:
        return _NOT_FOUND
    return _states(view, monitor) if view.is_reachable(monitor) else "ENDPOINT_UNREACHABLE"


def _states(view: View, monitor: Monitor) -> Sequence[str]:
    shown = [_shown(view, monitor, quantity) for quantity in monitor.quantities]
    led: Item = {
        "namespace": "Alexa.ToggleController",
        "name": "toggleState",
        "instance": "11",
        "value": "ON",
    }
    health: Item = {"namespace": "Alexa.EndpointHealth", "name": "connectivity", "value": {"value": "OK"}}
    return [_text(item) for item in (*shown, led, health) if item is not None]


def _shown(view: View, monitor: Monitor, quantity: Quantity) -> Item | None:
    name = feature_name(quantity)
    if not view.has(monitor, name) or view.error_of(monitor, name):
        return None
    sample = view.sample(monitor, quantity)
    if quantity is Quantity.TEMPERATURE:
        degrees = view.temperature(monitor)
        value: Json = None if degrees is None else {"value": degrees, "scale": view.scale}
        item: Item = {"namespace": "Alexa.TemperatureSensor", "name": "temperature", "value": value}
    else:
        item = {"namespace": "Alexa.RangeController", "name": "rangeValue", "value": sample.value}
        item["instance"] = RANGE_INSTANCES[quantity]
    if view.has_times() and monitor.room != _WITHOUT_TIMES:
        item["timeOfSample"] = sample.stamp
    return item


def _text(item: Item) -> str:
    return compact(item).decode()


def _error(code: str, entity_id: str, entity_type: str) -> Item:
    message = "No appliance found for target!" if code == _NOT_FOUND else None
    entity: Json = {"entityId": entity_id, "entityType": "" if code != _NOT_FOUND else entity_type}
    return {"entity": entity, "code": code, "message": message, "data": None}
