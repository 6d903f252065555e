"""The cost of a read, measured in each cycle: time, attempts and bytes; and baselines of such costs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

import attrs

from domain.schedule import Due

READ, ATTEMPT = "source.read", "source.attempt"  # names of operations that a cycle measures itself


@attrs.frozen(kw_only=True)
class Operation:
    """One operation that a meter timed, such as a request.

    `wire_bytes` is the size of the body on the network, `payload_bytes` the size after decompression, both
    without headers. `succeeded` is False when the operation raised.
    """

    operation: str
    source: str
    duration_s: float
    wire_bytes: int = 0
    payload_bytes: int = 0
    strategy: str = ""
    succeeded: bool = True


@attrs.frozen(kw_only=True)
class ReadCost:
    """The cost of reading one source in one cycle; a row of the table `measurements`.

    `duration_s` is the time of the whole read, with all attempts and the waits between them; `strategy` is
    the way that the source was read, empty if there is only one. `cycle_s`, `commit_s` and `cpu_s` belong to
    the cycle and are the same for all of its sources: from its start to the commit, for storing it, and the
    CPU time of the process. Until the cycle is stored, and if a source of it failed, each is None.
    """

    slot: datetime
    source: str
    strategy: str = ""
    duration_s: float = 0.0
    attempts: int = 0
    wire_bytes: int = 0
    payload_bytes: int = 0
    cycle_s: float | None = None
    commit_s: float | None = None
    cpu_s: float | None = None
    succeeded: bool = True


def read_cost(due: Due, operations: Iterable[Operation], *, succeeded: bool) -> ReadCost:
    """Sum up the operations of reading one source in one cycle."""
    strategy, duration_s, attempts, wire_bytes, payload_bytes = "", 0.0, 0, 0, 0
    for one in operations:
        if one.source != due.source:
            continue
        strategy = strategy or one.strategy
        duration_s += one.duration_s if one.operation == READ else 0.0
        attempts += one.operation == ATTEMPT
        wire_bytes += one.wire_bytes
        payload_bytes += one.payload_bytes
    return ReadCost(
        slot=due.slot,
        source=due.source,
        strategy=strategy,
        duration_s=duration_s,
        attempts=attempts,
        wire_bytes=wire_bytes,
        payload_bytes=payload_bytes,
        succeeded=succeeded,
    )


class Kind(StrEnum):
    """What a figure counts, in the order in which figures are listed; the unit is in the name."""

    CYCLE_S = "cycle_s"
    CPU_S = "cpu_s"
    COMMIT_S = "commit_s"
    READ_S = "read_s"
    ATTEMPTS = "attempts"
    WIRE_BYTES = "wire_bytes"
    PAYLOAD_BYTES = "payload_bytes"

    @property
    def is_time(self) -> bool:
        return self.value.endswith("_s")


@attrs.frozen
class Figure:
    """A quantity measured in each cycle; `of` is a source, or the sources of a cycle joined by `+`."""

    kind: Kind
    of: str


Samples = Mapping[Figure, tuple[float, ...]]


def in_order(figures: Iterable[Figure]) -> list[Figure]:
    """Sort figures: the whole cycle before its parts, times before bytes."""
    kinds = list(Kind)
    return sorted(figures, key=lambda figure: (kinds.index(figure.kind), figure.of))


@attrs.frozen(kw_only=True)
class Baseline:
    """Performance figures kept by name. `samples` are in the order of time, one number a cycle.

    `cycles` complete cycles ran in the slots from `first_at` to `last_at`; `left_out` more were incomplete,
    since a source failed or was deferred. `circumstances` describe what the home ran on.
    """

    name: str
    captured_at: datetime
    first_at: datetime
    last_at: datetime
    cycles: int
    left_out: int
    circumstances: Mapping[str, str]
    samples: Samples

    @property
    def ended_at(self) -> datetime:
        """The first instant whose cycles are not part of it."""
        return self.last_at + timedelta(microseconds=1)


@attrs.frozen(kw_only=True)
class CycleCosts:
    """The costs of cycles: the figures, the slots of the complete ones, and how many were incomplete.

    `strategies` name how each source was read, one a successful read.
    """

    samples: Samples
    strategies: Mapping[str, tuple[str, ...]]
    slots: tuple[datetime, ...]
    left_out: int


def costs_of(
    measurements: Iterable[ReadCost], is_wanted: Callable[[str], bool] = lambda _: True
) -> CycleCosts:
    """Collect the figures of the wanted sources, and of the cycles that read no other source."""
    cycles: dict[datetime, list[ReadCost]] = {}
    for one in sorted(measurements, key=lambda one: (one.slot, one.source)):
        cycles.setdefault(one.slot, []).append(one)
    samples: dict[Figure, list[float]] = {}
    strategies: dict[str, list[str]] = {}
    complete: list[datetime] = []
    left_out = 0
    for slot, all_of_it in cycles.items():
        wanted = [one for one in all_of_it if is_wanted(one.source)]
        if not wanted:
            continue
        if all(one.succeeded for one in wanted):
            complete.append(slot)
        else:
            left_out += 1
        if len(wanted) == len(all_of_it):
            _add(samples, "+".join(one.source for one in wanted), _cycle_figures(wanted[0]))
        for one in wanted:
            if one.succeeded:
                _add(samples, one.source, _read_figures(one))
                strategies.setdefault(one.source, []).append(one.strategy)
    return CycleCosts(
        samples={figure: tuple(samples[figure]) for figure in in_order(samples)},
        strategies={source: tuple(names) for source, names in strategies.items()},
        slots=tuple(complete),
        left_out=left_out,
    )


def _add(samples: dict[Figure, list[float]], of: str, figures: Mapping[Kind, float | None]) -> None:
    for kind, value in figures.items():
        if value is not None:
            samples.setdefault(Figure(kind, of), []).append(round(float(value), 6))


def _cycle_figures(one: ReadCost) -> Mapping[Kind, float | None]:
    return {Kind.CYCLE_S: one.cycle_s, Kind.CPU_S: one.cpu_s, Kind.COMMIT_S: one.commit_s}


def _read_figures(one: ReadCost) -> Mapping[Kind, float | None]:
    return {
        Kind.READ_S: one.duration_s,
        Kind.ATTEMPTS: one.attempts,
        Kind.WIRE_BYTES: one.wire_bytes,
        Kind.PAYLOAD_BYTES: one.payload_bytes,
    }


def sources_of(measurements: Sequence[ReadCost]) -> Sequence[str]:
    """List the sources that were measured, by name."""
    return sorted({one.source for one in measurements})
