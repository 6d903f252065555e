"""Nest thermostats of an Amazon account: an optional read that costs the monitors nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

import attrs

from adapters.amazon.account_memory import THERMOSTATS
from adapters.amazon.alexa import Alexa
from adapters.amazon.monitors import Monitor
from adapters.amazon.states import Samples, samples_of_states
from adapters.http.lenient_json import (
    at,
    compact_json,
    excerpt,
    identity,
    instant,
    limited_devices,
    name,
    objects,
    text,
)
from domain.cycle import Cause, SourceReply, Unread
from domain.errors import SourceError, SourceGarbled, SourceUnavailable
from domain.reading import DeviceKind, Quantity, Reading, ThermostatMode
from ports.clock import Clock
from ports.journal import Journal, Level
from ports.state import Json, State

_DISCOVER_AFTER = timedelta(days=1)
_TRY_AGAIN_AFTER = timedelta(hours=1)
_STALE_AFTER = timedelta(hours=24)  # as of a monitor: values come when they change
_LONGEST_S = 5.0  # of the source's time
_MODES = {"HEAT": ThermostatMode.HEATING, "COOL": ThermostatMode.COOLING, "OFF": ThermostatMode.OFF}


@attrs.frozen(kw_only=True)
class ThermostatSettings:
    """The names that a home has for places, by device id in any case of letters.

    `earlier` are the locations that devices have in rows from before this program, by id in lower case.
    """

    locations: Mapping[str, str] = attrs.field(factory=dict)
    earlier: Mapping[str, str] = attrs.field(factory=dict)
    unnamed: str = "unknown"
    raw_response: bool = False


@attrs.frozen(kw_only=True)
class Thermostat:
    """One thermostat; `appliance_id` is Amazon's, of the skill that connects it."""

    appliance_id: str
    name: str = ""

    @property
    def device_id(self) -> str:
        return f"nest:{self.appliance_id}"

    @property
    def as_entity(self) -> Monitor:
        """The form in which replies are searched for it."""
        return Monitor(endpoint_id=self.appliance_id, entity_id=self.appliance_id, serial=None)


class Thermostats:
    """Finds the account's thermostats once a day, and reads them by the older interface."""

    def __init__(
        self, *, alexa: Alexa, settings: ThermostatSettings, state: State, clock: Clock, journal: Journal
    ) -> None:
        self._alexa = alexa
        self._settings = settings
        self._state = state
        self._clock = clock
        self._journal = journal
        self._is_loaded = False
        self._known: tuple[Thermostat, ...] = ()
        self._asked_at: datetime | None = None
        self._refused_at: datetime | None = None  # when a read was refused, not merely without a reply

    async def read(self, slot: datetime, deadline_s: float) -> SourceReply:
        """Return the readings; a failure leaves every known thermostat without one."""
        limit_s = min(deadline_s, self._clock.elapsed_s() + _LONGEST_S)
        self._load()
        await self._discover(limit_s)
        if not self._known:
            return SourceReply(readings=())
        found: dict[str, Samples] = {}
        if self._is_refused():
            why = "the thermostats cannot be read; they are asked for once an hour"
        else:
            found, why = await self._read(limit_s)
        outcomes = [self._outcome(one, found.get(one.appliance_id), slot, why) for one in self._known]
        return SourceReply(
            readings=tuple(one for one in outcomes if isinstance(one, Reading)),
            unread=tuple(one for one in outcomes if isinstance(one, Unread)),
        )

    async def _read(self, limit_s: float) -> tuple[dict[str, Samples], str]:
        """Return the samples by appliance id, and why a thermostat has none."""
        try:
            content = await self._alexa.appliance_states((one.appliance_id for one in self._known), limit_s)
        except SourceError as error:
            self._journal.record(Level.WARNING, "amazon.thermostats", detail=str(error))
            if not isinstance(error, SourceUnavailable | SourceGarbled):
                self._save(self._known, self._asked_at, refused_at=self._clock.now())
            return {}, f"the thermostats cannot be read: {error}"
        return samples_of_states(
            content, [one.as_entity for one in self._known]
        ), "the reply does not have it"

    def _is_refused(self) -> bool:
        """Return whether a read was refused a moment ago: each one may cost the account a new token."""
        refused_at = self._refused_at
        return refused_at is not None and abs(self._clock.now() - refused_at) < _TRY_AGAIN_AFTER

    def _outcome(
        self, thermostat: Thermostat, samples: Samples | None, slot: datetime, why: str
    ) -> Reading | Unread:
        now = self._clock.now()

        def unread(cause: Cause, why: str = "") -> Unread:
            label = thermostat.name or thermostat.appliance_id
            return Unread(
                device_id=thermostat.device_id, cause=cause, detail=f"{label} ({why})" if why else label
            )

        if samples is None:
            return unread(Cause.NO_VALUE, why)
        if samples.is_reachable is False:
            return unread(Cause.UNREACHABLE)
        if samples.heard_at is not None and samples.is_dated and now - samples.heard_at >= _STALE_AFTER:
            return unread(Cause.STALE, f"since {samples.heard_at.isoformat(timespec='seconds')}")
        celsius = samples.values.get(Quantity.TEMPERATURE)
        if celsius is None:
            return unread(Cause.NO_VALUE, ", ".join(samples.left_out))
        return Reading(
            device_id=thermostat.device_id,
            kind=DeviceKind.NEST_THERMOSTAT,
            location=self._location(thermostat),
            collected_at=slot,
            observed_at=min(samples.observed_at, now) if samples.observed_at is not None else None,
            values={Quantity.TEMPERATURE: celsius},
            is_reachable=samples.is_reachable,
            thermostat_mode=_MODES.get((samples.thermostat_mode or "").upper()),
            raw_response=compact_json(samples.raw) if self._settings.raw_response else None,
        )

    def _location(self, thermostat: Thermostat) -> str:
        device_id = thermostat.device_id.lower()
        own = {key.lower(): location for key, location in self._settings.locations.items()}
        return (
            own.get(device_id)
            or self._settings.earlier.get(device_id)
            or thermostat.name
            or self._settings.unnamed
        )

    async def _discover(self, limit_s: float) -> None:
        now = self._clock.now()
        if self._asked_at is not None and abs(now - self._asked_at) < _DISCOVER_AFTER:
            return
        try:
            found = limited_devices(
                {one.device_id.lower(): one for one in _listed(await self._alexa.makers(limit_s))}.values(),
                "thermostats",
            )
        except SourceError as error:
            self._journal.record(Level.WARNING, "amazon.thermostats", detail=str(error))
            self._save(self._known, now - _DISCOVER_AFTER + _TRY_AGAIN_AFTER)
        else:
            self._save(found, now)

    def _load(self) -> None:
        if self._is_loaded:
            return
        self._is_loaded = True
        saved = dict(self._state.get(THERMOSTATS))
        if saved.get("of") == self._alexa.credential and saved.get("account") == self._alexa.account:
            self._asked_at, self._refused_at = instant(saved, "asked_at"), instant(saved, "refused_at")
            self._known = tuple(
                Thermostat(appliance_id=appliance_id, name=text(row, "name") or "")
                for row in objects(saved.get("thermostats"))
                if (appliance_id := text(row, "appliance_id"))
            )

    def _save(
        self,
        found: tuple[Thermostat, ...],
        asked_at: datetime | None,
        *,
        refused_at: datetime | None = None,
    ) -> None:
        self._known, self._asked_at, self._refused_at = found, asked_at, refused_at
        rows: list[Json] = [attrs.asdict(one) for one in found]
        self._state.put(
            THERMOSTATS,
            {
                "of": self._alexa.credential,
                "account": self._alexa.account,
                "asked_at": None if asked_at is None else asked_at.isoformat(),
                "refused_at": None if refused_at is None else refused_at.isoformat(),
                "thermostats": rows,
            },
        )


def _listed(content: Json) -> Iterator[Thermostat]:
    """Yield the Nest thermostats in `endpoints.items[].legacyAppliance`."""
    for item in objects(content, "data", "endpoints", "items"):
        appliance = at(item, "legacyAppliance")
        types, appliance_id = at(appliance, "applianceTypes"), identity(appliance, "applianceId")
        is_nest = "Nest" in (text(appliance, "manufacturerName") or "")
        if is_nest and appliance_id and isinstance(types, list) and "THERMOSTAT" in types:
            yield Thermostat(
                appliance_id=appliance_id, name=excerpt(name(appliance, "friendlyName") or "", 100)
            )
