"""What was measured while collecting, and what of it is kept by name."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

import attrs

_BETWEEN_SOURCES = "+"


@attrs.frozen(kw_only=True)
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


@attrs.frozen
class Figure:
    """One thing that was measured in each cycle; `of` is the source, or those of the cycle, `joined`."""

    kind: Kind
    of: str


def in_order(figures: Iterable[Figure]) -> list[Figure]:
    """The order in which people are told of them: the whole before its parts, times before bytes."""
    kinds = list(Kind)
    return sorted(figures, key=lambda figure: (kinds.index(figure.kind), figure.of))


@attrs.frozen(kw_only=True)
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


# Measurements as costs of cycles: what each source's read took, and what each cycle as a whole.

CYCLE, CYCLE_WORK, APPEND = "cycle", "cycle.cpu", "store.append"
READ, ATTEMPT = "source.read", "source.attempt"
_OF_CYCLES: Mapping[str, Kind] = {CYCLE: Kind.CYCLE_S, CYCLE_WORK: Kind.CPU_S, APPEND: Kind.COMMIT_S}

Parts = Sequence[tuple[int, Measurement]]  # each with the number of the read that it belongs to


@attrs.frozen(kw_only=True)
class Costs:
    """What cycles cost, in the order of time; see `domain.measurements.Baseline`. The instants may be none.

    `asked` are the operations that did well in each whole read of a source.
    """

    samples: Mapping[Figure, tuple[float, ...]]
    asked: Mapping[str, tuple[frozenset[str], ...]]
    cycles: int
    left_out: int
    first_at: datetime | None
    last_at: datetime | None


def costs_of(measurements: Iterable[Measurement], is_wanted: Callable[[str], bool] = lambda _: True) -> Costs:
    """The costs of the sources that are wanted, and of the cycles in which only such were asked."""
    measured = sorted(
        (one for one in measurements if all(map(is_wanted, parted(one.source)))),
        key=lambda one: one.began_at,
    )
    whole = [one for one in measured if one.succeeded]
    samples: dict[Figure, tuple[float, ...]] = {}
    for operation, kind in _OF_CYCLES.items():
        for of in {one.source for one in whole if one.operation == operation}:
            samples[Figure(kind, of)] = tuple(
                _in_microseconds(one) for one in whole if (one.operation, one.source) == (operation, of)
            )
    asked: dict[str, tuple[frozenset[str], ...]] = {}
    for source in {one.source for one in whole if one.operation == READ}:
        reads, parts = _parted([one for one in measured if one.source == source])
        samples |= _of_reads(source, reads, parts)
        asked[source] = _asked(reads, parts)
    units = _units(measured)
    begun = [one.began_at for one in units if one.succeeded]
    return Costs(
        samples={figure: samples[figure] for figure in in_order(samples)},
        asked=asked,
        cycles=len(begun),
        left_out=len(units) - len(begun),
        first_at=begun[0] if begun else None,
        last_at=begun[-1] if begun else None,
    )


def _units(measured: Sequence[Measurement]) -> Sequence[Measurement]:
    """What is counted as cycles: the reads of one source where those are more.

    Many have no cycle here: those of a source that is asked together with one that is not wanted, and of a
    home that has just come to measure whole cycles.
    """
    cycles = [one for one in measured if one.operation == CYCLE]
    reads = [one for one in measured if one.operation == READ]
    of_sources = ([one for one in reads if one.source == of] for of in sorted({one.source for one in reads}))
    return max([cycles, *of_sources], key=len)


def _of_reads(source: str, reads: Sequence[Measurement], parts: Parts) -> Mapping[Figure, tuple[float, ...]]:
    attempts, wire, payload = ([0] * len(reads) for _ in range(3))
    for number, one in parts:
        if one.operation == ATTEMPT:
            attempts[number] += 1
        wire[number] += one.wire_bytes
        payload[number] += one.payload_bytes
    counted: Mapping[Kind, Sequence[float]] = {
        Kind.READ_S: [_in_microseconds(one) for one in reads],
        Kind.ATTEMPTS: attempts,
        Kind.WIRE_BYTES: wire,
        Kind.PAYLOAD_BYTES: payload,
    }
    return {
        Figure(kind, source): tuple(
            float(value) for value, read in zip(values, reads, strict=True) if read.succeeded
        )
        for kind, values in counted.items()
    }


def _asked(reads: Sequence[Measurement], parts: Parts) -> tuple[frozenset[str], ...]:
    operations: list[set[str]] = [set() for _ in reads]
    for number, one in parts:
        if one.succeeded:
            operations[number].add(one.operation)
    return tuple(frozenset(names) for names, read in zip(operations, reads, strict=True) if read.succeeded)


def _parted(measured: Sequence[Measurement]) -> tuple[Sequence[Measurement], Parts]:
    """The reads, and whatever was measured since one began and before the next did: that is a part of it."""
    reads = [one for one in measured if one.operation == READ]
    begins = [one.began_at for one in reads]
    placed = [(bisect_right(begins, one.began_at) - 1, one) for one in measured]
    return reads, [
        (number, one) for number, one in placed if number >= 0 and one.operation not in (READ, *_OF_CYCLES)
    ]


def _in_microseconds(one: Measurement) -> float:
    """No clock that is used here tells more."""
    return round(one.duration_s, 6)
