"""What was measured while collecting, and what of it is kept by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from domain.values import frozen

_BETWEEN_SOURCES = "+"


@frozen(kw_only=True)
class Measurement:
    """What one operation cost.

    `duration_s` is in seconds: of the stopwatch, or of the processors where work was measured. `source` is
    that of a read, and those of a cycle, `joined`. `wire_bytes` is the body as it crossed the network,
    `payload_bytes` what it unpacked to, both without headers. `succeeded` is False when the operation raised,
    or did not come to what it was for.
    """

    operation: str
    source: str
    began_at: datetime
    duration_s: float
    wire_bytes: int = 0
    payload_bytes: int = 0
    succeeded: bool = True


def joined(sources: Iterable[str]) -> str:
    """What the sources of one cycle are called together: each once, in the order of their names."""
    return _BETWEEN_SOURCES.join(sorted(set(sources)))


def parted(sources: str) -> list[str]:
    """The sources that are called that together; none where nothing was asked."""
    return sources.split(_BETWEEN_SOURCES) if sources else []


class Kind(StrEnum):
    """What a figure counts; its unit is in its name, an attempt has none."""

    CYCLE_S = "cycle_s"  # from the first thought of it to what is stored
    CPU_S = "cpu_s"  # what all threads of the process worked during a cycle
    COMMIT_S = "commit_s"  # storing a cycle durably
    READ_S = "read_s"  # asking one source, all attempts and the waits between them
    ATTEMPTS = "attempts"
    WIRE_BYTES = "wire_bytes"  # of bodies, as they crossed the network
    PAYLOAD_BYTES = "payload_bytes"  # of bodies, unpacked

    @property
    def is_time(self) -> bool:
        return self.value.endswith("_s")


@frozen
class Figure:
    """One thing that was measured in each cycle; `of` is the source, or those of the cycle, `joined`."""

    kind: Kind
    of: str


def in_order(figures: Iterable[Figure]) -> list[Figure]:
    """The order in which people are told of them: the whole before its parts, times before bytes."""
    kinds = list(Kind)
    return sorted(figures, key=lambda figure: (kinds.index(figure.kind), figure.of))


@frozen(kw_only=True)
class Baseline:
    """Measured performance, kept by name. `samples` are in the order of time, a number a cycle.

    `cycles` were measured between the beginnings `first_at` and `last_at`; `left_out` more were not whole: a
    source failed or was left in peace, or the cycle was not stored. `circumstances` say in words what it was
    measured on.
    """

    name: str
    captured_at: datetime
    first_at: datetime
    last_at: datetime
    cycles: int
    left_out: int
    circumstances: Mapping[str, str]
    samples: Mapping[Figure, tuple[float, ...]]

    @property
    def ended_at(self) -> datetime:
        """By then its last cycle had come to its end: what began later is no part of it."""
        whole = (Kind.CYCLE_S, Kind.READ_S)
        lasted_s = (values[-1] for figure, values in self.samples.items() if figure.kind in whole)
        return self.last_at + timedelta(seconds=max(lasted_s, default=0), microseconds=1)
