"""The health rules: from the state of a component to its answer."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from adapters.health.machine import LINUX, UNAVAILABLE_STEPS
from domain.alerts.incidents import ClockStep
from domain.cycle import Cause, SourceReply, Unread
from domain.errors import (
    CredentialsDoubted,
    CredentialsRefused,
    CredentialsStale,
    SourceError,
    SourceGarbled,
    SourceRefused,
    SourceThrottled,
    SourceUnavailable,
)
from domain.health.report import Status
from domain.health.rules import (
    LastSlot,
    judge_backups,
    judge_clock,
    judge_disk,
    judge_last_check,
    judge_last_cycle,
    judge_reply,
    judge_source_error,
    judge_spool,
    judge_unasked_source,
)
from domain.progress import Waiting
from domain.times import local_time
from domain.upkeep import StepRecord, StepResult
from tests.support.builders import NOON, a_reading

PASS, WARN, FAIL, SKIPPED = Status.PASS, Status.WARN, Status.FAIL, Status.SKIPPED
MINUTES = timedelta(minutes=1)
DAYS = timedelta(days=1)
FIVE = {"hue": 5 * MINUTES}


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
def test_disk_limits_are_those_of_the_incident(free: int | None, status: Status) -> None:
    answer = judge_disk(free, LINUX)
    assert (answer.status, bool(answer.next_step)) == (status, status is not PASS)


def test_spool_should_be_empty() -> None:
    assert judge_spool(Waiting()).status is PASS
    answer = judge_spool(Waiting(cycles=2, readings=1100, places=["data/spool", "state/spool"]))
    assert answer.status is FAIL
    assert answer.summary == "2 cycles with 1,100 readings wait in data/spool and state/spool"


def test_unreadable_place_of_the_spool_is_reported() -> None:
    answer = judge_spool(Waiting(unreadable=["state/spool cannot be used: Permission denied"]))
    assert (answer.status, answer.summary) == (FAIL, "state/spool cannot be used: Permission denied")


def a_check(age: timedelta = timedelta(), result: StepResult = StepResult.OK, **others: str) -> StepRecord:
    return StepRecord(at=NOON - age, result=result, **others)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("last", "status", "summary"),
    [
        (None, SKIPPED, "not been checked yet"),
        (a_check(3 * DAYS), PASS, "sound at"),
        (a_check(3 * DAYS + MINUTES), WARN, "not checked since"),
        (a_check(result=StepResult.DAMAGED, detail="row 7"), FAIL, "row 7"),
        (a_check(result=StepResult.FAILED, reason="no room"), FAIL, "no room"),
    ],
)
def test_last_check(last: StepRecord | None, status: Status, summary: str) -> None:
    answer = judge_last_check(last, NOON)
    assert answer.status is status
    assert summary in answer.summary
    assert ("`homeclimate db check`" in answer.next_step) == (status in (WARN, FAIL))


def a_backup(
    age: timedelta = timedelta(), result: StepResult = StepResult.OK, file: str = "/disk/a.db", **others: Any
) -> StepRecord:
    return StepRecord(at=NOON - age, made_at=NOON - age, result=result, file=file, **others)


KEPT = {"/data/old.db": "the database lacks readings hue:a"}
ASIDE = StepResult.SKIPPED


@pytest.mark.parametrize(
    ("last", "copy", "copy_to", "status", "summary"),
    [
        (None, None, None, SKIPPED, "no backup has been made yet"),
        (a_backup(), None, None, PASS, f"/disk/a.db is of {local_time(NOON)}"),
        (a_backup(3 * DAYS + MINUTES), None, None, WARN, "none was made since"),
        (a_backup(result=ASIDE, reason="no room"), None, None, FAIL, "no room"),
        (a_backup(DAYS, StepResult.FAILED, reason="locked"), None, None, WARN, "locked"),
        (a_backup(3 * DAYS, StepResult.FAILED, reason="locked"), None, None, FAIL, "locked"),
        (a_backup(kept=KEPT), None, None, WARN, "such as /data/old.db: the database lacks readings hue:a"),
        (a_backup(), None, "/disk", WARN, "no new copy in /disk: there is none"),
        (a_backup(), a_backup(), "/disk", PASS, "/disk/a.db"),
        (a_backup(), a_backup(detail="on the disk"), "/disk", PASS, "copied to /disk, on the disk"),
        (a_backup(), a_backup(), "/disk2", WARN, "no new copy in /disk2"),
        (a_backup(), a_backup(kept=KEPT), "/disk", WARN, "such as /data/old.db"),
        (a_backup(), a_backup(kept=KEPT), None, PASS, "/disk/a.db"),
        (a_backup(), a_backup(6 * DAYS, ASIDE, reason="away"), "/disk", PASS, "/disk/a.db"),
        (a_backup(), a_backup(7 * DAYS, ASIDE, reason="away"), "/disk", WARN, "of 2026-02-22 (away)"),
        (a_backup(), a_backup(99 * DAYS, StepResult.FAILED, reason="E"), "/disk", WARN, "(E)"),
        (a_backup(result=ASIDE, reason="no room"), None, "/disk", FAIL, "no new copy in /disk"),
    ],
)
def test_backups(
    last: StepRecord | None, copy: StepRecord | None, copy_to: str | None, status: Status, summary: str
) -> None:
    answer = judge_backups(last, is_there=True, copy=copy, copy_to=copy_to, now=NOON)
    assert answer.status is status
    assert summary in answer.summary
    assert bool(answer.next_step) == (status in (WARN, FAIL))


def test_newest_backup_must_be_there() -> None:
    answer = judge_backups(a_backup(), is_there=False, copy=None, copy_to=None, now=NOON)
    assert (answer.status, answer.summary) == (FAIL, "the newest backup, /disk/a.db, is gone")


def a_slot(age: timedelta, source: str = "hue") -> LastSlot:
    return at(NOON - age, source=source)


def at(slot: datetime, ahead: datetime | None = None, source: str = "hue") -> LastSlot:
    return LastSlot(source=source, slot=slot, state="stored", ahead=ahead)


@pytest.mark.parametrize(
    ("now", "slots", "status"),
    [
        (NOON, [], PASS),
        (NOON, [at(NOON)], PASS),
        (NOON, [at(NOON + MINUTES)], PASS),
        (NOON, [at(NOON + 2 * MINUTES)], FAIL),
        (NOON, [at(NOON + 400 * DAYS)], FAIL),
        (NOON, [at(NOON, ahead=NOON + 400 * DAYS)], WARN),
        (NOON, [at(NOON - DAYS - MINUTES, ahead=NOON + 400 * DAYS)], FAIL),
        (NOON, [at(NOON + 400 * DAYS), at(NOON - DAYS)], WARN),
        (datetime.fromisoformat("1970-01-01T00:00:30+00:00"), [], FAIL),
        (datetime.fromisoformat("2024-12-31T23:59:59+00:00"), [], FAIL),
        (datetime.fromisoformat("2025-01-01T00:00:00+00:00"), [], PASS),
    ],
)
def test_clock(now: datetime, slots: list[LastSlot], status: Status) -> None:
    answer = judge_clock(now, slots, LINUX)
    assert (answer.status, "timedatectl" in answer.next_step) == (status, status is not PASS)


BOTH = FIVE | {"amazon": 5 * MINUTES}


@pytest.mark.parametrize(
    ("slots", "intervals", "collectors", "status", "step"),
    [
        ([], FIVE, [], SKIPPED, ""),
        ([], FIVE, ["hue"], WARN, "Check again"),
        ([a_slot(17 * MINUTES)], FIVE, [], PASS, ""),
        ([a_slot(18 * MINUTES)], FIVE, [], FAIL, "`systemctl start homeclimate`, or `homeclimate collect`."),
        ([a_slot(18 * MINUTES)], FIVE, ["hue"], FAIL, "restart the collector"),
        ([a_slot(18 * MINUTES), a_slot(MINUTES, "amazon")], BOTH, ["amazon"], FAIL, "Start it"),
        ([a_slot(17 * MINUTES)], {"hue": MINUTES}, [], PASS, ""),
        ([a_slot(62 * MINUTES)], {"hue": 20 * MINUTES}, [], PASS, ""),
        ([a_slot(63 * MINUTES)], {"hue": 20 * MINUTES}, [], FAIL, "Start it"),
        ([a_slot(MINUTES)], BOTH, ["hue"], WARN, "restart the collector"),
        ([a_slot(MINUTES), a_slot(DAYS, "hue:gone")], FIVE, ["hue"], PASS, ""),
        ([a_slot(DAYS, "hue:gone")], FIVE, [], SKIPPED, ""),
    ],
)
def test_last_cycle_should_be_recent(
    slots: list[LastSlot],
    intervals: dict[str, timedelta],
    collectors: list[str],
    status: Status,
    step: str,
) -> None:
    answer = judge_last_cycle(slots, intervals, collectors, NOON, LINUX)
    assert answer.status is status
    assert step in answer.next_step


def test_last_cycle_names_each_source() -> None:
    slots = [a_slot(9 * MINUTES), a_slot(MINUTES, "amazon")]
    hue = f"hue stored at {local_time(NOON - 9 * MINUTES, seconds=True)}"
    amazon = f"amazon stored at {local_time(NOON - MINUTES, seconds=True)}"
    assert judge_last_cycle(slots, BOTH, [], NOON, LINUX).summary == f"{hue}, {amazon}"
    answer = judge_last_cycle(slots[:1], BOTH, [], NOON, LINUX)
    assert answer.summary == f"{hue}; no cycle yet of amazon"


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ((True, False, True, True), None),
        ((False, True, False, False), "not enabled"),
        ((True, True, False, False), "--offline"),
        ((True, False, False, False), "secrets.yaml"),
        ((True, False, True, False), "no credentials"),
    ],
)
def test_source_that_cannot_be_asked_is_skipped(facts: tuple[bool, ...], reason: str | None) -> None:
    names = ("is_enabled", "is_offline", "are_secrets_readable", "has_credentials")
    answer = judge_unasked_source(**dict(zip(names, facts, strict=True)))
    assert (answer is None) == (reason is None)
    assert answer is None or (answer.status is SKIPPED and str(reason) in answer.summary)


OFF = tuple(Unread(device_id=f"hue:{number}", cause=Cause.SWITCHED_OFF) for number in (1, 2))


@pytest.mark.parametrize(
    ("reply", "status", "summary"),
    [
        (SourceReply(readings=(a_reading(),), notes=("v1",)), PASS, "1 devices answer; v1"),
        (SourceReply(readings=()), WARN, "it answers, but has no device that is read"),
        (
            SourceReply(readings=(a_reading(),), unread=OFF[:1]),
            WARN,
            "1 devices answer, 1 do not: hue:1 (switched off)",
        ),
        (
            SourceReply(readings=(), unread=OFF, notes=("v1",)),
            WARN,
            "0 devices answer, 2 do not: hue:1 (switched off), hue:2 (switched off); v1",
        ),
    ],
)
def test_silent_devices_do_not_fail_their_source(reply: SourceReply, status: Status, summary: str) -> None:
    answer = judge_reply(reply)
    assert (answer.status, answer.summary) == (status, summary)


@pytest.mark.parametrize(
    ("error", "source", "step"),
    [
        (CredentialsRefused("no"), "amazon", "`homeclimate setup --reauth amazon`"),
        (CredentialsDoubted("no"), "amazon", "If the next cycles are refused"),
        (CredentialsStale("no"), "hue:1", "`homeclimate setup --reauth hue:1`"),
        (SourceThrottled("no", retry_after_s=30.0), "hue", "in 30 s"),
        (SourceThrottled("no"), "hue", "in some minutes"),
        (SourceRefused("no"), "hue", "`homeclimate setup`"),
        (SourceUnavailable("no"), "hue", "switched on"),
        (SourceGarbled("no"), "hue:1", "switched on"),
        (SourceUnavailable("no"), "amazon", "internet"),
    ],
)
def test_next_step_depends_on_the_error(error: SourceError, source: str, step: str) -> None:
    unavailable = UNAVAILABLE_STEPS[source.partition(":")[0]]
    answer = judge_source_error(error, source=source, unavailable_step=unavailable)
    assert (answer.status, answer.summary) == (FAIL, "no")
    assert step in answer.next_step


@pytest.mark.parametrize(
    ("at_noon", "slots", "status"),
    [
        (NOON, [], FAIL),
        (NOON - 23 * 60 * MINUTES, [at(NOON)], FAIL),
        (NOON + 23 * 60 * MINUTES, [at(NOON)], FAIL),  # it was set further back since
        (NOON - DAYS, [at(NOON)], PASS),
        (NOON - 60 * MINUTES, [at(NOON, ahead=NOON + 400 * DAYS)], FAIL),
    ],
)
def test_a_clock_that_was_set_back_fails_for_a_day(
    at_noon: datetime, slots: list[LastSlot], status: Status
) -> None:
    answer = judge_clock(NOON, slots, LINUX, ClockStep(at_noon, "it was set back by 30 min"))
    assert answer.status == status
    assert ("30 min" in answer.summary) is (status is FAIL)
