"""One read in its thread: the connections that it opens, so that they are shut with it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import attrs

from adapters.hue.address import Address
from adapters.hue.bridge import Bridge
from adapters.hue.open_sockets import OpenSockets
from adapters.hue.tls import Leaf, Proof, leaf_at
from ports.clock import Clock

_HTTPS_PORT = 443
_HANDSHAKE_S = 4.0

OpenBridge = Callable[[str, Proof | None], Bridge]


@attrs.define(kw_only=True)
class Reached:
    """A bridge that has proved its identity, and whether it is worth asking for v2."""

    bridge: Bridge
    offers_v2: bool


class Call:
    """Owns its connections until it has ended; then only `kept` may be used on.

    `open_bridge` makes a bridge of a base URL and the proof that its certificate must give. `deadline_s` is
    an instant of the clock's `elapsed_s`.
    """

    def __init__(
        self, *, open_bridge: OpenBridge, kept: Reached | None, deadline_s: float, clock: Clock
    ) -> None:
        self.deadline_s = deadline_s
        self._kept = kept
        self._open_bridge = open_bridge
        self._clock = clock
        self._opened = [] if kept is None else [kept.bridge]
        self._sockets = OpenSockets()
        self._lock = threading.Lock()
        self._is_abandoned = False
        self._has_ended = False

    @property
    def kept(self) -> Reached | None:
        """What the next read may use on: nothing of an abandoned one."""
        return None if self._is_abandoned else self._kept

    @property
    def endpoint(self) -> str | None:
        """What was asked last, as far as one can tell from outside."""
        return next((bridge.endpoint for bridge in reversed(self._opened) if bridge.endpoint), None)

    def keep(self, reached: Reached | None) -> None:
        """Let the next read use this, if the call ends in time."""
        self._kept = reached

    def bridge(self, base_url: str, proof: Proof | None) -> Bridge:
        """A bridge there, not yet asked anything."""
        bridge = self._open_bridge(base_url, proof)
        with self._lock:
            self._opened.append(bridge)
            if self._is_abandoned:
                bridge.abort()
        return bridge

    def leaf(self, address: Address, roots: Path | None) -> Leaf:
        """The certificate that is shown there; see `leaf_at`."""
        left_s = self.deadline_s - self._clock.elapsed_s()
        if left_s <= 0:
            raise TimeoutError("no time left to look at the certificate")
        timeout_s = min(left_s, _HANDSHAKE_S)
        port = address.port or _HTTPS_PORT
        return leaf_at(address.host, port, roots=roots, timeout_s=timeout_s, sockets=self._sockets)

    def abandon(self) -> None:
        """End it, from any thread: it will find its connections shut."""
        with self._lock:
            self._is_abandoned = True
            self._sockets.shut()
            for bridge in self._opened:
                bridge.abort()
            if self._has_ended:
                self._close_all()

    def end(self) -> None:
        """It has ended, in its own thread; whatever is not kept is closed."""
        with self._lock:
            self._has_ended = True
            self._close_all()

    def _close_all(self) -> None:
        kept = self.kept
        for bridge in self._opened:
            if kept is None or bridge is not kept.bridge:
                bridge.close()
