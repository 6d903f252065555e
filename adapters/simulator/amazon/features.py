"""What GraphQL shows as the features of a monitor: its values, each with the time of its sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from adapters.simulator.amazon.monitors import RANGE_INSTANCES, Monitor
from adapters.simulator.amazon.samples import stamp
from adapters.simulator.amazon.view import View, feature_name
from adapters.simulator.reply import Json
from domain.reading import Quantity

Item = dict[str, Json]
_NAMES: Mapping[Quantity, str] = {
    Quantity.RELATIVE_HUMIDITY: "Humidity",
    Quantity.VOC_INDEX: "Volatile organic compounds",
    Quantity.PM25: "Particulate matter",
    Quantity.PM10: "Particulate matter PM10",
    Quantity.CARBON_MONOXIDE: "Carbon monoxide",
    Quantity.IAQ_SCORE: "Indoor air quality",
}
UNITS: Mapping[Quantity, str] = {
    Quantity.RELATIVE_HUMIDITY: "Alexa.Unit.Percent",
    Quantity.PM25: "Alexa.Unit.Density.MicroGramsPerCubicMeter",
    Quantity.PM10: "Alexa.Unit.Density.MicroGramsPerCubicMeter",
    Quantity.CARBON_MONOXIDE: "Alexa.Unit.PartsPerMillion",
}


def monitor_features(view: View, monitor: Monitor) -> Sequence[Json]:
    """All of them, in the order in which the service has them."""
    ranges = [quantity for quantity in monitor.quantities if quantity in RANGE_INSTANCES]
    features: list[Json] = [
        _range(view, monitor, quantity) for quantity in ranges if view.has(monitor, feature_name(quantity))
    ]
    if view.has(monitor, "temperatureSensor"):
        features.append(_temperature(view, monitor))
    if view.has(monitor, "toggle:11"):
        features.append(_led(view, monitor))
    if view.has(monitor, "connectivity"):
        features.append(_connectivity(view, monitor))
    return features


def feature(name: str, properties: Sequence[Item], instance: str | None = None, **more: Json) -> Item:
    """A feature of any endpoint."""
    return {
        "__typename": "Feature",
        "name": name,
        "instance": instance,
        "properties": list(properties),
        "operations": [],
        "configuration": None,
        **more,
    }


def shown_property(kind: str, name: str, **values: Json) -> Item:
    """A property of a feature of any endpoint."""
    return {
        "__typename": kind,
        "name": name,
        "type": "RETRIEVABLE",
        "accuracy": "HIGH",
        "error": None,
        **values,
    }


def text(content: str) -> Item:
    """A text, as GraphQL wraps it up."""
    return {"__typename": "TextValue", "value": {"__typename": "Text", "text": content}}


def _range(view: View, monitor: Monitor, quantity: Quantity) -> Item:
    sample = view.sample(monitor, quantity)
    value: Json = {"__typename": "RangeValueValue", "value": sample.value}
    shown = shown_property("RangeValue", "rangeValue", rangeValue=value, **_times(view, monitor, quantity))
    configuration: Json = {
        "__typename": "RangeConfiguration",
        "friendlyName": text(_NAMES[quantity]),
        "supportedRange": {
            "__typename": "SupportedRange",
            "minimumValue": 0.0,
            "maximumValue": 100.0 if quantity not in (Quantity.PM25, Quantity.PM10) else 1000.0,
            "precision": 1.0,
        },
        "unitOfMeasure": text(UNITS[quantity]) if quantity in UNITS else None,
        "presets": [],
    }
    failed = _failed(view, monitor, feature_name(quantity), shown, "rangeValue")
    return feature("range", [failed], RANGE_INSTANCES[quantity], configuration=configuration)


def _temperature(view: View, monitor: Monitor) -> Item:
    degrees = view.temperature(monitor)
    value: Json = None
    if degrees is not None:
        value = {"__typename": "Temperature", "value": degrees, "scale": view.scale}
    shown = shown_property(
        "TemperatureSensor",
        "temperature",
        value=value,
        **_times(view, monitor, Quantity.TEMPERATURE),
    )
    return feature("temperatureSensor", [_failed(view, monitor, "temperatureSensor", shown, "value")])


def _led(view: View, monitor: Monitor) -> Item:
    times = _times(view, monitor, Quantity.IAQ_SCORE)
    shown = shown_property("ToggleState", "toggleState", toggleStateValue="ON", **times)
    operations: Json = [
        {"__typename": "FeatureOperation", "name": "turnOn"},
        {"__typename": "FeatureOperation", "name": "turnOff"},
    ]
    return feature("toggle", [shown], "11", operations=operations)


def _connectivity(view: View, monitor: Monitor) -> Item:
    heard = stamp(view.heard_at(monitor), 3)
    shown = shown_property(
        "Reachability",
        "reachability",
        reachabilityStatusValue="OK" if view.is_reachable(monitor) else "UNREACHABLE",
        timeOfSample=heard if view.has_times() else None,
        timeOfLastChange=heard if view.has_times() else None,
    )
    return feature("connectivity", [_failed(view, monitor, "connectivity", shown, "reachabilityStatusValue")])


def _times(view: View, monitor: Monitor, quantity: Quantity) -> Item:
    if not view.has_times():
        return {"timeOfSample": None, "timeOfLastChange": None}
    sample = view.sample(monitor, quantity)
    return {"timeOfSample": sample.stamp, "timeOfLastChange": stamp(sample.changed_at, sample.digits)}


def _failed(view: View, monitor: Monitor, name: str, shown: Item, value: str) -> Item:
    error = view.error_of(monitor, name)
    if not error:
        return shown
    told: Json = {"__typename": "PropertyError", "type": error, "message": "Unable to retrieve the property."}
    return {**shown, "error": told, value: None}
