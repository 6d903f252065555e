"""What the demo can make go wrong in its simulated home, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from domain.values import frozen

if TYPE_CHECKING:
    from adapters.simulator.apart import HomeApart


@frozen(kw_only=True)
class DemoFault:
    """A trouble, told in a sentence, and the orders that cause it in a simulated home."""

    told: str
    orders: tuple[tuple[str, str], ...]

    def happen(self, home: HomeApart) -> None:
        """Cause it. `{monitor}` in an order stands for the first monitor's serial number."""
        for service, what in self.orders:
            home.order(service, what.format(monitor=home.whereabouts.monitors[0]))


FAULTS: Mapping[str, DemoFault] = {
    "bridge-down": DemoFault(
        told="The bridge was unplugged: its readings are missing, and the ledger says why. "
        "The monitors were not touched by it.",
        orders=(("bridge", "unplug"),),
    ),
    "throttled": DemoFault(
        told="Both services asked for fewer requests. Where a wait was named that is longer than a cycle, "
        "the cycle was given up.",
        orders=(
            ("bridge", "kind=throttle retry_after=60"),
            ("alexa", "kind=throttled-inside path=/nexus"),
        ),
    ),
    "token-expired": DemoFault(
        told="Amazon's access token ran out before its time: it was refreshed once, and the cycle repeated.",
        orders=(("alexa", "end-access"),),
    ),
    "token-refused": DemoFault(
        told="Amazon refused the refresh token. Only when it has said so twice, a minute apart, is that "
        "taken for good; the bridge was read all the same.",
        orders=(("alexa", "end-access"), ("alexa", "kind=refused-token")),
    ),
    "garbled": DemoFault(
        told="Both services sent nonsense: the whole bridge was read instead of its temperatures, and the "
        "monitors by their second reader.",
        orders=(
            ("bridge", "kind=garbled path=/clip/v2/resource/temperature"),
            ("alexa", "kind=garbled path=/nexus"),
        ),
    ),
    "slow": DemoFault(
        told="Both services took two seconds for each reply; nothing was lost.",
        orders=(("bridge", "kind=delay seconds=2"), ("alexa", "kind=delay seconds=2")),
    ),
    "monitor-gone": DemoFault(
        told="A monitor vanished from Amazon's replies: the others were stored, and it stands in the ledger.",
        orders=(("alexa", "kind=gone where={monitor}"),),
    ),
}
