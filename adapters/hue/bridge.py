"""A bridge that was reached: its two APIs, and what it says of itself."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

import attrs
import urllib3

from adapters.http.lenient_json import Json, count_non_finite, identity, name, text
from adapters.http.replies import add_endpoint, endpoint_of
from adapters.hue.address import Address
from adapters.hue.errors import key_given, root_of, trouble_on_the_way, v1_content, v2_content
from adapters.hue.http import BridgeSession, Reply, Request
from adapters.hue.tls import Leaf, OpenSockets, Proof, leaf_at
from domain.errors import CredentialsRefused, SourceGarbled
from ports.clock import Clock

T = TypeVar("T")

_FIRST_V2 = 1_948_086_000  # the firmware (swversion) that brought the v2 API
_FIRST_HTTPS = 1_804_201_116  # and the one that brought HTTPS
_FIRMWARE_DIGITS = 18
NO_KEY = (
    "there is no key for this bridge, or none that could be one: pair with it by `homeclimate setup --reauth "
    "hue`, which asks you to press its round button"
)


@attrs.frozen(kw_only=True)
class Identity:
    """What `/api/config` tells anyone: which bridge this is, and how old."""

    bridge_id: str | None
    model: str | None
    firmware: int | None
    name: str | None = None

    @property
    def has_https(self) -> bool:
        """Only the round bridge, and square ones with firmware from before April 2018, have none."""
        if self.model == "BSB001":
            return False
        return not (self.model == "BSB002" and self.firmware is not None and self.firmware < _FIRST_HTTPS)

    @property
    def has_v2(self) -> bool:
        """True also when the bridge does not say: asking shows it."""
        return self.model != "BSB001" and (self.firmware is None or self.firmware >= _FIRST_V2)


class Bridge:
    """Asks one bridge, one request at a time. Raises SourceError.

    `endpoint` is what it asked last, `not_finite` how many numbers of its answers were none.
    """

    def __init__(self, *, session: BridgeSession, api_key: str, clock: Clock) -> None:
        self._session = session
        self._api_key = api_key
        self._clock = clock
        self.endpoint: str | None = None
        self.not_finite = 0

    @property
    def is_encrypted(self) -> bool:
        return self._session.base_url.startswith("https:")

    def identity(self, deadline_s: float) -> Identity:
        """What the bridge says of itself; it says so without a key."""
        content = self._asked(Request(operation="hue.config", path="/api/config"), v1_content, deadline_s)
        firmware = (text(content, "swversion") or "")[:_FIRMWARE_DIGITS]
        return Identity(
            bridge_id=(identity(content, "bridgeid") or "").lower() or None,
            model=name(content, "modelid"),
            firmware=int(firmware) if firmware.isdecimal() else None,
            name=name(content, "name"),
        )

    def new_key(self, application: str, deadline_s: float) -> str | None:
        """A key for an application that has none yet; None while nobody has pressed the button."""
        body = {"devicetype": application}
        request = Request(operation="hue.pair", path="/api", body=body, is_private=True)
        return self._asked(request, key_given, deadline_s)

    def v1(self, path: str, deadline_s: float) -> Json:
        """The content of `/api/<key>` and a path below it; the empty path is the whole bridge."""
        key = self._key()
        request = Request(
            operation=f"hue.v1{path or '/whole_bridge'}",
            path=f"/api/{quote(key, safe='')}{path}",
            secret=key,
            is_private=not path,
        )
        return self._told(request, v1_content, deadline_s)

    def v2(self, resource: str, deadline_s: float) -> Json:
        """The envelope of all resources of a type."""
        if not self.is_encrypted:
            raise SourceGarbled("a bridge without HTTPS has no v2 API")
        key = self._key()
        request = Request(
            operation=f"hue.v2/{resource}",
            path=f"/clip/v2/resource/{resource}",
            headers={"hue-application-key": key},
            secret=key,
        )
        return self._told(request, v2_content, deadline_s)

    def abort(self) -> None:
        """End the call in hand, from any thread."""
        self._session.abort()

    def close(self) -> None:
        """Let go of the connection."""
        self._session.close()

    def _key(self) -> str:
        """The key, where it is one: anything else would be an error of the library, which shows it."""
        key = self._api_key
        if not key or not key.isascii() or not key.isprintable() or " " in key:
            raise CredentialsRefused(NO_KEY)
        return key

    def _told(
        self, request: Request, content_of: Callable[[Reply, datetime], Json], deadline_s: float
    ) -> Json:
        content = self._asked(request, content_of, deadline_s)
        self.not_finite += count_non_finite(content)
        return content

    def _asked(self, request: Request, content_of: Callable[[Reply, datetime], T], deadline_s: float) -> T:
        """What the answer means. Raises SourceError."""
        method = "GET" if request.body is None else "POST"
        self.endpoint = endpoint_of(method, self._session.base_url + request.path, request.secret)
        with add_endpoint(self.endpoint):
            try:
                reply = self._session.ask(request, deadline_s)
            except (OSError, urllib3.exceptions.HTTPError) as error:
                # from the first cause alone: those in between show the URL, which has the key in it
                raise trouble_on_the_way(error, self._session.base_url) from root_of(error)
            return content_of(reply, self._clock.now())


# One read in its thread: the connections that it opens, so that they are shut with it.

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
