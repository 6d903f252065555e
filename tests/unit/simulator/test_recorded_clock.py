"""What the clocks of a simulated machine have shown."""

from __future__ import annotations

from datetime import timedelta

from adapters.simulator.simulation.clocks import RecordedClock
from tests.support.builders import NOON

MINUTE_S, HOUR_S = 60.0, 3600.0
YEARS_S = 50 * 365 * 24 * HOUR_S
SLOT = timedelta(minutes=5)


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


def test_the_past_is_known_by_true_time() -> None:
    clock = RecordedClock(NOON)
    for seconds in (HOUR_S, -3 * HOUR_S):
        clock.advance(10 * MINUTE_S)
        clock.step_wall(seconds)
    clock.advance(10 * MINUTE_S)
    shown = [clock.shown_at(NOON + minutes(each)) - NOON for each in (5, 15, 25)]
    assert shown == [minutes(5), minutes(75), minutes(25 - 120)]


def test_a_slot_has_its_turn_each_time_the_clock_shows_it() -> None:
    clock = RecordedClock(NOON)
    clock.advance(12 * MINUTE_S)
    clock.step_wall(-10 * MINUTE_S)
    clock.advance(20 * MINUTE_S)
    slots = [NOON + minutes(each) for each in (0, 5, 10, 25)]
    turns = [[begins_s / MINUTE_S for begins_s, _ in clock.turns_of(slot, slot + SLOT)] for slot in slots]
    assert turns == [[0, 12], [5, 15], [10, 20], []]
    assert clock.causes(NOON, NOON + SLOT) == set()


def test_what_a_step_or_a_sleep_jumps_over_has_its_cause() -> None:
    clock = RecordedClock(NOON)
    clock.advance(2 * MINUTE_S)
    clock.step_wall(10 * MINUTE_S)
    clock.advance(15 * MINUTE_S)
    clock.sleep_machine(10 * MINUTE_S)
    slots = [NOON + minutes(each) for each in (5, 15, 30)]
    assert [clock.causes(slot, slot + SLOT) for slot in slots] == [{"clock_stepped"}, set(), {"asleep"}]
    assert list(clock.turns_of(slots[0], slots[0] + SLOT)) == [(2 * MINUTE_S, 2 * MINUTE_S)]
    assert clock.slept_since_s(3 * MINUTE_S) == 10 * MINUTE_S


def test_a_slot_has_its_turn_by_the_fast_clock_that_jumps_over_it() -> None:
    clock = RecordedClock(NOON)
    clock.step_wall(2 * MINUTE_S)
    clock.advance(2 * MINUTE_S)
    clock.step_wall(-YEARS_S)
    clock.advance(8 * MINUTE_S)
    clock.step_wall(YEARS_S)
    slot = NOON + minutes(5)
    assert list(clock.turns_of(slot, slot + SLOT)) == [(3 * MINUTE_S, 10 * MINUTE_S)]


def test_a_clock_that_was_decades_behind_jumps_over_that_time_alone() -> None:
    clock = RecordedClock(NOON)
    clock.advance(HOUR_S)
    clock.step_wall(-YEARS_S)
    clock.advance(20 * MINUTE_S)
    clock.step_wall(YEARS_S)
    jumped = [
        each for each in range(0, 120, 5) if clock.causes(NOON + minutes(each), NOON + minutes(each + 5))
    ]
    assert jumped == [60, 65, 70, 75]


def test_a_slot_at_which_the_machine_slept_says_so_however_the_clock_is_set_at_the_wake() -> None:
    clock = RecordedClock(NOON)
    clock.step_wall(-20 * MINUTE_S)
    clock.advance(30 * MINUTE_S)
    clock.sleep_machine(HOUR_S)
    clock.step_wall(20 * MINUTE_S)
    slots = [NOON + minutes(each) for each in (15, 75)]  # of the time before the sleep, and of its end
    assert [clock.causes(slot, slot + SLOT) for slot in slots] == [{"asleep"}, {"clock_stepped", "asleep"}]
