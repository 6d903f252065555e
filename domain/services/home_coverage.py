"""How complete the readings of a home are: of each device, and of each source."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import attrs

from domain.history.coverage import Absence, Coverage, coverage_of, total_coverage, unwritten
from domain.history.series import Span
from ports.stored_data import KnownDevice, Ledger, SourceRecord


@attrs.frozen(kw_only=True)
class HomeCoverage:
    """The coverage by device and by source, and the source of each device."""

    devices: Mapping[str, Coverage]
    sources: Mapping[str, Coverage]
    source_of: Mapping[str, str]


def missing_between(
    ledger: Ledger, records: Sequence[SourceRecord], span: Span, intervals: Mapping[str, timedelta]
) -> Sequence[Absence]:
    """Return what the ledger lacks in the span, and the slots of present sources that it has no row for."""
    absences = list(ledger.absences(span.since, span.until))
    for record in records:
        if (interval := intervals.get(record.source)) is not None:
            absences += unwritten(record.source, record.slot, span, interval)
    return absences


def home_coverage(
    ledger: Ledger,
    records: Sequence[SourceRecord],
    span: Span,
    intervals: Mapping[str, timedelta],
    newest: Mapping[str, datetime],
) -> HomeCoverage:
    """Return the coverage in the span. Raise StoreError.

    `records` are those of the span, `intervals` belong to the sources that the home has, and `newest` are the
    slots of the devices' newest readings. Nothing is expected of a device once it has left the home.
    """
    absences, known = missing_between(ledger, records, span, intervals), ledger.devices()
    left = departures(known, absences, records, span, intervals, newest)
    lost = dict.fromkeys(intervals, 0)
    for one in absences:
        if one.device_id is None:
            lost[one.source] = lost.get(one.source, 0) + one.slots
    written = {record.source: record for record in records}
    devices: dict[str, Coverage] = {}
    source_of: dict[str, str] = {}
    for device in known:
        record = written.get(device.source)
        until = left.get(device.device_id, span.until)
        if record is None or device.source not in intervals or until <= span.since:
            continue
        slots = record.slots.get("stored", 0) + lost[device.source]
        slots = _expected_slots(device, slots, span, until, intervals[device.source])
        source_of[device.device_id] = device.source
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
    return HomeCoverage(devices=devices, sources=sources, source_of=source_of)


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
