"""What a bridge is asked for beside the temperatures: one v1 read, and by v2 what that leaves open."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

import attrs

from adapters.hue.bridge import Bridge
from adapters.hue.known import Known
from adapters.hue.sensors import Sensor, mac_of
from adapters.hue.v1 import names_given, sensors_of
from adapters.hue.v2 import Link, Temperature, batteries_of, links_of, names_of

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
