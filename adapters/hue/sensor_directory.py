"""What v2 lists apart from the temperatures: identity of the sensors, for good; the rest, for an hour."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal

from adapters.http.lenient_json import MAX_DEVICES, flag, instant, integer, members, text
from adapters.hue.api_v1 import names_by_mac, parse_sensors
from adapters.hue.api_v2 import Link, parse_batteries, parse_links, parse_names
from adapters.hue.bridge import Bridge
from adapters.hue.errors import ReadFailed
from adapters.hue.sensors import Sensor, mac_of
from domain.errors import SourceError, SourceThrottled, SourceUnavailable
from ports.journal import Journal, Level
from ports.state import Json, State

DETAILS_FOR = timedelta(hours=1)
QUIET_AFTER = timedelta(minutes=15)  # three reports of a sensor: ask whether the bridge still hears it
Due = Literal["details", "links"]
_TIMES = ("details_at", "links_at")
_MAC = re.compile(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){7}")
_V1_ATTEMPTS = 3
_TEMPERATURE_ENDPOINT = "-02-0402"  # of a Hue motion sensor: MAC and endpoint make its uniqueid


class SensorDirectory:
    """Caches uniqueids by resource id, and names, batteries and links by device.

    It is kept in the state under `key`. The times of the last reads are written only together with
    something else, or at the end: a file synced every quarter of an hour wears the disk, and losing them
    costs one request.
    """

    def __init__(self, *, state: State, key: str, journal: Journal) -> None:
        self._state = state
        self._key = key
        self._journal = journal
        self._saved: Mapping[str, Json] | None = None
        self._uniqueids: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._batteries: dict[str, int] = {}
        self._links: dict[str, Link] = {}
        self._guessed: set[str] = set()  # resource ids whose uniqueid v1 has not confirmed
        self._asked_for: set[str] = set()  # resource ids that this process has asked about
        self._v1_failures = 0  # in a row, of those that may pass
        self._details_at: datetime | None = None
        self._links_at: datetime | None = None

    def join(self, sensors: Sequence[Sensor]) -> tuple[Sensor, ...]:
        """Return the sensors with what is known of them."""
        if self._saved is None:
            self._load()
        return tuple(
            Sensor(  # written out, since this is the hot path and attrs.evolve takes three times as long
                where=sensor.where,
                resource_id=sensor.resource_id,
                owner=sensor.owner,
                uniqueid=self._uniqueids.get(sensor.resource_id),
                name=self._names.get(sensor.owner, ""),
                temperature=sensor.temperature,
                observed_at=sensor.observed_at,
                battery_percent=self._batteries.get(sensor.owner),
                is_reachable=link.is_up if (link := self._links.get(sensor.owner)) else None,
                is_on=sensor.is_on,
                raw=sensor.raw,
            )
            for sensor in sensors
        )

    def due(self, sensors: Sequence[Sensor], now: datetime) -> Due | None:
        """Return what to ask the bridge for, if anything."""
        links_at = self._links_at
        if self._details_at is None or abs(now - self._details_at) >= DETAILS_FOR:
            return "details"
        for one in sensors:
            if one.resource_id not in self._asked_for and self._is_unidentified(one):
                return "details"
        are_links_old = links_at is None or abs(now - links_at) >= QUIET_AFTER
        for one in sensors:
            if one.observed_at is None:
                continue
            if are_links_old and now - one.observed_at > QUIET_AFTER:
                return "links"
            link = self._links.get(one.owner)
            if link and link.is_up is False and (links_at is None or one.observed_at > links_at):
                return "links"  # it was lost, and reports again
        return None

    def update(
        self, due: Due, sensors: Sequence[Sensor], bridge: Bridge, *, now: datetime, deadline_s: float
    ) -> None:
        """Ask the bridge. Raise SourceError if no sensor can be identified.

        Every other error is only recorded: these reads are optional.
        """
        errors: list[SourceError] = []
        steps: list[Callable[[], bool]] = [lambda: self._read_links(sensors, bridge, now, deadline_s)]
        if due == "details":
            self._details_at = now  # even if the reads fail: not in every cycle
            steps = [
                lambda: self._read_v1(sensors, bridge, now, deadline_s),
                *steps,
                lambda: self._guess_uniqueids(sensors),
                lambda: self._read_names(bridge, deadline_s),
                lambda: self._read_batteries(bridge, deadline_s),
            ]
        for step in steps:
            try:
                if step():
                    break
            except SourceError as error:
                errors.append(error)
                self._journal.record(Level.WARNING, "hue.directory", detail=str(error))
                may_pass = isinstance(error, SourceUnavailable)
                if due == "details" and step is steps[0]:
                    self._v1_failures = self._v1_failures + 1 if may_pass else 0
                    if self._v1_failures >= _V1_ATTEMPTS:
                        continue  # v1 can hang for good while v2 is well
                if isinstance(error, SourceThrottled) or (may_pass and not isinstance(error, ReadFailed)):
                    break  # the bridge is in trouble
        self._forget_surplus(sensors)
        content = self._content()
        if any(content[part] != (self._saved or {}).get(part) for part in content if part not in _TIMES):
            self._save(content)
        if errors and sensors and not any(one.resource_id in self._uniqueids for one in sensors):
            raise errors[0]

    def close(self) -> None:
        """Save the times of the last reads."""
        if self._saved is not None and (content := self._content()) != self._saved:
            self._save(content)

    def _is_unidentified(self, sensor: Sensor) -> bool:
        """Tell whether its uniqueid is unknown or only guessed."""
        return sensor.resource_id not in self._uniqueids or sensor.resource_id in self._guessed

    def _read_v1(self, sensors: Sequence[Sensor], bridge: Bridge, now: datetime, deadline_s: float) -> bool:
        """Read the uniqueids, under which the older readings are stored; return whether that was all.

        One v1 read replaces three of v2 if it names every sensor: it names those with a motion sensor.
        """
        content = bridge.v1("/sensors", deadline_s)
        self._v1_failures = 0
        listed = {sensor.where: sensor for sensor in parse_sensors(content)}
        for stranger in filter(self._is_unidentified, sensors):
            sensor = listed.get(stranger.where)
            if sensor is not None and sensor.uniqueid is not None:
                self._uniqueids[stranger.resource_id] = sensor.uniqueid
                self._guessed.discard(stranger.resource_id)
                self._names.setdefault(stranger.owner, sensor.name)
        named = names_by_mac(content)
        complete = {
            one.owner: sensor
            for one in sensors
            if (sensor := listed.get(one.where))
            and sensor.uniqueid is not None
            and sensor.is_reachable is not None
            and mac_of(sensor.uniqueid) in named
        }
        if len(complete) != len({one.resource_id for one in sensors}):
            return False
        self._links_at = now
        self._names.update({owner: sensor.name for owner, sensor in complete.items()})
        self._links = {
            owner: Link(mac_of(sensor.uniqueid or ""), sensor.is_reachable)
            for owner, sensor in complete.items()
        }
        self._batteries = {
            owner: sensor.battery_percent
            for owner, sensor in complete.items()
            if sensor.battery_percent is not None
        }
        return True

    def _read_links(
        self, sensors: Sequence[Sensor], bridge: Bridge, now: datetime, deadline_s: float
    ) -> bool:
        self._links_at = now  # even if the read fails
        links = parse_links(bridge.v2("zigbee_connectivity", deadline_s))
        owners = {one.owner for one in sensors}
        self._links = {owner: link for owner, link in links.items() if owner in owners}
        return False

    def _read_names(self, bridge: Bridge, deadline_s: float) -> bool:
        self._names.update(parse_names(bridge.v2("device", deadline_s)))
        return False

    def _read_batteries(self, bridge: Bridge, deadline_s: float) -> bool:
        self._batteries = parse_batteries(bridge.v2("device_power", deadline_s))
        return False

    def _guess_uniqueids(self, sensors: Sequence[Sensor]) -> bool:
        """Make the uniqueid of the device's MAC if v1 does not list it; v1 is asked again in an hour.

        Not after a failure that may pass: the guess may differ from the id of the older readings.
        """
        if 0 < self._v1_failures < _V1_ATTEMPTS:
            return False
        for stranger in filter(self._is_unidentified, sensors):
            self._asked_for.add(stranger.resource_id)
            link = self._links.get(stranger.owner)
            if stranger.resource_id not in self._uniqueids and link and _MAC.fullmatch(link.mac or ""):
                self._uniqueids[stranger.resource_id] = mac_of(link.mac or "") + _TEMPERATURE_ENDPOINT
                self._guessed.add(stranger.resource_id)
        return False

    def _forget_surplus(self, sensors: Sequence[Sensor]) -> None:
        """Drop what belongs to no listed sensor, if more is known than a home has."""
        ids = {one.resource_id for one in sensors}
        if len(self._uniqueids) > MAX_DEVICES or len(self._names) > MAX_DEVICES:
            owners = {one.owner for one in sensors}
            self._uniqueids = {key: value for key, value in self._uniqueids.items() if key in ids}
            self._names = {key: value for key, value in self._names.items() if key in owners}
            self._guessed &= ids
        if len(self._asked_for) > MAX_DEVICES:
            self._asked_for &= ids

    def _content(self) -> dict[str, Json]:
        """Return what the next process may know, without guesses."""
        return {
            "details_at": self._details_at.isoformat() if self._details_at else None,
            "links_at": self._links_at.isoformat() if self._links_at else None,
            "uniqueids": {key: value for key, value in self._uniqueids.items() if key not in self._guessed},
            "names": dict(self._names),
            "batteries": dict(self._batteries),
            "links": {owner: {"mac": link.mac, "is_up": link.is_up} for owner, link in self._links.items()},
        }

    def _load(self) -> None:
        """Take over what an earlier process saved; what has another shape is unknown."""
        self._saved = saved = self._state.get(self._key)
        uniqueids, names, batteries, links = (
            members(saved.get(part)) for part in ("uniqueids", "names", "batteries", "links")
        )
        self._uniqueids = {key: value for key in uniqueids if (value := text(uniqueids[key]))}
        self._names = {key: value for key in names if (value := text(names[key]))}
        self._batteries = {
            key: charge for key in batteries if (charge := integer(batteries[key])) is not None
        }
        self._links = {key: Link(text(link, "mac"), flag(link, "is_up")) for key, link in links.items()}
        self._details_at = instant(saved.get("details_at"))
        self._links_at = instant(saved.get("links_at"))

    def _save(self, content: Mapping[str, Json]) -> None:
        self._saved = content
        self._state.put(self._key, content)
