"""What is known of the sensors beside their temperature in v2: identity for good, the rest for an hour."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

import attrs

from adapters.hue.bridge import Bridge
from adapters.hue.sensors import Sensor, mac_of
from adapters.hue.v1 import sensors_of
from adapters.hue.v2 import Link, Temperature, batteries_of, links_of, names_of
from adapters.json_reply import Json, flag, instant, integer, members, text
from domain.errors import SourceError
from ports.journal import Journal, Level
from ports.state import State

DETAILS_FOR = timedelta(hours=1)
QUIET_AFTER = timedelta(
    minutes=15
)  # three reports of a sensor: time to ask whether the bridge still hears it
_TEMPERATURE_ENDPOINT = "-02-0402"  # of a Hue motion sensor; its MAC and this make its uniqueid


@attrs.define
class Known:
    """The directory's content: uniqueids by resource id; names, charge in per cent and links by device."""

    uniqueids: dict[str, str] = attrs.field(factory=dict)
    names: dict[str, str] = attrs.field(factory=dict)
    batteries: dict[str, int] = attrs.field(factory=dict)
    links: dict[str, Link] = attrs.field(factory=dict)
    details_at: datetime | None = None


class Directory:
    """Joins temperatures to what is known of their sensors, and asks the bridge only for what is not."""

    def __init__(self, *, state: State, key: str, journal: Journal) -> None:
        self._state = state
        self._key = key
        self._journal = journal
        self._known: Known | None = None

    def sensors(
        self, temperatures: Iterable[Temperature], bridge: Bridge, *, now: datetime, deadline_s: float
    ) -> tuple[Sensor, ...]:
        """The sensors with all that is known of them. Raises SourceError only when it knows none of them."""
        temperatures = tuple(temperatures)
        known = self._known = self._known or _restored(self._state.get(self._key))
        try:
            self._refresh(known, temperatures, bridge, now, deadline_s)
        except SourceError as error:
            if temperatures and not any(temperature.id in known.uniqueids for temperature in temperatures):
                raise
            self._journal.record(Level.WARNING, "hue.directory", detail=str(error))
        return tuple(_sensor(temperature, known) for temperature in temperatures)

    def _refresh(
        self,
        known: Known,
        temperatures: tuple[Temperature, ...],
        bridge: Bridge,
        now: datetime,
        deadline_s: float,
    ) -> None:
        strangers = [temperature for temperature in temperatures if temperature.id not in known.uniqueids]
        expired = known.details_at is None or abs(now - known.details_at) >= DETAILS_FOR
        if expired or any(stranger.owner not in known.links for stranger in strangers):
            if strangers:
                known.uniqueids |= _uniqueids_by_v1(strangers, bridge, deadline_s, self._journal)
            known.links = links_of(bridge.v2("zigbee_connectivity", deadline_s))
            known.uniqueids |= _uniqueids_by_mac(strangers, known)
            known.names = names_of(bridge.v2("device", deadline_s))
            known.batteries = batteries_of(bridge.v2("device_power", deadline_s))
            known.details_at = now
            self._state.put(self._key, _kept(known))
        elif any(_is_quiet(temperature, now) for temperature in temperatures):
            known.links = links_of(bridge.v2("zigbee_connectivity", deadline_s))


def _uniqueids_by_v1(
    strangers: Iterable[Temperature], bridge: Bridge, deadline_s: float, journal: Journal
) -> dict[str, str]:
    """The identity that v1 gives: the one under which the sensor's older readings are stored."""
    try:
        listed = {sensor.where: sensor.uniqueid for sensor in sensors_of(bridge.v1("/sensors", deadline_s))}
    except SourceError as error:  # the MAC serves as well for the motion sensors that we know of
        journal.record(Level.WARNING, "hue.directory", detail=f"v1 sensors: {error}")
        return {}
    return {stranger.id: uniqueid for stranger in strangers if (uniqueid := listed.get(stranger.id_v1 or ""))}


def _uniqueids_by_mac(strangers: Iterable[Temperature], known: Known) -> dict[str, str]:
    return {
        stranger.id: mac_of(link.mac) + _TEMPERATURE_ENDPOINT
        for stranger in strangers
        if stranger.id not in known.uniqueids and (link := known.links.get(stranger.owner)) and link.mac
    }


def _is_quiet(temperature: Temperature, now: datetime) -> bool:
    return temperature.changed is not None and now - temperature.changed > QUIET_AFTER


def _sensor(temperature: Temperature, known: Known) -> Sensor:
    link = known.links.get(temperature.owner)
    return Sensor(
        where=temperature.id_v1 or temperature.id,
        uniqueid=known.uniqueids.get(temperature.id),
        name=known.names.get(temperature.owner, ""),
        temperature=temperature.temperature,
        observed_at=temperature.changed,
        battery_percent=known.batteries.get(temperature.owner),
        is_reachable=link.is_up if link else None,
        is_on=temperature.is_enabled,
        raw=temperature.raw,
    )


def _kept(known: Known) -> dict[str, Json]:
    return {
        "details_at": known.details_at.isoformat() if known.details_at else None,
        "uniqueids": dict(known.uniqueids),
        "names": dict(known.names),
        "batteries": dict(known.batteries),
        "links": {owner: {"mac": link.mac, "is_up": link.is_up} for owner, link in known.links.items()},
    }


def _restored(kept: Mapping[str, Json]) -> Known:
    """What an earlier process kept; whatever is not of the shape is simply not known."""
    uniqueids, names, links = (members(kept.get(part)) for part in ("uniqueids", "names", "links"))
    batteries = members(kept.get("batteries"))
    return Known(
        uniqueids={key: value for key in uniqueids if (value := text(uniqueids[key]))},
        names={key: value for key in names if (value := text(names[key]))},
        batteries={key: charge for key in batteries if (charge := integer(batteries[key])) is not None},
        links={key: Link(mac=text(link, "mac"), is_up=flag(link, "is_up")) for key, link in links.items()},
        details_at=instant(kept.get("details_at")),
    )
