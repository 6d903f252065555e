"""Format how complete the readings of a home are: a table, gaps and a verdict; or an object for scripts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta, tzinfo
from typing import Any

import attrs

from domain.history.coverage import Coverage, SeriesGap, is_lost
from domain.history.series import Span
from domain.services.home_coverage import HomeCoverage
from domain.times import format_length, local_span, local_time
from entrypoints.terminal.layout import Column, Line, table
from entrypoints.terminal.output import Look
from entrypoints.words import reason_of, source_title

FORMAT = 1  # of the JSON object: increased when a key is renamed or removed
_SHORT = timedelta(minutes=2)


@attrs.frozen(kw_only=True)
class CoverageReport:
    """The coverage of a home in a span, and the share of each device that it is graded by, from 0 to 1.

    `names` are those of devices by id, `waiting` is the number of readings in the spool.
    """

    found: HomeCoverage
    span: Span
    target: float
    names: Mapping[str, str]
    waiting: int = 0
    is_simulated: bool = False

    @property
    def is_kept(self) -> bool:
        """Whether there is something to grade, nothing of it is lost, and no share is below the target."""
        found = self.found
        return bool(found.total.expected and not found.silent and not found.below(self.target))

    def name(self, device_id: str) -> str:
        return self.names.get(device_id, device_id)


def share_text(coverage: Coverage | None) -> str:
    """Return the stored share, "" if nothing was expected; it is 100 % only if nothing is missing."""
    if coverage is None or coverage.share is None:
        return ""
    return "100 %" if coverage.share == 1 else f"{math.floor(1000 * coverage.share) / 10:.1f} %"


def coverage_object(coverage: Coverage | None) -> dict[str, Any] | None:
    """Return the object that docs/reference/command-line.md documents."""
    if coverage is None:
        return None
    return {
        "expected": coverage.expected,
        "stored": coverage.stored,
        "lost": coverage.lost,
        "missing": dict(coverage.missing),
        "share": coverage.share,
    }


def causes_text(missing: Mapping[str, int]) -> str:
    """Return the number of missing readings by cause, the most frequent first."""
    by_number = sorted(missing.items(), key=lambda item: -item[1])
    return ", ".join(f"{number:,} ({reason_of(cause)})" for cause, number in by_number)


def lines(report: CoverageReport, zone: tzinfo, width: int) -> Iterator[Line]:
    """Yield a row for each device, the gaps, and the verdict at the end."""
    found, span = report.found, report.span
    if report.is_simulated:
        yield "the readings are those of a simulated home", Look.BOLD
    yield local_span(span.since, span.until, zone), Look.PLAIN
    if found.devices:
        yield from _table(report, width)
        yield from ((line, Look.PLAIN) for line in _partly(report, zone))
    lost = [gap for gap in found.gaps if is_lost(gap.cause)]
    for heading, gaps in (
        ("lost because of the collector itself", lost),
        ("not received", [gap for gap in found.gaps if gap not in lost]),
    ):
        if gaps:
            yield "", Look.PLAIN
            yield heading, Look.BOLD
            yield from ((f"  {_gap_line(report, gap, zone)}", Look.PLAIN) for gap in gaps)
    yield "", Look.PLAIN
    if report.waiting:
        yield f"{report.waiting:,} readings wait in the spool, and are not counted as stored yet", Look.PLAIN
    yield from ((line, Look.BOLD) for line in _verdict(report))


def as_object(report: CoverageReport) -> dict[str, Any]:
    """Return the object that docs/reference/command-line.md documents."""
    found = report.found
    return {
        "format": FORMAT,
        "since": report.span.since.isoformat(),
        "until": report.span.until.isoformat(),
        "is_simulated": report.is_simulated,
        "target_percent": 100 * report.target,
        "is_kept": report.is_kept,
        "waiting": report.waiting,
        "home": coverage_object(found.total),
        "sources": {source: coverage_object(one) for source, one in found.sources.items()},
        "silent": list(found.silent),
        "devices": [
            {
                "device_id": device_id,
                "location": report.name(device_id),
                "source": found.source_of[device_id],
                "since": found.spans[device_id].since.isoformat(),
                "until": found.spans[device_id].until.isoformat(),
                "is_kept": device_id not in found.below(report.target),
                "coverage": coverage_object(found.devices[device_id]),
            }
            for device_id in _in_order(report, found.devices)
        ],
        "gaps": [
            {
                "source": gap.source,
                "device_id": gap.device_id,
                "begin": gap.begin.isoformat(),
                "end": gap.end.isoformat(),
                "cause": gap.cause,
                "detail": gap.detail,
                "is_lost": is_lost(gap.cause),
            }
            for gap in found.gaps
        ],
    }


def _in_order(report: CoverageReport, device_ids: Iterable[str]) -> list[str]:
    return sorted(device_ids, key=lambda device_id: (report.name(device_id).casefold(), device_id))


def _table(report: CoverageReport, width: int) -> Iterator[Line]:
    found, total = report.found, report.found.total
    columns = [
        Column(heading="room", is_name=True),
        Column(heading="stored"),
        Column(heading="readings", rank=2),
        Column(heading="expected", rank=1),
        Column(heading="not received", rank=3),
        Column(heading="lost"),
    ]
    named = [
        (report.name(device_id), found.devices[device_id]) for device_id in _in_order(report, found.devices)
    ]
    rows = [
        [
            name,
            share_text(one),
            f"{one.stored:,}",
            f"{one.expected:,}",
            f"{one.expected - one.stored - one.lost:,}",
            f"{one.lost:,}",
        ]
        for name, one in [*named, ("the home", total)]
    ]
    headings, body = table(columns, rows, width)
    yield from ((line, Look.BOLD) for line in headings)
    yield from ((line, Look.PLAIN) for line in body)


def _partly(report: CoverageReport, zone: tzinfo) -> Iterator[str]:
    """Yield lines with the devices that are not expected in the whole span."""
    begins: dict[datetime, list[str]] = {}
    ends: dict[datetime, list[str]] = {}
    for device_id in _in_order(report, report.found.devices):
        part, name = report.found.spans[device_id], report.name(device_id)
        if part.since > report.span.since:
            begins.setdefault(part.since, []).append(name)
        if part.until < report.span.until:
            ends.setdefault(part.until, []).append(name)
    for at, names in sorted(begins.items()):
        yield f"expected from its first reading on, {local_time(at, zone)}: {', '.join(names)}"
    for at, names in sorted(ends.items()):
        yield f"left the home, expected until {local_time(at, zone)}: {', '.join(names)}"


def _gap_line(report: CoverageReport, gap: SeriesGap, zone: tzinfo) -> str:
    length = gap.end - gap.begin
    when = f"{local_span(gap.begin, gap.end, zone)} ({format_length(length)})"
    if length < _SHORT:
        when = f"{local_time(gap.begin, zone, seconds=True)} ({length.total_seconds():.0f} s)"
    if gap.device_id is None:
        detail = f" ({gap.detail})" if gap.detail else ""
        return f"{when}  {source_title(gap.source)}: {reason_of(gap.cause)}{detail}"
    return f"{when}  {report.name(gap.device_id)}: {reason_of(gap.cause)}"


def _verdict(report: CoverageReport) -> Iterator[str]:
    found, total, target = report.found, report.found.total, f"{100 * report.target:g} %"
    for source in found.silent:
        yield f"{source_title(source)}: no reading has been stored yet"
    if not total.expected:
        yield "no readings are expected in this time: there is nothing to grade"
        return
    if total.lost:
        yield f"{_count(total.lost)} lost because of the collector itself: {causes_text(_lost(total))}"
    else:
        yield "nothing is lost because of the collector itself"
    few = [one for one in found.below(report.target) if (found.devices[one].share or 0) < report.target]
    if few:
        names = ", ".join(
            f"{report.name(device_id)} ({share_text(found.devices[device_id])})"
            for device_id in _in_order(report, few)
        )
        yield f"below the target of {target}: {names}"
    else:
        yield f"every device has at least {target} of its readings"


def _lost(coverage: Coverage) -> Mapping[str, int]:
    return {cause: number for cause, number in coverage.missing.items() if is_lost(cause)}


def _count(readings: int) -> str:
    return "1 reading is" if readings == 1 else f"{readings:,} readings are"
