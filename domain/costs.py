"""Measurements as costs of cycles: what each source's read took, and what each cycle as a whole."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from domain.baseline import Figure, Kind, Measurement, in_order, parted
from domain.values import frozen

CYCLE, CYCLE_WORK, APPEND = "cycle", "cycle.cpu", "store.append"
READ, ATTEMPT = "source.read", "source.attempt"
_OF_CYCLES: Mapping[str, Kind] = {CYCLE: Kind.CYCLE_S, CYCLE_WORK: Kind.CPU_S, APPEND: Kind.COMMIT_S}

Parts = Sequence[tuple[int, Measurement]]  # each with the number of the read that it belongs to


@frozen(kw_only=True)
class Costs:
    """What cycles cost, in the order of time; see `domain.baseline.Baseline`. The instants may be none.

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
