"""Format a health report for people, for monitors and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

import attrs

from domain.health.report import ComponentResult, Health, HealthReport, Status
from entrypoints.terminal.output import Look
from entrypoints.terminal.output import as_json as json_line
from entrypoints.version import __version__

JSON_VERSION = "1"
_WIDTH = 14
LOOKS: Mapping[Status, Look] = {
    Status.PASS: Look.GREEN,
    Status.WARN: Look.YELLOW,
    Status.FAIL: Look.BOLD_RED,
    Status.UNKNOWN: Look.BOLD_YELLOW,
    Status.SKIPPED: Look.DIM,
}
_WORDS: Mapping[Health, tuple[str, str]] = {  # for monitors, and for people
    Health.HEALTHY: ("OK", "healthy"),
    Health.SOME_FAILED: ("WARNING", "not healthy; readings are collected"),
    Health.CANNOT_COLLECT: ("CRITICAL", "not healthy; nothing can be collected"),
}


def lines(result: ComponentResult) -> Iterator[str]:
    """Format one component, and below it its other faults, a line each, and the next step."""
    first, *others = result.summary.splitlines() or [""]
    yield f"{result.status:<7}  {result.component:<{_WIDTH}}  {_on_one_line(first)}"
    for other in others:
        yield f"{'':{_WIDTH + 11}}{_on_one_line(other)}"
    if result.next_step:
        yield f"{'':9}-> {_on_one_line(result.next_step)}"


def shared_reasons(results: Sequence[ComponentResult]) -> Iterator[ComponentResult]:
    """Yield one result for all components that have the same reason, and one for all others skipped."""
    skipped = [result for result in results if result.status is Status.SKIPPED]
    if len({result.summary for result in skipped}) > 1:
        names = ", ".join(sorted(result.component for result in skipped))
        count = f"{len(skipped)} components"
        yield attrs.evolve(
            skipped[0], component=count, summary=f"{names} (--only NAME says why)", next_step=""
        )
        results = [result for result in results if result.status is not Status.SKIPPED]
    by_reason: dict[str, list[ComponentResult]] = {}
    for result in results:
        by_reason.setdefault(result.summary, []).append(result)
    for same in by_reason.values():
        count = f"{len(same)} components" if len(same) > 1 else same[0].component
        yield attrs.evolve(same[0], component=count)


def ending(report: HealthReport, duration_s: float) -> str:
    """Format the summary line."""
    words = {
        Status.FAIL: "failed",
        Status.UNKNOWN: "unknown",
        Status.WARN: "to look at",
        Status.PASS: "passed",
        Status.SKIPPED: "skipped",
    }
    is_only_unknown = report.count(Status.UNKNOWN) and not report.count(Status.FAIL)
    result = "not all could be checked" if is_only_unknown else _WORDS[report.health][1]
    counts = ", ".join(f"{count} {word}" for status, word in words.items() if (count := report.count(status)))
    return f"{result}: {counts} in {duration_s:.1f} s"


def brief(report: HealthReport, duration_s: float) -> str:
    """Format one line for Nagios plugins: the state, what failed, and performance data behind a bar."""
    failed = [result for result in report.results if result.status is Status.FAIL]
    parts = [f"{result.component}: {_on_one_line(result.summary)}" for result in failed]
    if unknown := report.count(Status.UNKNOWN):
        parts.append(f"{unknown} unknown")
    summary = "; ".join(parts) or (
        f"{report.count(Status.PASS)} passed, {report.count(Status.WARN)} to look at"
    )
    figures = f"time={duration_s:.2f}s failed={len(failed)} warnings={report.count(Status.WARN)}"
    return f"HOMECLIMATE {_WORDS[report.health][0]} - {summary.replace('|', '/')} | {figures}"


def as_json(report: HealthReport, *, at: datetime, duration_s: float) -> str:
    """Format the document that docs/reference/health.md describes, after the draft for health+json."""
    if report.health is not Health.HEALTHY:
        status = Status.FAIL
    else:
        status = Status.WARN if report.count(Status.WARN) else Status.PASS
    return json_line(
        {
            "version": JSON_VERSION,
            "releaseId": __version__,
            "description": "health of a homeclimate deployment",
            "status": status,
            "exitCode": int(report.health),
            "time": at.isoformat(),
            "durationSeconds": round(duration_s, 3),
            "checks": {result.component: [_check(result)] for result in report.results},
        }
    )


def _check(result: ComponentResult) -> dict[str, object]:
    return {
        "status": result.status,
        "output": result.summary,
        **({"nextStep": result.next_step} if result.next_step else {}),
        "weight": result.weight,
        "durationSeconds": round(result.duration_s, 3),
    }


def _on_one_line(text: str) -> str:
    return "; ".join(" ".join(line.split()) for line in text.splitlines() if line.strip())
