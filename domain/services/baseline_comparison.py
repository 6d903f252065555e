"""Makes baselines of measurements, keeps them by name, and compares them.

A difference is shown when the centres are further apart than twice the sum of IQR / sqrt(n) of both sides. A
cycle resembles its neighbours, since a busy hour makes all of its cycles slow; so n is the number of
independent samples, by the integrated autocorrelation time of the ranks (A. Sokal, "Monte Carlo Methods in
Statistical Mechanics", 1997, section 3). Counts whose ranges are far apart differ whatever their order.
tests/unit/services/test_comparison.py counts the wrong verdicts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from math import sqrt
from operator import mul
from statistics import fmean, median, quantiles, stdev

import attrs

from domain.errors import NothingMeasured
from domain.measurements import Baseline, CycleCosts, Figure, Kind, costs_of, in_order, sources_of
from domain.times import local_time
from ports.clock import Clock
from ports.stored_data import Baselines, Measurements

INDEPENDENT_NEEDED = 12
_WIDTHS = 2.0
_LOOKS_INDEPENDENT = 0.8  # of n: a series that is independent comes out that low by chance
_IQR_OF_NORMAL = 1.349  # in standard deviations
_NEVER = datetime.max.replace(tzinfo=UTC)


class Verdict(StrEnum):
    """What is shown of a figure: FASTER and SLOWER of times, LESS and MORE of counts."""

    FASTER = "faster"
    SLOWER = "slower"
    LESS = "less"
    MORE = "more"
    NO_DIFFERENCE_SHOWN = "no difference shown"


@attrs.frozen(kw_only=True)
class Spread:
    """The centre and the quartiles of `number` samples; the centre is the median of times, else the mean."""

    number: int
    centre: float
    lower: float
    upper: float


@attrs.frozen(kw_only=True)
class Change:
    """How a figure changed: `change` is 0.1 for 10 % more, `low` and `high` are its bounds.

    Each is None if it cannot be given; `reason` explains.
    """

    figure: Figure
    before: Spread
    after: Spread
    change: float | None = None
    low: float | None = None
    high: float | None = None
    verdict: Verdict = Verdict.NO_DIFFERENCE_SHOWN
    reason: str | None = None

    def breaks(self, max_slower: float) -> bool:
        """Return whether the figure is shown to be slower, and by more than this share."""
        return self.verdict is Verdict.SLOWER and self.change is not None and self.change > max_slower


@attrs.frozen(kw_only=True)
class Comparison:
    """Two baselines side by side.

    `differing` are the circumstances that are not the same: before, after. `overlap` is the time, first and
    last, whose cycles are on both sides.
    """

    before: Baseline
    after: Baseline
    changes: tuple[Change, ...]
    only_before: tuple[Figure, ...]
    only_after: tuple[Figure, ...]
    differing: Mapping[str, tuple[str, str]]
    overlap: tuple[datetime, datetime] | None

    def not_judged(self) -> Mapping[Figure, str]:
        """Return the times that could not be compared, each with the reason."""
        unknown = {change.figure: change.reason for change in self.changes if change.reason}
        unknown |= dict.fromkeys((*self.only_before, *self.only_after), "it is measured on one side only")
        return {figure: unknown[figure] for figure in in_order(unknown) if figure.kind.is_time}


def compare(before: Baseline, after: Baseline) -> Comparison:
    """Compare the figures that both baselines have."""
    names = sorted({*before.circumstances, *after.circumstances})
    pairs = {
        name: (before.circumstances.get(name, "unknown"), after.circumstances.get(name, "unknown"))
        for name in names
    }
    first, last = max(before.first_at, after.first_at), min(before.last_at, after.last_at)
    return Comparison(
        before=before,
        after=after,
        changes=tuple(
            compare_samples(figure, before.samples[figure], after.samples[figure])
            for figure in in_order(before.samples.keys() & after.samples.keys())
        ),
        only_before=tuple(in_order(before.samples.keys() - after.samples.keys())),
        only_after=tuple(in_order(after.samples.keys() - before.samples.keys())),
        differing={name: pair for name, pair in pairs.items() if pair[0] != pair[1]},
        overlap=(first, last) if first <= last else None,
    )


def compare_samples(figure: Figure, before: Sequence[float], after: Sequence[float]) -> Change:
    """Compare the samples of one figure."""
    old, new = spread_of(figure.kind, before), spread_of(figure.kind, after)
    change = Change(figure=figure, before=old, after=new)
    if old.centre <= 0.0:
        return attrs.evolve(change, reason=None if new.centre == old.centre else "it was nothing before")
    difference = (new.centre - old.centre) / old.centre
    independent = [count_independent(before), count_independent(after)]
    if min(independent) < INDEPENDENT_NEEDED:
        if bounds := _bounds_far_apart(figure.kind, before, after):
            low, high = bounds
            verdict = _verdict(figure.kind, low, high)
            return attrs.evolve(change, change=difference, low=low, high=high, verdict=verdict)
        few = int(min(independent))
        cycles = "cycle" if few == 1 else "cycles"
        why = f"only {few} independent {cycles} of the {INDEPENDENT_NEEDED} that it takes"
        return attrs.evolve(change, change=difference, reason=why)
    errors = [
        _width(figure.kind, samples) / sqrt(number)
        for samples, number in zip((before, after), independent, strict=True)
    ]
    margin = _WIDTHS * sum(errors) / old.centre
    low, high = max(difference - margin, -1.0), difference + margin
    return attrs.evolve(
        change, change=difference, low=low, high=high, verdict=_verdict(figure.kind, low, high)
    )


def _bounds_far_apart(
    kind: Kind, before: Sequence[float], after: Sequence[float]
) -> tuple[float, float] | None:
    """Return the bounds of a change of counts whose ranges are further apart than both are wide, else None.

    What the machine does besides makes times slow, and no reply larger. So few independent samples do.
    """
    if kind.is_time or min(len(before), len(after)) < INDEPENDENT_NEEDED:
        return None
    least, most = (min(before), min(after)), (max(before), max(after))
    gap = max(least) - min(most)
    is_far = gap > sum(most) - sum(least)
    return (least[1] / most[0] - 1, most[1] / least[0] - 1) if is_far and least[0] > 0 else None


def _verdict(kind: Kind, low: float, high: float) -> Verdict:
    if high < 0:
        return Verdict.FASTER if kind.is_time else Verdict.LESS
    if low > 0:
        return Verdict.SLOWER if kind.is_time else Verdict.MORE
    return Verdict.NO_DIFFERENCE_SHOWN


def spread_of(kind: Kind, samples: Sequence[float]) -> Spread:
    """Summarise samples; raise `ValueError` without samples.

    The centre of times is the median, so that a slow moment of the machine does not count; that of counts is
    the mean, so that a reply that is large once an hour does.
    """
    lower, middle, upper = _quartiles(samples)
    return Spread(
        number=len(samples), centre=middle if kind.is_time else fmean(samples), lower=lower, upper=upper
    )


def _width(kind: Kind, samples: Sequence[float]) -> float:
    """Return the interquartile range; of counts the one that a normal distribution of this deviation has."""
    if not kind.is_time:
        return _IQR_OF_NORMAL * stdev(samples)
    lower, _, upper = _quartiles(samples)
    return upper - lower


def _quartiles(samples: Sequence[float]) -> list[float]:
    return quantiles(samples, method="inclusive") if len(samples) > 1 else [median(samples)] * 3


def count_independent(samples: Sequence[float]) -> float:
    """Estimate how many independent samples carry as much information: neighbours resemble each other."""
    ranks, number = _centred_ranks(samples), len(samples)
    variance = sum(map(mul, ranks, ranks))
    time = 1.0
    for lag in range(1, number // 2 if variance else 0):
        # around a mean that was itself estimated, a correlation comes out too low by about 1/n
        correlation = sum(map(mul, ranks, ranks[lag:])) / variance + 1 / number
        if correlation <= 0.0 or number / time < INDEPENDENT_NEEDED / 2:
            break
        time += 2 * correlation
    return number if time * _LOOKS_INDEPENDENT <= 1.0 else number / time


def _centred_ranks(samples: Sequence[float]) -> list[float]:
    """Rank the samples around zero; equal samples share a rank."""
    ordered = sorted(samples)
    first = {sample: rank for rank, sample in reversed(list(enumerate(ordered)))}
    last = {sample: rank for rank, sample in enumerate(ordered)}
    return [(first[sample] + last[sample] - len(samples) + 1) / 2 for sample in samples]


class BaselineComparison:
    """Measures, keeps and compares baselines; errors of the ports pass through."""

    def __init__(self, *, measurements: Measurements, baselines: Baselines, clock: Clock) -> None:
        self._measurements = measurements
        self._baselines = baselines
        self._clock = clock

    def costs(self, since: datetime, is_wanted: Callable[[str], bool] = lambda _: True) -> CycleCosts:
        """Return what cycles have cost since then; raise `NothingMeasured` if none was complete."""
        measurements = self._measurements.between(since, self._clock.now())
        costs = costs_of(measurements, is_wanted)
        if costs.slots:
            return costs
        why = ". A collector measures its cycles while it runs; --cycles N runs some now"
        if costs.left_out:
            why = f", and {costs.left_out} were incomplete. homeclimate status shows why"
        elif sources := sources_of(measurements):
            why = f" of these sources. Measured were: {', '.join(sources)}"
        raise NothingMeasured(f"no complete cycle was measured since {local_time(since, seconds=True)}{why}")

    def costs_ahead(self, is_wanted: Callable[[str], bool] = lambda _: True) -> CycleCosts:
        """Return what cycles cost whose slots are in the future, since the clock was wrong."""
        return costs_of(self._measurements.between(self._clock.now(), _NEVER), is_wanted)

    def baseline(self, name: str, costs: CycleCosts, circumstances: Mapping[str, str]) -> Baseline:
        """Make a baseline, without keeping it."""
        return Baseline(
            name=name,
            captured_at=self._clock.now(),
            first_at=costs.slots[0],
            last_at=costs.slots[-1],
            cycles=len(costs.slots),
            left_out=costs.left_out,
            circumstances=circumstances,
            samples=costs.samples,
        )

    def save(self, baseline: Baseline, *, replace: bool = False) -> None:
        """Keep a baseline; raise `BaselineExists` if its name is taken, unless `replace`."""
        self._baselines.save(baseline, replace=replace)

    def has(self, name: str) -> bool:
        """Return whether there is a baseline of that name."""
        return self._baselines.find(name) is not None

    def find(self, name: str) -> Baseline:
        """Return the baseline of that name, or raise `NothingMeasured`."""
        if (baseline := self._baselines.find(name)) is None:
            raise self._missing(name)
        return baseline

    def all(self) -> Sequence[Baseline]:
        """Return all baselines, the newest last."""
        return self._baselines.all()

    def remove(self, name: str) -> None:
        """Remove the baseline of that name, or raise `NothingMeasured`."""
        if not self._baselines.remove(name):
            raise self._missing(name)

    def _missing(self, name: str) -> NothingMeasured:
        names = ", ".join(one.name for one in self._baselines.all())
        there_are = f"There are: {names}" if names else "Make one with homeclimate baseline capture NAME"
        return NothingMeasured(f"there is no baseline {name}. {there_are}")
