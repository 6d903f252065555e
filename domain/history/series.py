"""Series of values for charts and tables: their resolution, their breaks, and summaries by hour and day."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum

import attrs

MOST_POINTS = 2_000  # of a series in a chart: more than a screen has columns
RAW_UP_TO = timedelta(days=7)
HOUR = timedelta(hours=1)
_LONGEST_STEP = 1.5  # steps between two points that follow each other

Point = tuple[datetime, float]


@attrs.frozen(kw_only=True)
class Span:
    """A time from one instant to another; both are aware UTC."""

    since: datetime
    until: datetime

    @property
    def length(self) -> timedelta:
        return self.until - self.since


class Resolution(StrEnum):
    """What one point of a series stands for."""

    READING = "reading"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"


@attrs.frozen(kw_only=True)
class Summary:
    """The values of one quantity of one device from `at` on, for an hour, a day or a week.

    `at` is aware UTC. Values are in the quantity's unit; `count` is at least 1.
    """

    at: datetime
    low: float
    high: float
    total: float
    count: int

    @property
    def mean(self) -> float:
        return self.total / self.count


def resolution_of(span: timedelta) -> Resolution:
    """Return the finest resolution whose series over that span has at most `MOST_POINTS` points.

    Readings are for spans in which they can still be distinguished; a series of more of them is thinned. A
    break stands in the place of a missing hour, day or week; those at the ends of the span are whole.
    """
    if span <= RAW_UP_TO:
        return Resolution.READING
    if span <= (MOST_POINTS - 2) * HOUR:
        return Resolution.HOUR
    if span <= timedelta(days=MOST_POINTS - 2):
        return Resolution.DAY
    return Resolution.WEEK


def with_breaks(points: Sequence[Point], step: timedelta) -> Iterator[tuple[datetime, float | None]]:
    """Yield the points, and a None after each one whose next is missing: more than 1.5 steps later.

    A chart breaks its line there, instead of drawing what was never measured.
    """
    last: datetime | None = None
    for instant, value in points:
        if last is not None and instant - last > _LONGEST_STEP * step:
            yield last + step, None
        yield instant, value
        last = instant


def thinned(
    points: Sequence[tuple[datetime, float | None]], most: int = MOST_POINTS
) -> Sequence[tuple[datetime, float | None]]:
    """Return at most that many of the points: the lowest and the highest of each part of the span.

    Every break between two points that stay is kept.
    """
    if len(points) <= most:
        return points
    parts = most // 4  # two points each, and a break after each point
    first, width = points[0][0], (points[-1][0] - points[0][0]) / parts + timedelta(microseconds=1)
    extremes: dict[int, tuple[int, int]] = {}
    for place, (at, value) in enumerate(points):
        if value is None:
            continue
        part = (at - first) // width
        low, high = extremes.get(part, (place, place))
        if value < (points[low][1] or 0.0):
            low = place
        if value > (points[high][1] or 0.0):
            high = place
        extremes[part] = low, high
    kept: list[tuple[datetime, float | None]] = []
    breaks = iter([(place, point) for place, point in enumerate(points) if point[1] is None])
    gap = next(breaks, None)
    for place in sorted({place for pair in extremes.values() for place in pair}):
        if gap is not None and gap[0] < place:
            kept.append(gap[1])
            while gap is not None and gap[0] < place:
                gap = next(breaks, None)
        kept.append(points[place])
    return kept


def begin_of(instant: datetime, resolution: Resolution, zone: tzinfo) -> datetime:
    """Return the begin of the hour (UTC), or of the day or week in the zone, that contains the instant.

    Days have 23, 24 or 25 hours, as the zone has them; weeks begin on Monday.
    """
    if resolution is Resolution.READING:
        return instant
    if resolution is Resolution.HOUR:
        return instant.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    local = instant.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    if resolution is Resolution.WEEK:
        local -= timedelta(days=local.weekday())
    return local.astimezone(UTC)


def merged(one: Summary, other: Summary) -> Summary:
    """Return the summary of both values, from `one` on."""
    return Summary(
        at=one.at,
        low=min(one.low, other.low),
        high=max(one.high, other.high),
        total=one.total + other.total,
        count=one.count + other.count,
    )


def combine(parts: Iterable[Summary], resolution: Resolution, zone: tzinfo) -> Sequence[Summary]:
    """Combine summaries of shorter times, none of which may cross a boundary, into one for each longer."""
    combined: dict[datetime, Summary] = {}
    for part in parts:
        at = begin_of(part.at, resolution, zone)
        present = combined.get(at)
        combined[at] = attrs.evolve(part, at=at) if present is None else merged(present, part)
    return [combined[at] for at in sorted(combined)]
