"""The course of one quantity of a device: points, breaks with their reasons, and days."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from itertools import pairwise

import attrs

from domain.history.coverage import Absence, SeriesGap, gaps_of
from domain.history.series import HOUR, Resolution, Span, Summary, resolution_of
from domain.reading import Quantity, Reading
from domain.services.home_coverage import missing_between
from ports.stored_data import History, KnownDevice, Ledger

_DAY = timedelta(days=1)
_STEPS = {Resolution.HOUR: HOUR, Resolution.DAY: _DAY, Resolution.WEEK: 7 * _DAY}
_LONGEST_STEP = 1.5  # steps between two points that follow each other


@attrs.frozen(kw_only=True)
class DeviceHistory:
    """One quantity of a device in a span.

    `points` stand for a reading, hour, day or week each, `step` apart; `breaks` are the times of those whose
    next one is missing. `days` are whole days of the zone, from that of the span's begin on.
    """

    reading: Reading
    quantity: Quantity
    span: Span
    resolution: Resolution
    step: timedelta
    points: Sequence[Summary]
    gaps: Sequence[SeriesGap]
    days: Sequence[Summary]

    @property
    def breaks(self) -> frozenset[datetime]:
        """The times of points that are not joined with the next one."""
        pairs = pairwise(self.points)
        return frozenset(one.at for one, after in pairs if after.at - one.at > _LONGEST_STEP * self.step)


@attrs.frozen(kw_only=True)
class HistoryReader:
    """Reads histories of devices. `intervals` are those of the home's sources. Blocks."""

    history: History
    ledger: Ledger
    intervals: Mapping[str, timedelta]
    zone: tzinfo

    def read(
        self, readings: Sequence[Reading], quantity: Quantity, span: Span, now: datetime
    ) -> Sequence[DeviceHistory]:
        """Return the history of each of the devices, given their newest readings. Raise StoreError."""
        known = {device.device_id: device for device in self.ledger.devices()}
        records = self.ledger.records(span.since, now)
        absences = missing_between(self.ledger, records, span, self.intervals)
        return [
            self._read(reading, quantity, span, known.get(reading.device_id), absences)
            for reading in readings
        ]

    def _read(
        self,
        reading: Reading,
        quantity: Quantity,
        span: Span,
        known: KnownDevice | None,
        absences: Sequence[Absence],
    ) -> DeviceHistory:
        resolution = resolution_of(span.length)
        usual = max(self.intervals.values(), default=_DAY)
        step = _STEPS.get(resolution, usual if known is None else self.intervals.get(known.source, usual))
        found = DeviceHistory(
            reading=reading,
            quantity=quantity,
            span=span,
            resolution=resolution,
            step=step,
            points=list(self._points(reading.device_id, quantity, span, resolution)),
            gaps=(),
            days=[
                day
                for day in self.history.days(reading.device_id, quantity, span.since, span.until, self.zone)
                if day.at < span.until
            ],
        )
        explained = [] if known is None else _own_gaps(known, absences, span)
        gaps = [*explained, *_unexplained(found, known, explained)]
        return attrs.evolve(found, gaps=sorted(gaps, key=lambda gap: gap.begin))

    def _points(
        self, device_id: str, quantity: Quantity, span: Span, resolution: Resolution
    ) -> Iterator[Summary]:
        match resolution:
            case Resolution.READING:
                for at, value in self.history.series(device_id, quantity, span.since):
                    if at < span.until:
                        yield Summary(at=at, low=value, high=value, total=value, count=1)
            case Resolution.HOUR:
                yield from self.history.hours(device_id, quantity, span.since, span.until)
            case Resolution.DAY:
                yield from self.history.days(device_id, quantity, span.since, span.until, self.zone)
            case Resolution.WEEK:
                yield from self.history.weeks(device_id, quantity, span.since, span.until, self.zone)


def _own_gaps(known: KnownDevice, absences: Sequence[Absence], span: Span) -> list[SeriesGap]:
    """Return the gaps of the device for which the ledger has a cause, from its first reading on."""
    own = [one for one in absences if one.source == known.source and one.device_id in (None, known.device_id)]
    begin = max(known.first_slot, span.since)
    return [
        attrs.evolve(gap, begin=max(gap.begin, begin), end=min(gap.end, span.until))
        for gap in gaps_of(own)
        if gap.end > begin
    ]


def _unexplained(
    found: DeviceHistory, known: KnownDevice | None, explained: Sequence[SeriesGap]
) -> Iterator[SeriesGap]:
    """Yield breaks for which the ledger has no cause: it is younger, or no longer expects the device."""
    step, span, points = found.step, found.span, found.points
    breaks = found.breaks
    holes = [(one.at + step, after.at) for one, after in pairwise(points) if one.at in breaks]
    edge = _LONGEST_STEP * step  # the first and the last reading of the span need not be at its ends
    if known is not None and known.first_slot < span.since:
        first = points[0].at if points else span.until
        holes += [(span.since, first)] if first - span.since > edge else []
    if points and span.until - points[-1].at > step + edge:
        holes.append((points[-1].at + step, span.until))
    for begin, end in holes:
        if not any(gap.begin < end and gap.end > begin for gap in explained):
            yield SeriesGap(
                source="" if known is None else known.source,
                device_id=found.reading.device_id,
                begin=begin,
                end=end,
                cause="",
            )
