"""The air quality monitors of an account: found once a day, or when one is missed, and remembered."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import chain, islice

import attrs

from adapters.amazon.alexa import Alexa
from adapters.amazon.http import AFFECTS_EVERY_REQUEST
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
    parse_json,
    text,
)
from domain.errors import SourceError
from ports.clock import Clock
from ports.journal import Journal, Level
from ports.state import State

ENDPOINT_PREFIX = "amzn1.alexa.endpoint."
# Amazon's own monitor. Other makers' have the same category, and their ranges mean other things.
_DEVICE_TYPE = "AEZME1X38KDRA"
_CATEGORY = "AIR_QUALITY_MONITOR"
_MOST_ASSETS = 100  # of one monitor; a real one has six
_SERIAL = re.compile(r"[A-Za-z0-9_-]{4,64}")

_DISCOVER_AFTER = timedelta(days=1)
_SEARCH_AFTER = timedelta(minutes=15)  # between two searches for a monitor that is missed
_TRY_AGAIN_AFTER = timedelta(hours=1)
_STATE_KEY = "amazon.monitors"


@attrs.frozen(kw_only=True)
class Monitor:
    """One monitor. `assets` are the meanings of its ranges, by instance, in Amazon's language-neutral terms.

    `serial` and `device_type` are None where Amazon does not name them.
    """

    endpoint_id: str
    entity_id: str
    serial: str | None
    name: str = ""
    assets: Mapping[str, str] = attrs.field(factory=dict)
    device_type: str | None = attrs.field(default=None, eq=False)

    @property
    def identity(self) -> str:
        """The serial number; without one, Amazon's own id of the device."""
        return self.serial or self.entity_id

    @property
    def device_id(self) -> str:
        return f"alexa:{self.identity}"

    @property
    def label(self) -> str:
        """What a person calls it."""
        return self.name or self.identity


def monitors_of_appliances(content: Json) -> Iterator[Monitor]:
    """Yield the monitors of any maker in `endpoints.items[].legacyAppliance`."""
    for item in objects(content, "data", "endpoints", "items"):
        appliance = at(item, "legacyAppliance")
        entity_id, types = identity(appliance, "entityId"), at(appliance, "applianceTypes")
        if entity_id is None or not isinstance(types, list) or _CATEGORY not in types:
            continue
        identifiers = _identifiers(at(appliance, "alexaDeviceIdentifierList"))
        device_types = [each for one in identifiers if (each := text(one, "dmsDeviceTypeId"))]
        serials = (_serial(text(each, "dmsDeviceSerialNumber")) for each in identifiers)
        yield Monitor(
            endpoint_id=identity(item, "id")
            or identity(item, "endpointId")
            or f"{ENDPOINT_PREFIX}{entity_id}",
            entity_id=entity_id,
            serial=next(filter(None, serials), None),
            name=name(appliance, "friendlyName") or "",
            assets=dict(islice(_assets(appliance), _MOST_ASSETS)),
            device_type=_DEVICE_TYPE if _DEVICE_TYPE in device_types else next(iter(device_types), None),
        )


def monitors_of_endpoints(content: Json) -> Iterator[Monitor]:
    """Yield the monitors of any maker in `listEndpoints.endpoints[]`."""
    for item in objects(content, "data", "listEndpoints", "endpoints"):
        endpoint_id = identity(item, "id") or identity(item, "endpointId")
        if endpoint_id is None or _nested_text(at(item, "displayCategories", "primary")) != _CATEGORY:
            continue
        yield Monitor(
            endpoint_id=endpoint_id,
            entity_id=identity(item, "legacyIdentifiers", "chrsIdentifier", "entityId")
            or endpoint_id.removeprefix(ENDPOINT_PREFIX),
            serial=_serial(_nested_text(at(item, "serialNumber"))),
            name=_nested_text(at(item, "friendlyNameObject")) or "",
            device_type=_nested_text(at(item, "legacyIdentifiers", "dmsIdentifier", "deviceType")),
        )


def merge_mentions(mentions: Iterable[Monitor]) -> tuple[Monitor, ...]:
    """Return each monitor once, with all that its mentions contain. Raise SourceGarbled for too many."""
    by_entity: dict[str, Monitor] = {}
    for one in mentions:
        if len(by_entity) > MAX_DEVICES:
            break
        known = by_entity.setdefault(one.entity_id.lower(), one)
        by_entity[one.entity_id.lower()] = attrs.evolve(
            known,
            serial=known.serial or one.serial,
            name=known.name or one.name,
            assets=known.assets or one.assets,
            device_type=known.device_type or one.device_type,
        )
    return limited_devices(by_entity.values(), "monitors")


class MonitorDirectory:
    """The monitors of one account, kept from process to process."""

    def __init__(self, *, alexa: Alexa, state: State, clock: Clock, journal: Journal) -> None:
        self._alexa = alexa
        self._state = state
        self._clock = clock
        self._journal = journal
        self._is_loaded = False
        self._known: tuple[Monitor, ...] = ()
        self._asked_at: datetime | None = None

    async def monitors(self, deadline_s: float) -> tuple[Monitor, ...]:
        """Return all monitors. Raise SourceError only if none is known."""
        self._load()
        if self._known and not self._is_older_than(_DISCOVER_AFTER):
            return self._known
        if not self._known and not self._is_older_than(_SEARCH_AFTER):
            return ()
        try:
            # a reply without monitors, where there were some, is believed only once one is missed
            self._save(await self._discover(deadline_s) or self._known, self._clock.now())
        except SourceError as error:
            if not self._known or isinstance(error, AFFECTS_EVERY_REQUEST):
                raise
            self._journal.record(Level.WARNING, "amazon.discovery", detail=str(error))
            self._save(self._known, self._clock.now() - _DISCOVER_AFTER + _TRY_AGAIN_AFTER)
        return self._known

    async def search(self, deadline_s: float) -> tuple[Monitor, ...] | None:
        """Return all monitors, asked for now because one is missed; None if that is too early, or fails."""
        self._load()
        if not self._is_older_than(_SEARCH_AFTER):
            return None
        self._save(self._known, self._clock.now())
        try:
            self._save(await self._discover(deadline_s), self._clock.now())
        except SourceError as error:
            self._journal.record(Level.WARNING, "amazon.discovery", detail=str(error))
            return None
        return self._known

    async def _discover(self, deadline_s: float) -> tuple[Monitor, ...]:
        """Ask by the form that explains ranges, and by the other form where the first lacks something."""
        first_error: SourceError | None = None
        monitors: tuple[Monitor, ...] = ()
        try:
            monitors = merge_mentions(monitors_of_appliances(await self._alexa.appliances(deadline_s)))
        except AFFECTS_EVERY_REQUEST:
            raise
        except SourceError as error:
            first_error = error
        if not self._amazons(monitors) or not all(one.serial and one.device_type for one in monitors):
            try:
                content = await self._alexa.endpoints(deadline_s)
            except SourceError as error:
                if not self._amazons(monitors):
                    raise first_error or error from error
            else:
                monitors = merge_mentions(chain(monitors, monitors_of_endpoints(content)))
        for one in monitors:
            if one.device_type is None:
                detail = f"{one.label} is not recorded: it is not known to be a monitor of Amazon's own"
                self._journal.record(Level.WARNING, "amazon.discovery", detail=detail)
        return self._amazons(monitors)

    def _amazons(self, monitors: Iterable[Monitor]) -> tuple[Monitor, ...]:
        """Return Amazon's own monitors, each with the serial number under which it was known."""
        serials = {one.entity_id.lower(): one.serial for one in self._known}
        return tuple(
            attrs.evolve(one, serial=one.serial or serials.get(one.entity_id.lower()))
            for one in monitors
            if one.device_type == _DEVICE_TYPE
        )

    def _is_older_than(self, age: timedelta) -> bool:
        return self._asked_at is None or abs(self._clock.now() - self._asked_at) >= age

    def _load(self) -> None:
        """Load what an earlier process saved for the same credential; earlier versions named none."""
        if self._is_loaded:
            return
        self._is_loaded = True
        saved = dict(self._state.get(_STATE_KEY))
        if saved.get("of", self._alexa.credential) == self._alexa.credential:
            self._known = tuple(_saved_monitors(saved))
            self._asked_at = instant(saved, "asked_at")

    def _save(self, monitors: tuple[Monitor, ...], asked_at: datetime) -> None:
        self._known, self._asked_at = monitors, asked_at
        saved: list[Json] = [
            attrs.asdict(one, filter=attrs.filters.exclude("device_type")) for one in monitors
        ]
        self._state.put(
            _STATE_KEY, {"of": self._alexa.credential, "asked_at": asked_at.isoformat(), "monitors": saved}
        )


def _saved_monitors(saved: Mapping[str, Json]) -> Iterator[Monitor]:
    """Yield the saved monitors, without any that is not of the shape."""
    for row in objects(saved.get("monitors")):
        endpoint_id, entity_id = text(row, "endpoint_id"), text(row, "entity_id")
        assets = members(row.get("assets"))
        if endpoint_id and entity_id:
            yield Monitor(
                endpoint_id=endpoint_id,
                entity_id=entity_id,
                serial=text(row, "serial"),
                name=text(row, "name") or "",
                assets={instance: asset for instance in assets if (asset := text(assets.get(instance)))},
            )


def _identifiers(value: Json) -> list[dict[str, Json]]:
    """Return the identifiers of an appliance: a list, a single one, or either as JSON in a string."""
    if isinstance(value, str):
        try:
            value = parse_json(value.encode("utf-8", "replace"))
        except ValueError:
            return []
    return [value] if isinstance(value, dict) else list(objects(value))


def _assets(appliance: Json) -> Iterator[tuple[str, str]]:
    for capability in objects(appliance, "capabilities"):
        instance = identity(capability, "instance")
        for friendly in objects(capability, "resources", "friendlyNames"):
            if instance and (asset := identity(friendly, "value", "assetId")):
                yield instance, asset
                break


def _serial(value: str | None) -> str | None:
    return value if value is not None and _SERIAL.fullmatch(value) else None


def _nested_text(value: Json) -> str | None:
    """Return a text that is bare, or in a `value`, or in a `text` in it."""
    for path in ((), ("value",), ("text",), ("value", "text")):
        if found := name(value, *path):
            return found
    return None
