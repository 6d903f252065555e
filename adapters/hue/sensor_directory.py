"""Cache of what v2 lists apart from temperatures: uniqueids for good; names, batteries, links for an hour."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal

import attrs

from adapters.http.lenient_json import MAX_DEVICES, flag, instant, integer, members, text
from adapters.hue.bridge import Bridge
from adapters.hue.errors import unidentified
from adapters.hue.parsing import Link, names_by_mac, parse_batteries, parse_links, parse_names, parse_sensors
from adapters.hue.sensors import Sensor, mac_of
from domain.errors import SourceError, SourceThrottled
from ports.journal import Journal, Level
from ports.state import Json, State

DETAILS_FOR = timedelta(hours=1)
QUIET_AFTER = timedelta(minutes=15)  # three reports of a sensor: ask whether the bridge still hears it
ALL_READS_S = 10.0  # for all optional reads of a cycle
Update = Literal["details", "links"]
_MAC = re.compile(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){7}")
_TEMPERATURE_ENDPOINT = "-02-0402"  # of a Hue motion sensor: MAC and endpoint make its uniqueid
_SAVED = ("uniqueids", "guesses", "names", "batteries", "links")


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
        self._guesses: dict[str, str] = {}  # what v1 has not confirmed; "" if nothing is known to guess from
        self._names: dict[str, str] = {}
        self._batteries: dict[str, int] = {}
        self._links: dict[str, Link] = {}
        self._details_at: datetime | None = None
        self._links_at: datetime | None = None
        self._links_known_at: datetime | None = None  # earlier than `_links_at` while that read fails
        self._unread_links: frozenset[str] = frozenset()  # devices whose link could not be read then

    def join(self, sensors: Sequence[Sensor]) -> tuple[Sensor, ...]:
        """Return the sensors with what is known of them."""
        if self._saved is None:
            self._load()
        joined = []
        for sensor in sensors:
            guess = self._guesses.get(sensor.resource_id)
            joined.append(
                attrs.evolve(
                    sensor,
                    uniqueid=self._uniqueids.get(sensor.resource_id) or guess or None,
                    name=self._names.get(sensor.owner, ""),
                    battery_percent=self._batteries.get(sensor.owner),
                    is_reachable=self._is_reachable(sensor),
                )
            )
        return tuple(joined)

    def due(self, sensors: Sequence[Sensor], now: datetime) -> Update | None:
        """Return what to ask the bridge for, if anything."""
        details_at, links_at = self._details_at, self._links_at
        if details_at is None or abs(now - details_at) >= DETAILS_FOR:
            return "details"
        for sensor in sensors:
            if sensor.resource_id in self._uniqueids:
                continue
            guess = self._guesses.get(sensor.resource_id)
            if guess is None or (not guess and abs(now - details_at) >= QUIET_AFTER):
                return "details"
        are_links_old = links_at is None or abs(now - links_at) >= QUIET_AFTER
        may_ask = are_links_old or not self._unread_links  # after a failure not in every cycle
        for sensor in sensors:
            if sensor.observed_at is None:
                continue
            if are_links_old and now - sensor.observed_at > QUIET_AFTER:
                return "links"
            link = self._links.get(sensor.owner)
            if may_ask and link and link.is_up is False and self._reports_again(sensor):
                return "links"
        return None

    def update(
        self, update: Update, sensors: Sequence[Sensor], bridge: Bridge, *, now: datetime, deadline_s: float
    ) -> None:
        """Ask the bridge, within a budget of its own. Raise Unidentified if no sensor can be identified.

        Every other error is only recorded: these reads are optional.
        """
        limit_s = min(deadline_s, bridge.elapsed_s() + ALL_READS_S)
        query = _Query(update=update, sensors=sensors, bridge=bridge, now=now, deadline_s=limit_s)
        errors = (
            self._update_details(query) if update == "details" else self._read_each(query, self._read_links)
        )
        if errors and sensors and not any(sensor.uniqueid for sensor in self.join(sensors)):
            self._guesses = {}  # ask again with the next read
            raise unidentified(errors)
        self._forget_surplus(sensors)
        content, saved = self._content(), self._saved or {}
        if any(content[part] != saved.get(part, {}) for part in _SAVED):
            self._save(content)

    def close(self) -> None:
        """Save the times of the last reads."""
        if self._saved is not None and (content := self._content()) != self._saved:
            self._save(content)

    def _is_reachable(self, sensor: Sensor) -> bool | None:
        """Return None for a lost sensor that reports again while its link cannot be read."""
        link = self._links.get(sensor.owner)
        if link is None:
            return None
        is_unknown = sensor.owner in self._unread_links and self._reports_again(sensor)
        return None if link.is_up is False and is_unknown else link.is_up

    def _reports_again(self, sensor: Sensor) -> bool:
        known_at = self._links_known_at
        return sensor.observed_at is not None and (known_at is None or sensor.observed_at > known_at)

    def _update_details(self, query: _Query) -> list[SourceError]:
        """Read v1, and from v2 what v1 leaves open of any sensor. Return the errors."""
        self._details_at = query.now  # even if the reads fail: not in every cycle
        errors = self._read_each(query, self._read_v1)
        is_open = any(sensor.resource_id not in self._uniqueids for sensor in query.sensors)
        reads: list[Callable[[_Query], None]] = []
        if is_open or query.is_open(query.links):
            reads.append(self._read_links)
        if not any(isinstance(error, SourceThrottled) for error in errors):
            reads += [self._read_names] if query.is_open(query.names) else []
            reads += [self._read_batteries] if query.is_open(query.batteries) else []
        elif not is_open:
            reads = []
        errors += self._read_each(query, *reads)
        self._names |= query.names
        self._batteries |= query.batteries
        self._links |= query.links
        self._guess_uniqueids(query)
        return errors

    def _read_each(self, query: _Query, *reads: Callable[[_Query], None]) -> list[SourceError]:
        """Do the reads until the bridge asks for fewer, or the time is up. Return the errors."""
        errors: list[SourceError] = []
        for read in reads:
            try:
                read(query)
            except SourceError as error:
                self._journal.record(Level.WARNING, "hue.directory", detail=str(error))
                errors.append(error)
                if isinstance(error, SourceThrottled):
                    break
        return errors

    def _read_v1(self, query: _Query) -> None:
        """Read the uniqueids, under which the older readings are stored, and what else v1 knows.

        One v1 read replaces three of v2 if it names every sensor: it names those with a motion sensor.
        """
        content = query.ask(lambda deadline_s: query.bridge.v1("/sensors", deadline_s))
        listed = {sensor.where: sensor for sensor in parse_sensors(content)}
        named = names_by_mac(content)
        for sensor in query.sensors:
            found = listed.get(sensor.where)
            if found is None or found.uniqueid is None:
                continue
            if sensor.resource_id not in self._uniqueids:
                self._uniqueids[sensor.resource_id] = found.uniqueid
                self._guesses.pop(sensor.resource_id, None)
                self._names.setdefault(sensor.owner, found.name)
            mac = mac_of(found.uniqueid)
            if mac in named:
                query.names[sensor.owner] = found.name
            if found.is_reachable is not None:
                query.links[sensor.owner] = Link(mac, found.is_reachable)
            if found.battery_percent is not None:
                query.batteries[sensor.owner] = found.battery_percent
        if not query.is_open(query.links):
            self._note_links(query, is_known=True)
        if not query.is_open(query.batteries):
            self._batteries = {}

    def _read_links(self, query: _Query) -> None:
        """Read the links.

        Between reads of v1, one that v2 does not list is as v1 had it, unless its sensor has reported since.
        """
        self._note_links(query, is_known=False)
        links = parse_links(query.v2("zigbee_connectivity"))
        quiet = {sensor.owner for sensor in query.sensors if not self._reports_again(sensor)}
        if query.update == "links":
            links = {owner: link for owner, link in self._links.items() if owner in quiet} | links
        self._note_links(query, is_known=True)
        owners = {sensor.owner for sensor in query.sensors}
        self._links = {owner: link for owner, link in links.items() if owner in owners}

    def _note_links(self, query: _Query, *, is_known: bool) -> None:
        """Note when the links were asked for, and whether an answer came."""
        self._links_at = query.now
        if is_known:
            self._links_known_at, self._unread_links = query.now, frozenset()
        else:
            owners = {sensor.owner for sensor in query.sensors}
            self._unread_links = frozenset(owners - query.links.keys())

    def _read_names(self, query: _Query) -> None:
        self._names |= parse_names(query.v2("device"))

    def _read_batteries(self, query: _Query) -> None:
        self._batteries = parse_batteries(query.v2("device_power"))

    def _guess_uniqueids(self, query: _Query) -> None:
        """Make the uniqueid of the device's MAC if v1 does not list it, or fails; it is asked again later."""
        for sensor in query.sensors:
            if sensor.resource_id not in self._uniqueids:
                link = self._links.get(sensor.owner)
                is_mac = link and link.mac and _MAC.fullmatch(link.mac)
                guess = mac_of(link.mac) + _TEMPERATURE_ENDPOINT if link and link.mac and is_mac else ""
                self._guesses[sensor.resource_id] = guess or self._guesses.get(sensor.resource_id, "")

    def _forget_surplus(self, sensors: Sequence[Sensor]) -> None:
        """Drop what belongs to no listed sensor, if more is known than a home has."""
        ids = {sensor.resource_id for sensor in sensors}
        if len(self._uniqueids) > MAX_DEVICES or len(self._names) > MAX_DEVICES:
            owners = {sensor.owner for sensor in sensors}
            self._uniqueids = {key: value for key, value in self._uniqueids.items() if key in ids}
            self._names = {key: value for key, value in self._names.items() if key in owners}
        if len(self._guesses) > MAX_DEVICES:
            self._guesses = {key: value for key, value in self._guesses.items() if key in ids}

    def _content(self) -> dict[str, Json]:
        """Return what the next process may know."""
        return {
            "details_at": self._details_at.isoformat() if self._details_at else None,
            "links_at": self._links_at.isoformat() if self._links_at else None,
            "links_known_at": self._links_known_at.isoformat() if self._links_known_at else None,
            "uniqueids": dict(self._uniqueids),
            "guesses": dict(self._guesses),
            "names": dict(self._names),
            "batteries": dict(self._batteries),
            "links": {owner: {"mac": link.mac, "is_up": link.is_up} for owner, link in self._links.items()},
        }

    def _load(self) -> None:
        """Take over what an earlier process saved; what has another shape is unknown."""
        self._saved = saved = self._state.get(self._key)
        uniqueids, guesses, names, batteries, links = (members(saved.get(part)) for part in _SAVED)
        self._uniqueids = {key: value for key in uniqueids if (value := text(uniqueids[key]))}
        self._guesses = {key: value for key, value in guesses.items() if isinstance(value, str)}
        self._names = {key: value for key in names if (value := text(names[key]))}
        self._batteries = {
            key: charge for key in batteries if (charge := integer(batteries[key])) is not None
        }
        self._links = {key: Link(text(link, "mac"), flag(link, "is_up")) for key, link in links.items()}
        self._details_at = instant(saved.get("details_at"))
        self._links_at = instant(saved.get("links_at"))
        self._links_known_at = instant(saved.get("links_known_at")) or self._links_at
        if self._links_known_at != self._links_at:
            self._unread_links = frozenset(self._links)

    def _save(self, content: Mapping[str, Json]) -> None:
        self._saved = content
        self._state.put(self._key, content)


@attrs.frozen(kw_only=True)
class _Query:
    """One update. `names`, `links` and `batteries` are what v1 knows, by device."""

    update: Update
    sensors: Sequence[Sensor]
    bridge: Bridge
    now: datetime
    deadline_s: float
    names: dict[str, str] = attrs.field(factory=dict)
    links: dict[str, Link] = attrs.field(factory=dict)
    batteries: dict[str, int] = attrs.field(factory=dict)

    def is_open(self, known: Mapping[str, object]) -> bool:
        """Return whether v1 leaves this open of any sensor."""
        return any(sensor.owner not in known for sensor in self.sensors)

    def v2(self, resource: str) -> Json:
        return self.ask(lambda deadline_s: self.bridge.v2(resource, deadline_s))

    def ask(self, read: Callable[[float], Json]) -> Json:
        """Return the reply of a read that ends in time, even if a server hangs."""
        with self.bridge.optional_read(self.deadline_s) as deadline_s:
            return read(deadline_s)
