"""The ledger in words: runs of slots that are alike, and their lines."""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from domain.cycle import Cause
from domain.history.ledger import LedgerRow, LedgerRun, runs_of
from domain.history.series import Span
from entrypoints.terminal.stored_data.ledger_text import as_object, lines
from entrypoints.words import reason_of
from tests.support.builders import NOON, a_measurement

MINUTE = timedelta(minutes=1)
NAMES = {"hue:1": "Attic", "hue:2": "Cellar", "hue:3": "Hall"}


def a_row(minutes: int = 0, **changes: Any) -> LedgerRow:
    fields: dict[str, Any] = {
        "source": "hue",
        "slot": NOON + minutes * MINUTE,
        "interval_s": 300,
        "is_planned": True,
        "state": "stored",
        "readings": 3,
    }
    return LedgerRow(**(fields | changes))


def a_failure(minutes: int = 0, **changes: Any) -> LedgerRow:
    return a_row(minutes, **({"state": "failed", "cause": "network", "readings": 0} | changes))


def runs(*rows: LedgerRow) -> list[tuple[float, float, int]]:
    found = runs_of(rows, {})
    return [((run.first_slot - NOON) / MINUTE, (run.row.slot - NOON) / MINUTE, run.slots) for run in found]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([a_row(0), a_row(5), a_row(10)], [(0, 10, 3)]),
        ([a_row(0), a_failure(5), a_row(10)], [(0, 0, 1), (5, 5, 1), (10, 10, 1)]),
        ([a_failure(0, detail="a"), a_failure(5, detail="b")], [(0, 5, 2)]),
        ([a_failure(0), a_failure(5, cause="throttled")], [(0, 0, 1), (5, 5, 1)]),
        ([a_row(0), a_row(5, readings=2)], [(0, 0, 1), (5, 5, 1)]),
        ([a_row(0), a_row(5, unread={"hue:1": ("stale", "")})], [(0, 0, 1), (5, 5, 1)]),
        ([a_row(0), a_row(15)], [(0, 0, 1), (15, 15, 1)]),
        ([a_row(0), a_row(2, is_planned=False), a_row(5)], [(0, 5, 2), (2, 2, 1)]),
        ([a_row(5, source="amazon"), a_row(0), a_row(5)], [(0, 5, 2), (5, 5, 1)]),
    ],
)
def test_slots_that_are_alike_are_one_run(
    rows: list[LedgerRow], expected: list[tuple[float, float, int]]
) -> None:
    assert runs(*rows) == expected


@pytest.mark.parametrize(
    ("row", "is_complete"),
    [(a_row(), True), (a_failure(), False), (a_row(unread={"hue:1": ("unreachable", "Attic")}), False)],
)
def test_run_is_complete_when_no_reading_is_missing(row: LedgerRow, is_complete: bool) -> None:
    assert [run.is_complete for run in runs_of([row], {})] == [is_complete]


def test_a_run_has_the_most_attempts_and_time_of_its_reads() -> None:
    costs = {
        ("hue", NOON): a_measurement(NOON, attempts=3, duration_s=2.5),
        ("hue", NOON + 5 * MINUTE): a_measurement(attempts=3, duration_s=2.0),
        ("hue", NOON + 10 * MINUTE): a_measurement(attempts=1, duration_s=0.25),
    }
    found = runs_of([a_row(0), a_row(5), a_row(10), a_row(15)], costs)
    assert [(run.slots, run.attempts, run.duration_s) for run in found] == [(4, 3, 2.5)]


UNREAD = {"hue:1": ("unreachable", "x"), "hue:2": ("unreachable", ""), "hue:9": ("stale", "")}
MANY = {f"hue:{number}": ("unreachable", "") for number in range(10, 17)}


@pytest.mark.parametrize(
    ("row", "slots", "text"),
    [
        (a_row(), 1, "12:00 +00:00  hue  3 readings"),
        (a_row(readings=1), 1, "hue  1 reading"),
        (a_row(), 3, "11:50 - 12:00 +00:00  hue  3 slots, 3 readings each"),
        (
            a_row(unread=UNREAD),
            1,
            "missing: Attic, Cellar (the sensor could not be reached), hue:9 (the device has not reported",
        ),
        (
            a_row(unread=MANY),
            1,
            "missing: hue:10, hue:11, hue:12, hue:13 and 3 more (the sensor",
        ),
        (a_failure(detail="timed out"), 1, "hue  the source could not be reached (timed out)"),
        (a_failure(), 19, "10:30 - 12:00 +00:00  hue  19 slots: the source could not be reached"),
        (a_row(state="deferred", cause="throttled"), 1, "not asked: the source asked for fewer requests"),
        (a_row(state="missed", cause="asleep"), 2, "2 slots: no cycle: the machine was asleep"),
        (a_row(is_planned=False), 1, "12:00:00 +00:00  hue  3 readings, by hand"),
        (a_row(state="no_cycle", cause="no_cycle"), 2, "2 slots: nothing has collected since; is"),
        (a_failure(cause="of_a_later_version"), 1, "hue  of a later version"),
    ],
)
def test_a_run_is_put_in_words(row: LedgerRow, slots: int, text: str) -> None:
    run = LedgerRun(row=row, first_slot=row.slot - (slots - 1) * 5 * MINUTE, slots=slots)
    ((line, _),) = lines([run], NAMES, UTC)
    assert text in line


def test_attempts_and_time_are_named_if_known() -> None:
    run = LedgerRun(row=a_row(), first_slot=NOON, attempts=3, duration_s=2.5)
    ((line, _),) = lines([run], NAMES, ZoneInfo("Asia/Kolkata"))
    assert line == "2026-03-01 17:30 +05:30  hue  3 readings  [3 attempts, 2.50 s]"


def test_every_cause_has_words() -> None:
    assert all(reason_of(cause) != cause.value.replace("_", " ") for cause in Cause)


def test_the_object_has_every_field_of_a_run() -> None:
    found = runs_of([a_row(0, unread={"hue:1": ("stale", "x")})], {})
    printed = as_object(found, Span(since=NOON, until=NOON + MINUTE))
    assert printed["runs"] == [
        {
            "source": "hue",
            "first_slot": NOON.isoformat(),
            "last_slot": NOON.isoformat(),
            "slots": 1,
            "planned": True,
            "state": "stored",
            "cause": None,
            "detail": "",
            "readings": 3,
            "unread": [{"device_id": "hue:1", "cause": "stale", "detail": "x"}],
            "attempts": None,
            "duration_s": None,
        }
    ]
