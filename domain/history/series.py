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

    Readings are for spans in which they can still be told apart.
    """
    if span <= RAW_UP_TO:
        return Resolution.READING
    if span <= MOST_POINTS * HOUR:
        return Resolution.HOUR
    if span <= timedelta(days=MOST_POINTS):
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
