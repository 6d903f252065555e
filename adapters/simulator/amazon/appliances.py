"""What the older interface calls an appliance: the `legacyAppliance` of an endpoint, JSON throughout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from adapters.simulator.amazon.features import UNITS
from adapters.simulator.amazon.monitors import DEVICE_TYPE, RANGE_INSTANCES, Monitor
from adapters.simulator.reply import Json
from domain.reading import Quantity

Item = dict[str, Json]
DESCRIPTION = "Amazon Indoor Air Quality Monitor"
_ASSETS: Mapping[Quantity, str] = {
    Quantity.RELATIVE_HUMIDITY: "Alexa.AirQuality.Humidity",
    Quantity.VOC_INDEX: "Alexa.AirQuality.VolatileOrganicCompounds",
    Quantity.PM25: "Alexa.AirQuality.ParticulateMatter",
    Quantity.CARBON_MONOXIDE: "Alexa.AirQuality.CarbonMonoxide",
    Quantity.IAQ_SCORE: "Alexa.AirQuality.IndoorAirQuality",
}


def monitor_appliance(monitor: Monitor, *, is_reachable: bool) -> Item:
    """A monitor's."""
    return appliance(
        applianceId=monitor.appliance_id,
        entityId=monitor.entity_id,
        applianceTypes=["AIR_QUALITY_MONITOR"],
        friendlyName=monitor.name,
        friendlyDescription=DESCRIPTION,
        manufacturerName="Amazon",
        capabilities=list(_capabilities(monitor)),
        applianceNetworkState={"reachability": "REACHABLE" if is_reachable else "UNREACHABLE"},
        alexaDeviceIdentifierList=[{"dmsDeviceSerialNumber": monitor.serial, "dmsDeviceTypeId": DEVICE_TYPE}],
    )


def appliance(**fields: Json) -> Item:
    """An appliance, with what nobody said left empty."""
    return {
        "__typename": "LegacyAppliance",
        "endpointTypeId": "",
        "connectedVia": "",
        "modelName": "",
        "aliases": [],
        "actions": [],
        "mergedApplianceIds": [fields.get("applianceId")],
        "version": "3",
        "isEnabled": True,
        "isConsentRequired": False,
        "customerDefinedDeviceType": None,
        "customerPreference": None,
        "alexaDeviceIdentifierList": [],
        "driverIdentity": {"namespace": "AAA", "identifier": "SonarCloudService"},
        "additionalApplianceDetails": {"additionalApplianceDetails": {}},
        "applianceKey": "",
        "appliancePairs": [],
        "deduplicatedPairs": [],
        "entityPairs": [],
        "deduplicatedAliasesByEntityId": {},
        "relations": {},
        **fields,
    }


def capability(interface: str, supported: str, **more: Json) -> Item:
    """What an appliance can do, or tell of itself."""
    return {
        "capabilityType": "AVSInterfaceCapability",
        "type": "AlexaInterface",
        "version": "3",
        "interfaceName": interface,
        "properties": {
            "supported": [{"name": supported}],
            "proactivelyReported": True,
            "retrievable": True,
            "readOnly": True,
        },
        "instance": None,
        "configuration": None,
        "resources": None,
        **more,
    }


def _capabilities(monitor: Monitor) -> Sequence[Item]:
    ranges = [quantity for quantity in monitor.quantities if quantity in RANGE_INSTANCES]
    return [
        *(_range(quantity) for quantity in ranges),
        capability("Alexa.TemperatureSensor", "temperature"),
        capability(
            "Alexa.ToggleController",
            "toggleState",
            instance="11",
            resources={"friendlyNames": [{"@type": "text", "value": {"text": "LED", "locale": "en-US"}}]},
        ),
        capability("Alexa.EndpointHealth", "connectivity"),
    ]


def _range(quantity: Quantity) -> Item:
    """PM10 has no asset: only a name, in the language of the account."""
    configuration: Item = {
        "supportedRange": {"minimumValue": 0.0, "maximumValue": 100.0, "precision": 1.0},
        "presets": [],
    }
    if quantity in UNITS:
        configuration["unitOfMeasure"] = UNITS[quantity]
        configuration["unitOfMeasureLabel"] = {"@type": "asset", "value": {"assetId": UNITS[quantity]}}
    name: Json = {"@type": "text", "value": {"text": "Particulate matter PM10", "locale": "en-US"}}
    if quantity in _ASSETS:
        name = {"@type": "asset", "value": {"assetId": _ASSETS[quantity]}}
    return capability(
        "Alexa.RangeController",
        "rangeValue",
        instance=RANGE_INSTANCES[quantity],
        configuration=configuration,
        resources={"friendlyNames": [name]},
    )
