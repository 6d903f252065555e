"""What is as it should be, and what is said where it is not."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from domain.cycle import Cause, SourceReply, Unread
from domain.errors import (
    CredentialsRefused,
    CredentialsStale,
    SourceError,
    SourceGarbled,
    SourceRefused,
    SourceThrottled,
    SourceUnavailable,
)
from domain.health import Status
from domain.health_rules import (
    LastSlot,
    Slots,
    of_clock,
    of_disk,
    of_last_check,
    of_last_cycle,
    of_reply,
    of_source_error,
    of_spool,
)
from tests.support.builders import NOON, a_reading

PASS, WARN, FAIL, SKIPPED = Status.PASS, Status.WARN, Status.FAIL, Status.SKIPPED
MINUTES = timedelta(minutes=1)
DAYS = timedelta(days=1)


@pytest.mark.parametrize(
    ("free", "status"),
    [
        (None, WARN),
        (0, FAIL),
        (199_999_999, FAIL),
        (200_000_000, WARN),
        (399_999_999, WARN),
        (400_000_000, PASS),
    ],
)
def test_the_room_is_judged_by_the_limits_of_the_incident(free: int | None, status: Status) -> None:
    answer = of_disk(free)
    assert (answer.status, bool(answer.next_step)) == (status, status is not PASS)


def test_nothing_may_wait_in_the_spool() -> None:
    assert of_spool(0, 0, "data/spool").status is PASS
    answer = of_spool(2, 1100, "data/spool")
    assert (answer.status, answer.summary) == (FAIL, "2 cycles with 1,100 readings wait in data/spool")


@pytest.mark.parametrize(
    ("kept", "status", "summary"),
    [
        ({}, SKIPPED, "not been checked yet"),
        ({"result": "ok"}, SKIPPED, "not been checked yet"),
        ({"result": "ok", "at": "noon"}, SKIPPED, "not been checked yet"),
        ({"result": "ok", "at": "2026-03-01T12:00:00"}, SKIPPED, "not been checked yet"),
        ({"result": "ok", "at": (NOON - 3 * DAYS).isoformat()}, PASS, "sound at"),
        ({"result": "ok", "at": (NOON - 3 * DAYS - MINUTES).isoformat()}, WARN, "not checked since"),
        ({"result": "damaged", "at": NOON.isoformat(), "detail": "row 7"}, FAIL, "row 7"),
        ({"result": "failed", "at": NOON.isoformat(), "reason": "no room"}, FAIL, "no room"),
        ({"result": 5, "at": NOON.isoformat()}, FAIL, "could not be made"),
    ],
)
def test_the_last_check_is_told_as_it_was_kept(kept: dict[str, object], status: Status, summary: str) -> None:
    answer = of_last_check(kept, NOON, program="./run")
    assert answer.status is status
    assert summary in answer.summary
    assert ("`./run db check`" in answer.next_step) == (status in (WARN, FAIL))


@pytest.mark.parametrize(
    ("slots", "status"),
    [
        ([], PASS),
        ([Slots(NOON)], PASS),
        ([Slots(NOON + 10 * MINUTES)], PASS),
        ([Slots(NOON + 11 * MINUTES)], FAIL),
        ([Slots(NOON + 600 * DAYS)], FAIL),
        ([Slots(NOON - DAYS, NOON + 600 * DAYS)], WARN),
        ([Slots(NOON - DAYS - MINUTES, NOON + 600 * DAYS)], FAIL),
        ([Slots(NOON + 600 * DAYS), Slots(NOON - MINUTES)], WARN),
    ],
)
def test_the_clock_is_held_against_what_was_stored(slots: list[Slots], status: Status) -> None:
    answer = of_clock(NOON, slots)
    assert (answer.status, "timedatectl" in answer.next_step) == (status, status is not PASS)


def test_a_clock_that_has_lost_its_battery_is_wrong_whatever_was_stored() -> None:
    assert of_clock(datetime.fromisoformat("1970-01-01T00:00:30+00:00"), []).status is FAIL


@pytest.mark.parametrize(
    ("now", "status"), [("2024-12-31T23:59:59+00:00", FAIL), ("2025-01-01T00:00:00+00:00", PASS)]
)
def test_no_time_before_this_program_can_be(now: str, status: Status) -> None:
    assert of_clock(datetime.fromisoformat(now), []).status is status


def a_slot(age: timedelta, source: str = "hue", interval: timedelta = 5 * MINUTES) -> LastSlot:
    return LastSlot(source=source, slot=NOON - age, state="stored", interval=interval)


@pytest.mark.parametrize(
    ("slots", "collectors", "status", "step"),
    [
        ([], [], SKIPPED, ""),
        ([], ["hue"], WARN, "Ask again"),
        ([a_slot(17 * MINUTES)], [], PASS, ""),
        ([a_slot(18 * MINUTES)], [], FAIL, "Start it: `systemctl start homeclimate`, or `./run collect`."),
        ([a_slot(18 * MINUTES)], ["hue"], FAIL, "start the collector again"),
        ([a_slot(18 * MINUTES), a_slot(MINUTES, "amazon")], ["amazon"], FAIL, "Start it"),
        ([a_slot(17 * MINUTES, interval=MINUTES)], [], PASS, ""),
        ([a_slot(62 * MINUTES, interval=20 * MINUTES)], [], PASS, ""),
        ([a_slot(63 * MINUTES, interval=20 * MINUTES)], [], FAIL, "Start it"),
    ],
)
def test_wherever_a_cycle_was_planned_one_should_be_recent(
    slots: list[LastSlot], collectors: list[str], status: Status, step: str
) -> None:
    answer = of_last_cycle(slots, collectors, NOON, program="./run")
    assert answer.status is status
    assert step in answer.next_step


def test_a_source_that_hands_over_is_well() -> None:
    answer = of_reply(SourceReply(readings=(a_reading(),), notes=("whole bridge",)))
    assert (answer.status, answer.summary) == (PASS, "1 devices answer; whole bridge")


def test_a_device_that_does_not_answer_is_no_failure_of_its_source() -> None:
    silent = Unread(device_id="hue:2", cause=Cause.SWITCHED_OFF)
    answer = of_reply(SourceReply(readings=(a_reading(),), unread=(silent,)))
    assert answer.status is WARN
    assert "hue:2 (switched off)" in answer.summary


def test_a_source_whose_devices_are_all_silent_says_which_and_is_not_taken_for_an_empty_one() -> None:
    silent = [Unread(device_id=f"hue:{number}", cause=Cause.SWITCHED_OFF) for number in (1, 2)]
    answer = of_reply(SourceReply(readings=(), unread=tuple(silent), notes=("v1",)))
    assert answer.status is WARN
    assert answer.summary == "0 devices answer, 2 do not: hue:1 (switched off), hue:2 (switched off); v1"
    assert "batteries" in answer.next_step


def test_a_cycle_that_came_is_told_by_the_newest() -> None:
    answer = of_last_cycle([a_slot(9 * MINUTES), a_slot(MINUTES, "amazon")], [], NOON, program="./run")
    assert answer.summary == "amazon stored at 2026-03-01 11:59:00 UTC"


def test_a_source_without_a_device_is_told_of() -> None:
    assert of_reply(SourceReply(readings=())).status is WARN


@pytest.mark.parametrize(
    ("error", "source", "step"),
    [
        (CredentialsRefused("no"), "amazon", "`./run setup --reauth amazon`"),
        (CredentialsStale("no"), "hue:1", "`./run setup --reauth hue:1`"),
        (SourceThrottled("no", retry_after_s=30.0), "hue", "in 30 s"),
        (SourceThrottled("no"), "hue", "in some minutes"),
        (SourceRefused("no"), "hue", "`./run setup`"),
        (SourceUnavailable("no"), "hue", "switched on"),
        (SourceGarbled("no"), "hue:1", "switched on"),
        (SourceUnavailable("no"), "amazon", "internet"),
    ],
)
def test_the_next_step_goes_by_what_kind_of_failure_it_was(
    error: SourceError, source: str, step: str
) -> None:
    answer = of_source_error(error, source=source, program="./run")
    assert (answer.status, answer.summary) == (FAIL, "no")
    assert step in answer.next_step
