"""Announces bridges by multicast DNS, as bridges do; only for a network of the test's own."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import attrs
from zeroconf import IPVersion, ServiceInfo, Zeroconf

_SERVICE = "_hue._tcp.local."


@attrs.frozen(kw_only=True)
class Announcement:
    """A record as a bridge makes it."""

    name: str
    port: int
    properties: dict[str, str] = attrs.field(factory=dict)


@contextmanager
def announcing(announcements: Sequence[Announcement]) -> Iterator[None]:
    """Until the block ends."""
    network = Zeroconf(ip_version=IPVersion.V4Only)
    try:
        for each in announcements:
            network.register_service(
                ServiceInfo(
                    _SERVICE,
                    f"{each.name}.{_SERVICE}",
                    addresses=[socket.inet_aton("127.0.0.1")],
                    port=each.port,
                    properties=each.properties,
                    server=f"{each.name.replace(' ', '-')}.local.",
                ),
                cooperating_responders=True,  # else each probes the network for most of a second
            )
        yield
    finally:
        network.close()
