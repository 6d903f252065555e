"""Which rows of a ledger are right, by what the home was asked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from adapters.simulator.simulation.account.causes import Row, Stop, wrong_causes
from adapters.simulator.simulation.account.home_list import INTERVAL, AskedCycle, HomeList
from adapters.simulator.simulation.account.kills import KilledCycle
from adapters.simulator.simulation.clocks import RecordedClock
from tests.support.builders import NOON

HOUR_OF_SLOTS = 12


def asked(number: int, *causes: str, wait_s: float = 0.0) -> tuple[int, AskedCycle]:
    """Return a cycle in the slot of that number, without causes one with readings."""
    cycle = AskedCycle(
        at_s=number * INTERVAL.total_seconds(),
        last_s=number * INTERVAL.total_seconds(),
        last_at=NOON + number * INTERVAL,
        was_handed_over=not causes,
        causes=frozenset(causes),
        wait_s=wait_s,
    )
    return number, cycle


def wrong(
    number: int,
    row: Row,
    cycles: Sequence[tuple[int, AskedCycle]],
    stops: Sequence[Stop] = (),
    clock: RecordedClock | None = None,
) -> list[str]:
    """Return what is wrong with the row of the slot of that number."""
    if clock is None:
        clock = RecordedClock(NOON)
    clock.advance(3 * 3600 - clock.elapsed_asleep_s())
    home_list = HomeList(shown_at=clock.shown_at)
    home_list.cycles.update({("hue", NOON + each * INTERVAL): cycle for each, cycle in cycles})
    key = "hue", NOON + number * INTERVAL
    return [words for at, words in wrong_causes([key], {key: row}, home_list, clock, stops) if at == key]


STORED: Row = ("stored", None)


@pytest.mark.parametrize(
    ("row", "cycle", "expected"),
    [
        (STORED, asked(0), []),
        (("failed", "network"), asked(0, "network"), []),
        (("failed", "network"), asked(0), ["hue failed network instead of stored"]),
        (STORED, asked(0, "network"), ["hue stored instead of failed network"]),
        (("failed", "throttled"), asked(0, "network"), ["hue failed throttled instead of failed network"]),
        (("missed", "stopped"), asked(0, "network"), ["hue missed stopped instead of failed network"]),
    ],
)
def test_a_row_is_right_by_what_the_home_answered(
    row: Row, cycle: tuple[int, AskedCycle], expected: list[str]
) -> None:
    assert wrong(0, row, [cycle]) == expected


@pytest.mark.parametrize(
    ("number", "cause", "cycles", "is_right"),
    [
        (1, "throttled", [asked(0, "throttled")], False),  # the first refusal costs nothing more
        (1, "throttled", [asked(0, "throttled", wait_s=300)], True),  # unless the source asks for it
        (2, "throttled", [asked(0, "throttled"), asked(1, "throttled")], True),
        (3, "throttled", [asked(0, "throttled"), asked(1, "throttled")], False),
        (2, "credentials", [asked(0, "throttled"), asked(1, "throttled")], False),
        (2, "throttled", [asked(0, "throttled"), asked(1, "network")], False),
        (2, "throttled", [asked(0, "throttled"), asked(1)], False),
        (HOUR_OF_SLOTS, "credentials", [asked(0, "credentials")], True),
        (2 * HOUR_OF_SLOTS + 1, "credentials", [asked(0, "credentials")], False),
    ],
)
def test_a_source_is_deferred_after_refusals_only(
    number: int, cause: str, cycles: Sequence[tuple[int, AskedCycle]], is_right: bool
) -> None:
    assert (wrong(number, ("deferred", cause), cycles) == []) is is_right


def test_a_refusal_in_a_killed_cycle_may_count() -> None:
    clock = RecordedClock(NOON)
    clock.advance(3600)
    home_list = HomeList(shown_at=clock.shown_at)
    home_list.cycles["hue", NOON] = asked(0, "throttled")[1]
    killed_at, last = NOON + INTERVAL, asked(1, "throttled")[1]
    home_list.killed.append(KilledCycle(at=killed_at, has_line=False, handed={}, asked={"hue": last}))
    key, row = ("hue", NOON + 2 * INTERVAL), ("deferred", "throttled")
    assert not [at for at, _ in wrong_causes([key], {key: row}, home_list, clock, ()) if at == key]


def test_a_source_that_is_neither_paused_nor_stopped_must_be_asked() -> None:
    assert wrong(1, ("missed", "stopped"), [asked(0)]) == ["hue missed stopped instead of asked"]


def test_a_slot_is_missed_while_the_collector_does_not_run() -> None:
    stops = [Stop(10.0, 700.0)]  # true seconds from noon
    found = [wrong(number, ("missed", "stopped"), [asked(0)], stops) for number in (1, 2, 3)]
    assert found == [[], [], ["hue missed stopped instead of asked"]]


def test_a_slot_that_passed_in_sleep_is_missed_because_of_it() -> None:
    clock = RecordedClock(NOON)
    clock.advance(10)
    clock.sleep_machine(timedelta(minutes=20).total_seconds())
    assert wrong(2, ("missed", "asleep"), [asked(0)], clock=clock) == []


@pytest.mark.parametrize(
    ("causes", "row", "is_right"),
    [
        ({"hue": {"throttled"}}, ("missed", "interrupted"), True),
        ({"hue": {"throttled"}}, ("stored", None), True),
        ({"hue": {"throttled"}}, ("failed", "throttled"), True),
        ({"hue": {"throttled"}}, ("missed", "stopped"), False),
        ({}, ("missed", "stopped"), True),  # the cycle had not begun; found by `killed` with seed 1
    ],
)
def test_the_moment_of_a_kill_decides_which_rows_are_right(
    causes: dict[str, set[str]], row: Row, is_right: bool
) -> None:
    clock = RecordedClock(NOON)
    home_list = HomeList(shown_at=clock.shown_at)
    own = {source: frozenset(each) for source, each in causes.items()}
    home_list.killed.append(KilledCycle(at=NOON, has_line=False, handed={}, causes=own))
    rows: dict[tuple[str, datetime], Row] = {("hue", NOON): row}
    assert (not list(wrong_causes(list(rows), rows, home_list, clock, []))) is is_right
