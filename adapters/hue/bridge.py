"""One bridge: its v1 and v2 API and its identity, one request at a time."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

import attrs

from adapters.http.lenient_json import (
    Json,
    at,
    count_non_finite,
    excerpt,
    identity,
    integer,
    name,
    objects,
    parse_json,
    text,
)
from adapters.hue.errors import NO_KEY, PAIR_AGAIN, status_error, v1_error
from adapters.hue.http import BridgeClient, OpenPool, Reply, Request
from adapters.hue.tls import FetchLeaf, Proof, fetch_leaf
from domain.errors import CredentialsRefused, SourceGarbled
from ports.clock import Clock
from ports.meter import Meter

OPTIONAL_READ_S = 4.0
_FIRST_V2 = 1_948_086_000  # firmware (swversion) that brought the v2 API
_FIRST_HTTPS = 1_804_201_116  # firmware that brought HTTPS
_FIRMWARE_DIGITS = 18
_BRIDGE_ID = re.compile("[0-9a-f]{16}")
_MODEL = re.compile("BSB[0-9]{3}")
_LINK_BUTTON = 101  # type of the v1 error "link button not pressed"
_OK = 200


@attrs.frozen(kw_only=True)
class Identity:
    """What `/api/config` returns without a key: which bridge this is, and its firmware."""

    bridge_id: str | None
    model: str | None
    firmware: int | None
    name: str | None = None

    @property
    def is_bridge(self) -> bool:
        """False for emulators under names of their own, and for everything else that answers with JSON."""
        return bool(_BRIDGE_ID.fullmatch(self.bridge_id or "") and _MODEL.fullmatch(self.model or ""))

    @property
    def description(self) -> str:
        """Its own description of itself, for a person."""
        return (
            f"its model is {self.model!r}, its id {self.bridge_id!r}" if self.model else "it names no model"
        )

    @property
    def has_https(self) -> bool:
        """False for the round bridge, and for square ones with firmware from before April 2018."""
        if self.model == "BSB001":
            return False
        return not (self.model == "BSB002" and self.firmware is not None and self.firmware < _FIRST_HTTPS)

    @property
    def has_v2(self) -> bool:
        """True also if the firmware is unknown: the first read shows it."""
        return self.model != "BSB001" and (self.firmware is None or self.firmware >= _FIRST_V2)


class Bridge:
    """A bridge at one address. Raises SourceError.

    `offers_v2` is False once the bridge is known to have no v2 API; `non_finite` counts the numbers of its
    replies that were NaN, infinite or too large.
    """

    def __init__(self, *, client: BridgeClient, api_key: str, clock: Clock) -> None:
        self._client = client
        self._api_key = api_key
        self._clock = clock
        self._requests: dict[str, Request] = {}
        self.is_encrypted = client.base_url.startswith("https:")
        self.offers_v2 = True
        self.non_finite = 0

    @property
    def is_proved(self) -> bool:
        """Return whether a server has completed a handshake, in which it proves its identity."""
        return self._client.is_proved

    @property
    def endpoint(self) -> str | None:
        """The last request, without secrets."""
        return self._client.endpoint

    def identity(self, deadline_s: float) -> Identity:
        """Return the identity of the bridge, which needs no key."""
        request = Request(operation="hue.config", path="/api/config")
        content = self._client.send(request, deadline_s, self._v1_content)
        firmware = (text(content, "swversion") or "")[:_FIRMWARE_DIGITS]
        return Identity(
            bridge_id=(identity(content, "bridgeid") or "").lower() or None,
            model=name(content, "modelid"),
            firmware=int(firmware) if firmware.isdecimal() else None,
            name=name(content, "name"),
        )

    def create_key(self, application: str, deadline_s: float) -> str | None:
        """Return a new key for an application; None until the button is pressed."""
        request = Request(
            operation="hue.pair", path="/api", json={"devicetype": application}, is_private=True
        )
        return self._client.send(request, deadline_s, self._created_key)

    def v1(self, path: str, deadline_s: float) -> Json:
        """Return the content of `/api/<key><path>`; the empty path is the whole bridge."""
        operation = f"hue.v1{path or '/whole_bridge'}"
        if operation not in self._requests:
            key = self._valid_key()
            url_path = f"/api/{quote(key, safe='')}{path}"
            self._requests[operation] = Request(
                operation=operation, path=url_path, secret=key, is_private=not path
            )
        content = self._client.send(self._requests[operation], deadline_s, self._v1_content)
        self.non_finite += count_non_finite(content)
        return content

    def v2(self, resource: str, deadline_s: float) -> Json:
        """Return the envelope of all resources of a type, including the errors that it reports."""
        if not self.is_encrypted:
            raise SourceGarbled("a bridge without HTTPS has no v2 API")
        operation = f"hue.v2/{resource}"
        if operation not in self._requests:
            key = self._valid_key()
            headers = {"hue-application-key": key}
            self._requests[operation] = Request(
                operation=operation, path=f"/clip/v2/resource/{resource}", headers=headers, secret=key
            )
        content = self._client.send(self._requests[operation], deadline_s, self._v2_content)
        self.non_finite += count_non_finite(content)
        return content

    def elapsed_s(self) -> float:
        """Return the present instant of the clock of deadlines."""
        return self._clock.elapsed_s()

    @contextmanager
    def optional_read(self, deadline_s: float) -> Iterator[float]:
        """Yield the earlier deadline of one request, which ends then: a dripping head has no time-out."""
        left_s = max(0.0, min(OPTIONAL_READ_S, deadline_s - self.elapsed_s()))
        lock, ended = threading.Lock(), threading.Event()

        def interrupt() -> None:
            with lock:  # or a late timer would end the next request
                if not ended.is_set():
                    self._client.interrupt()

        timer = threading.Timer(left_s, interrupt)
        timer.daemon = True
        timer.start()
        try:
            yield self.elapsed_s() + left_s
        finally:
            timer.cancel()
            with lock:
                ended.set()

    def shut(self) -> None:
        """End the current request and every later one, from any thread."""
        self._client.shut()

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _valid_key(self) -> str:
        """Return the key. Raise CredentialsRefused for one that the library would show in its error."""
        key = self._api_key
        if not key or not key.isascii() or not key.isprintable() or " " in key:
            raise CredentialsRefused(NO_KEY)
        return key

    def _created_key(self, reply: Reply) -> str | None:
        for answer in objects(self._json(reply)):
            if key := identity(answer, "success", "username"):
                return key
            if integer(answer, "error", "type") == _LINK_BUTTON:
                return None
            raise _error_in(answer, "")
        raise SourceGarbled(f"neither a key nor an error: {reply.excerpt}")

    def _v1_content(self, reply: Reply) -> Json:
        """Return the JSON of a v1 reply; an error comes as a list with HTTP 200."""
        content = self._json(reply)
        for answer in objects(content):
            raise _error_in(answer, reply.request.secret)
        return content

    def _v2_content(self, reply: Reply) -> Json:
        """Return the JSON envelope of a v2 reply. A wrong key is a 403 with an HTML body."""
        if reply.status == 403:
            raise CredentialsRefused(PAIR_AGAIN)
        content = self._json(reply)
        data = at(content, "data")
        if not isinstance(data, list):
            raise SourceGarbled(f"no list of resources in the reply: {reply.excerpt}")
        if not data and (errors := list(error_descriptions(content, reply.request.secret))):
            raise SourceGarbled(f"the bridge answers with errors only: {'; '.join(errors)[:200]}")
        return content

    def _json(self, reply: Reply) -> Json:
        if reply.status != _OK:
            raise status_error(
                reply.status,
                retry_after=reply.retry_after,
                location=reply.location,
                excerpt=reply.excerpt,
                now=self._clock.now(),
            )
        if "html" in reply.content_type.lower():
            raise SourceGarbled(f"a web page instead of data: {reply.excerpt}")
        try:
            return parse_json(reply.body)
        except ValueError as error:
            raise SourceGarbled(f"not JSON: {reply.excerpt}") from error


@attrs.frozen(kw_only=True)
class BridgeOpener:
    """Opens bridges with the settings that are the same at every address."""

    source: str
    api_key: str = attrs.field(repr=False)
    timeout_s: float
    clock: Clock
    meter: Meter
    open_pool: OpenPool | None = None
    fetch_leaf: FetchLeaf = fetch_leaf

    def open(self, base_url: str, proof: Proof | None) -> Bridge:
        """Return a bridge with a connection of its own, which is made by its first request."""
        client = BridgeClient(
            base_url=base_url,
            proof=proof,
            source=self.source,
            timeout_s=self.timeout_s,
            clock=self.clock,
            meter=self.meter,
            open_pool=self.open_pool,
        )
        return Bridge(client=client, api_key=self.api_key, clock=self.clock)


def error_descriptions(content: Json, hide: str = "") -> Iterator[str]:
    """Yield the descriptions of the errors in a v2 envelope."""
    for error in objects(content, "errors"):
        yield excerpt(text(error, "description") or "without a description", hide=hide)


def _error_in(answer: Json, hide: str) -> Exception:
    description = text(answer, "error", "description") or "without a description"
    return v1_error(integer(answer, "error", "type"), excerpt(description, hide=hide))
