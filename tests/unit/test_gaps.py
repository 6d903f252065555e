"""Slots without a ledger row: their causes, and their portions."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import attrs
import pytest

from domain.cycle import Cause, Gap
from domain.gaps import LONGEST_GAP, ROWS_AT_ONCE, Hole, fill, find_holes
from domain.schedule import runs_of
from tests.support.builders import NOON, a_collected, a_cycle, a_due, a_failed, a_missed


def slot(minute: int) -> datetime:
    return NOON + timedelta(minutes=minute)


def a_gap(
    cause: Cause = Cause.OVERRUN, first: int = 0, last: int | None = None, interrupted: int = -99
) -> Gap:
    """A gap; slots are given as minutes after noon."""
    return Gap(
        source="hue",
        cause=cause,
        first=slot(first),
        last=None if last is None else slot(last),
        interrupted=(slot(interrupted),),
    )


def a_hole(after: int | None, before: int, gap: Gap | None = None) -> Hole:
    return Hole(
        gap=gap or a_gap(), interval_s=300, after=None if after is None else slot(after), before=slot(before)
    )


@pytest.mark.parametrize(
    ("gap", "after", "minute", "cause"),
    [
        (a_gap(first=30), 0, 5, Cause.STOPPED),
        (a_gap(first=30, interrupted=5), 0, 5, Cause.INTERRUPTED),
        (a_gap(first=30, interrupted=5), 0, 10, Cause.STOPPED),
        (attrs.evolve(a_gap(first=30, interrupted=5), not_stored=runs_of([slot(5)])), 0, 5, Cause.NOT_STORED),
        (attrs.evolve(a_gap(first=30), not_stored=runs_of([slot(0), slot(10)])), 0, 5, Cause.STOPPED),
        (a_gap(first=30), 0, 35, Cause.OVERRUN),
        (a_gap(Cause.ASLEEP, first=30, last=30), 30, 35, Cause.ASLEEP),
        # the clock was moved by more than the process has been running
        (a_gap(Cause.CLOCK_STEPPED, first=90, last=30), 30, 35, Cause.CLOCK_STEPPED),
        # the process ran at a time long ago, and the clock was put right
        (a_gap(Cause.CLOCK_STEPPED, first=50, last=-9000), 0, 45, Cause.STOPPED),
        (a_gap(Cause.CLOCK_STEPPED, first=50, last=-9000), 0, 55, Cause.CLOCK_STEPPED),
        # it ran these slots, and neither it nor the database has them: an older backup took its place
        (a_gap(first=30, last=60), 0, 25, Cause.STOPPED),
        (a_gap(first=30, last=60), 0, 30, Cause.NOT_STORED),
        (a_gap(first=30, last=60), 0, 60, Cause.NOT_STORED),
        (a_gap(first=30, last=60), 0, 65, Cause.OVERRUN),
    ],
)
def test_a_slot_without_a_row_has_a_cause(gap: Gap, after: int, minute: int, cause: Cause) -> None:
    assert gap.cause_of(slot(minute), slot(after)) is cause


def _newest_before(*minutes: int) -> Callable[[str, datetime], datetime | None]:
    return lambda _, instant: max((slot(each) for each in minutes if slot(each) < instant), default=None)


@pytest.mark.parametrize(
    ("minutes", "rows", "hole"),
    [
        ([5], [0], None),
        ([10], [0], (0, 10)),
        ([10, 5], [0], None),  # those that are known to be missed have their row
        ([15, 10], [0], (0, 15)),
        ([15, 5], [0], (0, 15)),
        ([10], [], (None, 10)),
        ([10], [60], (None, 10)),
        ([10], [0, 60], (0, 10)),
        ([10], [5, 60], None),
    ],
)
def test_a_report_leaves_a_hole_where_slots_have_no_row(
    minutes: list[int], rows: list[int], hole: tuple[int | None, int] | None
) -> None:
    newest, *others = [a_due(slot=slot(each)) for each in minutes]
    report = a_cycle(a_failed(newest), missed=tuple(map(a_missed, others)), gaps=(a_gap(),))
    found = list(find_holes(report, _newest_before(*rows), lambda *_: {"hue:a"}))
    expected = () if hole is None or hole[0] is None else ("hue:a",)
    assert found == ([] if hole is None else [attrs.evolve(a_hole(*hole), expected=expected)])


def test_a_cycle_outside_the_schedule_leaves_no_hole() -> None:
    report = a_cycle(a_collected(due=a_due(slot=slot(60), scheduled=False)))
    assert list(find_holes(report, _newest_before(0), lambda *_: frozenset())) == []


def test_a_report_without_causes_was_preceded_by_a_stop() -> None:
    (hole,) = find_holes(a_cycle(a_failed(a_due(slot=slot(15)))), _newest_before(0), lambda *_: frozenset())
    missed, left = hole.newest(9)
    assert [(one.due.slot, one.cause) for one in missed] == [
        (slot(10), Cause.STOPPED), (slot(5), Cause.STOPPED)
    ]  # fmt: skip
    assert left is None


@pytest.mark.parametrize(
    "minutes", [15, 5 * ROWS_AT_ONCE, 5 * ROWS_AT_ONCE + 5, 25 * ROWS_AT_ONCE + 5, 17 * 1440]
)
@pytest.mark.parametrize("begin", [0, 2])  # the last row may be of another interval
def test_portions_are_bounded_and_leave_out_no_slot(minutes: int, begin: int) -> None:
    holes = [a_hole(begin, minutes)]
    written: list[datetime] = []
    while holes:
        rounds = list(fill(holes, slot(minutes), _newest_before()))
        holes = [left for _, _, left in rounds if left is not None]
        portion = [missed.due.slot for _, missed_slots, _ in rounds for missed in missed_slots]
        assert 0 < len(portion) <= ROWS_AT_ONCE
        written += portion
    first = 5
    assert written[::-1] == [slot(each) for each in range(first, minutes, 5)]


def test_all_holes_share_a_portion() -> None:
    holes = [a_hole(0, 5 * ROWS_AT_ONCE), a_hole(-50, -20), a_hole(None, 500)]
    rounds = [(len(missed), left) for _, missed, left in fill(holes, slot(99999), _newest_before())]
    assert rounds == [
        (ROWS_AT_ONCE - 1, None),
        (1, attrs.evolve(holes[1], before=slot(-25))),
        (0, holes[2]),
    ]


YEARS = 365 * 24 * 60
TEN_YEARS = int(LONGEST_GAP.total_seconds() // 60)


@pytest.mark.parametrize(
    ("after", "before", "rows", "now", "count", "is_left"),
    [
        (0, TEN_YEARS, (), TEN_YEARS, ROWS_AT_ONCE, True),
        (0, TEN_YEARS + 5, (), TEN_YEARS + 5, 0, False),  # the clock was wrong, then or now
        (0, 60, (), -61, 0, True),  # it waits until the clock has come there
        (0, 60, (), -60, 11, False),
        (None, 60, (), 60, 0, True),
        (None, 60, (0,), 60, 11, False),  # a backup has brought the rows before
        (None, YEARS, (0,), 5, 0, True),  # the earlier row is of a clock that was set back
    ],
)
def test_a_hole_of_a_wrong_clock_is_not_filled(
    after: int | None, before: int, rows: tuple[int, ...], now: int, count: int, *, is_left: bool
) -> None:
    ((_, missed, left),) = fill([a_hole(after, before)], slot(now), _newest_before(*rows))
    assert (len(missed), left is not None) == (count, is_left)


def test_devices_are_expected_for_a_day() -> None:
    hole = attrs.evolve(a_hole(0, 2 * 1440), expected=("hue:a",))
    missed, _ = hole.newest(ROWS_AT_ONCE)
    assert [one.due.slot for one in missed if one.unread][::-1] == [slot(each) for each in range(5, 1440, 5)]
