"""What was collected and what is missing: gaps with their reasons, strips by device, and the last cycle."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from domain.history.coverage import Absence, SeriesGap, gaps_of
from domain.history.series import Span
from domain.measurements import ReadCost
from domain.reading import Reading
from entrypoints.words import reason_of, source_title
from ports.stored_data import KnownDevice, SourceRecord

_CELLS = 96
_MOST_GAPS = 500


def gaps(absences: Sequence[Absence], names: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the longest gaps, in the order of time."""
    longest = sorted(gaps_of(absences), key=lambda gap: gap.begin - gap.end)[:_MOST_GAPS]
    return [_gap(gap, names) for gap in sorted(longest, key=lambda gap: gap.begin)]


def newest_silences(absences: Iterable[Absence]) -> Mapping[str, Absence]:
    """Return the newest absence of each device, or of a source that had none of its devices."""
    return {one.device_id or one.source: one for one in sorted(absences, key=lambda absence: absence.end)}


def last_cycle(
    newest: Sequence[Reading],
    records: Sequence[SourceRecord],
    known: Sequence[KnownDevice],
    costs: Sequence[ReadCost],
) -> dict[str, Any] | None:
    """Return the time of the last cycle, how many readings it stored and expected, and its seconds.

    A cycle outside the schedule expects what it stored: the ledger plans nothing for it.
    """
    slots = [*(record.slot for record in records), *(reading.collected_at for reading in newest)]
    if not slots:
        return None
    slot = max(slots)
    stored = sum(reading.collected_at == slot for reading in newest)
    expected = stored
    for record in records:
        if record.slot == slot:
            expected += record.unread
            if record.state != "stored":
                expected += sum(device.source == record.source for device in known)
    durations = [cost.duration_s for cost in costs if cost.slot == slot]
    return {
        "slot": slot.timestamp(),
        "readings": stored,
        "expected": expected,
        "seconds": round(max(durations), 1) if durations else None,
    }


def strips(
    absences: Sequence[Absence],
    known: Sequence[KnownDevice],
    names: Mapping[str, str],
    span: Span,
    left: Mapping[str, datetime],
) -> list[dict[str, Any]]:
    """Return for each source and device the share of the span, and of each cell of it, with readings.

    It is None where nothing was expected: not yet, or no longer, since the device has `left` the home.
    Devices are in the order of `names`.
    """
    cell = span.length / _CELLS
    begins = [span.since + number * cell for number in range(_CELLS)]
    by_source: dict[str, list[KnownDevice]] = {}
    for device in known:
        by_source.setdefault(device.source, []).append(device)
    missing: dict[str, list[float]] = {}
    for one in absences:
        ids = [device.device_id for device in by_source.get(one.source, ())]
        for key in [one.source, *ids] if one.device_id is None else [one.device_id]:
            shares = missing.setdefault(key, [0.0] * _CELLS)
            for number, share in _by_cell(one, span.since, cell):
                shares[number] += share

    def strip(key: str, name: str, first: datetime, *, is_source: bool) -> dict[str, Any]:
        shares, end = missing.get(key, [0.0] * _CELLS), left.get(key, span.until)
        cells = [
            1 - share if begin + cell > first and begin < end else None
            for begin, share in zip(begins, shares, strict=True)
        ]
        expected = (min(end, span.until) - max(first, span.since)) / cell
        lost = sum(1 - one for one in cells if one is not None)
        return {
            "name": name,
            "share": round(max(0.0, 1 - lost / expected), 4) if expected > 0 else None,
            "is_source": is_source,
            "cells": [None if one is None else round(max(0.0, one), 2) for one in cells],
        }

    order = {device_id: number for number, device_id in enumerate(names)}
    found = []
    for source, devices in sorted(by_source.items()):
        found.append(
            strip(source, source_title(source), min(one.first_slot for one in devices), is_source=True)
        )
        found += [
            strip(one.device_id, names.get(one.device_id, one.device_id), one.first_slot, is_source=False)
            for one in sorted(devices, key=lambda one: order.get(one.device_id, len(order)))
        ]
    return found


def _by_cell(one: Absence, since: datetime, cell: timedelta) -> Iterator[tuple[int, float]]:
    """Yield cells, and which share of each the absence takes."""
    begin, end = (one.slot - since) / cell, (one.end - since) / cell
    for number in range(max(0, math.floor(begin)), min(_CELLS, math.ceil(end))):
        yield number, min(end, number + 1) - max(begin, number)


def _gap(gap: SeriesGap, names: Mapping[str, str]) -> dict[str, Any]:
    return {
        "subject": source_title(gap.source)
        if gap.device_id is None
        else names.get(gap.device_id, gap.device_id),
        "device": gap.device_id,
        "source": gap.source,
        "begin": gap.begin.timestamp(),
        "end": gap.end.timestamp(),
        "reason": reason_of(gap.cause),
        "detail": gap.detail,
    }
