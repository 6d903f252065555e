"""Causes of failures, and the verdict over several cycles."""

from __future__ import annotations

import pytest

from domain import errors
from domain.cycle import Cause, Cycle, NotStored, Outcome, Spooled, Stored, Verdict, cause_of, verdict
from domain.errors import (
    CredentialsDoubted,
    CredentialsRefused,
    CredentialsStale,
    HomeclimateError,
    SourceError,
    SourceGarbled,
    SourceRefused,
    SourceThrottled,
    SourceUnavailable,
)
from tests.support.builders import a_collected, a_cycle, a_deferred, a_failed, a_reading

CAUSES: dict[type[Exception], Cause] = {
    SourceUnavailable: Cause.NETWORK,
    SourceThrottled: Cause.THROTTLED,
    CredentialsStale: Cause.CREDENTIALS,
    CredentialsDoubted: Cause.NETWORK,
    CredentialsRefused: Cause.CREDENTIALS,
    SourceRefused: Cause.REFUSED,
    SourceGarbled: Cause.GARBLED,
}


def stored(*outcomes: Outcome) -> Cycle:
    return Stored(report=a_cycle(*outcomes))


def spooled(*outcomes: Outcome) -> Cycle:
    return Spooled(report=a_cycle(*outcomes), reason="the disk is full", place="data/spool")


def not_stored(*outcomes: Outcome) -> Cycle:
    return NotStored(report=a_cycle(*outcomes), reason="the disk is full")


@pytest.mark.parametrize(
    ("error", "cause"), CAUSES.items(), ids=lambda value: getattr(value, "__name__", value)
)
def test_each_source_error_has_its_cause(error: type[Exception], cause: Cause) -> None:
    assert cause_of(error("what was tried")) == cause


def test_every_source_error_class_has_a_cause() -> None:
    kinds = {
        kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, SourceError)
    }
    assert kinds - {SourceError} == set(CAUSES)


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (TimeoutError(), Cause.OUT_OF_TIME),
        (KeyError("a fault of ours"), Cause.INTERNAL),
        (SourceError("unnamed"), Cause.INTERNAL),
        (HomeclimateError("unnamed"), Cause.INTERNAL),
    ],
)
def test_other_errors_have_a_cause(error: Exception, cause: Cause) -> None:
    assert cause_of(error) == cause


def test_ledger_words_never_change() -> None:
    assert {cause.value for cause in Cause} >= {
        "unreachable", "switched_off", "no_value", "no_identity", "not_listed", "out_of_range", "stale",
        "network", "throttled", "credentials", "refused", "garbled", "out_of_time", "internal",
        "stopped", "interrupted", "asleep", "clock_stepped", "overrun",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("cycles", "expected"),
    [
        ([], Verdict.ALL_STORED),
        ([stored(a_collected())], Verdict.ALL_STORED),
        ([stored(a_collected(), a_collected())], Verdict.ALL_STORED),
        ([stored(a_deferred())], Verdict.ALL_STORED),
        ([not_stored(a_deferred())], Verdict.ALL_STORED),
        ([stored(a_collected(), a_deferred())], Verdict.ALL_STORED),
        ([stored(a_collected(), a_failed())], Verdict.SOME_FAILED),
        ([stored(a_collected()), stored(a_failed())], Verdict.SOME_FAILED),
        ([stored(a_collected()), not_stored(a_collected())], Verdict.SOME_FAILED),
        ([stored(a_failed())], Verdict.NONE_STORED),
        ([stored(a_failed(), a_deferred())], Verdict.NONE_STORED),
        ([spooled(a_collected())], Verdict.ALL_STORED),
        ([spooled(a_collected(), a_failed())], Verdict.SOME_FAILED),
        ([not_stored(a_collected())], Verdict.NONE_STORED),
        ([not_stored(a_collected(), a_failed())], Verdict.NONE_STORED),
    ],
)
def test_verdict_is_the_worst_result(cycles: list[Cycle], expected: Verdict) -> None:
    assert verdict(cycles) == expected


def test_verdicts_are_exit_codes() -> None:
    assert [int(each) for each in (Verdict.ALL_STORED, Verdict.SOME_FAILED, Verdict.NONE_STORED)] == [0, 1, 2]


def test_report_has_the_readings_of_all_sources() -> None:
    first, second, third = (a_reading(device_id=f"hue:{number}") for number in range(3))
    report = a_cycle(a_collected(first, second), a_failed(), a_deferred(), a_collected(third))
    assert report.readings == (first, second, third)
