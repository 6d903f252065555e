"""How complete the readings of a home are: of each device, and of each source."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta

import attrs

from domain.history.coverage import (
    Absence,
    Coverage,
    SeriesGap,
    coverage_of,
    gaps_of,
    total_coverage,
    unwritten,
    with_waiting,
)
from domain.history.series import Span
from ports.stored_data import KnownDevice, Ledger, SourceRecord


@attrs.frozen(kw_only=True)
class HomeCoverage:
    """The coverage by device and by source, the source of each device, and the gaps.

    `spans` are the times in which a device is expected: within the requested one, from its first reading
    until it left. A gap of a source stands for all its devices. `silent` are the sources that have stored
    nothing and of which no device is known.
    """

    devices: Mapping[str, Coverage]
    sources: Mapping[str, Coverage]
    source_of: Mapping[str, str]
    spans: Mapping[str, Span]
    gaps: Sequence[SeriesGap]
    silent: Sequence[str]

    @property
    def total(self) -> Coverage:
        """The coverage of all devices together."""
        return total_coverage(self.devices.values())

    def below(self, target: float) -> Sequence[str]:
        """Return the devices that have lost a reading, or have a smaller share than `target` (0 to 1)."""
        return [
            device_id
            for device_id, one in self.devices.items()
            if one.lost or (one.share is not None and one.share < target)
        ]


def missing_between(
    ledger: Ledger,
    records: Sequence[SourceRecord],
    span: Span,
    intervals: Mapping[str, timedelta],
    waiting: Mapping[str, AbstractSet[datetime]] | None = None,
) -> Sequence[Absence]:
    """Return what the ledger lacks in the span, and the slots of present sources that it has no row for.

    `waiting` are the slots of each source that are in the spool.
    """
    absences, waits = list(ledger.absences(span.since, span.until)), waiting or {}
    for record in records:
        if (interval := intervals.get(record.source)) is not None:
            for one in unwritten(record.source, record.slot, span, interval):
                absences += with_waiting(one, waits.get(record.source, frozenset()))
    return absences


def home_coverage(
    ledger: Ledger,
    records: Sequence[SourceRecord],
    span: Span,
    intervals: Mapping[str, timedelta],
    newest: Mapping[str, datetime],
    waiting: Mapping[str, AbstractSet[datetime]] | None = None,
) -> HomeCoverage:
    """Return the coverage in the span. Raise StoreError.

    `records` are those of the span, `intervals` belong to the sources that the home has, and `newest` are the
    slots of the devices' newest readings. Nothing is expected of a device once it has left the home.
    """
    absences, known = [*missing_between(ledger, records, span, intervals, waiting)], ledger.devices()
    left = departures(known, absences, records, span, intervals, newest)
    absences += ledger.unexplained(span.since, span.until)
    lost = dict.fromkeys(intervals, 0)
    for one in absences:
        if one.device_id is None:
            lost[one.source] = lost.get(one.source, 0) + one.slots
    written = {record.source: record for record in records}
    devices: dict[str, Coverage] = {}
    source_of: dict[str, str] = {}
    spans: dict[str, Span] = {}
    for device in known:
        record = written.get(device.source)
        if device.source not in intervals or record is None:
            continue
        is_new = device.first_slot - intervals[device.source] >= span.since
        part = Span(
            since=device.first_slot if is_new else span.since,
            until=min(left.get(device.device_id, span.until), span.until),
        )
        until = part.until
        if until <= part.since:
            continue
        slots = record.slots.get("stored", 0) + lost[device.source]
        slots = _expected_slots(device, slots, span, until, intervals[device.source])
        source_of[device.device_id], spans[device.device_id] = device.source, part
        devices[device.device_id] = coverage_of(
            absences,
            device_id=device.device_id,
            source=device.source,
            slots=slots,
            first_slot=device.first_slot,
            until=until,
        )
    sources = {
        source: total_coverage(part for key, part in devices.items() if source_of[key] == source)
        for source in intervals
    }
    known_sources = {device.source for device in known}
    return HomeCoverage(
        devices=devices,
        sources=sources,
        source_of=source_of,
        spans=spans,
        gaps=list(_gaps(absences, spans, source_of)),
        silent=[
            source
            for source in sorted(intervals)
            if source not in known_sources
            and (source not in written or not written[source].slots.get("stored"))
        ],
    )


def _gaps(
    absences: Iterable[Absence], spans: Mapping[str, Span], source_of: Mapping[str, str]
) -> Iterator[SeriesGap]:
    """Yield the gaps within the times in which the device, or any device of the source, is expected."""
    whole: dict[str, Span] = {}
    for device_id, span in spans.items():
        present = whole.get(source_of[device_id], span)
        whole[source_of[device_id]] = Span(
            since=min(present.since, span.since), until=max(present.until, span.until)
        )
    for gap in gaps_of(absences):
        within = whole.get(gap.source)
        if gap.device_id is not None:
            within = spans.get(gap.device_id) if source_of.get(gap.device_id) == gap.source else None
        if within is not None and within.since <= gap.begin < within.until:
            yield attrs.evolve(gap, end=min(gap.end, within.until))


def departures(
    known: Iterable[KnownDevice],
    absences: Iterable[Absence],
    records: Iterable[SourceRecord],
    span: Span,
    intervals: Mapping[str, timedelta],
    newest: Mapping[str, datetime],
) -> Mapping[str, datetime]:
    """Return since when nothing is expected of the devices that have left the home.

    They have no reading since then, and the ledger does not name them either, while their source was read.
    """
    whole: dict[str, list[Absence]] = {}
    named = dict(newest)
    for one in absences:
        if one.device_id is None:
            whole.setdefault(one.source, []).append(one)
        else:
            last = one.end - timedelta(seconds=one.interval_s)
            named[one.device_id] = max(last, named.get(one.device_id, last))
    written = {record.source: record for record in records}
    left: dict[str, datetime] = {}
    for device in known:
        record, interval = written.get(device.source), intervals.get(device.source)
        if record is None or interval is None:
            continue
        end = named.get(device.device_id, device.first_slot) + interval
        begin, until = max(end, span.since), record.slot + interval
        lost = sum(one.slots_between(begin, until) for one in whole.get(device.source, ()))
        is_current = end >= record.slot  # this slot may have been stored since `newest` was read
        if not is_current and (until - begin) // interval > lost:
            left[device.device_id] = end
    return left


def _expected_slots(device: KnownDevice, slots: int, span: Span, until: datetime, interval: timedelta) -> int:
    """Return how many of the source's slots are from the first one of the device to before `until`."""
    if until < span.until:
        return min(slots, (until - max(device.first_slot, span.since)) // interval)
    if device.first_slot <= span.since:
        return slots
    return min(slots, (span.until - device.first_slot) // interval + 1)
