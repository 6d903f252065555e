"""How complete the readings of a home are: of each device, and of each source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    slots of the devices' newest readings. Nothing is expected of a device that has left the home: it has no
    reading, the ledger names it no longer, and its source was read.
    """
    absences = missing_between(ledger, records, span, intervals)
    named = {one.device_id for one in absences}
    lost = dict.fromkeys(intervals, 0)
    for one in absences:
        if one.device_id is None:
            lost[one.source] = lost.get(one.source, 0) + one.slots
    written = {record.source: record for record in records}
    devices: dict[str, Coverage] = {}
    source_of: dict[str, str] = {}
    for device in ledger.devices():
        record = written.get(device.source)
        if record is None or device.source not in intervals:
            continue
        stored = record.slots.get("stored", 0)
        is_present = newest.get(device.device_id, device.first_slot) >= span.since
        if not (is_present or device.device_id in named or stored == 0):
            continue
        slots = _expected_slots(device, stored + lost[device.source], span, intervals[device.source])
        source_of[device.device_id] = device.source
        devices[device.device_id] = coverage_of(
            absences,
            device_id=device.device_id,
            source=device.source,
            slots=slots,
            first_slot=device.first_slot,
        )
    sources = {
        source: total_coverage(part for key, part in devices.items() if source_of[key] == source)
        for source in intervals
    }
    return HomeCoverage(devices=devices, sources=sources, source_of=source_of)


def _expected_slots(device: KnownDevice, slots: int, span: Span, interval: timedelta) -> int:
    """Return how many of the source's slots are from the first one of the device on."""
    if device.first_slot <= span.since:
        return slots
    return min(slots, (span.until - device.first_slot) // interval + 1)
