"""The endpoints of the account as GraphQL shows them: the monitors, and some other things."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from adapters.simulator.amazon.appliances import appliance, capability, monitor_appliance
from adapters.simulator.amazon.features import Item, feature, monitor_features, shown_property, text
from adapters.simulator.amazon.graphql import Resolve
from adapters.simulator.amazon.monitors import DEVICE_TYPE, Monitor
from adapters.simulator.amazon.samples import stamp
from adapters.simulator.amazon.view import View
from adapters.simulator.chance import hexadecimal, resource_id
from adapters.simulator.reply import Json

ECHO_TYPE = "A32DOYMUN6DTXA"  # an Echo Dot of the third generation
_SINCE = "2024-11-02T10:31:07.204Z"


def resolvers(view: View) -> Mapping[str, Resolve]:
    """Who answers for each field of the root."""
    return {
        "endpoints": lambda _: {"__typename": "EndpointsResponse", "items": list(_endpoints(view))},
        "listEndpoints": lambda arguments: _listed(view, arguments),
    }


def echo_serial(seed: int) -> str:
    """Of the Echo in the kitchen."""
    return f"G090{hexadecimal(12, seed, 'echo').upper()}"


def light_ids(seed: int) -> tuple[str, str]:
    """The entity and appliance ids of the lamp that Alexa knows through a skill."""
    entity_id = resource_id(seed, "skill light")
    return entity_id, f"SKILL_{hexadecimal(40, seed, 'skill')}_{entity_id}"


def _listed(view: View, arguments: Mapping[str, Json]) -> Item:
    asked = arguments.get("listEndpointsInput")
    wanted = asked if isinstance(asked, dict) else {}
    found = list(_endpoints(view, with_nameless=False))
    ids = wanted.get("endpointIds")
    if isinstance(ids, list):
        found = [endpoint for endpoint in found if endpoint["id"] in ids]
    category = wanted.get("displayCategory")
    if category is not None:
        found = [endpoint for endpoint in found if category in _categories(endpoint)]
    return {"__typename": "ListEndpointsResponse", "endpoints": cast("Json", found)}


def _categories(endpoint: Item) -> Sequence[Json]:
    shown = cast("dict[str, list[dict[str, Json]]]", endpoint["displayCategories"])
    return [category["value"] for category in shown["all"]]


def _endpoints(view: View, *, with_nameless: bool = True) -> Sequence[Item]:
    others = [_echo(view), _light(view), *([_nameless(view)] if with_nameless else [])]
    return [*others[:1], *(_monitor(view, monitor) for monitor in view.monitors), *others[1:]]


def _monitor(view: View, monitor: Monitor) -> Item:
    return _endpoint(
        endpoint_id=monitor.endpoint_id,
        name=monitor.name,
        categories=["AIR_QUALITY_MONITOR"],
        entity_id=monitor.entity_id,
        device_type=DEVICE_TYPE,
        serial=monitor.serial,
        model="",
        software="1.21.3",
        legacy=monitor_appliance(monitor, is_reachable=view.is_reachable(monitor)),
        features=list(monitor_features(view, monitor)),
    )


def _echo(view: View) -> Item:
    entity_id = resource_id(view.seed, "echo")
    serial = echo_serial(view.seed)
    identifier: Json = [{"dmsDeviceSerialNumber": serial, "dmsDeviceTypeId": ECHO_TYPE}]
    return _endpoint(
        endpoint_id=f"amzn1.alexa.endpoint.{entity_id}",
        name="Kitchen Echo",
        categories=["ALEXA_VOICE_ENABLED"],
        entity_id=entity_id,
        device_type=ECHO_TYPE,
        serial=serial,
        model="Echo Dot (3rd Generation)",
        software="12584499076",
        legacy=appliance(
            applianceId=f"AAA_SonarCloudService_{hexadecimal(60, view.seed, 'echo appliance')}",
            entityId=entity_id,
            applianceTypes=["ALEXA_VOICE_ENABLED"],
            friendlyName="Kitchen Echo",
            friendlyDescription="Amazon smart device",
            manufacturerName="Amazon",
            capabilities=[],
            applianceNetworkState={"reachability": "REACHABLE"},
            alexaDeviceIdentifierList=identifier,
        ),
        features=[_reachable(view)],
    )


def _light(view: View) -> Item:
    entity_id, appliance_id = light_ids(view.seed)
    power = shown_property(
        "Power", "powerState", powerStateValue="ON", timeOfSample=stamp(view.now, 3), timeOfLastChange=_SINCE
    )
    return _endpoint(
        endpoint_id=f"amzn1.alexa.endpoint.{entity_id}",
        name="Reading lamp",
        categories=["LIGHT"],
        entity_id=entity_id,
        legacy=appliance(
            applianceId=appliance_id,
            entityId=entity_id,
            applianceTypes=["LIGHT"],
            friendlyName="Reading lamp",
            friendlyDescription="Smart light",
            manufacturerName="Lamps of Example",
            capabilities=[capability("Alexa.PowerController", "powerState")],
            applianceNetworkState={"reachability": "REACHABLE"},
        ),
        features=[feature("power", [power]), _reachable(view)],
    )


def _nameless(view: View) -> Item:
    """A thing that the older interface never knew."""
    entity_id = resource_id(view.seed, "nameless")
    return _endpoint(
        endpoint_id=f"amzn1.alexa.endpoint.{entity_id}",
        name="This Device",
        categories=["OTHER"],
        entity_id=entity_id,
        legacy=None,
        features=[],
    )


def _reachable(view: View) -> Item:
    times: Item = {"timeOfSample": stamp(view.now, 3), "timeOfLastChange": _SINCE}
    shown = shown_property("Reachability", "reachability", reachabilityStatusValue="OK", **times)
    return feature("connectivity", [shown])


def _endpoint(
    *,
    endpoint_id: str,
    name: str,
    categories: Sequence[str],
    entity_id: str,
    legacy: Item | None,
    features: list[Json],
    device_type: str = "",
    serial: str = "",
    model: str = "",
    software: str = "",
) -> Item:
    shown: list[Json] = [{"__typename": "DisplayCategory", "value": category} for category in categories]
    return {
        "__typename": "Endpoint",
        "id": endpoint_id,
        "endpointId": endpoint_id,
        "friendlyName": name,
        "friendlyNameObject": text(name),
        "manufacturer": text("Amazon") if device_type else None,
        "model": text(model) if model else None,
        "serialNumber": text(serial) if serial else None,
        "softwareVersion": text(software) if software else None,
        "creationTime": _SINCE,
        "enablement": "ENABLED",
        "displayCategories": {"__typename": "DisplayCategories", "all": shown, "primary": shown[0]},
        "alexaEnabledMetadata": _alexa_metadata(categories),
        "legacyIdentifiers": {
            "__typename": "LegacyIdentifiers",
            "chrsIdentifier": {"__typename": "ChrsIdentifier", "entityId": entity_id},
            "dmsIdentifier": _dms_identifier(device_type, serial) if device_type else None,
        },
        "legacyAppliance": legacy,
        "features": features,
    }


def _dms_identifier(device_type: str, serial: str) -> Item:
    return {
        "__typename": "DmsIdentifier",
        "deviceType": {"type": "DEVICE_TYPE", **text(device_type)},
        "deviceSerialNumber": {"type": "DEVICE_SERIAL_NUMBER", **text(serial)},
    }


def _alexa_metadata(categories: Sequence[str]) -> Item | None:
    if "ALEXA_VOICE_ENABLED" not in categories:
        return None
    return {
        "__typename": "AlexaEnabledMetadata",
        "iconId": "echo_dot_3",
        "isVisible": True,
        "category": "ECHO",
        "capabilities": ["MICROPHONE", "AUDIO_PLAYER"],
    }
