"""What is known of the sensors beside their temperature in v2: identity for good, the rest for an hour."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

import attrs

from adapters.hue.api_v1 import names_given, sensors_of
from adapters.hue.api_v2 import Link, Temperature, batteries_of, links_of, names_of
from adapters.hue.bridge import Bridge
from adapters.hue.known import Known, kept, restored
from adapters.hue.sensors import Sensor, mac_of
from domain.errors import SourceError, SourceGarbled
from ports.journal import Journal, Level
from ports.state import Json, State

DETAILS_FOR = timedelta(hours=1)
# Three reports of a sensor: time to ask whether the bridge still hears it.
QUIET_AFTER = timedelta(minutes=15)
_TIMES = ("details_at", "links_at")  # of what is known


class Directory:
    """Joins temperatures to what is known of their sensors, and asks the bridge only for what is not.

    When it last asked is kept at the end, or with the next thing that is new: a file that is synced every
    hour, or quarter of one, for a time of day wears the disk, and losing it costs one question.
    """

    def __init__(self, *, state: State, key: str, journal: Journal) -> None:
        self._state = state
        self._key = key
        self._journal = journal
        self._known: Known | None = None
        self._saved: Mapping[str, Json] = {}

    def sensors(
        self, temperatures: Iterable[Temperature], bridge: Bridge, *, now: datetime, deadline_s: float
    ) -> tuple[Sensor, ...]:
        """The sensors with all that is known of them. Raises SourceError only when it knows none of them."""
        temperatures = tuple(temperatures)
        if self._known is None:
            self._saved = self._state.get(self._key)
            self._known = restored(self._saved)
        known = self._known
        lessons = Lessons(
            known=known, temperatures=temperatures, bridge=bridge, now=now, deadline_s=deadline_s
        )
        due = _due(lessons)
        if due is not None:
            refused = self._tried(due)
            known.forget_surplus({one.id for one in temperatures}, {one.owner for one in temperatures})
            if not self._is_as_saved(kept(known)):
                self._save(known)
            if refused and temperatures and not any(one.id in known.uniqueids for one in temperatures):
                raise refused
        return tuple(_sensor(temperature, known) for temperature in temperatures)

    def close(self) -> None:
        """Keep what was put off."""
        if self._known is not None and kept(self._known) != self._saved:
            self._save(self._known)

    def _is_as_saved(self, now: Mapping[str, Json]) -> bool:
        return all(now[part] == self._saved.get(part) for part in now if part not in _TIMES)

    def _save(self, known: Known) -> None:
        self._saved = kept(known)
        self._state.put(self._key, self._saved)

    def _tried(self, lessons: Iterable[Lesson]) -> SourceError | None:
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


def _due(lessons: Lessons) -> Iterable[Lesson] | None:
    """What to ask the bridge for, beside the temperatures."""
    known, now = lessons.known, lessons.now
    is_old = known.details_at is None or abs(now - known.details_at) >= DETAILS_FOR
    if is_old or any(stranger.id not in known.asked_for for stranger in lessons.strangers()):
        return lessons.of_everything()
    return [lessons.of_links] if _is_worth_asking(known, lessons.temperatures, now) else None


def _is_worth_asking(known: Known, temperatures: Iterable[Temperature], now: datetime) -> bool:
    """Whether some sensor has been quiet for long, or one that had been lost reports again."""
    are_fresh = known.links_at is not None and abs(now - known.links_at) < QUIET_AFTER
    return any(
        one.changed is not None
        and (
            (not are_fresh and now - one.changed > QUIET_AFTER)
            or _is_heard_again(one.owner, one.changed, known)
        )
        for one in temperatures
    )


def _is_heard_again(owner: str, changed: datetime, known: Known) -> bool:
    link = known.links.get(owner)
    was_lost = link is not None and link.is_up is False
    return was_lost and (known.links_at is None or changed > known.links_at)


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


# What a bridge is asked for beside the temperatures: one v1 read, and by v2 what that leaves open.

Lesson = Callable[[], None]

_MAC = re.compile(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){7}")
_TEMPERATURE_ENDPOINT = "-02-0402"  # of a Hue motion sensor; its MAC and this make its uniqueid


@attrs.define(kw_only=True)
class Lessons:
    """Each lesson asks the bridge and adds to what is known. Raises SourceError.

    `temperatures` are those that were listed just now.
    """

    known: Known
    temperatures: Sequence[Temperature]
    bridge: Bridge
    now: datetime
    deadline_s: float
    _is_all_told: bool = False

    def of_everything(self) -> Iterator[Lesson]:
        """Who the strangers are, and what changes rarely; each lesson depends on those before it."""
        self.known.details_at = self.now  # also when all fail: not at every cycle
        yield self._by_v1
        if not self._is_all_told:
            yield from (self.of_links, self._guess, self._details)

    def of_links(self) -> None:
        """Which of the sensors are still heard."""
        self.known.links_at = self.now  # also when it fails: not at every cycle
        owners = {one.owner for one in self.temperatures}
        links = links_of(self.bridge.v2("zigbee_connectivity", self.deadline_s))
        self.known.links = {owner: link for owner, link in links.items() if owner in owners}

    def strangers(self) -> list[Temperature]:
        """Those whose identity is not known, or only guessed."""
        return [one for one in self.temperatures if self.known.is_strange(one.id)]

    def _by_v1(self) -> None:
        """The identity that v1 gives is the one under which a sensor's older readings are stored."""
        content = self.bridge.v1("/sensors", self.deadline_s)
        listed = {sensor.where: sensor for sensor in sensors_of(content)}
        for stranger in self.strangers():
            sensor = listed.get(stranger.id_v1 or "")
            if sensor is not None and sensor.uniqueid is not None:
                self.known.uniqueids[stranger.id] = sensor.uniqueid
                self.known.guessed.discard(stranger.id)
                self.known.names.setdefault(stranger.owner, sensor.name)
        named = names_given(content)
        told = {
            one.owner: sensor
            for one in self.temperatures
            if (sensor := listed.get(one.id_v1 or "")) and _is_all_told(sensor, named)
        }
        self._is_all_told = len(told) == len({one.id for one in self.temperatures})
        if self._is_all_told:
            self._details_of(told)

    def _details_of(self, told: dict[str, Sensor]) -> None:
        known = self.known
        known.links_at = self.now
        known.links = {
            owner: Link(mac=mac_of(sensor.uniqueid or ""), is_up=sensor.is_reachable)
            for owner, sensor in told.items()
        }
        known.names.update({owner: sensor.name for owner, sensor in told.items()})
        known.batteries = {
            owner: sensor.battery_percent
            for owner, sensor in told.items()
            if sensor.battery_percent is not None
        }

    def _guess(self) -> None:
        """The uniqueid by the device's MAC, for those that v1 does not tell; it is asked again in an hour."""
        known = self.known
        for stranger in self.strangers():
            known.asked_for.add(stranger.id)
            link = known.links.get(stranger.owner)
            if stranger.id not in known.uniqueids and link is not None and _MAC.fullmatch(link.mac or ""):
                known.uniqueids[stranger.id] = mac_of(link.mac or "") + _TEMPERATURE_ENDPOINT
                known.guessed.add(stranger.id)

    def _details(self) -> None:
        self.known.names.update(names_of(self.bridge.v2("device", self.deadline_s)))
        self.known.batteries = batteries_of(self.bridge.v2("device_power", self.deadline_s))


def _is_all_told(sensor: Sensor, named: dict[str, str]) -> bool:
    """Whether v2 could add nothing. A name of v1's own ("Hue temperature sensor 1") tells nobody anything."""
    uniqueid = sensor.uniqueid
    return uniqueid is not None and sensor.is_reachable is not None and mac_of(uniqueid) in named
