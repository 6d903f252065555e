"""The Hue bridge as a source: the smallest read that it offers, else the whole bridge."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Literal

from adapters.hue.api_v1 import parse_sensors, parse_whole_bridge
from adapters.hue.api_v2 import parse_temperatures
from adapters.hue.bridge import Bridge, BridgeOpener, error_descriptions
from adapters.hue.calls import BridgeCalls, Call
from adapters.hue.errors import CertificateRefused, NotOffered, PathRefused, ReadFailed
from adapters.hue.locating import BridgeLocator
from adapters.hue.sensor_directory import SensorDirectory
from adapters.hue.sensors import ReadingSettings, Sensor, make_reply
from domain.cycle import SourceReply
from domain.errors import CredentialsRefused, SourceError, SourceGarbled, SourceRefused, SourceUnavailable
from ports.clock import Clock
from ports.journal import Journal, Level

Strategy = Literal["auto", "v2", "v1", "whole_bridge"]
_REPLY_RESERVE_S = 1.0  # what optional reads leave of the source's time

_Sensors = Sequence[Sensor]


class HueSource:
    """Reads one bridge; see `ports.source.Source`."""

    def __init__(
        self,
        *,
        name: str,
        locator: BridgeLocator,
        opener: BridgeOpener,
        strategy: Strategy,
        settings: ReadingSettings,
        directory: SensorDirectory,
        clock: Clock,
        journal: Journal,
    ) -> None:
        self.name = name
        self._locator = locator
        self._strategy = strategy
        self._settings = settings
        self._directory = directory
        self._clock = clock
        self._journal = journal
        self._calls = BridgeCalls(opener=opener, clock=clock, name=f"read {name}")

    async def read(self, slot: datetime, deadline_s: float) -> SourceReply:
        """Return the newest temperatures."""
        early: list[SourceReply] = []  # the temperatures, before optional reads
        try:
            return await self._calls.run(lambda call: self._read(call, slot, early.append), deadline_s)
        except SourceUnavailable:
            if not early:
                raise
            return early[0]

    async def close(self) -> None:
        """Close the connection and save what was learned."""
        self._calls.close()
        self._directory.close()

    def _read(self, call: Call, slot: datetime, keep_early: Callable[[SourceReply], None]) -> SourceReply:
        bridge = call.kept
        call.keep(None)
        is_new = bridge is None
        if bridge is None:
            bridge = self._locator.connect(call)
        bridge.non_finite = 0
        try:
            reply = self._read_with_fallback(bridge, call.deadline_s, slot, keep_early)
        except CertificateRefused:
            if not is_new:  # the bridge was replaced: look which one answers, which says what to do
                call.keep(self._locator.connect(call))
            raise
        except (SourceRefused, CredentialsRefused):
            raise  # perhaps another bridge by now: the next read connects anew and checks
        except SourceError:
            call.keep(bridge if bridge.is_encrypted else None)
            raise
        call.keep(bridge)
        return reply

    def _read_with_fallback(
        self, bridge: Bridge, deadline_s: float, slot: datetime, keep_early: Callable[[SourceReply], None]
    ) -> SourceReply:
        notes: list[str] = []
        sensors: _Sensors
        try:
            if self._strategy == "whole_bridge":
                sensors = parse_whole_bridge(bridge.v1("", deadline_s))
            elif self._strategy == "v1" or (self._strategy == "auto" and not bridge.offers_v2):
                sensors = parse_sensors(bridge.v1("/sensors", deadline_s))
            else:
                sensors = self._read_v2(bridge, deadline_s, slot, keep_early, notes)
        except (SourceGarbled, PathRefused, ReadFailed) as error:
            if self._strategy == "whole_bridge":
                raise
            note = f"read the whole bridge, since the sensors alone could not be read: {error}"
            self._journal.record(Level.WARNING, "hue.fallback", source=self.name, detail=note)
            notes = [note]
            sensors = parse_whole_bridge(bridge.v1("", deadline_s))
        return make_reply(sensors, slot, self._settings, notes, bridge.non_finite)

    def _read_v2(
        self,
        bridge: Bridge,
        deadline_s: float,
        slot: datetime,
        keep_early: Callable[[SourceReply], None],
        notes: list[str],
    ) -> _Sensors:
        try:
            content = bridge.v2("temperature", deadline_s)
        except NotOffered:
            if self._strategy == "v2":
                raise
            bridge.offers_v2 = False
            return parse_sensors(bridge.v1("/sensors", deadline_s))
        listed = parse_temperatures(content)
        notes += [f"the bridge reports: {description}" for description in error_descriptions(content)]
        sensors = self._directory.join(listed)
        now = self._clock.now()
        if self._directory.is_due(listed, now):
            if any(sensor.uniqueid for sensor in sensors):
                keep_early(make_reply(sensors, slot, self._settings, notes, bridge.non_finite))
            self._directory.update(listed, bridge, now=now, deadline_s=deadline_s - _REPLY_RESERVE_S)
            sensors = self._directory.join(listed)
        return sensors


_STRATEGY_BY_OPERATION = {  # the first one counts: v2 asks v1 for names each hour, and any read may fall back
    "hue.v1/whole_bridge": "whole_bridge",
    "hue.v2/temperature": "v2",
    "hue.v1/sensors": "v1",
}


def read_strategy(operations: Collection[str]) -> str | None:
    """Return the strategy of a read, given its operations; None if it cannot be known.

    A bridge that refused v2 and was read by v1 in the same read, as in the first of a process, counts as v2.
    """
    return next((name for operation, name in _STRATEGY_BY_OPERATION.items() if operation in operations), None)
