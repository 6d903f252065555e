"""The air quality monitors of an account: found once a day, or when one is missed, and remembered."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import chain, islice

import attrs

from adapters.amazon.account_memory import MONITORS
from adapters.amazon.alexa import Alexa
from adapters.amazon.http import AFFECTS_EVERY_REQUEST
from adapters.http.lenient_json import (
    MAX_DEVICES,
    Json,
    at,
    excerpt,
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
_RANGE = "Alexa.RangeController"
_MOST_ASSETS = 100  # of one monitor; a real one has six
_SERIAL = re.compile(r"[A-Za-z0-9_-]{4,64}")

_DISCOVER_AFTER = timedelta(days=1)
_SEARCH_AFTER = timedelta(minutes=15)  # between two searches for a monitor that is missed
_TRY_AGAIN_AFTER = timedelta(hours=1)


@attrs.frozen(kw_only=True)
class Monitor:
    """One monitor. `assets` are the meanings of its ranges, by instance, in Amazon's language-neutral terms.

    A meaning is empty where Amazon has only words in some language. `serial` and `device_type` are None where
    Amazon does not name them.
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
        device_types = [each for one in identifiers if (each := name(one, "dmsDeviceTypeId"))]
        device_type = _DEVICE_TYPE if _DEVICE_TYPE in device_types else next(iter(device_types), None)
        serials = (
            _serial(text(each, "dmsDeviceSerialNumber"))
            for each in identifiers
            if name(each, "dmsDeviceTypeId") in (None, device_type)
        )
        yield Monitor(
            endpoint_id=identity(item, "id")
            or identity(item, "endpointId")
            or f"{ENDPOINT_PREFIX}{entity_id}",
            entity_id=entity_id,
            serial=next(filter(None, serials), None),
            name=name(appliance, "friendlyName") or "",
            assets=dict(islice(_assets(appliance), _MOST_ASSETS)),
            device_type=device_type,
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
        self._has_typed = (
            False  # whether the known ones were recorded by their type, as earlier versions did not
        )
        self._asked_at: datetime | None = None
        self._foreign: tuple[str, ...] = ()  # entity ids of monitors that are not Amazon's own
        self._mentioned: set[str] = set()  # entity ids of all makers' monitors in the last reply
        self._notes: list[str] = []

    async def monitors(self, deadline_s: float) -> tuple[Monitor, ...]:
        """Return all monitors, which are asked for only if none is known. Raise SourceError."""
        self._load()
        if not self._known and self._is_older_than(_SEARCH_AFTER):
            self._save(await self._discover(deadline_s), self._clock.now())
        return self._known

    async def refresh(
        self, deadline_s: float, *, is_missed: bool, alive: Container[str] = ()
    ) -> tuple[Monitor, ...] | None:
        """Ask for the monitors once a day, or sooner if one is missed.

        Those of the endpoints that are `alive` stay if the reply does not mention them: it may be incomplete.
        Return None if it is too early, or if it fails.
        """
        self._load()
        if not self._is_older_than(_SEARCH_AFTER if is_missed else _DISCOVER_AFTER):
            return None
        now = self._clock.now()
        try:
            found = await self._discover(deadline_s)
        except SourceError as error:
            self._journal.record(Level.WARNING, "amazon.discovery", detail=str(error))
            self._save(self._known, now if is_missed else now - _DISCOVER_AFTER + _TRY_AGAIN_AFTER)
            return None
        named = {*self._mentioned, *(one.identity.lower() for one in found)}
        found += tuple(
            one
            for one in self._known
            if one.endpoint_id in alive and not {one.entity_id.lower(), one.identity.lower()} & named
        )
        # a reply without monitors, where there were some, is believed only once one is missed
        self._save(found if is_missed else found or self._known, now)
        return self._known

    def take_notes(self) -> tuple[str, ...]:
        """Return what a person should know of the last discovery, once."""
        notes, self._notes = self._notes, []
        return tuple(notes)

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
        self._mentioned = {one.entity_id.lower() for one in monitors}
        self._note_foreign(one for one in monitors if not self._is_amazons(one))
        return self._amazons(monitors)

    def _note_foreign(self, monitors: Iterable[Monitor]) -> None:
        """Record in the journal, once for each monitor, that it is not recorded."""
        foreign = {one.entity_id.lower(): one for one in monitors}
        for entity_id, one in foreign.items():
            if entity_id not in self._foreign:
                kind = excerpt(one.device_type or "unknown", 40)
                note = (
                    f"{one.label} is not recorded: it is not known to be a monitor of Amazon's own "
                    f"(device type {kind})"
                )
                self._notes.append(note)
                self._journal.record(Level.WARNING, "amazon.discovery", detail=note)
        self._foreign = tuple(foreign)

    def _amazons(self, monitors: Iterable[Monitor]) -> tuple[Monitor, ...]:
        """Return Amazon's own monitors, each with the serial number under which it was known."""
        serials = {one.entity_id.lower(): one.serial for one in self._known}
        return tuple(
            attrs.evolve(one, serial=one.serial or serials.get(one.entity_id.lower()))
            for one in monitors
            if self._is_amazons(one)
        )

    def _is_amazons(self, monitor: Monitor) -> bool:
        """Whether it is Amazon's own: by its type, or by the type that it had before, if none is named."""
        if monitor.device_type is None and self._has_typed:
            return any(one.entity_id.lower() == monitor.entity_id.lower() for one in self._known)
        return monitor.device_type == _DEVICE_TYPE

    def _is_older_than(self, age: timedelta) -> bool:
        return self._asked_at is None or abs(self._clock.now() - self._asked_at) >= age

    def _load(self) -> None:
        """Load what an earlier process saved for the same account; earlier versions did not name it."""
        if self._is_loaded:
            return
        self._is_loaded = True
        saved = dict(self._state.get(MONITORS))
        mine = {"of": self._alexa.credential, "account": self._alexa.account}
        if all(saved.get(key, mark) == mark for key, mark in mine.items()):
            self._known = tuple(_saved_monitors(saved))
            foreign = saved.get("not_recorded")
            self._foreign = tuple(str(one) for one in foreign) if isinstance(foreign, list) else ()
            self._asked_at = instant(saved, "asked_at")
            self._has_typed = "account" in saved

    def _save(self, monitors: tuple[Monitor, ...], asked_at: datetime) -> None:
        self._known, self._asked_at = monitors, asked_at
        self._has_typed = True
        saved: list[Json] = [
            attrs.asdict(one, filter=attrs.filters.exclude("device_type")) for one in monitors
        ]
        value: dict[str, Json] = {
            "of": self._alexa.credential,
            "account": self._alexa.account,
            "asked_at": asked_at.isoformat(),
            "monitors": saved,
        }
        if self._foreign:
            value["not_recorded"] = list(self._foreign)
        self._state.put(MONITORS, value)


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
                assets={name: asset for name, asset in assets.items() if isinstance(asset, str)},
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
        if instance is None or text(capability, "interfaceName") not in (None, _RANGE):
            continue
        names = objects(capability, "resources", "friendlyNames")
        yield instance, next(filter(None, (identity(one, "value", "assetId") for one in names)), "")


def _serial(value: str | None) -> str | None:
    return value if value is not None and _SERIAL.fullmatch(value) else None


def _nested_text(value: Json) -> str | None:
    """Return a text that is bare, or in a `value`, or in a `text` in it."""
    for path in ((), ("value",), ("text",), ("value", "text")):
        if found := name(value, *path):
            return found
    return None
