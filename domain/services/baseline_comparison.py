"""What has changed between two baselines, and whether it can be told from chance at all.

A cycle is no independent draw: a busy hour makes many neighbours slow. So the number of independent cycles
is estimated by the integrated autocorrelation time of the ranks (A. Sokal, "Monte Carlo Methods in
Statistical Mechanics", 1997, section 3), and the spread of a centre by a bootstrap of blocks of neighbours,
each as long as that (D. Politis and J. Romano, "A circular block-resampling procedure for stationary data",
1992). `tests/unit/test_comparison.py` counts how often two equal series are told apart wrongly.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from itertools import pairwise
from math import ceil, fsum, hypot
from operator import mul
from statistics import fmean, median, quantiles, stdev

import attrs

from domain.errors import NothingMeasured
from domain.measurements import Baseline, Costs, Figure, Kind, Measurement, costs_of, in_order, sources_of
from ports.clock import Clock
from ports.stored_data import Baselines, Measurements

INDEPENDENT_NEEDED = 12  # fewer than so many independent cycles on a side, and nothing is said of it
_ROUNDS = 200  # of the bootstrap
_DEVIATIONS = 3.0  # the interval is so many standard errors wide to either side, or more: 99.7 % of chance
_CONDENSED = 500  # points that a series is brought down to before it is resampled
_WINDOW = 5.0  # Sokal's: the sum ends at a lag of so many times what it comes to

Pick = Callable[[int], int]  # a whole number from 0 to below the given one, each as likely as the others


class Verdict(StrEnum):
    """What can be said of a figure; `FASTER` and `SLOWER` of times, the others of what is counted."""

    FASTER = "faster"
    SLOWER = "slower"
    LESS = "less"
    MORE = "more"
    NO_DIFFERENCE_SHOWN = "no difference shown"


@attrs.frozen(kw_only=True)
class Spread:
    """Of `number` samples: their centre (of times the median, else the mean), and the quartiles."""

    number: int
    centre: float
    lower: float
    upper: float


@attrs.frozen(kw_only=True)
class Change:
    """How a figure has changed: `change` is 0.1 for ten per cent more, `low` and `high` bound it.

    All are None where there was nothing before, which has no per cent; the bounds also where there is too
    little to go by. `reason` says so.
    """

    figure: Figure
    before: Spread
    after: Spread
    change: float | None
    low: float | None
    high: float | None
    verdict: Verdict
    reason: str | None = None

    def breaks(self, max_slower: float) -> bool:
        """Whether it is shown to be slower, and by more than this share."""
        return self.verdict is Verdict.SLOWER and self.change is not None and self.change > max_slower


@attrs.frozen(kw_only=True)
class Comparison:
    """Two baselines side by side. `differing` are circumstances that are not the same: before, after.

    `overlap` is the time that both were measured in, first and last: its cycles are on both sides.
    """

    before: Baseline
    after: Baseline
    changes: tuple[Change, ...]
    only_before: tuple[Figure, ...]
    only_after: tuple[Figure, ...]
    differing: Mapping[str, tuple[str, str]]
    overlap: tuple[datetime, datetime] | None

    def not_judged(self) -> Mapping[Figure, str]:
        """The times of which nothing can be said, neither slower nor as before; each with its reason."""
        too_few = {change.figure: change.reason for change in self.changes if change.reason}
        lone = dict.fromkeys((*self.only_before, *self.only_after), "it is measured on one side only")
        unknown = {**too_few, **lone}
        return {figure: unknown[figure] for figure in in_order(unknown) if figure.kind.is_time}


def compare(before: Baseline, after: Baseline, pick: Pick) -> Comparison:
    """The change of each figure that both have. The same numbers from `pick` give the same result."""
    names = sorted({*before.circumstances, *after.circumstances})
    circumstances = {
        name: (before.circumstances.get(name, "unknown"), after.circumstances.get(name, "unknown"))
        for name in names
    }
    return Comparison(
        before=before,
        after=after,
        changes=tuple(
            _change(figure, before.samples[figure], after.samples[figure], pick)
            for figure in in_order(before.samples.keys() & after.samples.keys())
        ),
        only_before=tuple(in_order(before.samples.keys() - after.samples.keys())),
        only_after=tuple(in_order(after.samples.keys() - before.samples.keys())),
        differing={name: both for name, both in circumstances.items() if both[0] != both[1]},
        overlap=_overlap(before, after),
    )


def _overlap(before: Baseline, after: Baseline) -> tuple[datetime, datetime] | None:
    first, last = max(before.first_at, after.first_at), min(before.last_at, after.last_at)
    return (first, last) if first <= last else None


def spread_of(kind: Kind, samples: Sequence[float]) -> Spread:
    """Raises `ValueError` without samples."""
    several = samples if len(samples) > 1 else [*samples, *samples]
    lower, _, upper = quantiles(several, method="inclusive")
    return Spread(number=len(samples), centre=_centre_of(kind)(samples), lower=lower, upper=upper)


def _centre_of(kind: Kind) -> Callable[[Sequence[float]], float]:
    """A slow moment of the machine must not count; a reply that is large once an hour must."""
    return median if kind.is_time else fmean


def _change(figure: Figure, before: Sequence[float], after: Sequence[float], pick: Pick) -> Change:
    old, new = spread_of(figure.kind, before), spread_of(figure.kind, after)
    none = Change(
        figure=figure,
        before=old,
        after=new,
        change=None,
        low=None,
        high=None,
        verdict=Verdict.NO_DIFFERENCE_SHOWN,
    )
    if old.centre <= 0.0:
        return attrs.evolve(none, reason=None if new.centre == old.centre else "it was nothing before")
    ratio = new.centre / old.centre
    olds, news = _condensed(figure.kind, before), _condensed(figure.kind, after)
    independent = min(independent_of(olds), independent_of(news))
    if independent < INDEPENDENT_NEEDED:
        whole = int(independent)  # rounded up it would be as many as it takes
        cycles = "cycle" if whole == 1 else "cycles"
        why = f"only {whole} independent {cycles} of the {INDEPENDENT_NEEDED} that it takes"
        return attrs.evolve(none, change=ratio - 1, reason=why)
    # of a ratio, by the errors of both centres: in the first order of a Taylor series
    error = hypot(ratio * _error(figure.kind, olds, pick), _error(figure.kind, news, pick)) / old.centre
    reach = _deviations(independent) * error
    low, high = max(ratio - 1 - reach, -1.0), ratio - 1 + reach  # nothing can shrink by more than all of it
    return attrs.evolve(
        none, change=ratio - 1, low=low, high=high, verdict=_verdict(figure.kind, low=low, high=high)
    )


def _verdict(kind: Kind, *, low: float, high: float) -> Verdict:
    if high < 0:
        return Verdict.FASTER if kind.is_time else Verdict.LESS
    if low > 0:
        return Verdict.SLOWER if kind.is_time else Verdict.MORE
    return Verdict.NO_DIFFERENCE_SHOWN


def _deviations(independent: float) -> float:
    """Wider the fewer there are: Student's t (Abramowitz and Stegun, 26.7.5, to the first order)."""
    return _DEVIATIONS + (_DEVIATIONS**3 + _DEVIATIONS) / (4 * (independent - 1))


def _error(kind: Kind, series: Sequence[float], pick: Pick) -> float:
    """The standard error of the centre, by resampling blocks of neighbours."""
    length = ceil(_correlation_time(series))
    ring = [*series, *series[: length - 1]]
    centre = _centre_of(kind)
    blocks = ceil(len(series) / length)

    def resampled() -> float:
        drawn: list[float] = []
        for _ in range(blocks):
            begin = pick(len(series))
            drawn += ring[begin : begin + length]
        return centre(drawn[: len(series)])

    return stdev(resampled() for _ in range(_ROUNDS))


def _condensed(kind: Kind, samples: Sequence[float]) -> Sequence[float]:
    """The same course in fewer points: means of neighbours where the mean counts, every so many-th else."""
    if len(samples) <= _CONDENSED:
        return samples
    bounds = [len(samples) * number // _CONDENSED for number in range(_CONDENSED + 1)]
    if kind.is_time:
        return [samples[bound] for bound in bounds[:-1]]
    return [fmean(samples[first:last]) for first, last in pairwise(bounds)]


def independent_of(samples: Sequence[float]) -> float:
    """How many independent ones tell as much as these, which know of their neighbours."""
    return len(samples) / _correlation_time(samples)


def _correlation_time(samples: Sequence[float]) -> float:
    """In samples, 1 or more. Without any spread, 1."""
    ranks = _centred_ranks(samples)
    number = len(ranks)
    variance = fsum(rank * rank for rank in ranks)
    if variance == 0.0:
        return 1.0
    time = 1.0
    for lag in range(1, number // 2):
        # around a mean that was itself estimated, a correlation comes out too low by about 1/n
        correlation = fsum(map(mul, ranks, ranks[lag:])) / variance + 1 / number
        if correlation <= 0.0:
            break
        time += 2 * correlation
        if lag >= _WINDOW * time:
            break
    return time


def _centred_ranks(samples: Sequence[float]) -> Sequence[float]:
    """The mean of the ranks is zero; equal samples share theirs."""
    ordered = sorted(samples)
    first: dict[float, int] = {}
    last: dict[float, int] = {}
    for rank, sample in enumerate(ordered):
        first.setdefault(sample, rank)
        last[sample] = rank
    middle = (len(samples) - 1) / 2
    return [(first[sample] + last[sample]) / 2 - middle for sample in samples]


# Makes baselines of what was measured, keeps them, and compares them.

_NEVER = datetime.max.replace(tzinfo=UTC)


@attrs.frozen
class Ahead:
    """Whole cycles of which the time is still to come, since the clock was ahead; the last began then."""

    cycles: int
    last_at: datetime


class Baselining:
    """Whatever the ports raise comes through. `pick` draws the numbers that a comparison needs."""

    def __init__(self, *, measurements: Measurements, baselines: Baselines, clock: Clock, pick: Pick) -> None:
        self._measurements = measurements
        self._baselines = baselines
        self._clock = clock
        self._pick = pick

    def measured(
        self,
        name: str,
        since: datetime,
        *,
        circumstances: Mapping[str, str],
        is_wanted: Callable[[str], bool] = lambda _: True,
        shown: Callable[[Costs], Mapping[str, str]] = lambda _: {},
    ) -> Baseline:
        """What the whole cycles since then cost, of the wanted sources. It is not kept yet.

        `shown` are circumstances that are told from what was measured.

        Raises `NothingMeasured` when there was no whole cycle.
        """
        now = self._clock.now()
        measurements = self._measurements.between(since, now)
        costs = costs_of(measurements, is_wanted)
        if costs.first_at is None or costs.last_at is None:
            raise NothingMeasured(
                f"no whole cycle was measured since {since:%Y-%m-%d %H:%M:%S} UTC"
                f"{_instead(costs, measurements)}"
            )
        return Baseline(
            name=name,
            captured_at=now,
            first_at=costs.first_at,
            last_at=costs.last_at,
            cycles=costs.cycles,
            left_out=costs.left_out,
            circumstances={**circumstances, **shown(costs)},
            samples=costs.samples,
        )

    def ahead(self, is_wanted: Callable[[str], bool] = lambda _: True) -> Ahead | None:
        """What no baseline holds before its time has come."""
        measurements = self._measurements.between(self._clock.now(), _NEVER)
        costs = costs_of(measurements, is_wanted)
        return None if costs.last_at is None else Ahead(costs.cycles, costs.last_at)

    def keep(self, baseline: Baseline, *, replacing: bool = False) -> None:
        """Keep it by its name. Raises `BaselineExists` unless `replacing`."""
        self._baselines.keep(baseline, replacing=replacing)

    def has(self, name: str) -> bool:
        """Whether there is one by that name. Raises `StoreError` where it is not what was kept."""
        return self._baselines.find(name) is not None

    def kept(self, name: str) -> Baseline:
        """The one by that name. Raises `NothingMeasured` when there is none."""
        baseline = self._baselines.find(name)
        if baseline is None:
            raise self._without(name)
        return baseline

    def every(self) -> Sequence[Baseline]:
        """All that are kept, the one that was captured last at the end."""
        return self._baselines.every()

    def remove(self, name: str) -> None:
        """Let go of the one by that name. Raises `NothingMeasured` when there is none."""
        if not self._baselines.remove(name):
            raise self._without(name)

    def _without(self, name: str) -> NothingMeasured:
        names = ", ".join(one.name for one in self._baselines.every())
        there_are = f"there are: {names}" if names else "there is none yet; homeclimate baseline capture NAME"
        return NothingMeasured(f"there is no baseline {name}; {there_are}")

    def compared(self, before: Baseline, after: Baseline) -> Comparison:
        """The change from one to the other."""
        return compare(before, after, self._pick)


def _instead(costs: Costs, measurements: Sequence[Measurement]) -> str:
    """What there was in place of a whole cycle of what is wanted, and what to do next."""
    if costs.left_out:
        return f", and {costs.left_out} that were not whole: homeclimate status tells why"
    if sources := sources_of(measurements):
        return f" of what is wanted; measured were: {', '.join(sources)}"
    return ". A collector measures each of its cycles; --cycles N runs some now"
