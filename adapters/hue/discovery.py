"""Find bridges: on the own network by multicast DNS, or through their maker's look-up service."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from queue import Empty, SimpleQueue
from typing import Any

import attrs
import urllib3
from requests.adapters import HTTPAdapter

from adapters.http.lenient_json import identity, integer, limited_devices, parse_json
from adapters.http.replies import retry_after_s
from adapters.hue.errors import out_of_time
from adapters.hue.http import BoundedSession, read_body
from domain.errors import SourceGarbled, SourceThrottled, SourceUnavailable
from ports.clock import Clock
from ports.meter import Tally
from ports.setup import AnnouncedBridge

CLOUD = "https://discovery.meethue.com/"
_SERVICE = "_hue._tcp.local."
_SETTLE_S = 1.5  # after the first answer, for those of other bridges
_DETAILS_S = 3.0
_HTTPS_PORT = 443
_USUAL_PORTS = (80, _HTTPS_PORT)
_BRIDGE_ID = re.compile(r"[0-9a-f]{16}")
_OK, _TOO_MANY = 200, 429


class MdnsFinder:
    """A search among the devices on the network."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def find(self, timeout_s: float, bridge_id: str | None = None) -> Sequence[AnnouncedBridge]:
        """Return the bridges that answer; see `ports.setup.BridgeFinder`."""
        import zeroconf  # heavy, and most processes never search

        names: SimpleQueue[str] = SimpleQueue()

        def on_change(name: str, state_change: zeroconf.ServiceStateChange, **_: Any) -> None:
            if state_change is not zeroconf.ServiceStateChange.Removed:
                names.put(name)

        try:
            network = zeroconf.Zeroconf(ip_version=zeroconf.IPVersion.V4Only)
        except (OSError, RuntimeError) as error:  # RuntimeError: there is no network at all
            raise SourceUnavailable(f"cannot look for bridges on this network: {error}") from error
        found: dict[str, AnnouncedBridge] = {}
        ends_s = self._clock.elapsed_s() + timeout_s
        with network:
            zeroconf.ServiceBrowser(network, _SERVICE, handlers=[on_change])
            while (left_s := ends_s - self._clock.elapsed_s()) > 0:
                try:
                    name = names.get(timeout=left_s)
                    details_ms = int(min(left_s, _DETAILS_S) * 1000)
                    info = network.get_service_info(_SERVICE, name, timeout=details_ms)
                except Empty:
                    break
                except zeroconf.Error:  # any device may announce anything, an invalid name for example
                    continue
                if info is not None and (addresses := info.parsed_addresses()):
                    bridge = _announced(addresses[0], info.port, info.decoded_properties)
                    found[bridge.bridge_id or bridge.address] = bridge
                if bridge_id is not None and bridge_id in found:
                    break
                if found and bridge_id is None:
                    ends_s = min(ends_s, self._clock.elapsed_s() + _SETTLE_S)
        return tuple(found[key] for key in sorted(found))


@attrs.frozen(kw_only=True)
class CloudFinder:
    """Signify's look-up service, asked once. It is rate-limited: only for a person who asks for it."""

    url: str
    clock: Clock

    def find(self, timeout_s: float, bridge_id: str | None = None) -> Sequence[AnnouncedBridge]:  # noqa: ARG002
        """Return the bridges behind this network's public address; see `ports.setup.BridgeFinder`."""
        ends_s = self.clock.elapsed_s() + timeout_s

        def check_time() -> None:
            if self.clock.elapsed_s() > ends_s:
                raise out_of_time()

        try:
            with (
                BoundedSession(HTTPAdapter()) as session,
                session.get(self.url, timeout=timeout_s, stream=True, allow_redirects=False) as reply,
            ):
                if reply.status_code == _TOO_MANY:
                    wait_s = retry_after_s(reply.headers.get("Retry-After"), self.clock.now())
                    raise SourceThrottled(
                        f"{self.url} has been asked too often from here (HTTP 429)", retry_after_s=wait_s
                    )
                if reply.status_code != _OK:
                    raise SourceUnavailable(f"{self.url} is in trouble (HTTP {reply.status_code})")
                content = read_body(reply.raw, Tally(), check_time)
        except (OSError, urllib3.exceptions.HTTPError) as error:  # the errors of requests are OSErrors
            raise SourceUnavailable(f"cannot ask {self.url} ({type(error).__name__})") from error
        found = {one.bridge_id or one.address: one for one in _parse_lookup(content)}
        return tuple(found[key] for key in sorted(found))


def _announced(address: str, port: int | None, properties: Mapping[str, str | None]) -> AnnouncedBridge:
    values = {key.lower(): value for key, value in properties.items()}
    bridge_id = (values.get("bridgeid") or "").lower()
    return AnnouncedBridge(
        address=address if port in (None, *_USUAL_PORTS) else f"{address}:{port}",
        bridge_id=bridge_id if _BRIDGE_ID.fullmatch(bridge_id) else None,
        model=values.get("modelid"),
    )


def _parse_lookup(content: bytes) -> Sequence[AnnouncedBridge]:
    try:
        listed = parse_json(content)
    except ValueError as error:
        raise SourceGarbled("the look-up service answers with something that is not JSON") from error
    if not isinstance(listed, list):
        raise SourceGarbled("the look-up service does not answer with a list")
    found = []
    for item in limited_devices(listed, "bridges"):
        address = identity(item, "internalipaddress")
        if address and "://" not in address:  # which would mean plain HTTP
            port = integer(item, "port")
            place = address if port in (None, _HTTPS_PORT) else f"{address}:{port}"
            bridge_id = (identity(item, "id") or "").lower() or None
            found.append(AnnouncedBridge(address=place, bridge_id=bridge_id))
    return found
