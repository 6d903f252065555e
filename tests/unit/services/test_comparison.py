"""Two baselines are compared: a real difference is shown, and chance is not taken for one."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import timedelta
from math import exp, sqrt

import attrs
import pytest

from domain.measurements import Baseline, Figure, Kind
from domain.services.baseline_comparison import (
    Change,
    Verdict,
    compare,
    compare_samples,
    count_independent,
    spread_of,
)
from tests.support.baselines import a_baseline
from tests.support.builders import NOON

CYCLE = Figure(Kind.CYCLE_S, "hue")
BYTES = Figure(Kind.PAYLOAD_BYTES, "hue")
NONE_SHOWN = Verdict.NO_DIFFERENCE_SHOWN


def seeded(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - chance that is the same each time


def noise(count: int, chance: random.Random, *, drift: float = 0.0, times: float = 1.0) -> list[float]:
    """Durations as they are: skewed, with outliers, and like their neighbours by `drift`."""
    state, values = chance.gauss(0, 1), []
    for _ in range(count):
        state = drift * state + sqrt(1 - drift * drift) * chance.gauss(0, 1)
        outlier = chance.expovariate(1) if chance.random() < 0.05 else 0.0
        values.append(times * exp(0.1 * state) * (1 + outlier))
    return values


def change_of(before: Sequence[float], after: Sequence[float], figure: Figure = CYCLE) -> Change:
    return compare_samples(figure, before, after)


@pytest.mark.parametrize("drift", [0.0, 0.5, 0.8, 0.95])
@pytest.mark.parametrize("count", [12, 30, 100])
@pytest.mark.parametrize("figure", [CYCLE, BYTES])
def test_chance_is_hardly_ever_taken_for_a_difference(figure: Figure, count: int, drift: float) -> None:
    """Of a hundred pairs that differ by chance alone, independent ones and slow hours."""
    chance = seeded(count + round(drift * 100))
    verdicts = [
        change_of(noise(count, chance, drift=drift), noise(count, chance, drift=drift), figure).verdict
        for _ in range(100)
    ]
    assert sum(verdict is not NONE_SHOWN for verdict in verdicts) <= 2


def test_every_real_difference_of_a_fifth_is_found_in_sixty_cycles() -> None:
    chance = seeded(3)
    verdicts = [change_of(noise(60, chance), noise(60, chance, times=1.2)).verdict for _ in range(50)]
    assert verdicts == [Verdict.SLOWER] * 50


@pytest.mark.parametrize(
    ("figure", "times", "verdict"),
    [
        (CYCLE, 1.25, Verdict.SLOWER),
        (CYCLE, 0.75, Verdict.FASTER),
        (BYTES, 1.25, Verdict.MORE),
        (BYTES, 0.75, Verdict.LESS),
        (CYCLE, 1.0, NONE_SHOWN),
    ],
)
def test_a_change_is_named_and_bounded(figure: Figure, times: float, verdict: Verdict) -> None:
    chance = seeded(5)
    change = change_of(noise(100, chance), noise(100, chance, times=times), figure)
    assert change.verdict is verdict
    assert change.change is not None
    assert change.low is not None
    assert change.high is not None
    assert change.low < times - 1 < change.high
    assert change.low < change.change < change.high


@pytest.mark.parametrize("counts", [(3, 100), (100, 3), (11, 11), (1, 1)])
def test_a_few_cycles_show_nothing_and_the_reason_is_given(counts: tuple[int, int]) -> None:
    change = change_of([1.0] * counts[0], [9.0] * counts[1])
    number = "1 independent cycle" if min(counts) == 1 else f"{min(counts)} independent cycles"
    assert change.verdict is NONE_SHOWN
    assert change.reason == f"only {number} of the 12 that it takes"
    assert change.change == 8.0


def test_a_slow_hour_does_not_count_as_many_cycles() -> None:
    hours = [1.0] * 50 + [2.0] * 50
    assert count_independent(hours) < 12 <= count_independent(noise(100, seeded(1)))
    assert change_of(hours, [3.0] * 100).verdict is NONE_SHOWN


def test_counts_that_are_far_apart_differ_although_they_change_together() -> None:
    """A reply grows by a byte once a room has 10 degrees: the cycles after that resemble each other."""
    whole, small = [55_200.0] + [55_010.0] * 30 + [55_011.0] * 29, [2_800.0] + [2_555.0] * 30 + [2_556.0] * 29
    assert max(map(count_independent, (whole, small))) < 12
    change = change_of(whole, small, BYTES)
    assert change.verdict is Verdict.LESS
    assert (change.low, change.high) == (2_555 / 55_200 - 1, 2_800 / 55_010 - 1)
    assert change.change == change.after.centre / change.before.centre - 1
    assert change_of(small, whole, BYTES).verdict is Verdict.MORE
    assert change_of(whole, small, CYCLE).verdict is NONE_SHOWN, "of times a slow hour may be the reason"
    assert change_of(whole[:11], small[:11], BYTES).verdict is NONE_SHOWN
    assert change_of(small, [2_801.0, *small[1:]], BYTES).verdict is NONE_SHOWN


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        (1.0, 100.0, Verdict.MORE),
        (100.0, 1.0, Verdict.LESS),
        (0.0, 100.0, NONE_SHOWN),  # there is no share of nothing
        (100.0, 103.0, NONE_SHOWN),  # the ranges are as far apart as both are wide
        (100.0, 104.0, Verdict.MORE),
    ],
)
def test_twelve_counts_a_side_suffice_if_their_ranges_are_far_apart(
    before: float, after: float, verdict: Verdict
) -> None:
    old, new = ([value] * 6 + [value + 1] * 6 for value in (before, after))
    assert change_of(old, new, BYTES).verdict is verdict


def test_counting_stops_where_there_are_too_few_independent_cycles() -> None:
    """A month that drifts would otherwise take thousands of lags."""
    assert 5 < count_independent([float(number) for number in range(8928)]) < 6


@pytest.mark.parametrize("count", [12, 200])
def test_samples_without_spread_are_all_independent(count: int) -> None:
    assert count_independent([1.0] * count) == count


@pytest.mark.parametrize(
    ("samples", "independent"),
    [
        ([1, 1, 1, 1, 2, 2, 2, 2], 8 / 2.5),  # correlations of 3/4, then too few are left to go on
        ([1, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 2], 12 / 2.5),  # 1/2 and 1/4: a half is left after the first one
        ([2, 2, 1, 1, 2, 2, 1, 2, 2, 1, 1, 1, 2, 2, 1, 1], 16),  # 1/8, as chance alone gives
        ([2, 2, 1, 1, 1, 1, 1, 2, 1, 2, 1, 2, 1, 2, 2, 2], 16),  # 0, so that the next ones do not count
    ],
)
def test_independent_samples_are_counted_by_their_correlations(
    samples: Sequence[float], independent: float
) -> None:
    assert count_independent(samples) == pytest.approx(independent)


def test_a_rare_large_reply_counts_and_a_rare_slow_moment_does_not() -> None:
    small, hourly = [3000.0] * 120, [3000.0] * 11 + [30_000.0]
    change = change_of(small, hourly * 10, BYTES)
    assert change.after.centre == pytest.approx(5250)
    assert change.verdict is Verdict.MORE
    assert change_of(hourly * 10, small, BYTES).verdict is Verdict.LESS
    assert change_of(small, hourly * 10, CYCLE).change == 0.0


@pytest.mark.parametrize(
    ("before", "after", "change", "verdict", "reason"),
    [
        (80_000.0, 20_000.0, -0.75, Verdict.LESS, None),
        (80_000.0, 80_000.0, 0.0, NONE_SHOWN, None),
        (0.0, 500.0, None, NONE_SHOWN, "it was nothing before"),
        (0.0, 0.0, None, NONE_SHOWN, None),
    ],
)
def test_constant_samples_are_compared_exactly(
    before: float, after: float, change: float | None, verdict: Verdict, reason: str | None
) -> None:
    found = change_of([before] * 20, [after] * 20, BYTES)
    assert (found.change, found.low, found.high) == (change,) * 3
    assert (found.before.centre, found.after.centre) == (before, after)
    assert (found.verdict, found.reason) == (verdict, reason)


def test_the_lower_bound_is_never_below_minus_100_per_cent() -> None:
    chance = seeded(3)
    before, after = ([chance.expovariate(1) ** 3 for _ in range(30)] for _ in range(2))
    assert change_of(before, after).low == -1.0


@pytest.mark.parametrize(("limit", "is_broken"), [(0.1, True), (0.3, False)])
def test_only_a_shown_change_breaks_a_limit(limit: float, is_broken: bool) -> None:
    chance = seeded(6)
    change = change_of(noise(100, chance), noise(100, chance, times=1.2))
    assert change.breaks(limit) is is_broken
    assert not attrs.evolve(change, verdict=NONE_SHOWN).breaks(0.0)
    assert change.change is not None
    assert not change.breaks(change.change)


@pytest.mark.parametrize(
    ("first", "last", "shared"),
    [(-60, 30, (0, 30)), (30, 90, (30, 60)), (60, 90, (60, 60)), (61, 90, None), (-9, -1, None)],
)
def test_the_overlap_is_the_time_that_both_were_measured_in(
    first: int, last: int, shared: tuple[int, int] | None
) -> None:
    def at(first: int, last: int) -> Baseline:
        return attrs.evolve(
            a_baseline(), first_at=NOON + timedelta(minutes=first), last_at=NOON + timedelta(minutes=last)
        )

    overlap = compare(at(0, 60), at(first, last)).overlap
    assert overlap == (shared and tuple(NOON + timedelta(minutes=minute) for minute in shared))


def test_times_with_too_few_cycles_or_one_side_are_not_judged() -> None:
    read = Figure(Kind.READ_S, "amazon")
    before = a_baseline(samples={CYCLE: (1.0,) * 11, BYTES: (1.0,) * 11, read: (1.0,) * 50})
    after = a_baseline(samples={CYCLE: (1.0,) * 50, BYTES: (1.0,) * 50})
    assert compare(before, after).not_judged() == {
        CYCLE: "only 11 independent cycles of the 12 that it takes",
        read: "it is measured on one side only",
    }
    enough = a_baseline(samples={CYCLE: (1.0,) * 12})
    assert compare(enough, enough).not_judged() == {}


def test_what_differs_besides_the_figures_is_listed() -> None:
    amazon = Figure(Kind.READ_S, "amazon")
    before = a_baseline("old", {CYCLE: (1.0,), BYTES: (5.0,)}, machine="old", python="3.11", kernel="6.1")
    after = a_baseline("now", {CYCLE: (1.0,), amazon: (1.0,)}, machine="new", python="3.11", sqlite="3.40")
    comparison = compare(before, after)
    assert (comparison.before, comparison.after) == (before, after)
    assert (comparison.only_before, comparison.only_after) == ((BYTES,), (amazon,))
    assert comparison.differing == {
        "kernel": ("6.1", "unknown"),
        "machine": ("old", "new"),
        "sqlite": ("unknown", "3.40"),
    }


def test_a_spread_has_the_quartiles() -> None:
    spread = spread_of(Kind.CYCLE_S, [1.0, 2.0, 3.0, 4.0, 100.0])
    assert (spread.lower, spread.centre, spread.upper, spread.number) == (2.0, 3.0, 4.0, 5)
    two = spread_of(Kind.CYCLE_S, [1.0, 3.0])
    assert (two.lower, two.centre, two.upper) == (1.5, 2.0, 2.5)
    assert spread_of(Kind.CYCLE_S, [7.0]).centre == 7.0
