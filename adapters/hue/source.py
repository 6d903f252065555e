"""The Hue bridge as a source: the smallest read that it offers, else the whole bridge."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Literal

import attrs

from adapters.http.lenient_json import at
from adapters.hue.bridge import Bridge, BridgeOpener, error_descriptions
from adapters.hue.calls import BridgeCalls, Call
from adapters.hue.errors import (
    Busy,
    CertificateRefused,
    NotConnected,
    NotOffered,
    PathRefused,
    ReadFailed,
    Unidentified,
    after_fallback,
)
from adapters.hue.locating import BridgeLocator
from adapters.hue.parsing import parse_sensors, parse_temperatures, parse_whole_bridge
from adapters.hue.sensor_directory import SensorDirectory
from adapters.hue.sensors import ReadingSettings, Sensor, make_reply
from domain.cycle import SourceReply
from domain.errors import CredentialsRefused, SourceError, SourceGarbled, SourceRefused, SourceUnavailable
from ports.clock import Clock
from ports.journal import Journal, Level

Strategy = Literal["auto", "v2", "v1", "whole_bridge"]
_NOTES = {
    "v1": "read version 1 of the API, since version 2 could not be read: {error}",
    "whole_bridge": "read the whole bridge, since the sensors alone could not be read: {error}",
}
_V2_S = 7.0  # for the temperatures by v2: if it hangs, v1 may not, and a second attempt must fit
_REPLY_RESERVE_S = 1.0  # what optional reads leave of the source's time


@attrs.frozen(kw_only=True)
class Read:
    """One read of a bridge.

    `early` takes the temperatures before optional reads, in case they hang, and `failed` the error that led
    to a fallback.
    """

    bridge: Bridge
    slot: datetime
    deadline_s: float
    early: list[SourceReply]
    failed: list[SourceError]


@attrs.frozen(kw_only=True, eq=False)
class HueSource:
    """Reads one bridge; see `ports.source.Source`."""

    name: str
    _locator: BridgeLocator
    _opener: BridgeOpener
    _strategy: Strategy
    _settings: ReadingSettings
    _directory: SensorDirectory
    _clock: Clock
    _journal: Journal
    _calls: BridgeCalls = attrs.field(init=False)
    _v2_failures: dict[datetime, SourceError] = attrs.field(factory=dict, init=False)  # of the newest slot

    @_calls.default
    def _make_calls(self) -> BridgeCalls:
        return BridgeCalls(opener=self._opener, clock=self._clock, name=f"read {self.name}")

    async def read(self, slot: datetime, deadline_s: float) -> SourceReply:
        """Return the newest temperatures."""
        early: list[SourceReply] = []
        failed: list[SourceError] = []
        try:
            return await self._calls.run(partial(self._read, slot, early, failed), deadline_s)
        except SourceError as error:
            if early and isinstance(error, SourceUnavailable):
                return early[0]
            if failed and error is not failed[0]:
                raise after_fallback(failed[0], error) from error
            raise

    async def close(self) -> None:
        """Close the connection and save the directory."""
        self._calls.close()
        self._directory.close()

    def _read(
        self, slot: datetime, early: list[SourceReply], failed: list[SourceError], call: Call
    ) -> SourceReply:
        bridge = call.kept
        call.kept = None
        is_new = bridge is None
        if bridge is None:
            bridge = self._locator.connect(call)
        bridge.non_finite = 0
        read = Read(bridge=bridge, slot=slot, deadline_s=call.deadline_s, early=early, failed=failed)
        try:
            reply = self._read_with_fallback(read)
        except CertificateRefused:
            if not is_new:  # the bridge was replaced: look which one answers, which says what to do
                call.kept = self._locator.connect(call)
            raise
        except (SourceRefused, CredentialsRefused, NotConnected):
            raise  # perhaps another bridge by now, or it has moved: the next read connects again and checks
        except SourceError:
            call.kept = bridge if bridge.is_encrypted else None
            raise
        call.kept = bridge
        return reply

    def _read_with_fallback(self, read: Read) -> SourceReply:
        """Read in the smallest way, then in the next larger one, while an error need not concern that one."""
        way = self._strategy
        if way == "auto":
            way = "v2" if read.bridge.offers_v2 else "v1"
        notes: tuple[str, ...] = ()
        if way == "v2" and self._strategy == "auto" and (error := self._v2_failures.get(read.slot)):
            way, notes = "v1", self._note_fallback("v1", error)
            read.failed.append(error)
        while True:
            try:
                match way:
                    case "v2":
                        return self._read_v2(read, notes)
                    case "v1":
                        return self._read_v1(read, notes)
                    case _:
                        return self._read_whole_bridge(read, notes)
            except (SourceGarbled, PathRefused, ReadFailed) as error:
                if way == "whole_bridge":
                    raise
                read.failed.append(error)
                if isinstance(error, NotOffered) and way == "v2" and self._strategy == "auto":
                    read.bridge.offers_v2, way = False, "v1"
                    continue
                # what v1's sensors have of identities was read already
                way = "v1" if way == "v2" and not isinstance(error, Unidentified) else "whole_bridge"
                notes = self._note_fallback(way, error)

    def _note_fallback(self, way: Strategy, error: SourceError) -> tuple[str, ...]:
        note = _NOTES[way].format(error=error)
        self._journal.record(Level.WARNING, "hue.fallback", source=self.name, detail=note)
        return (note,)

    def _read_v2(self, read: Read, notes: Sequence[str]) -> SourceReply:
        bridge = read.bridge
        try:
            content = bridge.v2("temperature", min(read.deadline_s, bridge.elapsed_s() + _V2_S))
        except SourceUnavailable as error:
            # the connection works, but not this: the next attempt at the slot is by v1
            if bridge.is_proved and not isinstance(error, (Busy, NotConnected)):
                self._v2_failures.clear()
                self._v2_failures[read.slot] = error
            raise
        listed = parse_temperatures(content)
        if at(content, "errors"):
            notes = [*notes, *(f"the bridge reports: {error}" for error in error_descriptions(content))]
        sensors = self._directory.join(listed)
        now = self._clock.now()
        update = self._directory.due(listed, now)
        if update is not None:
            if any(sensor.uniqueid for sensor in sensors):
                read.early.append(self._reply(sensors, read, "v2", notes))
            optional_deadline_s = read.deadline_s - _REPLY_RESERVE_S
            self._directory.update(update, listed, bridge, now=now, deadline_s=optional_deadline_s)
            sensors = self._directory.join(listed)
        return self._reply(sensors, read, "v2", notes)

    def _read_v1(self, read: Read, notes: Sequence[str]) -> SourceReply:
        return self._reply(parse_sensors(read.bridge.v1("/sensors", read.deadline_s)), read, "v1", notes)

    def _read_whole_bridge(self, read: Read, notes: Sequence[str]) -> SourceReply:
        sensors = parse_whole_bridge(read.bridge.v1("", read.deadline_s))
        return self._reply(sensors, read, "whole_bridge", notes)

    def _reply(
        self, sensors: Sequence[Sensor], read: Read, strategy: str, notes: Sequence[str]
    ) -> SourceReply:
        reply = make_reply(sensors, read.slot, self._settings)
        return attrs.evolve(
            reply,
            notes=(*notes, *reply.notes),
            not_finite=read.bridge.non_finite,
            strategy=strategy,
        )
