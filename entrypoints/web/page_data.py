"""What the page shows, as plain JSON: rooms, charts, gaps with their reasons, and collection health."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache, partial
from typing import Any

import attrs

from domain.device_settings import SettingsByDevice
from domain.history.air_quality import PM25_CLASSES, PM25_GUIDELINE, rolling_day_means, usual_range
from domain.history.coverage import Absence, unwritten
from domain.history.series import (
    HOUR,
    Point,
    Resolution,
    Span,
    Summary,
    begin_of,
    resolution_of,
    thinned,
    with_breaks,
)
from domain.printable import printable
from domain.reading import Quantity, Reading
from domain.services.home_coverage import departures
from entrypoints.web.cards import DAY, Cards, HourlyMeans
from entrypoints.web.collection_health import gaps, last_cycle, newest_silences, strips
from entrypoints.words import TITLES
from ports.clock import Clock
from ports.stored_data import History, Ledger, Measurements, SourceRecord

RANGES: Mapping[str, timedelta] = {
    "6h": timedelta(hours=6),
    "24h": DAY,
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
    "1y": timedelta(days=365),
}
_SILENCE = timedelta(hours=6)  # how far back the reason of a silence is looked for
_LAST = datetime(9000, 1, 1, tzinfo=UTC)  # days and weeks after a span are times, too
_USUAL_DAYS = timedelta(days=30)
_USUAL = (Quantity.VOC_INDEX, Quantity.IAQ_SCORE)  # quantities without a unit, and without a limit

_PM25_LIMITS = [[None if math.isinf(limit) else limit, name] for limit, name in PM25_CLASSES]

ValuesOf = Callable[[str], Mapping[Quantity, Sequence[Point]]]


@attrs.frozen(kw_only=True)
class PageData:
    """Reads what a page shows. Every call reads the database anew; nothing is changed. Blocks.

    `incidents` returns the open incidents, each with `text`, `detail` and `since`; `database` what the footer
    shows of the file. `intervals` are those of the sources, `interval` that of any other. `settings` are
    those of devices, which `history` and `ledger` have applied.
    """

    history: History
    ledger: Ledger
    measurements: Measurements
    clock: Clock
    zone: tzinfo
    interval: timedelta
    intervals: Mapping[str, timedelta] = attrs.field(factory=dict)
    is_simulated: bool
    incidents: Callable[[], Sequence[Mapping[str, Any]]]
    database: Callable[[], Mapping[str, Any]]
    settings: Callable[[], SettingsByDevice] = SettingsByDevice
    _usual: dict[str, Any] = attrs.field(factory=dict, init=False, repr=False, eq=False)

    def span(self, name: str) -> Span:
        """Return the span that ends now: one of `RANGES`, or `all`."""
        now = self.clock.now()
        if name == "all":
            return Span(since=self._first() or now - DAY, until=now)
        return Span(since=now - RANGES[name], until=now)

    def custom_span(self, since_s: float, until_s: float) -> Span:
        """Return the span between two Unix times. Raise ValueError if it is empty, or ends after `_LAST`."""
        since, until = (datetime.fromtimestamp(seconds, UTC) for seconds in (since_s, until_s))
        if not since < until <= _LAST:
            raise ValueError("the span is empty, or beyond all calendars")
        return Span(since=since, until=until)

    def build(self, span: Span) -> dict[str, Any]:
        """Return everything that the page shows of the span. Raise `StoreError`."""
        charts: list[dict[str, Any]] = []
        content: dict[str, Any] = {"charts": charts}
        for part in self.parts(span):
            charts += part.pop("charts", [])
            content |= part
        return content

    def parts(self, span: Span) -> Iterator[dict[str, Any]]:
        """Yield what the page shows of the span: first the newest values, then chart by chart, then gaps.

        The lists under `charts` belong together. Raise `StoreError`.
        """
        with self.history.session():
            yield from self._parts(span)

    def _parts(self, span: Span) -> Iterator[dict[str, Any]]:
        now = self.clock.now()
        settings = self.settings()
        newest = sorted(
            (attrs.evolve(one, location=printable(one.location)) for one in self.history.newest(now)),
            key=lambda one: (settings.of(one.device_id).is_outdoor, one.location.casefold()),
        )
        known = self.ledger.devices()
        records = self.ledger.records(now - _SILENCE, now)
        resolution = resolution_of(span.length)
        sources = {device.device_id: device.source for device in known}
        usual = self._hourly_means(newest, now)
        first = self._first()
        intervals = {device_id: self._interval(source) for device_id, source in sources.items()}

        def interval_of(device_id: str) -> timedelta:
            return intervals.get(device_id, self.interval)

        recent = Span(since=now - _SILENCE, until=now)
        silent = self._absences(records, recent)
        slots = {reading.device_id: reading.collected_at for reading in newest}
        left_at = partial(
            departures,
            known,
            records=records,
            span=recent,
            intervals={source: self._interval(source) for source in sources.values()},
            newest=slots,
        )
        cards = Cards(
            history=self.history,
            now=now,
            interval_of=interval_of,
            usual=usual,
            silences=newest_silences(silent),
            left=left_at(silent).keys(),
            sources=sources,
        )
        yield {
            "now": now.timestamp(),
            "zone": str(self.zone),
            "is_simulated": self.is_simulated,
            "newest_id": self.history.newest_id(),
            "span": {"since": span.since.timestamp(), "until": span.until.timestamp()},
            "resolution": resolution.value,
            "interval": max([self.interval, *intervals.values()]).total_seconds(),
            "sources": sources,
            "last_cycle": last_cycle(newest, records, known, self.measurements.between(now - HOUR, now)),
            "rooms": [
                {
                    **cards.card(reading),
                    "offsets": dict(settings.of(reading.device_id).offsets),
                    "is_outdoor": settings.of(reading.device_id).is_outdoor,
                }
                for reading in newest
            ],
            "incidents": [*self.incidents(), *self._backlog(resolution, now)],
            "database": {**self.database(), "since": first and first.timestamp()},
        }
        times: dict[tuple[int, ...], int] = {}
        for chart in self._charts(newest, span, resolution, usual, interval_of):
            if chart["series"]:
                _pack(chart, times)
                yield {"charts": [chart]}
        absences = self._absences(records, span)
        left = left_at([*silent, *(one for one in absences if one.device_id is not None)])
        names = {reading.device_id: reading.location for reading in newest}
        yield {
            "times": list(times),
            "gaps": gaps(absences, names),
            "strips": strips(absences, known, names, span, left),
        }

    def _first(self) -> datetime | None:
        """Return when the first reading was collected, if that was in the past."""
        first = self.history.first()
        return None if first is None or first >= self.clock.now() else first

    def _absences(self, records: Sequence[SourceRecord], span: Span) -> Sequence[Absence]:
        return [
            *self.ledger.absences(span.since, span.until),
            *(
                each
                for one in records
                for each in unwritten(one.source, one.slot, span, self._interval(one.source))
            ),
        ]

    def _interval(self, source: str) -> timedelta:
        return self.intervals.get(source, self.interval)

    def _backlog(self, resolution: Resolution, now: datetime) -> Iterator[Mapping[str, Any]]:
        """Yield a line if the charts lack readings."""
        if resolution in (Resolution.DAY, Resolution.WEEK) and (count := self.history.backlog()):
            yield {
                "text": f"these charts lack the newest {count:,} readings, which are not summed up yet",
                "detail": "The daily upkeep sums them up, or the command `db rebuild-rollups` does",
                "since": now.timestamp(),
            }

    def _hourly_means(self, newest: Sequence[Reading], now: datetime) -> HourlyMeans:
        """Return what is usual: the hourly means of the last 30 days, of quantities without a limit.

        They are kept until the hour is over.
        """
        series = [
            (reading.device_id, quantity)
            for reading in newest
            for quantity in _USUAL
            if quantity in reading.values
        ]
        key = (begin_of(now, Resolution.HOUR, UTC), self.settings(), series)
        if self._usual.get("key") != key:
            means = {
                (device_id, quantity): [
                    hour.mean for hour in self.history.hours(device_id, quantity, now - _USUAL_DAYS, now)
                ]
                for device_id, quantity in series
            }
            self._usual.update(key=key, means=means)
        found: HourlyMeans = self._usual["means"]
        return found

    def _charts(
        self,
        newest: Sequence[Reading],
        span: Span,
        resolution: Resolution,
        usual: HourlyMeans,
        interval_of: Callable[[str], timedelta],
    ) -> Iterable[dict[str, Any]]:
        @cache
        def values(device_id: str) -> Mapping[Quantity, Sequence[Point]]:
            return self.history.values(device_id, span.since, span.until)

        @cache
        def anomalies(device_id: str) -> Sequence[int]:
            found = self.history.anomalies(device_id, span.since, span.until)
            return [round(at.timestamp()) for at in found]

        for quantity, (title, unit) in TITLES.items():
            series = [
                self._series(reading, quantity, span, resolution, values, interval_of(reading.device_id))
                | ({"anomalies": anomalies(reading.device_id)} if resolution is Resolution.READING else {})
                for reading in newest
                if quantity in reading.values
            ]
            if quantity is Quantity.PM25 and resolution in (Resolution.READING, Resolution.HOUR):
                series += [self._day_means(reading, span) for reading in newest if quantity in reading.values]
            steps = {interval_of(one["device"]).total_seconds() for one in series}
            means = [mean for (_, one), found in usual.items() if one is quantity for mean in found]
            yield {
                "quantity": quantity.value,
                "title": title,
                "unit": unit,
                "series": series,
                "limits": _PM25_LIMITS if quantity is Quantity.PM25 else [],
                "guideline": PM25_GUIDELINE if quantity is Quantity.PM25 else None,
                "usual": usual_range(means),
                "interval": steps.pop() if len(steps) == 1 else None,
            }

    def _series(
        self,
        reading: Reading,
        quantity: Quantity,
        span: Span,
        resolution: Resolution,
        values: ValuesOf,
        interval: timedelta,
    ) -> dict[str, Any]:
        columns: dict[str, list[float | None]] = {"times": [], "means": [], "lows": [], "highs": []}
        if resolution is Resolution.READING:
            for at, value in thinned(
                list(with_breaks(values(reading.device_id).get(quantity, ()), interval))
            ):
                columns["times"].append(at.timestamp())
                columns["means"].append(None if value is None else round(value, 2))
            del columns["lows"], columns["highs"]
        else:
            for at, part in self._summaries(reading.device_id, quantity, span, resolution):
                columns["times"].append(at.timestamp())
                columns["means"].append(None if part is None else round(part.mean, 2))
                columns["lows"].append(None if part is None else part.low)
                columns["highs"].append(None if part is None else part.high)
        return {"device": reading.device_id, "name": reading.location, **columns}

    def _day_means(self, reading: Reading, span: Span) -> dict[str, Any]:
        """Return the mean of the 24 hours up to each hour as a series."""
        hours = self.history.hours(reading.device_id, Quantity.PM25, span.since - DAY, span.until)
        means = [point for point in rolling_day_means(hours) if point[0] > span.since]
        points = list(with_breaks(means, HOUR))
        return {
            "device": reading.device_id,
            "name": reading.location,
            "is_day_mean": True,
            "times": [min(at, span.until).timestamp() for at, _ in points],
            "means": [None if value is None else round(value, 1) for _, value in points],
        }

    def _summaries(
        self, device_id: str, quantity: Quantity, span: Span, resolution: Resolution
    ) -> Iterable[tuple[datetime, Summary | None]]:
        """Yield the summaries of the span, and None where the next one is missing."""
        if resolution is Resolution.HOUR:
            found = self.history.hours(device_id, quantity, span.since, span.until)
        elif resolution is Resolution.DAY:
            found = self.history.days(device_id, quantity, span.since, span.until, self.zone)
        else:
            found = self.history.weeks(device_id, quantity, span.since, span.until, self.zone)
        after: Summary | None = None
        for one in found:
            if after is not None:
                end = _next(after.at, resolution, self.zone)
                if one.at > end:
                    yield end, None
            yield one.at, one
            after = one


def _pack(chart: dict[str, Any], numbers: dict[tuple[int, ...], int]) -> None:
    """Replace lists of times by their number among the distinct ones.

    These are whole seconds since the one before.
    """
    for series in chart["series"]:
        times = [round(at) for at in series["times"]]
        steps = tuple(at - before for before, at in zip([0, *times], times, strict=False))
        series["times"] = numbers.setdefault(steps, len(numbers))


def _next(at: datetime, resolution: Resolution, zone: tzinfo) -> datetime:
    """Return where the hour, day or week after the one that begins at `at` begins."""
    longest = {Resolution.HOUR: 1.5, Resolution.DAY: 36.0, Resolution.WEEK: 7.5 * 24}[resolution]
    return begin_of(at + timedelta(hours=longest), resolution, zone)
