"""The Hue bridge as a source: one read at a time, each in a thread that ends by its deadline."""

from __future__ import annotations

import asyncio
import threading
from datetime import datetime

import attrs

from adapters.hue.call import Call, OpenBridge, Reached
from adapters.hue.directory import Directory
from adapters.hue.reach import Reach
from adapters.hue.reads import Found, Reads, Strategy
from adapters.hue.sensors import Keeping, reply_of
from adapters.hue.trouble import CertificateRefused
from adapters.hue.whereabouts import Whereabouts
from adapters.threads import in_daemon_thread
from domain.errors import CredentialsRefused, SourceError, SourceRefused, SourceUnavailable
from domain.outcome import SourceReply
from ports.clock import Clock
from ports.journal import Journal

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
        return attrs.evolve(reply, notes=(*found.notes, *reply.notes), not_finite=found.not_finite)

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
