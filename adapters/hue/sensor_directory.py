"""Cache of what v2 lists apart from temperatures: uniqueids for good; names, batteries, links for an hour."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal

import attrs

from adapters.http.lenient_json import MAX_DEVICES, flag, instant, integer, members, text
from adapters.hue.bridge import Bridge
from adapters.hue.errors import ReadFailed
from adapters.hue.parsing import Link, names_by_mac, parse_batteries, parse_links, parse_names, parse_sensors
from adapters.hue.sensors import Sensor, mac_of
from domain.errors import SourceError, SourceThrottled, SourceUnavailable
from ports.journal import Journal, Level
from ports.state import Json, State

DETAILS_FOR = timedelta(hours=1)
QUIET_AFTER = timedelta(minutes=15)  # three reports of a sensor: ask whether the bridge still hears it
Update = Literal["details", "links"]
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
        self._guesses: dict[str, str] = {}  # uniqueids that v1 has not confirmed
        self._names: dict[str, str] = {}
        self._batteries: dict[str, int] = {}
        self._links: dict[str, Link] = {}
        self._asked_for: set[str] = set()  # resource ids that this process has asked about
        self._v1_failures = 0  # in a row, of those that may pass
        self._details_at: datetime | None = None
        self._links_at: datetime | None = None

    def join(self, sensors: Sequence[Sensor]) -> tuple[Sensor, ...]:
        """Return the sensors with what is known of them."""
        if self._saved is None:
            self._load()
        joined = []
        for sensor in sensors:
            link = self._links.get(sensor.owner)
            joined.append(
                attrs.evolve(
                    sensor,
                    uniqueid=self._uniqueids.get(sensor.resource_id) or self._guesses.get(sensor.resource_id),
                    name=self._names.get(sensor.owner, ""),
                    battery_percent=self._batteries.get(sensor.owner),
                    is_reachable=link.is_up if link else None,
                )
            )
        return tuple(joined)

    def due(self, sensors: Sequence[Sensor], now: datetime) -> Update | None:
        """Return what to ask the bridge for, if anything."""
        links_at = self._links_at
        if self._details_at is None or abs(now - self._details_at) >= DETAILS_FOR:
            return "details"
        for sensor in sensors:
            if sensor.resource_id not in self._uniqueids and sensor.resource_id not in self._asked_for:
                return "details"
        are_links_old = links_at is None or abs(now - links_at) >= QUIET_AFTER
        for sensor in sensors:
            if sensor.observed_at is None:
                continue
            if are_links_old and now - sensor.observed_at > QUIET_AFTER:
                return "links"
            link = self._links.get(sensor.owner)
            if link and link.is_up is False and (links_at is None or sensor.observed_at > links_at):
                return "links"  # it was lost, and reports again
        return None

    def update(
        self, update: Update, sensors: Sequence[Sensor], bridge: Bridge, *, now: datetime, deadline_s: float
    ) -> None:
        """Ask the bridge. Raise SourceError if no sensor can be identified.

        Every other error is only recorded: these reads are optional.
        """
        query = _Query(sensors=sensors, bridge=bridge, now=now, deadline_s=deadline_s)
        errors = (
            self._update_details(query) if update == "details" else self._read_each(query, self._read_links)
        )
        self._forget_surplus(sensors)
        content, saved = self._content(), self._saved or {}
        if any(content[part] != saved.get(part) for part in ("uniqueids", "names", "batteries", "links")):
            self._save(content)
        if errors and sensors and not any(sensor.uniqueid for sensor in self.join(sensors)):
            raise errors[0]

    def close(self) -> None:
        """Save the times of the last reads."""
        if self._saved is not None and (content := self._content()) != self._saved:
            self._save(content)

    def _update_details(self, query: _Query) -> list[SourceError]:
        """Read v1, and from v2 what v1 leaves open. Return the errors."""
        self._details_at = query.now  # even if the reads fail: not in every cycle
        errors: list[SourceError] = []
        try:
            if self._read_v1(query):
                return []
        except SourceError as error:
            self._record(error)
            errors.append(error)
            self._v1_failures = self._v1_failures + 1 if isinstance(error, SourceUnavailable) else 0
            if _is_in_trouble(error) and self._v1_failures < _V1_ATTEMPTS:  # v1 can hang while v2 is well
                return errors
        return errors + self._read_each(
            query, self._read_links, self._guess_uniqueids, self._read_names, self._read_batteries
        )

    def _read_each(self, query: _Query, *reads: Callable[[_Query], None]) -> list[SourceError]:
        """Do the reads until one shows that the bridge is in trouble. Return the errors."""
        errors: list[SourceError] = []
        for read in reads:
            try:
                read(query)
            except SourceError as error:
                self._record(error)
                errors.append(error)
                if _is_in_trouble(error):
                    break
        return errors

    def _read_v1(self, query: _Query) -> bool:
        """Read the uniqueids, under which the older readings are stored; return whether nothing is left open.

        One v1 read replaces three of v2 if it names every sensor: it names those with a motion sensor.
        """
        content = query.bridge.v1("/sensors", query.deadline_s)
        self._v1_failures = 0
        listed = {sensor.where: sensor for sensor in parse_sensors(content)}
        named = names_by_mac(content)
        complete: dict[str, Sensor] = {}
        for sensor in query.sensors:
            found = listed.get(sensor.where)
            if found is None or found.uniqueid is None:
                continue
            if sensor.resource_id not in self._uniqueids:
                self._uniqueids[sensor.resource_id] = found.uniqueid
                self._names.setdefault(sensor.owner, found.name)
            if found.is_reachable is not None and mac_of(found.uniqueid) in named:
                complete[sensor.owner] = found
        if len(complete) != len({sensor.resource_id for sensor in query.sensors}):
            return False
        self._links_at = query.now
        self._links, self._batteries = {}, {}
        for owner, found in complete.items():
            self._names[owner] = found.name
            self._links[owner] = Link(mac_of(found.uniqueid or ""), found.is_reachable)
            if found.battery_percent is not None:
                self._batteries[owner] = found.battery_percent
        return True

    def _read_links(self, query: _Query) -> None:
        self._links_at = query.now  # even if the read fails
        links = parse_links(query.v2("zigbee_connectivity"))
        owners = {sensor.owner for sensor in query.sensors}
        self._links = {owner: link for owner, link in links.items() if owner in owners}

    def _read_names(self, query: _Query) -> None:
        self._names.update(parse_names(query.v2("device")))

    def _read_batteries(self, query: _Query) -> None:
        self._batteries = parse_batteries(query.v2("device_power"))

    def _guess_uniqueids(self, query: _Query) -> None:
        """Make the uniqueid of the device's MAC if v1 does not list it; v1 is asked again in an hour.

        Not after a failure that may pass: the guess may differ from the id of the older readings.
        """
        if 0 < self._v1_failures < _V1_ATTEMPTS:
            return
        for sensor in query.sensors:
            if sensor.resource_id not in self._uniqueids:
                self._asked_for.add(sensor.resource_id)
                link = self._links.get(sensor.owner)
                if link and link.mac and _MAC.fullmatch(link.mac):
                    self._guesses[sensor.resource_id] = mac_of(link.mac) + _TEMPERATURE_ENDPOINT

    def _forget_surplus(self, sensors: Sequence[Sensor]) -> None:
        """Drop what belongs to no listed sensor, if more is known than a home has."""
        ids = {sensor.resource_id for sensor in sensors}
        if len(self._uniqueids) > MAX_DEVICES or len(self._names) > MAX_DEVICES:
            owners = {sensor.owner for sensor in sensors}
            self._uniqueids = {key: value for key, value in self._uniqueids.items() if key in ids}
            self._names = {key: value for key, value in self._names.items() if key in owners}
        if len(self._asked_for) > MAX_DEVICES:
            self._asked_for &= ids
            self._guesses = {key: value for key, value in self._guesses.items() if key in ids}

    def _record(self, error: SourceError) -> None:
        self._journal.record(Level.WARNING, "hue.directory", detail=str(error))

    def _content(self) -> dict[str, Json]:
        """Return what the next process may know, without guesses."""
        return {
            "details_at": self._details_at.isoformat() if self._details_at else None,
            "links_at": self._links_at.isoformat() if self._links_at else None,
            "uniqueids": dict(self._uniqueids),
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


@attrs.frozen(kw_only=True)
class _Query:
    sensors: Sequence[Sensor]
    bridge: Bridge
    now: datetime
    deadline_s: float

    def v2(self, resource: str) -> Json:
        return self.bridge.v2(resource, self.deadline_s)


def _is_in_trouble(error: SourceError) -> bool:
    """Return whether the bridge would fail at every other read, too."""
    is_unavailable = isinstance(error, SourceUnavailable) and not isinstance(error, ReadFailed)
    return is_unavailable or isinstance(error, SourceThrottled)
