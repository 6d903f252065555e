"""The overall result of a health check."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.health.report import (
    ComponentResult,
    Health,
    HealthReport,
    HealthRequest,
    Status,
    Weight,
    aggregate,
)

PASS, WARN, FAIL, SKIPPED = Status.PASS, Status.WARN, Status.FAIL, Status.SKIPPED
UNKNOWN = Status.UNKNOWN
SOURCE, ESSENTIAL = Weight.SOURCE, Weight.ESSENTIAL


def a_result(status: Status, weight: Weight = Weight.ORDINARY) -> ComponentResult:
    return ComponentResult(component="one", status=status, summary="seen", weight=weight)


ANY_RESULTS = st.lists(st.builds(a_result, st.sampled_from(Status), st.sampled_from(Weight)), max_size=6)


@pytest.mark.parametrize(
    ("answers", "exit_code"),
    [
        ([], 0),
        ([(PASS,), (PASS, SOURCE)], 0),
        ([(WARN,), (WARN, ESSENTIAL), (SKIPPED, SOURCE)], 0),
        ([(FAIL,), (PASS, SOURCE)], 1),
        ([(FAIL,), (SKIPPED, SOURCE)], 1),
        ([(FAIL, ESSENTIAL), (PASS, SOURCE)], 2),
        ([(FAIL, SOURCE), (PASS, SOURCE)], 1),
        ([(FAIL, SOURCE), (WARN, SOURCE)], 1),
        ([(FAIL, SOURCE), (FAIL, SOURCE)], 2),
        ([(FAIL, SOURCE), (SKIPPED, SOURCE)], 2),
        ([(UNKNOWN, ESSENTIAL), (PASS, SOURCE)], 1),
        ([(UNKNOWN, SOURCE), (UNKNOWN, ESSENTIAL)], 1),
        ([(FAIL, SOURCE), (UNKNOWN, SOURCE)], 1),
        ([(FAIL, ESSENTIAL), (UNKNOWN, SOURCE)], 2),
    ],
)
def test_health_check_exit_codes(answers: list[tuple[Status, ...]], exit_code: int) -> None:
    assert int(aggregate(a_result(*answer) for answer in answers)) == exit_code  # type: ignore[arg-type]


@given(ANY_RESULTS)
def test_only_failures_and_what_is_unknown_count(results: list[ComponentResult]) -> None:
    is_well = all(result.status not in (FAIL, UNKNOWN) for result in results)
    assert (aggregate(results) is Health.HEALTHY) == is_well


@given(ANY_RESULTS, ANY_RESULTS)
def test_result_does_not_depend_on_the_order(
    some: list[ComponentResult], more: list[ComponentResult]
) -> None:
    assert aggregate(some + more) is aggregate(more + some)


@given(ANY_RESULTS)
def test_failure_never_improves_the_result(results: list[ComponentResult]) -> None:
    assert aggregate([*results, a_result(FAIL)]) >= max(aggregate(results), Health.SOME_FAILED)


@pytest.mark.parametrize(("passed_s", "left_s"), [(0.5, 14.5), (9.0, 6.0), (14.0, 5.0), (600.0, 5.0)])
def test_slow_start_leaves_the_probes_a_third_of_the_time(passed_s: float, left_s: float) -> None:
    assert HealthRequest(timeout_s=15.0).after(passed_s).timeout_s == left_s


def test_report_counts_its_results() -> None:
    report = HealthReport((a_result(PASS), a_result(FAIL), a_result(PASS)))
    assert (report.count(PASS), report.count(WARN), report.health) == (2, 0, Health.SOME_FAILED)
