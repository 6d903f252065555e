"""Asks a bridge for its temperature sensors: the smallest read that it offers, or the whole bridge."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import attrs

from adapters.hue.bridge import Bridge
from adapters.hue.call import Reached
from adapters.hue.directory import Directory
from adapters.hue.replies import NotOffered, PathRefused, ReadFailed, error_descriptions
from adapters.hue.sensors import Sensor
from adapters.hue.v1 import sensors_of, sensors_of_whole_bridge
from adapters.hue.v2 import temperatures_of
from adapters.json_reply import Json
from domain.errors import SourceGarbled
from domain.values import frozen
from ports.clock import Clock
from ports.journal import Journal, Level

Strategy = Literal["auto", "v2", "v1", "whole_bridge"]


@frozen
class Found:
    """The sensors that a bridge listed, remarks for a person, and how many numbers were none."""

    sensors: tuple[Sensor, ...]
    notes: tuple[str, ...] = ()
    not_finite: int = 0


@frozen(kw_only=True)
class Reads:
    """The ways to read one bridge."""

    source: str
    strategy: Strategy
    directory: Directory
    clock: Clock
    journal: Journal

    def found(self, reached: Reached, deadline_s: float) -> Found:
        """What the bridge has. A read that makes no sense is replaced by that of the whole bridge."""
        before = reached.bridge.not_finite
        found = self._found(reached, deadline_s)
        return attrs.evolve(found, not_finite=reached.bridge.not_finite - before)

    def _found(self, reached: Reached, deadline_s: float) -> Found:
        if self.strategy == "whole_bridge":
            return self._by_whole_bridge(reached.bridge, deadline_s)
        try:
            return self._small_read(reached)(reached, deadline_s)
        except (SourceGarbled, PathRefused, ReadFailed) as error:
            note = f"read the whole bridge, since the sensors alone could not be read: {error}"
            self.journal.record(Level.WARNING, "hue.fallback", source=self.source, detail=note)
            found = self._by_whole_bridge(reached.bridge, deadline_s)
            return attrs.evolve(found, notes=(note, *found.notes))

    def _small_read(self, reached: Reached) -> Callable[[Reached, float], Found]:
        match self.strategy:
            case "v1":
                return self._by_v1
            case "v2":
                return self._by_v2
            case _:
                return self._by_v2_where_offered if reached.offers_v2 else self._by_v1

    def _by_v2_where_offered(self, reached: Reached, deadline_s: float) -> Found:
        try:
            content = reached.bridge.v2("temperature", deadline_s)
        except NotOffered:
            reached.offers_v2 = False
            return self._by_v1(reached, deadline_s)
        return self._joined(content, reached, deadline_s)

    def _by_v2(self, reached: Reached, deadline_s: float) -> Found:
        return self._joined(reached.bridge.v2("temperature", deadline_s), reached, deadline_s)

    def _joined(self, content: Json, reached: Reached, deadline_s: float) -> Found:
        sensors = self.directory.sensors(
            temperatures_of(content), reached.bridge, now=self.clock.now(), deadline_s=deadline_s
        )
        return Found(sensors, tuple(f"the bridge says: {each}" for each in error_descriptions(content)))

    def _by_v1(self, reached: Reached, deadline_s: float) -> Found:
        return Found(sensors_of(reached.bridge.v1("/sensors", deadline_s)))

    def _by_whole_bridge(self, bridge: Bridge, deadline_s: float) -> Found:
        return Found(sensors_of_whole_bridge(bridge.v1("", deadline_s)))
