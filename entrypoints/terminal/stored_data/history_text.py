"""Format the history of a device: a plot, the gaps with their reasons, and days; or an object for scripts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta, tzinfo
from typing import Any

from domain.history.coverage import SeriesGap
from domain.history.series import Resolution, Summary, combine
from domain.reading import UNITS
from domain.services.device_history import DeviceHistory
from domain.times import format_length, local_span
from entrypoints.terminal.cycle_text import format_number, unit_text
from entrypoints.terminal.layout import Column, Line, table
from entrypoints.terminal.output import Look
from entrypoints.terminal.stored_data.plot import Plot
from entrypoints.words import TITLES, reason_of

FORMAT = 1  # of the JSON object: increased when a key is renamed or removed
_HEIGHT = 10
_MOST_GAPS = 9  # each is marked with a digit
_MOST_DAYS = 31
_WIDEST = 160


def lines(found: DeviceHistory, zone: tzinfo, width: int) -> Iterator[Line]:
    """Yield the history of one device; the plot is as wide as the terminal."""
    reading, quantity = found.reading, found.quantity
    title, unit = TITLES[quantity][0], unit_text(quantity)
    yield f"{reading.location}: {title}{f' in {unit}' if unit else ''} ({reading.device_id})", Look.BOLD
    yield local_span(found.span.since, found.span.until, zone), Look.PLAIN
    gaps = _longest(found.gaps)
    if not found.points:
        yield "no readings in this time", Look.PLAIN
    else:
        yield "", Look.PLAIN
        marks = [(gap.begin + (gap.end - gap.begin) / 2, str(number)) for number, gap in enumerate(gaps, 1)]
        plot = Plot(points=found.points, breaks=found.breaks, span=found.span, zone=zone, marks=marks)
        yield from ((line, Look.PLAIN) for line in plot.lines(min(width, _WIDEST), _HEIGHT))
    yield from _gap_lines(found, gaps, zone)
    if found.days:
        yield "", Look.PLAIN
        yield from _days(found, zone, width)


def as_object(histories: Iterable[DeviceHistory], zone: tzinfo) -> dict[str, Any]:
    """Return the object that docs/reference/command-line.md documents."""
    return {"format": FORMAT, "devices": [_device_object(found, zone) for found in histories]}


def _longest(gaps: Sequence[SeriesGap]) -> Sequence[SeriesGap]:
    longest = sorted(gaps, key=lambda gap: gap.begin - gap.end)[:_MOST_GAPS]
    return sorted(longest, key=lambda gap: gap.begin)


def _gap_lines(found: DeviceHistory, gaps: Sequence[SeriesGap], zone: tzinfo) -> Iterator[Line]:
    if not gaps:
        return
    yield "", Look.PLAIN
    yield "without readings", Look.BOLD
    for number, gap in enumerate(gaps, 1):
        detail = f" ({gap.detail})" if gap.detail and gap.device_id is None else ""
        when = f"{local_span(gap.begin, gap.end, zone)} ({format_length(gap.end - gap.begin)})"
        yield f"{number}  {when}: {reason_of(gap.cause)}{detail}", Look.PLAIN
    if shorter := len(found.gaps) - len(gaps):
        total = sum((gap.end - gap.begin for gap in found.gaps), timedelta())
        total -= sum((gap.end - gap.begin for gap in gaps), timedelta())
        yield f"and {shorter} shorter, together {format_length(total)}", Look.PLAIN


def _days(found: DeviceHistory, zone: tzinfo, width: int) -> Iterator[Line]:
    """Yield a line for each day, or for each week if these are too many."""
    has_weeks = len(found.days) > _MOST_DAYS
    parts = combine(found.days, Resolution.WEEK, zone) if has_weeks else found.days
    columns = [Column(heading="week from" if has_weeks else "day", is_name=True)]
    columns += [Column(heading=heading) for heading in ("min", "mean", "max")]
    columns += [Column(heading="readings", rank=1)]
    rows = [
        [
            f"{part.at.astimezone(zone):%a %Y-%m-%d}",
            *(format_number(value, found.quantity) for value in (part.low, part.mean, part.high)),
            f"{part.count:,}",
        ]
        for part in parts
    ]
    headings, body = table(columns, rows, width)
    yield from ((line, Look.BOLD) for line in headings)
    yield from ((line, Look.PLAIN) for line in body)


def _device_object(found: DeviceHistory, zone: tzinfo) -> dict[str, Any]:
    return {
        "device_id": found.reading.device_id,
        "location": found.reading.location,
        "quantity": found.quantity.value,
        "unit": UNITS[found.quantity],
        "since": found.span.since.isoformat(),
        "until": found.span.until.isoformat(),
        "resolution": found.resolution.value,
        "points": [{"at": point.at.isoformat(), **_values(point)} for point in found.points],
        "days": [{"day": day.at.astimezone(zone).date().isoformat(), **_values(day)} for day in found.days],
        "gaps": [
            {
                "begin": gap.begin.isoformat(),
                "end": gap.end.isoformat(),
                "cause": gap.cause or None,
                "detail": gap.detail,
                "whole_source": gap.device_id is None,
            }
            for gap in found.gaps
        ],
    }


def _values(part: Summary) -> dict[str, float]:
    return {"min": part.low, "mean": part.mean, "max": part.high, "readings": part.count}
