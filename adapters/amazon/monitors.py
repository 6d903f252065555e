"""The air quality monitors of an account, as either form of discovery tells of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

import attrs

from adapters.json_reply import Json, at, identity, name, objects, text
from adapters.listed import MOST_DEVICES, believed
from domain.values import frozen

ENDPOINT_PREFIX = "amzn1.alexa.endpoint."
_CATEGORY = "AIR_QUALITY_MONITOR"
_MAKER = "amazon"  # in English the description is "Amazon Indoor Air Quality Monitor"
_DEVICE_TYPE = "AEZME1X38KDRA"
_MOST_ASSETS = 100  # of one monitor; those that were seen have six
_SERIAL = re.compile(r"[A-Za-z0-9_-]{4,64}")


@frozen(kw_only=True)
class Monitor:
    """One monitor. `assets` are what its ranges mean, by instance, in Amazon's words for all languages.

    `serial` is its identity; None where Amazon does not tell it.
    """

    endpoint_id: str
    entity_id: str
    serial: str | None
    name: str = ""
    assets: Mapping[str, str] = attrs.field(factory=dict)

    @property
    def device_id(self) -> str | None:
        """The identity under which its readings have always been stored."""
        return None if self.serial is None else f"alexa:{self.serial}"

    @property
    def label(self) -> str:
        """What a person calls it."""
        return self.name or self.serial or self.endpoint_id


def monitors_of_appliances(content: Json) -> Iterator[Monitor]:
    """The monitors among `endpoints.items[].legacyAppliance`."""
    for item in objects(content, "data", "endpoints", "items"):
        appliance = at(item, "legacyAppliance")
        entity_id = identity(appliance, "entityId")
        identifiers = tuple(_identifiers(appliance))
        types = at(appliance, "applianceTypes")
        if entity_id is None or not isinstance(types, list) or _CATEGORY not in types:
            continue
        device_types = {text(each, "dmsDeviceTypeId") for each in identifiers}
        is_amazons = _MAKER in (text(appliance, "friendlyDescription") or "").lower()
        if not is_amazons and _DEVICE_TYPE not in device_types:
            continue  # somebody else's, whose ranges mean other things
        serials = (_serial(text(each, "dmsDeviceSerialNumber")) for each in identifiers)
        yield Monitor(
            endpoint_id=identity(item, "id")
            or identity(item, "endpointId")
            or f"{ENDPOINT_PREFIX}{entity_id}",
            entity_id=entity_id,
            serial=next((serial for serial in serials if serial), None),
            name=name(appliance, "friendlyName") or "",
            assets=dict(islice(_assets(appliance), _MOST_ASSETS)),
        )


def monitors_of_endpoints(content: Json) -> Iterator[Monitor]:
    """The monitors among `listEndpoints.endpoints[]`."""
    for item in objects(content, "data", "listEndpoints", "endpoints"):
        endpoint_id = identity(item, "id") or identity(item, "endpointId")
        device_type = _plain(at(item, "legacyIdentifiers", "dmsIdentifier", "deviceType"))
        if endpoint_id is None or _plain(at(item, "displayCategories", "primary")) != _CATEGORY:
            continue
        if device_type not in (None, _DEVICE_TYPE):
            continue
        yield Monitor(
            endpoint_id=endpoint_id,
            entity_id=identity(item, "legacyIdentifiers", "chrsIdentifier", "entityId")
            or endpoint_id.removeprefix(ENDPOINT_PREFIX),
            serial=_serial(_plain(at(item, "serialNumber"))),
            name=_plain(at(item, "friendlyNameObject")) or "",
        )


def joined(monitors: Iterable[Monitor]) -> tuple[Monitor, ...]:
    """Each monitor once, with all that any of its mentions tells. Raises SourceGarbled for too many."""
    by_entity: dict[str, Monitor] = {}
    for one in monitors:
        if len(by_entity) > MOST_DEVICES:
            break
        known = by_entity.setdefault(one.entity_id.lower(), one)
        by_entity[one.entity_id.lower()] = attrs.evolve(
            known,
            serial=known.serial or one.serial,
            name=known.name or one.name,
            assets=known.assets or one.assets,
        )
    return believed(by_entity.values(), "monitors")


def _identifiers(appliance: Json) -> Iterator[dict[str, Json]]:
    """A list of them, or one alone."""
    listed = at(appliance, "alexaDeviceIdentifierList")
    yield from [listed] if isinstance(listed, dict) else objects(listed)


def _assets(appliance: Json) -> Iterator[tuple[str, str]]:
    for capability in objects(appliance, "capabilities"):
        instance = identity(capability, "instance")
        for friendly in objects(capability, "resources", "friendlyNames"):
            if instance and (asset := identity(friendly, "value", "assetId")):
                yield instance, asset
                break


def _serial(value: str | None) -> str | None:
    return value if value is not None and _SERIAL.fullmatch(value) else None


def _plain(value: Json) -> str | None:
    """A text that stands bare, or in a `value`, or in a `text` in it."""
    for path in ((), ("value",), ("text",), ("value", "text")):
        if found := name(value, *path):
            return found
    return None
