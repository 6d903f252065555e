"""A source's failures in a row, and the pauses that follow."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.backoff import LONGEST_PAUSE, SourceFailures
from domain.cycle import Cause, Outcome
from domain.schedule import next_slot
from tests.support.builders import NOON, a_collected, a_deferred, a_due, a_failed

MINUTE = timedelta(minutes=1)


def failures_after(*outcomes: Outcome) -> SourceFailures:
    failures = SourceFailures()
    for outcome in outcomes:
        failures = failures.after(outcome, outcome.due.slot)
    return failures


def refused_at_every_chance(cause: Cause, interval_s: int, count: int) -> list[datetime]:
    """The slots at which a source is asked that is refused each time."""
    failures, slot = SourceFailures(), NOON
    asked: list[datetime] = []
    while len(asked) < count:
        if not failures.defers(slot):
            asked.append(slot)
            failures = failures.after(a_failed(a_due(slot=slot, interval_s=interval_s), cause), slot)
        slot = next_slot(slot, interval_s)
    return asked


@pytest.mark.parametrize("cause", [Cause.THROTTLED, Cause.CREDENTIALS])
def test_pauses_double_up_to_an_hour(
    cause: Cause,
) -> None:
    asked = refused_at_every_chance(cause, 300, 8)
    assert [(later - earlier) / MINUTE for earlier, later in itertools.pairwise(asked)] == [
        5, 10, 20, 40, 60, 60, 60,
    ]  # fmt: skip


@pytest.mark.parametrize(
    "cause", [cause for cause in Cause if cause not in (Cause.THROTTLED, Cause.CREDENTIALS)]
)
def test_other_causes_never_pause(cause: Cause) -> None:
    asked = refused_at_every_chance(cause, 300, 20)
    assert asked == [NOON + 5 * MINUTE * number for number in range(20)]


def test_pause_is_at_most_a_long_interval() -> None:
    asked = refused_at_every_chance(Cause.THROTTLED, 7200, 4)
    assert asked == [NOON + 120 * MINUTE * number for number in range(4)]


@pytest.mark.parametrize(
    ("named_s", "left_for"),
    [(None, 5 * MINUTE), (60.0, 5 * MINUTE), (1800.0, 30 * MINUTE), (86_400.0, LONGEST_PAUSE)],
)
def test_retry_after_pauses_up_to_an_hour(named_s: float | None, left_for: timedelta) -> None:
    failures = SourceFailures().after(a_failed(cause=Cause.THROTTLED), NOON, named_s)
    assert failures.until == NOON + left_for


def test_success_resets_the_failures() -> None:
    throttled = [a_failed(cause=Cause.THROTTLED)] * 6
    assert failures_after(*throttled, a_collected()) == SourceFailures()


def test_network_error_ends_the_pause() -> None:
    failures = failures_after(*[a_failed(cause=Cause.THROTTLED)] * 6, a_failed(cause=Cause.NETWORK))
    assert not failures.defers(NOON)
    assert failures.failures == 7


def test_deferral_is_no_failure() -> None:
    before = failures_after(a_failed(cause=Cause.THROTTLED))
    assert before.after(a_deferred(), NOON) == before


def test_pause_set_by_a_wrong_clock_is_over() -> None:
    failures = SourceFailures(cause=Cause.THROTTLED, refusals=1, until=NOON + timedelta(days=400))
    assert not failures.defers(NOON)


@given(
    refusals=st.lists(st.sampled_from([Cause.THROTTLED, Cause.CREDENTIALS, Cause.NETWORK]), max_size=60),
    interval_s=st.integers(min_value=60, max_value=86_400),
    named_s=st.none() | st.floats(),
)
def test_no_pause_exceeds_an_hour_or_the_interval(
    refusals: list[Cause], interval_s: int, named_s: float | None
) -> None:
    failures = SourceFailures()
    for cause in refusals:
        failures = failures.after(a_failed(a_due(interval_s=interval_s), cause), NOON, named_s)
        longest = max(LONGEST_PAUSE, timedelta(seconds=interval_s))
        assert failures.until is None or failures.until - NOON <= longest
