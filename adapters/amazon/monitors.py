"""The air quality monitors of an account, as either form of discovery tells of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import chain, islice

import attrs

from adapters.amazon.alexa import Alexa, appliances, endpoints
from adapters.amazon.http import MET_BY_ALL
from adapters.http.lenient_json import (
    MAX_DEVICES,
    Json,
    at,
    identity,
    instant,
    limited_devices,
    members,
    name,
    objects,
    text,
)
from domain.errors import SourceError
from ports.clock import Clock
from ports.journal import Journal, Level
from ports.state import State

ENDPOINT_PREFIX = "amzn1.alexa.endpoint."
_CATEGORY = "AIR_QUALITY_MONITOR"
_MAKER = "amazon"  # in English the description is "Amazon Indoor Air Quality Monitor"
_DEVICE_TYPE = "AEZME1X38KDRA"
_MOST_ASSETS = 100  # of one monitor; those that were seen have six
_SERIAL = re.compile(r"[A-Za-z0-9_-]{4,64}")


@attrs.frozen(kw_only=True)
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
        if len(by_entity) > MAX_DEVICES:
            break
        known = by_entity.setdefault(one.entity_id.lower(), one)
        by_entity[one.entity_id.lower()] = attrs.evolve(
            known,
            serial=known.serial or one.serial,
            name=known.name or one.name,
            assets=known.assets or one.assets,
        )
    return limited_devices(by_entity.values(), "monitors")


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


# Which monitors the account has: asked for daily or when one is missed, and remembered in between.

DISCOVER_AFTER = timedelta(days=1)
MISS_AFTER = timedelta(minutes=15)  # whoever is missed is looked for this often at most
_TRY_AGAIN_AFTER = timedelta(hours=1)
_KEY = "amazon.monitors"


@attrs.frozen(kw_only=True)
class _Known:
    monitors: tuple[Monitor, ...] = ()
    asked_at: datetime | None = None


class Directory:
    """The monitors of one account."""

    def __init__(self, *, alexa: Alexa, state: State, clock: Clock, journal: Journal) -> None:
        self._alexa = alexa
        self._state = state
        self._clock = clock
        self._journal = journal

    async def monitors(self, deadline_s: float) -> tuple[Monitor, ...]:
        """All of them. Raises SourceError only when none is known."""
        known = self._known()
        if known.monitors and not self._is_older(known, DISCOVER_AFTER):
            return known.monitors
        if not known.monitors and not self._is_older(known, MISS_AFTER):
            return ()
        try:
            # an answer without any, where there were some, is not believed until one is missed
            found = await self._found(deadline_s) or known.monitors
        except SourceError as error:
            if not known.monitors or isinstance(error, MET_BY_ALL):
                raise
            self._journal.record(Level.WARNING, "amazon.discovery", detail=str(error))
            self._keep(known.monitors, self._clock.now() - DISCOVER_AFTER + _TRY_AGAIN_AFTER)
            return known.monitors  # the readings are worth more than a new monitor
        self._keep(found, self._clock.now())
        return found

    async def looked_for(self, deadline_s: float) -> tuple[Monitor, ...] | None:
        """All of them, asked for anew because one is missed; None when that is too early, or in vain."""
        known = self._known()
        if not self._is_older(known, MISS_AFTER):
            return None
        self._keep(known.monitors, self._clock.now())
        try:
            found = await self._found(deadline_s)
        except SourceError as error:
            self._journal.record(Level.WARNING, "amazon.discovery", detail=str(error))
            return None
        self._keep(found, self._clock.now())
        return found

    async def _found(self, deadline_s: float) -> tuple[Monitor, ...]:
        """By the form that tells what ranges mean, and by the other where that one does not tell enough."""
        trouble: SourceError | None = None
        found: tuple[Monitor, ...] = ()
        try:
            content = await self._alexa.graphql("amazon.discovery", appliances(), deadline_s)
            found = joined(monitors_of_appliances(content))
        except MET_BY_ALL:
            raise
        except SourceError as error:
            trouble = error
        if found and all(monitor.serial for monitor in found):
            return found
        try:
            content = await self._alexa.graphql("amazon.discovery", endpoints(), deadline_s)
        except SourceError as error:
            if found:
                return found
            raise trouble or error from error
        return joined(chain(found, monitors_of_endpoints(content)))

    def _is_older(self, known: _Known, age: timedelta) -> bool:
        return known.asked_at is None or abs(self._clock.now() - known.asked_at) >= age

    def _known(self) -> _Known:
        kept = self._state.get(_KEY)
        return _Known(monitors=tuple(_restored(kept)), asked_at=instant(kept.get("asked_at")))

    def _keep(self, monitors: tuple[Monitor, ...], asked_at: datetime) -> None:
        listed: list[Json] = [_kept(monitor) for monitor in monitors]
        self._state.put(_KEY, {"asked_at": asked_at.isoformat(), "monitors": listed})


def _kept(monitor: Monitor) -> dict[str, Json]:
    return {
        "endpoint_id": monitor.endpoint_id,
        "entity_id": monitor.entity_id,
        "serial": monitor.serial,
        "name": monitor.name,
        "assets": dict(monitor.assets),
    }


def _restored(kept: Mapping[str, Json]) -> Iterator[Monitor]:
    """What an earlier process kept; whatever is not of the shape is simply not known."""
    for each in objects(kept.get("monitors")):
        endpoint_id, entity_id = text(each, "endpoint_id"), text(each, "entity_id")
        assets = members(each.get("assets"))
        if endpoint_id and entity_id:
            yield Monitor(
                endpoint_id=endpoint_id,
                entity_id=entity_id,
                serial=text(each, "serial"),
                name=text(each, "name") or "",
                assets={instance: asset for instance in assets if (asset := text(assets.get(instance)))},
            )
