"""Which instants should have a reading."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.schedule import (
    CLOCK_FAULT_AHEAD,
    is_clock_fault,
    next_slot,
    runs_of,
    slot_at,
    slots_between,
)
from tests.support.builders import NOON

FIVE_MINUTES_S = 300
ONE_SECOND = timedelta(seconds=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")

# Since 1971, so that a slot of any length lies after the epoch.
instants = st.integers(min_value=31_536_000_000_000, max_value=4_102_444_800_000_000).map(
    lambda microseconds: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
)
intervals_s = st.integers(min_value=1, max_value=86_400)


@pytest.mark.parametrize(
    ("instant", "slot"),
    [
        (NOON, NOON),
        (NOON + timedelta(microseconds=1), NOON),
        (NOON + timedelta(seconds=299, microseconds=999_999), NOON),
        (NOON + timedelta(seconds=300), NOON + timedelta(seconds=300)),
        (NOON - timedelta(microseconds=1), NOON - timedelta(seconds=300)),
        (EPOCH - ONE_SECOND, EPOCH - timedelta(seconds=300)),
    ],
)
def test_a_slot_lasts_until_the_next_one_begins(instant: datetime, slot: datetime) -> None:
    assert slot_at(instant, FIVE_MINUTES_S) == slot


def test_slots_count_from_the_unix_epoch() -> None:
    week_s = 7 * 86_400
    assert slot_at(datetime(1970, 1, 7, tzinfo=UTC), week_s) == datetime(1970, 1, 1, tzinfo=UTC)
    assert slot_at(datetime(1970, 1, 8, tzinfo=UTC), week_s) == datetime(1970, 1, 8, tzinfo=UTC)


@pytest.mark.parametrize("day", [datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC)])
def test_daylight_saving_changes_no_slot(day: datetime) -> None:
    slots = list(slots_between(day - ONE_SECOND, day + timedelta(days=1), FIVE_MINUTES_S))
    assert len(slots) == 288
    local = [slot_at(slot.astimezone(BERLIN), FIVE_MINUTES_S) for slot in slots]
    assert local == slots
    assert all(slot.utcoffset() == timedelta(0) for slot in local)


def test_neighbouring_slots_have_none_between() -> None:
    assert list(slots_between(NOON, NOON + timedelta(seconds=300), FIVE_MINUTES_S)) == []


def test_slots_between_are_all_that_passed() -> None:
    passed_over = list(slots_between(NOON, NOON + timedelta(seconds=1200), FIVE_MINUTES_S))
    assert passed_over == [NOON + timedelta(seconds=seconds) for seconds in (300, 600, 900)]


def test_clock_stepping_back_passes_no_slot() -> None:
    assert list(slots_between(NOON, NOON - timedelta(hours=1), FIVE_MINUTES_S)) == []


@pytest.mark.parametrize(
    ("ahead", "is_fault"),
    [(timedelta(0), False), (CLOCK_FAULT_AHEAD, False), (CLOCK_FAULT_AHEAD + ONE_SECOND, True)],
)
def test_a_slot_more_than_two_hours_ahead_is_a_clock_fault(ahead: timedelta, is_fault: bool) -> None:
    assert is_clock_fault(NOON, NOON + ahead) == is_fault


@given(instant=instants, interval_s=intervals_s)
def test_every_instant_lies_in_its_slot(instant: datetime, interval_s: int) -> None:
    slot = slot_at(instant, interval_s)
    assert slot <= instant < next_slot(instant, interval_s) == slot + timedelta(seconds=interval_s)
    assert slot_at(slot, interval_s) == slot


@given(instant=instants, other=instants, interval_s=intervals_s)
def test_slots_keep_the_order_of_instants(instant: datetime, other: datetime, interval_s: int) -> None:
    earlier, later = sorted((instant, other))
    assert slot_at(earlier, interval_s) <= slot_at(later, interval_s)


@given(instant=instants, interval_s=intervals_s, count=st.integers(min_value=1, max_value=50))
def test_slots_between_are_complete_and_unique(instant: datetime, interval_s: int, count: int) -> None:
    last = slot_at(instant, interval_s)
    current = last + count * timedelta(seconds=interval_s)
    assert list(slots_between(last, current, interval_s)) == [
        last + number * timedelta(seconds=interval_s) for number in range(1, count)
    ]


@given(numbers=st.sets(st.integers(min_value=0, max_value=60)), step_s=st.sampled_from([1, 60, 300]))
def test_runs_have_exactly_their_slots(numbers: set[int], step_s: int) -> None:
    slots = {NOON + number * timedelta(seconds=step_s) for number in numbers}
    runs = runs_of(slots)
    every = [NOON + number * timedelta(seconds=max(1, step_s // 5)) for number in range(-5, 305)]
    assert {instant for instant in every if any(run.has(instant) for run in runs)} == slots


def test_slots_in_a_row_are_one_run() -> None:
    (run,) = runs_of([NOON + number * timedelta(minutes=5) for number in range(1000)])
    assert (run.first, run.step_s) == (NOON, 300)
