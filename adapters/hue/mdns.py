"""Finds bridges on the own network: they announce themselves by multicast DNS."""

from __future__ import annotations

import re
from collections.abc import Sequence
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from domain.errors import SourceUnavailable
from ports.clock import Clock
from ports.setup import AnnouncedBridge

if TYPE_CHECKING:
    from zeroconf import ServiceInfo, Zeroconf

_SERVICE = "_hue._tcp.local."
_SETTLE_S = 1.5  # after the first answer, for those of other bridges
_DETAILS_S = 3.0
_USUAL_PORTS = (80, 443)
_BRIDGE_ID = re.compile(r"[0-9a-f]{16}")


class MdnsFinder:
    """Asks everybody on the network. The library is imported only when somebody is looked for."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def find(self, timeout_s: float, bridge_id: str | None = None) -> Sequence[AnnouncedBridge]:
        """The bridges that answer; see `ports.setup.BridgeFinder`."""
        from zeroconf import IPVersion, ServiceBrowser, ServiceStateChange, Zeroconf

        names: SimpleQueue[str] = SimpleQueue()

        def heard(name: str, state_change: ServiceStateChange, **_: Any) -> None:
            if state_change is not ServiceStateChange.Removed:
                names.put(name)

        try:
            network = Zeroconf(ip_version=IPVersion.V4Only)
        except (OSError, RuntimeError) as error:  # the latter where there is no network at all
            raise SourceUnavailable(f"cannot look for bridges on this network: {error}") from error
        with network:
            ServiceBrowser(network, _SERVICE, handlers=[heard])
            found = self._found(network, names, self._clock.elapsed_s() + timeout_s, bridge_id)
        return tuple(found[key] for key in sorted(found))

    def _found(
        self, network: Zeroconf, names: SimpleQueue[str], ends_s: float, bridge_id: str | None
    ) -> dict[str, AnnouncedBridge]:
        found: dict[str, AnnouncedBridge] = {}
        while (left_s := ends_s - self._clock.elapsed_s()) > 0:
            try:
                name = names.get(timeout=left_s)
            except Empty:
                break
            for bridge in _announced(_details(network, name, min(left_s, _DETAILS_S))):
                found[bridge.bridge_id or bridge.address] = bridge
            if bridge_id is not None and bridge_id in found:
                break
            if found and bridge_id is None:
                ends_s = min(ends_s, self._clock.elapsed_s() + _SETTLE_S)
        return found


def _details(network: Zeroconf, name: str, timeout_s: float) -> ServiceInfo | None:
    from zeroconf import Error

    try:
        return network.get_service_info(_SERVICE, name, timeout=int(timeout_s * 1000))
    except Error:  # anybody may announce anything: a name that is none, say
        return None


def _announced(info: ServiceInfo | None) -> Sequence[AnnouncedBridge]:
    """What the record says, where it says at least where."""
    addresses = [] if info is None else info.parsed_addresses()
    if info is None or not addresses:
        return ()
    told = {key.lower(): value for key, value in info.decoded_properties.items()}
    bridge_id = (told.get("bridgeid") or "").lower()
    place = addresses[0] if info.port in (None, *_USUAL_PORTS) else f"{addresses[0]}:{info.port}"
    return (
        AnnouncedBridge(
            address=place,
            bridge_id=bridge_id if _BRIDGE_ID.fullmatch(bridge_id) else None,
            model=told.get("modelid"),
        ),
    )
