"""Calls to a bridge in daemon threads, which end at their deadline even if the network hangs."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from adapters.hue.bridge import Bridge, BridgeOpener
from adapters.hue.errors import out_of_time
from adapters.hue.tls import Leaf, OpenSockets, Proof
from adapters.runtime.threads import in_daemon_thread
from domain.errors import SourceUnavailable
from ports.clock import Clock

_HTTPS_PORT = 443
_HANDSHAKE_S = 4.0
_SHUTDOWN_S = 2.0  # what an abandoned call, whose sockets are shut, may take to notice

T = TypeVar("T")


class Call:
    """One call: its deadline and its connections, which are closed when it ends.

    `kept` is not closed: the next call uses it, unless this one was abandoned. `deadline_s` is an instant of
    `Clock.elapsed_s`. `abandon` may be called from any thread.
    """

    def __init__(self, *, opener: BridgeOpener, kept: Bridge | None, deadline_s: float, clock: Clock) -> None:
        self.deadline_s = deadline_s
        self.kept = kept
        self._opener = opener
        self._clock = clock
        self._opened = [] if kept is None else [kept]
        self._handshakes: list[OpenSockets] = []
        self._lock = threading.Lock()
        self.is_abandoned = False
        self._has_ended = False

    @property
    def endpoint(self) -> str | None:
        """The last request."""
        return next((bridge.endpoint for bridge in reversed(self._opened) if bridge.endpoint), None)

    def open(self, base_url: str, proof: Proof | None) -> Bridge:
        """Open a bridge that is closed with the call."""
        bridge = self._opener.open(base_url, proof)
        with self._lock:
            self._opened.append(bridge)
            if self.is_abandoned:
                bridge.shut()
        return bridge

    def fetch_leaf(self, host: str, port: int | None, roots: Path | None) -> Leaf:
        """Return the certificate at an address; see `tls.fetch_leaf`."""
        left_s = self.deadline_s - self._clock.elapsed_s()
        if left_s <= 0:
            raise TimeoutError("no time left to fetch the certificate")
        sockets = OpenSockets()
        with self._lock:
            self._handshakes.append(sockets)
            if self.is_abandoned:
                sockets.shut()
        return self._opener.fetch_leaf(
            host,
            port or _HTTPS_PORT,
            roots=roots,
            timeout_s=min(left_s, _HANDSHAKE_S),
            sockets=sockets,
        )

    def abandon(self) -> None:
        """Shut the connections, so that the thread that waits for them ends."""
        with self._lock:
            self.is_abandoned = True
            for sockets in self._handshakes:
                sockets.shut()
            for bridge in self._opened:
                bridge.shut()
                if self._has_ended:
                    bridge.close()

    def end(self) -> None:
        """Close everything that is not kept; called by the call's own thread."""
        with self._lock:
            self._has_ended = True
            for bridge in self._opened:
                if self.is_abandoned or bridge is not self.kept:
                    bridge.close()


class BridgeCalls:
    """Runs calls to one bridge, one at a time, and keeps its connection between them."""

    def __init__(self, *, opener: BridgeOpener, clock: Clock, name: str) -> None:
        self._opener = opener
        self._clock = clock
        self._name = name
        self._kept: Bridge | None = None
        self._running = threading.Lock()

    async def run(self, work: Callable[[Call], T], deadline_s: float) -> T:
        """Return what `work` returns or raises. Raise SourceUnavailable at the deadline."""
        call = Call(opener=self._opener, kept=self._kept, deadline_s=deadline_s, clock=self._clock)
        self._kept = None  # belongs to the call until it has ended
        try:
            async with asyncio.timeout(max(deadline_s - self._clock.elapsed_s(), 0.0)):
                return await in_daemon_thread(partial(self._run, work, call), self._name)
        except TimeoutError as error:
            call.abandon()
            unavailable = out_of_time()
            unavailable.endpoint = call.endpoint
            raise unavailable from error
        except asyncio.CancelledError:
            call.abandon()
            raise
        finally:
            self._kept = None if call.is_abandoned else call.kept

    def close(self) -> None:
        """Close the connection; a later call opens another."""
        kept, self._kept = self._kept, None
        if kept is not None:
            kept.close()

    def _run(self, work: Callable[[Call], T], call: Call) -> T:
        try:
            if not self._running.acquire(timeout=_SHUTDOWN_S):
                raise SourceUnavailable("the previous call has not ended yet, though its time is up")
            try:
                return work(call)
            finally:
                self._running.release()
        finally:
            call.end()
