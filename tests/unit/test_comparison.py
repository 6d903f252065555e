"""Two baselines are compared: what is a difference is said, and what may be chance never is."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import timedelta
from math import exp, sqrt

import attrs
import pytest

from domain.measurements import Baseline, Figure, Kind
from domain.services.baseline_comparison import Change, Verdict, compare, independent_of, spread_of
from tests.support.baselines import a_baseline
from tests.support.builders import NOON

CYCLE = Figure(Kind.CYCLE_S, "hue")
BYTES = Figure(Kind.PAYLOAD_BYTES, "hue")


def seeded(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - chance that is the same each time


def noise(count: int, chance: random.Random, *, drift: float = 0.0, times: float = 1.0) -> list[float]:
    """Durations as they are: skewed, some far out, and like their neighbours as far as `drift` says."""
    state, values = chance.gauss(0, 1), []
    for _ in range(count):
        state = drift * state + sqrt(1 - drift * drift) * chance.gauss(0, 1)
        outlier = chance.expovariate(1) if chance.random() < 0.05 else 0.0
        values.append(times * exp(0.1 * state) * (1 + outlier))
    return values


def change_of(
    before: Sequence[float], after: Sequence[float], figure: Figure = CYCLE, seed: int = 1
) -> Change:
    comparison = compare(
        a_baseline(samples={figure: tuple(before)}),
        a_baseline(samples={figure: tuple(after)}),
        seeded(seed).randrange,
    )
    (change,) = comparison.changes
    return change


@pytest.mark.parametrize(
    ("times", "verdict"), [(1.25, Verdict.SLOWER), (0.75, Verdict.FASTER), (1.0, Verdict.NO_DIFFERENCE_SHOWN)]
)
def test_a_difference_is_shown_and_bounded(times: float, verdict: Verdict) -> None:
    chance = seeded(5)
    change = change_of(noise(100, chance), noise(100, chance, times=times))
    assert change.verdict is verdict
    assert change.change is not None
    assert change.low is not None
    assert change.high is not None
    assert change.low < times - 1 < change.high
    assert change.low < change.change < change.high


@pytest.mark.parametrize("drift", [0.0, 0.5, 0.8, 0.95])
@pytest.mark.parametrize("count", [12, 30, pytest.param(100, marks=pytest.mark.proof)])
def test_noise_is_hardly_ever_taken_for_a_difference(count: int, drift: float) -> None:
    """Of a hundred pairs that differ by chance alone. A bootstrap of single cycles finds up to 66 of them."""
    chance = seeded(count + round(drift * 100))
    told = [
        change_of(noise(count, chance, drift=drift), noise(count, chance, drift=drift)).verdict
        for _ in range(100)
    ]
    assert sum(verdict is not Verdict.NO_DIFFERENCE_SHOWN for verdict in told) <= 5


def test_a_real_difference_is_found_nearly_always_where_there_is_enough_to_go_by() -> None:
    chance = seeded(3)
    told = [change_of(noise(60, chance), noise(60, chance, times=1.2)).verdict for _ in range(50)]
    assert told.count(Verdict.SLOWER) >= 48


@pytest.mark.parametrize("counts", [(3, 100), (100, 3), (11, 11), (1, 1)])
def test_from_a_few_cycles_nothing_is_shown_and_the_reason_is_told(counts: tuple[int, int]) -> None:
    change = change_of([1.0] * counts[0], [9.0] * counts[1])
    assert change.verdict is Verdict.NO_DIFFERENCE_SHOWN
    number = "1 independent cycle" if min(counts) == 1 else f"{min(counts)} independent cycles"
    assert change.reason == f"only {number} of the 12 that it takes"
    assert change.change == 8.0


def test_nearly_enough_cycles_are_not_told_as_enough() -> None:
    chance = seeded(30)
    for _ in range(400):
        reason = change_of(noise(13, chance, drift=0.3), noise(13, chance, drift=0.3)).reason
        assert reason is None or "only 12" not in reason


def test_a_slow_hour_does_not_count_as_many_cycles() -> None:
    hours = [1.0] * 50 + [2.0] * 50
    assert independent_of(hours) < 12 <= independent_of(noise(100, seeded(1)))
    assert change_of(hours, [3.0] * 100).verdict is Verdict.NO_DIFFERENCE_SHOWN


def test_of_bytes_the_mean_counts_so_that_a_large_reply_once_an_hour_does() -> None:
    small, hourly = [3000.0] * 120, [3000.0] * 11 + [30_000.0]
    change = change_of(small, hourly * 10, BYTES)
    assert change.after.centre == pytest.approx(5250)
    assert change.verdict is Verdict.MORE
    assert change_of(hourly * 10, small, BYTES).verdict is Verdict.LESS
    assert change_of(small, hourly * 10, CYCLE).change == 0.0, "of times the median, which it leaves alone"


def test_what_never_varies_is_told_exactly() -> None:
    change = change_of([80_000.0] * 20, [20_000.0] * 20, BYTES)
    assert (change.change, change.low, change.high) == (-0.75, -0.75, -0.75)
    assert change.verdict is Verdict.LESS
    assert change_of([80_000.0] * 20, [80_000.0] * 20, BYTES).verdict is Verdict.NO_DIFFERENCE_SHOWN


def test_nothing_is_bounded_below_by_more_than_all_of_it() -> None:
    chance = seeded(3)
    before, after = ([chance.expovariate(1) ** 3 for _ in range(13)] for _ in range(2))
    change = change_of(before, after)
    assert change.low == -1.0
    assert change.verdict is Verdict.NO_DIFFERENCE_SHOWN


def test_what_was_nothing_before_has_no_per_cent() -> None:
    change = change_of([0.0] * 20, [500.0] * 20, BYTES)
    assert (change.change, change.verdict) == (None, Verdict.NO_DIFFERENCE_SHOWN)
    assert change.reason == "it was nothing before"
    assert change_of([0.0] * 20, [0.0] * 20, BYTES).reason is None


def test_a_month_of_cycles_is_compared_as_a_few_are() -> None:
    chance = seeded(8)
    draws = 0

    def pick(below: int) -> int:
        nonlocal draws
        draws += 1
        return chance.randrange(below)

    before, after = tuple(noise(8928, chance)), tuple(noise(8928, chance, times=1.1))
    (change,) = compare(a_baseline(samples={CYCLE: before}), a_baseline(samples={CYCLE: after}), pick).changes
    assert change.verdict is Verdict.SLOWER
    assert change.before.number == 8928
    assert draws <= 2 * 200 * 500, "both are brought down to 500 points before they are resampled"


def test_the_same_numbers_drawn_give_the_same_comparison() -> None:
    chance = seeded(2)
    before, after = noise(50, chance), noise(50, chance)
    assert change_of(before, after, seed=4) == change_of(before, after, seed=4)


@pytest.mark.parametrize(("limit", "is_broken"), [(0.1, True), (0.3, False)])
def test_a_limit_is_broken_only_by_what_is_shown(limit: float, is_broken: bool) -> None:
    chance = seeded(6)
    change = change_of(noise(100, chance), noise(100, chance, times=1.2))
    assert change.breaks(limit) is is_broken
    assert not attrs.evolve(change, verdict=Verdict.NO_DIFFERENCE_SHOWN).breaks(0.0)


@pytest.mark.parametrize(
    ("first", "last", "shared"),
    [
        (0, 60, (0, 60)),
        (-60, 30, (0, 30)),
        (30, 90, (30, 60)),
        (60, 90, (60, 60)),
        (61, 90, None),
        (-9, -1, None),
    ],
)
def test_the_time_that_both_were_measured_in_is_told(
    first: int, last: int, shared: tuple[int, int] | None
) -> None:
    def at(first: int, last: int) -> Baseline:
        return attrs.evolve(
            a_baseline(), first_at=NOON + timedelta(minutes=first), last_at=NOON + timedelta(minutes=last)
        )

    overlap = compare(at(0, 60), at(first, last), seeded(1).randrange).overlap
    assert overlap == (shared and tuple(NOON + timedelta(minutes=minute) for minute in shared))


def test_a_time_that_only_one_has_or_of_which_there_is_too_little_is_not_judged() -> None:
    read = Figure(Kind.READ_S, "amazon")
    before = a_baseline(samples={CYCLE: (1.0,) * 11, BYTES: (1.0,) * 11, read: (1.0,) * 50})
    after = a_baseline(samples={CYCLE: (1.0,) * 50, BYTES: (1.0,) * 50})
    unjudged = compare(before, after, seeded(1).randrange).not_judged()
    assert unjudged == {
        CYCLE: "only 11 independent cycles of the 12 that it takes",
        read: "it is measured on one side only",
    }
    enough = a_baseline(samples={CYCLE: (1.0,) * 12})
    assert compare(enough, enough, seeded(1).randrange).not_judged() == {}


def test_what_only_one_has_and_what_the_circumstances_were_is_told() -> None:
    comparison = compare(
        a_baseline("old", {CYCLE: (1.0,), BYTES: (5.0,)}, machine="old", python="3.11"),
        a_baseline(
            "now", {CYCLE: (1.0,), Figure(Kind.READ_S, "amazon"): (1.0,)}, machine="new", python="3.11"
        ),
        seeded(1).randrange,
    )
    assert comparison.only_before == (BYTES,)
    assert comparison.only_after == (Figure(Kind.READ_S, "amazon"),)
    assert comparison.differing == {"machine": ("old", "new")}


def test_a_spread_has_the_quartiles() -> None:
    spread = spread_of(Kind.CYCLE_S, [1.0, 2.0, 3.0, 4.0, 100.0])
    assert (spread.lower, spread.centre, spread.upper, spread.number) == (2.0, 3.0, 4.0, 5)
    assert spread_of(Kind.CYCLE_S, [7.0]).centre == 7.0
