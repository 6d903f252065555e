"""What is known of the sensors beside their temperature in v2: identity for good, the rest for an hour."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from adapters.hue.bridge import Bridge
from adapters.hue.known import Known, kept, restored
from adapters.hue.sensors import Sensor, mac_of
from adapters.hue.v1 import sensors_of
from adapters.hue.v2 import Temperature, batteries_of, links_of, names_of
from domain.errors import SourceError, SourceGarbled
from ports.journal import Journal, Level
from ports.state import State

DETAILS_FOR = timedelta(hours=1)
# Three reports of a sensor: time to ask whether the bridge still hears it.
QUIET_AFTER = timedelta(minutes=15)
_MAC = re.compile(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){7}")
_TEMPERATURE_ENDPOINT = "-02-0402"  # of a Hue motion sensor; its MAC and this make its uniqueid


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
        known = self._known = self._known or restored(self._state.get(self._key))
        strangers = [one for one in temperatures if _is_strange(one, known)]
        lessons = _lessons(known, temperatures, strangers, bridge, now, deadline_s)
        if lessons:
            refused = self._tried(lessons)
            known.forget_surplus({one.id for one in temperatures}, {one.owner for one in temperatures})
            self._state.put(self._key, kept(known))
            if refused and temperatures and not any(one.id in known.uniqueids for one in temperatures):
                raise refused
        return tuple(_sensor(temperature, known) for temperature in temperatures)

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


def _lessons(
    known: Known,
    temperatures: Iterable[Temperature],
    strangers: list[Temperature],
    bridge: Bridge,
    now: datetime,
    deadline_s: float,
) -> list[Callable[[], None]]:
    """What to ask the bridge for, beside the temperatures."""
    links: Callable[[], None] = lambda: _learn_links(known, bridge, now, deadline_s)  # noqa: E731
    is_old = known.details_at is None or abs(now - known.details_at) >= DETAILS_FOR
    if is_old or any(stranger.id not in known.asked_for for stranger in strangers):
        known.details_at = now  # also when the lessons fail: a bridge in trouble is not asked at every cycle
        by_v1 = [lambda: _learn_by_v1(known, strangers, bridge, deadline_s)] if strangers else []
        return [
            *by_v1,
            links,
            lambda: _guess(known, strangers),
            lambda: _learn_details(known, bridge, deadline_s),
        ]
    return [links] if _is_worth_asking(known, temperatures, now) else []


def _is_strange(temperature: Temperature, known: Known) -> bool:
    return temperature.id not in known.uniqueids or temperature.id in known.guessed


def _learn_by_v1(known: Known, strangers: Iterable[Temperature], bridge: Bridge, deadline_s: float) -> None:
    """The identity that v1 gives is the one under which a sensor's older readings are stored."""
    listed = {sensor.where: sensor for sensor in sensors_of(bridge.v1("/sensors", deadline_s))}
    for stranger in strangers:
        sensor = listed.get(stranger.id_v1 or "")
        if sensor is not None and sensor.uniqueid is not None:
            known.uniqueids[stranger.id] = sensor.uniqueid
            known.guessed.discard(stranger.id)
            known.names.setdefault(stranger.owner, sensor.name)


def _learn_links(known: Known, bridge: Bridge, now: datetime, deadline_s: float) -> None:
    known.links_at = now  # also when it fails: not at every cycle
    known.links = links_of(bridge.v2("zigbee_connectivity", deadline_s))


def _guess(known: Known, strangers: Iterable[Temperature]) -> None:
    """The uniqueid by the device's MAC, for those that v1 does not tell; it is asked again in an hour."""
    for stranger in strangers:
        known.asked_for.add(stranger.id)
        link = known.links.get(stranger.owner)
        if stranger.id not in known.uniqueids and link is not None and _MAC.fullmatch(link.mac or ""):
            known.uniqueids[stranger.id] = mac_of(link.mac or "") + _TEMPERATURE_ENDPOINT
            known.guessed.add(stranger.id)


def _learn_details(known: Known, bridge: Bridge, deadline_s: float) -> None:
    known.names.update(names_of(bridge.v2("device", deadline_s)))
    known.batteries = batteries_of(bridge.v2("device_power", deadline_s))


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
