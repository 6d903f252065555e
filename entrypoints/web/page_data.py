"""What the page shows, as plain JSON: rooms, charts, gaps with their reasons, and collection health."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import attrs

from domain.history.air_quality import PM25_CLASSES, PM25_GUIDELINE, pm25_class, usual_range
from domain.history.coverage import Absence, SeriesGap, gaps_of
from domain.history.series import Resolution, Summary, begin_of, combine, resolution_of, with_breaks
from domain.reading import Quantity, Reading
from ports.clock import Clock
from ports.stored_data import History, KnownDevice, Ledger

DAY = timedelta(days=1)
RANGES: Mapping[str, timedelta] = {
    "6h": timedelta(hours=6),
    "24h": DAY,
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
    "1y": timedelta(days=365),
}
_STALE_AFTER = timedelta(minutes=30)
_TREND = timedelta(hours=1)
_CELLS = 96
_MOST_GAPS = 500
_USUAL_DAYS = timedelta(days=30)

TITLES: Mapping[Quantity, tuple[str, str]] = {
    Quantity.TEMPERATURE: ("Temperature", "°C"),
    Quantity.RELATIVE_HUMIDITY: ("Humidity", "%"),
    Quantity.PM25: ("PM2.5", "µg/m³"),
    Quantity.PM10: ("PM10 (experimental)", "µg/m³"),
    Quantity.VOC_INDEX: ("VOC index", ""),
    Quantity.CARBON_MONOXIDE: ("Carbon monoxide", "ppm"),
    Quantity.IAQ_SCORE: ("Air quality score", ""),
    Quantity.CARBON_DIOXIDE: ("Carbon dioxide", "ppm"),
}
_NO_CYCLE = "no_cycle"  # no word of the ledger: there is no row
_WHY = {
    _NO_CYCLE: "nothing has collected since; is the program running?",
    "unreachable": "the sensor could not be reached",
    "switched_off": "the sensor is switched off",
    "no_value": "the sensor gave no value",
    "not_listed": "the source did not list the device",
    "out_of_range": "the value cannot be stored",
    "stale": "the device has not reported for a day",
    "network": "the source could not be reached",
    "throttled": "the source asked for fewer requests",
    "credentials": "the source rejected the credentials",
    "refused": "the source refused to answer",
    "garbled": "the reply could not be understood",
    "out_of_time": "the source did not answer in time",
    "internal": "a bug; see the log",
    "not_stored": "the readings could not be stored",
    "stopped": "the program was not running",
    "interrupted": "the program was interrupted",
    "asleep": "the machine was asleep",
    "clock_stepped": "the clock was set",
    "overrun": "the cycle before took too long",
}


@attrs.frozen(kw_only=True)
class Span:
    """The instants that a page shows, aware UTC."""

    since: datetime
    until: datetime

    @property
    def length(self) -> timedelta:
        return self.until - self.since


@attrs.frozen(kw_only=True)
class PageData:
    """Reads what a page shows. Every call reads the database anew; nothing is changed. Blocks.

    `incidents` returns the open incidents as lines for a person. `names` gives devices other names.
    """

    history: History
    ledger: Ledger
    clock: Clock
    zone: tzinfo
    interval: timedelta
    is_simulated: bool
    incidents: Callable[[], Sequence[str]]
    database: Callable[[], Mapping[str, str]]

    def span(self, name: str) -> Span:
        """Return the span that ends now: one of `RANGES`, or `all`."""
        now = self.clock.now()
        if name == "all":
            return Span(since=self._first() or now - DAY, until=now)
        return Span(since=now - RANGES[name], until=now)

    def custom_span(self, since_s: float, until_s: float) -> Span:
        """Return the span between two Unix times. Raise ValueError if it is empty."""
        since, until = (datetime.fromtimestamp(seconds, UTC) for seconds in (since_s, until_s))
        if since >= until:
            raise ValueError("the span is empty")
        return Span(since=since, until=until)

    def build(self, span: Span) -> dict[str, Any]:
        """Return everything that the page shows of the span. Raise `StoreError`."""
        now = self.clock.now()
        newest = self.history.newest(now)
        known = self.ledger.devices()
        absences = [*self.ledger.absences(span.since, span.until), *self._unwritten(span)]
        resolution = resolution_of(span.length)
        names = {reading.device_id: reading.location for reading in newest}
        return {
            "now": now.timestamp(),
            "zone": str(self.zone),
            "is_simulated": self.is_simulated,
            "newest_id": self.history.newest_id(),
            "span": {"since": span.since.timestamp(), "until": span.until.timestamp()},
            "resolution": resolution.value,
            "sources": {device.device_id: device.source for device in known},
            "rooms": [self._room(reading, now) for reading in newest],
            **_packed([chart for chart in self._charts(newest, span, resolution) if chart["series"]]),
            "gaps": self._gaps(absences, names),
            "strips": self._strips(absences, known, names, span),
            "incidents": list(self.incidents()),
            "database": dict(self.database()),
        }

    def _first(self) -> datetime | None:
        """Return the first hour with a value of any device."""
        now = self.clock.now()
        hours = [
            self.history.hours(reading.device_id, quantity, datetime.fromtimestamp(0, UTC), now)
            for reading in self.history.newest(now)
            for quantity in list(reading.values)[:1]
        ]
        return min((found[0].at for found in hours if found), default=None)

    def _room(self, reading: Reading, now: datetime) -> dict[str, Any]:
        observed = reading.observed_at or reading.collected_at
        values = []
        for quantity, value in reading.values.items():
            title, unit = TITLES[quantity]
            before = self._value_before(reading, quantity)
            values.append(
                {
                    "quantity": quantity.value,
                    "title": title,
                    "unit": unit,
                    "value": value,
                    "change": None if before is None else round(value - before, 2),
                    **self._assessed(reading.device_id, quantity, now),
                }
            )
        return {
            "device": reading.device_id,
            "name": reading.location,
            "kind": reading.kind.value,
            "observed": observed.timestamp(),
            "is_stale": now - reading.collected_at > max(_STALE_AFTER, 3 * self.interval),
            "battery": reading.battery_percent,
            "values": values,
        }

    def _value_before(self, reading: Reading, quantity: Quantity) -> float | None:
        """Return the first value of the hour that ends with the reading."""
        series = self.history.series(reading.device_id, quantity, reading.collected_at - _TREND)
        return series[0][1] if len(series) > 1 else None

    def _assessed(self, device_id: str, quantity: Quantity, now: datetime) -> dict[str, Any]:
        """Return the words for a quantity that has limits, or a usual range of this home."""
        if quantity is Quantity.PM25:
            day = self.history.series(device_id, quantity, now - DAY)
            if not day:
                return {}
            mean = sum(value for _, value in day) / len(day)
            return {"mean_24h": round(mean, 1), "words": f"{pm25_class(mean)}, 24 h mean {mean:.0f}"}
        if quantity in (Quantity.VOC_INDEX, Quantity.IAQ_SCORE):
            hours = self.history.hours(device_id, quantity, now - _USUAL_DAYS, now)
            usual = usual_range([hour.mean for hour in hours])
            if usual is not None:
                return {"usual": list(usual), "words": f"usually {usual[0]:.0f} to {usual[1]:.0f} here"}
        return {}

    def _charts(
        self, newest: Sequence[Reading], span: Span, resolution: Resolution
    ) -> Iterable[dict[str, Any]]:
        for quantity, (title, unit) in TITLES.items():
            series = [
                self._series(reading, quantity, span, resolution)
                for reading in newest
                if quantity in reading.values
            ]
            yield {
                "quantity": quantity.value,
                "title": title,
                "unit": unit,
                "series": series,
                "limits": [list(limit) for limit in PM25_CLASSES] if quantity is Quantity.PM25 else [],
                "guideline": PM25_GUIDELINE if quantity is Quantity.PM25 else None,
            }

    def _series(
        self, reading: Reading, quantity: Quantity, span: Span, resolution: Resolution
    ) -> dict[str, Any]:
        columns: dict[str, list[float | None]] = {"times": [], "means": [], "lows": [], "highs": []}
        if resolution is Resolution.READING:
            points = [
                point
                for point in self.history.series(reading.device_id, quantity, span.since)
                if point[0] <= span.until
            ]
            for at, value in with_breaks(points, self.interval):
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

    def _summaries(
        self, device_id: str, quantity: Quantity, span: Span, resolution: Resolution
    ) -> Iterable[tuple[datetime, Summary | None]]:
        """Yield the summaries of the span, and None where the next one is missing."""
        if resolution is Resolution.HOUR:
            found = self.history.hours(device_id, quantity, span.since, span.until)
        else:
            found = self.history.days(device_id, quantity, span.since, span.until, self.zone)
        if resolution is Resolution.WEEK:
            found = combine(found, resolution, self.zone)
        after: Summary | None = None
        for one in found:
            if after is not None:
                end = _next(after.at, resolution, self.zone)
                if one.at > end:
                    yield end, None
            yield one.at, one
            after = one

    def _gaps(self, absences: Sequence[Absence], names: Mapping[str, str]) -> list[dict[str, Any]]:
        """Return the longest gaps, in the order of time."""
        longest = sorted(gaps_of(absences), key=lambda gap: gap.begin - gap.end)[:_MOST_GAPS]
        return [_gap(gap, names) for gap in sorted(longest, key=lambda gap: gap.begin)]

    def _unwritten(self, span: Span) -> Iterable[Absence]:
        """Yield the slots since the newest one of each source: nothing has collected since then."""
        for record in self.ledger.records(span.since, span.until):
            slot = record.slot + 2 * self.interval  # the next one may be in progress
            if slot < span.until:
                slot -= self.interval
            while slot < span.until:
                if slot >= span.since:
                    yield Absence(
                        source=record.source,
                        device_id=None,
                        slot=slot,
                        interval_s=round(self.interval.total_seconds()),
                        cause=_NO_CYCLE,
                    )
                slot += self.interval

    def _strips(
        self,
        absences: Sequence[Absence],
        known: Sequence[KnownDevice],
        names: Mapping[str, str],
        span: Span,
    ) -> list[dict[str, Any]]:
        """Return for each source and device the share of expected readings in each cell of the span.

        It is None where nothing was expected yet.
        """
        cell = span.length / _CELLS
        by_source: dict[str, list[KnownDevice]] = {}
        for device in known:
            by_source.setdefault(device.source, []).append(device)
        missing: dict[str, list[int]] = {}
        for one in absences:
            number = min(_CELLS - 1, int((one.slot - span.since) / cell))
            ids = [device.device_id for device in by_source.get(one.source, ())]
            for key in [one.source, *ids] if one.device_id is None else [one.device_id]:
                missing.setdefault(key, [0] * _CELLS)[number] += 1
        expected = max(1.0, cell / self.interval)

        def strip(key: str, name: str, first: datetime, *, is_source: bool) -> dict[str, Any]:
            counts = missing.get(key, [0] * _CELLS)
            return {
                "name": name,
                "is_source": is_source,
                "cells": [
                    round(max(0.0, 1 - count / expected), 2)
                    if span.since + (number + 1) * cell > first
                    else None
                    for number, count in enumerate(counts)
                ],
            }

        strips = []
        for source, devices in sorted(by_source.items()):
            strips.append(strip(source, source, min(one.first_slot for one in devices), is_source=True))
            strips += [
                strip(one.device_id, names.get(one.device_id, one.device_id), one.first_slot, is_source=False)
                for one in devices
            ]
        return strips


def _packed(charts: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the charts with each distinct list of times once, as whole seconds since the one before."""
    numbers: dict[tuple[int, ...], int] = {}
    for chart in charts:
        for series in chart["series"]:
            times = [round(at) for at in series["times"]]
            steps = tuple(at - before for before, at in zip([0, *times], times, strict=False))
            series["times"] = numbers.setdefault(steps, len(numbers))
    return {"charts": charts, "times": list(numbers)}


def _next(at: datetime, resolution: Resolution, zone: tzinfo) -> datetime:
    """Return where the hour, day or week after the one that begins at `at` begins."""
    longest = {Resolution.HOUR: 1.5, Resolution.DAY: 36.0, Resolution.WEEK: 7.5 * 24}[resolution]
    return begin_of(at + timedelta(hours=longest), resolution, zone)


def _gap(gap: SeriesGap, names: Mapping[str, str]) -> dict[str, Any]:
    return {
        "subject": gap.source if gap.device_id is None else names.get(gap.device_id, gap.device_id),
        "device": gap.device_id,
        "source": gap.source,
        "begin": gap.begin.timestamp(),
        "end": gap.end.timestamp(),
        "reason": _WHY.get(gap.cause, gap.cause or "no cause is known"),
        "detail": gap.detail,
    }
