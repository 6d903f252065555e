"""Costs of each read strategy, and the slope from which a smaller read is a faster one."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from domain.measurements import Operation

CYCLES_AN_HOUR = 12
SMALLER = 0.5  # so much smaller than reading the whole bridge a read has to be at least
SHORTER = 0.3  # and so much shorter


@attrs.frozen(kw_only=True)
class Costs:
    """The cost of some cycles together."""

    requests: int = 0
    payload_bytes: int = 0
    wire_bytes: int = 0
    seconds: float = 0.0

    def __add__(self, other: Costs) -> Costs:
        return Costs(
            requests=self.requests + other.requests,
            payload_bytes=self.payload_bytes + other.payload_bytes,
            wire_bytes=self.wire_bytes + other.wire_bytes,
            seconds=self.seconds + other.seconds,
        )

    @property
    def kb(self) -> float:
        return self.payload_bytes / 1000

    def slower_by(self, s_per_kb: float) -> Costs:
        """Return the cost at a bridge whose replies take so much longer for each kB."""
        return attrs.evolve(self, seconds=self.seconds + s_per_kb * self.kb)


def costs_of(operations: Iterable[Operation]) -> Costs:
    """Return the cost of the requests to a bridge among these."""
    asked = [each for each in operations if each.operation.startswith("hue.")]
    return Costs(
        requests=len(asked),
        payload_bytes=sum(each.payload_bytes for each in asked),
        wire_bytes=sum(each.wire_bytes for each in asked),
        seconds=sum(each.duration_s for each in asked),
    )


def slope_from(small: Costs, whole: Costs) -> float:
    """Return the s/kB from which `small` is shorter by the wanted share.

    Both cost what they cost where size takes no time. A slope s adds s for each of their kB, so it is where
    small.seconds + s small.kb = 0.7 (whole.seconds + s whole.kb).
    """
    left = 1 - SHORTER
    return max(0.0, (small.seconds - left * whole.seconds) / (left * whole.kb - small.kb))
