"""The Hue bridge as a source: the smallest read that it offers, the whole bridge when that makes no sense."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Literal

from adapters.hue.bridge import Bridge, Identity
from adapters.hue.directory import Directory
from adapters.hue.reach import OpenBridge, Reach
from adapters.hue.replies import NotOffered
from adapters.hue.sensors import Keeping, Sensor, reply_of
from adapters.hue.tls import Proof
from adapters.hue.v1 import sensors_of, sensors_of_whole_bridge
from adapters.hue.v2 import temperatures_of
from adapters.threads import in_daemon_thread
from domain.errors import SourceGarbled, SourceRefused, SourceUnavailable
from domain.outcome import SourceReply
from ports.clock import Clock
from ports.journal import Journal, Level

Strategy = Literal["auto", "v2", "v1", "whole_bridge"]


class HueSource:
    """Reads one bridge. Blocking calls run in a daemon thread, whose socket is shut when the time is over."""

    def __init__(
        self,
        *,
        name: str,
        reach: Reach,
        strategy: Strategy,
        keeping: Keeping,
        directory: Directory,
        open_bridge: OpenBridge,
        clock: Clock,
        journal: Journal,
    ) -> None:
        self.name = name
        self._open_bridge = open_bridge
        self._reach = reach
        self._strategy: Strategy = strategy
        self._keeping = keeping
        self._directory = directory
        self._clock = clock
        self._journal = journal
        self._reached: tuple[Bridge, Identity | None] | None = None
        self._has_v2 = True

    async def read(self, slot: datetime, deadline_s: float) -> SourceReply:
        """The newest temperatures; see `ports.source.Source`."""
        left_s = deadline_s - self._clock.elapsed_s()
        call = _Call(self._open_bridge)
        try:
            async with asyncio.timeout(max(left_s, 0.0)):
                return await in_daemon_thread(lambda: self._read(call, slot, deadline_s), f"read {self.name}")
        except TimeoutError as error:
            self._abandon(call)
            raise SourceUnavailable("no complete answer within the time for this source") from error
        except asyncio.CancelledError:
            self._abandon(call)
            raise

    async def close(self) -> None:
        """Let go of the connection."""
        reached, self._reached = self._reached, None
        if reached is not None:
            reached[0].close()

    def _abandon(self, call: _Call) -> None:
        """Wake the thread that still reads, and never use its connection again."""
        reached, self._reached = self._reached, None
        if reached is not None:
            reached[0].abort()
        call.end()

    def _read(self, call: _Call, slot: datetime, deadline_s: float) -> SourceReply:
        reached = self._reached or self._reach.bridge(call.open, deadline_s)
        if call.is_over:  # the next read has begun; it must not find this connection
            reached[0].close()
            raise SourceUnavailable("reached too late")
        self._reached = reached
        try:
            sensors, notes = self._sensors(*reached, deadline_s)
        except SourceRefused:  # perhaps another bridge by now: look who it is before the next read
            self._reached = None
            reached[0].close()
            raise
        reply = reply_of(sensors, slot, self._keeping)
        return SourceReply(readings=reply.readings, unread=reply.unread, notes=(*notes, *reply.notes))

    def _sensors(
        self, bridge: Bridge, identity: Identity | None, deadline_s: float
    ) -> tuple[tuple[Sensor, ...], tuple[str, ...]]:
        if self._strategy == "whole_bridge":
            return self._by_whole_bridge(bridge, deadline_s), ()
        try:
            return self._small_read(bridge, identity)(bridge, deadline_s), ()
        except SourceGarbled as error:
            note = f"read the whole bridge, since the sensors alone could not be read: {error}"
            self._journal.record(Level.WARNING, "hue.fallback", source=self.name, detail=note)
            return self._by_whole_bridge(bridge, deadline_s), (note,)

    def _small_read(
        self, bridge: Bridge, identity: Identity | None
    ) -> Callable[[Bridge, float], tuple[Sensor, ...]]:
        match self._strategy:
            case "v1":
                return self._by_v1
            case "v2":
                return self._by_v2
            case _ if not bridge.is_encrypted or (identity is not None and not identity.has_v2):
                return self._by_v1
            case _:
                return self._by_v2_where_offered

    def _by_v2_where_offered(self, bridge: Bridge, deadline_s: float) -> tuple[Sensor, ...]:
        if self._has_v2:
            try:
                return self._by_v2(bridge, deadline_s)
            except NotOffered:
                self._has_v2 = False
        return self._by_v1(bridge, deadline_s)

    def _by_v2(self, bridge: Bridge, deadline_s: float) -> tuple[Sensor, ...]:
        temperatures = temperatures_of(bridge.v2("temperature", deadline_s))
        return self._directory.sensors(temperatures, bridge, now=self._clock.now(), deadline_s=deadline_s)

    def _by_v1(self, bridge: Bridge, deadline_s: float) -> tuple[Sensor, ...]:
        return sensors_of(bridge.v1("/sensors", deadline_s))

    def _by_whole_bridge(self, bridge: Bridge, deadline_s: float) -> tuple[Sensor, ...]:
        return sensors_of_whole_bridge(bridge.v1("", deadline_s))


class _Call:
    """One read in its thread, and the connections that it opened on the way."""

    def __init__(self, open_bridge: OpenBridge) -> None:
        self._open_bridge = open_bridge
        self._opened: list[Bridge] = []
        self.is_over = False

    def open(self, base_url: str, proof: Proof | None) -> Bridge:
        bridge = self._open_bridge(base_url, proof)
        self._opened.append(bridge)
        if self.is_over:
            bridge.abort()
        return bridge

    def end(self) -> None:
        self.is_over = True
        for bridge in self._opened:
            bridge.abort()
