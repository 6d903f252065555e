"""Finds bridges by asking their maker, to whom each of them reports its address."""

from __future__ import annotations

from collections.abc import Sequence

import requests
import urllib3

from adapters.http.lenient_json import Json, identity, integer, limited_devices, parse_json
from adapters.http.replies import retry_after_s
from adapters.hue.http import body_of
from domain.errors import SourceError, SourceGarbled, SourceThrottled, SourceUnavailable
from ports.clock import Clock
from ports.meter import Tally
from ports.setup import AnnouncedBridge

CLOUD = "https://discovery.meethue.com/"
_HTTPS_PORT = 443
_OK, _TOO_MANY = 200, 429


class CloudFinder:
    """One question to Signify's look-up, which is rate-limited: only for a person who asks for it."""

    def __init__(self, *, url: str, clock: Clock) -> None:
        self._url = url
        self._clock = clock

    def find(self, timeout_s: float, bridge_id: str | None = None) -> Sequence[AnnouncedBridge]:  # noqa: ARG002
        """The bridges that have this network's public address; see `ports.setup.BridgeFinder`."""
        ends_s = self._clock.elapsed_s() + timeout_s

        def keep_time() -> None:
            if self._clock.elapsed_s() > ends_s:
                raise SourceUnavailable(f"{self._url} did not answer in time")

        try:
            with requests.get(self._url, timeout=timeout_s, stream=True, allow_redirects=False) as reply:
                refusal = self._refusal(reply)
                content = b"" if refusal else body_of(reply.raw, Tally(), keep_time)
        except (OSError, urllib3.exceptions.HTTPError) as error:  # requests' own are OSErrors
            raise SourceUnavailable(f"cannot ask {self._url} ({type(error).__name__})") from error
        if refusal is not None:
            raise refusal
        found = {one.bridge_id or one.address: one for one in _announced(content)}
        return tuple(found[key] for key in sorted(found))

    def _refusal(self, reply: requests.Response) -> SourceError | None:
        if reply.status_code == _OK:
            return None
        if reply.status_code == _TOO_MANY:
            wait_s = retry_after_s(reply.headers.get("Retry-After"), self._clock.now())
            return SourceThrottled(
                f"{self._url} has been asked too often from here (HTTP 429)", retry_after_s=wait_s
            )
        return SourceUnavailable(f"{self._url} is in trouble (HTTP {reply.status_code})")


def _announced(content: bytes) -> Sequence[AnnouncedBridge]:
    try:
        listed = parse_json(content)
    except ValueError as error:
        raise SourceGarbled("the look-up answers with something that is not JSON") from error
    if not isinstance(listed, list):
        raise SourceGarbled("the look-up does not answer with a list")
    return [
        AnnouncedBridge(address=_place(address, item), bridge_id=(identity(item, "id") or "").lower() or None)
        for item in limited_devices(listed, "bridges")
        if (address := identity(item, "internalipaddress"))
    ]


def _place(address: str, item: Json) -> str:
    port = integer(item, "port")
    return address if port in (None, _HTTPS_PORT) else f"{address}:{port}"
