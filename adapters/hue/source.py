"""The Hue bridge as a source: one read at a time, each in a thread that ends by its deadline."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Literal

import attrs

from adapters.http.lenient_json import Json
from adapters.hue.api_v1 import sensors_of, sensors_of_whole_bridge
from adapters.hue.api_v2 import temperatures_of
from adapters.hue.bridge import Bridge, Call, OpenBridge, Reached
from adapters.hue.errors import CertificateRefused, NotOffered, PathRefused, ReadFailed, error_descriptions
from adapters.hue.locating import Reach
from adapters.hue.sensor_directory import Directory
from adapters.hue.sensors import Keeping, Sensor, reply_of
from adapters.hue.whereabouts import Whereabouts
from adapters.runtime.threads import in_daemon_thread
from domain.cycle import SourceReply
from domain.errors import CredentialsRefused, SourceError, SourceGarbled, SourceRefused, SourceUnavailable
from ports.clock import Clock
from ports.journal import Journal, Level

_LAST_WORDS_S = 2.0  # what an abandoned read, whose sockets are shut, may take to notice


class HueSource:
    """Reads one bridge. Blocking calls run in a daemon thread, whose sockets are shut when time is over."""

    def __init__(
        self,
        *,
        name: str,
        reach: Reach | Whereabouts,
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
        self._reads = Reads(source=name, strategy=strategy, directory=directory, clock=clock, journal=journal)
        self._directory = directory
        self._keeping = keeping
        self._clock = clock
        self._kept: Reached | None = None
        self._alone = threading.Lock()

    async def read(self, slot: datetime, deadline_s: float) -> SourceReply:
        """The newest temperatures; see `ports.source.Source`."""
        left_s = deadline_s - self._clock.elapsed_s()
        call = Call(open_bridge=self._open_bridge, kept=self._kept, deadline_s=deadline_s, clock=self._clock)
        self._kept = None  # the call's, until it has ended
        try:
            async with asyncio.timeout(max(left_s, 0.0)):
                return await in_daemon_thread(lambda: self._read(call, slot), f"read {self.name}")
        except TimeoutError as error:
            call.abandon()
            raise SourceUnavailable(
                "no complete answer within the time for this source", endpoint=call.endpoint
            ) from error
        except asyncio.CancelledError:
            call.abandon()
            raise
        finally:
            self._kept = call.kept

    async def close(self) -> None:
        """Let go of the connection, and keep what was learned."""
        kept, self._kept = self._kept, None
        if kept is not None:
            kept.bridge.close()
        self._directory.close()

    def _read(self, call: Call, slot: datetime) -> SourceReply:
        try:
            if not self._alone.acquire(timeout=_LAST_WORDS_S):
                raise SourceUnavailable("the last read has not ended yet, though its time is over")
            try:
                found = self._found(call)
            finally:
                self._alone.release()
        finally:
            call.end()
        reply = reply_of(found.sensors, slot, self._keeping)
        return attrs.evolve(
            reply,
            notes=(*found.notes, *reply.notes),
            not_finite=found.not_finite,
            strategy=found.strategy,
        )

    def _found(self, call: Call) -> Found:
        reached = call.kept
        call.keep(None)
        is_new = reached is None
        if reached is None:
            reached = self._reach.bridge(call)
        try:
            found = self._reads.found(reached, call.deadline_s)
        except CertificateRefused:
            if not is_new:  # the bridge was changed under us: look who stands there, which says what to do
                call.keep(self._reach.bridge(call))
            raise
        except (SourceRefused, CredentialsRefused):
            raise  # perhaps another bridge by now: the next read looks who it is, so this one is not kept
        except SourceError:
            call.keep(reached if reached.bridge.is_encrypted else None)
            raise
        call.keep(reached)
        return found


# Asks a bridge for its temperature sensors: the smallest read that it offers, or the whole bridge.

Strategy = Literal["auto", "v2", "v1", "whole_bridge"]


@attrs.frozen
class Found:
    """The sensors that a bridge listed, remarks for a person, and how many numbers were none."""

    sensors: tuple[Sensor, ...]
    strategy: str
    notes: tuple[str, ...] = ()
    not_finite: int = 0


@attrs.frozen(kw_only=True)
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
        return Found(sensors, "v2", tuple(f"the bridge says: {each}" for each in error_descriptions(content)))

    def _by_v1(self, reached: Reached, deadline_s: float) -> Found:
        return Found(sensors_of(reached.bridge.v1("/sensors", deadline_s)), "v1")

    def _by_whole_bridge(self, bridge: Bridge, deadline_s: float) -> Found:
        return Found(sensors_of_whole_bridge(bridge.v1("", deadline_s)), "whole_bridge")
