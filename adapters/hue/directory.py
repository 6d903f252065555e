"""What is known of the sensors beside their temperature in v2: identity for good, the rest for an hour."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta

import attrs

from adapters.hue.bridge import Bridge
from adapters.hue.sensors import Sensor, mac_of
from adapters.hue.v1 import sensors_of
from adapters.hue.v2 import Link, Temperature, batteries_of, links_of, names_of
from adapters.json_reply import Json, flag, instant, integer, members, text
from domain.errors import SourceError, SourceGarbled
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
    links_at: datetime | None = None


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
        refused = self._refreshed(known, temperatures, bridge, now, deadline_s)
        if refused and temperatures and not any(one.id in known.uniqueids for one in temperatures):
            raise refused
        return tuple(_sensor(temperature, known) for temperature in temperatures)

    def _refreshed(
        self,
        known: Known,
        temperatures: tuple[Temperature, ...],
        bridge: Bridge,
        now: datetime,
        deadline_s: float,
    ) -> SourceError | None:
        """Ask for what is not known, or no longer; the last refusal, if there was one."""
        strangers = [one for one in temperatures if one.id not in known.uniqueids]
        expired = known.details_at is None or abs(now - known.details_at) >= DETAILS_FOR
        if not expired and not any(stranger.owner not in known.links for stranger in strangers):
            if _is_worth_asking(known, temperatures, now):
                return self._tried([lambda: _learn_links(known, bridge, now, deadline_s)])
            return None
        refused = self._tried(
            [
                *([lambda: _learn_by_v1(known, strangers, bridge, deadline_s)] if strangers else []),
                lambda: _learn_links(known, bridge, now, deadline_s),
                lambda: known.names.update(names_of(bridge.v2("device", deadline_s))),
                lambda: known.batteries.update(batteries_of(bridge.v2("device_power", deadline_s))),
            ]
        )
        known.uniqueids |= _uniqueids_by_mac(strangers, known)
        known.details_at = now
        self._state.put(self._key, _kept(known))
        return refused

    def _tried(self, lessons: Iterable[Callable[[], None]]) -> SourceError | None:
        """Each lesson by itself, as long as the bridge is not in trouble: the readings are worth more."""
        refused: SourceError | None = None
        for lesson in lessons:
            try:
                lesson()
            except SourceError as error:
                refused = error
                self._journal.record(Level.WARNING, "hue.directory", detail=str(error))
                if not isinstance(error, SourceGarbled):
                    break
        return refused


def _learn_links(known: Known, bridge: Bridge, now: datetime, deadline_s: float) -> None:
    known.links_at = now
    known.links = links_of(bridge.v2("zigbee_connectivity", deadline_s))


def _learn_by_v1(known: Known, strangers: Iterable[Temperature], bridge: Bridge, deadline_s: float) -> None:
    """The identity that v1 gives is the one under which a sensor's older readings are stored."""
    listed = {sensor.where: sensor for sensor in sensors_of(bridge.v1("/sensors", deadline_s))}
    for stranger in strangers:
        sensor = listed.get(stranger.id_v1 or "")
        if sensor is not None and sensor.uniqueid is not None:
            known.uniqueids[stranger.id] = sensor.uniqueid
            known.names.setdefault(stranger.owner, sensor.name)


def _uniqueids_by_mac(strangers: Iterable[Temperature], known: Known) -> dict[str, str]:
    return {
        stranger.id: mac_of(link.mac) + _TEMPERATURE_ENDPOINT
        for stranger in strangers
        if stranger.id not in known.uniqueids and (link := known.links.get(stranger.owner)) and link.mac
    }


def _is_worth_asking(known: Known, temperatures: Iterable[Temperature], now: datetime) -> bool:
    """Whether some sensor has been quiet, and the links are not fresh."""
    if known.links_at is not None and abs(now - known.links_at) < QUIET_AFTER:
        return False
    return any(one.changed is not None and now - one.changed > QUIET_AFTER for one in temperatures)


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
