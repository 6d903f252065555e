"""The figures of a span as plain text: how complete its readings are, and what they were."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from functools import reduce

from domain.history.coverage import Absence, unwritten
from domain.history.series import Span, Summary, merged
from domain.printable import printable
from domain.reading import Quantity
from entrypoints.web.page_data import PageData
from entrypoints.words import TITLES, source_title
from ports.stored_data import History, Ledger, SourceRecord

_NAME_WIDTH = 32
_DIGITS = {Quantity.TEMPERATURE: 1, Quantity.CARBON_MONOXIDE: 1}


def figures(data: PageData, span: Span) -> str:
    """Return the text of a report's mail. Raise StoreError."""
    since, until = (at.astimezone(data.zone) for at in (span.since, span.until))
    lines = [f"{since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M} ({data.zone})"]
    if data.is_simulated:
        lines += ["", "SIMULATED HOME: none of these values was measured."]
    lines += ["", *_coverage_lines(data, span), *_value_lines(data.history, span), "", "Open problems"]
    lines += [f"  {printable(one['text'])}" for one in data.incidents()] or ["  none"]
    return "\n".join(lines) + "\n"


def coverage(ledger: Ledger, span: Span, interval: timedelta) -> Mapping[str, float]:
    """Return the stored share of the expected readings by source and device id, 0 to 1. Raise StoreError.

    A device is expected in each planned slot of its source from its first reading on. Slots since the last
    cycle count as missing.
    """
    records = ledger.records(span.since, span.until)
    after = [each for one in records for each in unwritten(one.source, one.slot, span, interval)]
    absences = [*ledger.absences(span.since, span.until), *after]
    slots = _slots(records, after)
    missing: Counter[str] = Counter()
    for absence in absences:
        missing[absence.source] += absence.slots if absence.device_id is None else 0
    shares = {source: 1 - missing[source] / count for source, count in slots.items() if count}
    for device in ledger.devices():
        first = max(span.since, device.first_slot)
        since = slots if first == span.since else _slots(ledger.records(first, span.until), after)
        lost = sum(
            one.slots_from(first)
            for one in absences
            if (one.source == device.source if one.device_id is None else one.device_id == device.device_id)
        )
        if expected := since.get(device.source, 0):
            shares[device.device_id] = 1 - lost / expected
    return shares


def _slots(records: Sequence[SourceRecord], after: Sequence[Absence]) -> Mapping[str, int]:
    """Return how many slots of each source were planned, with those after the last cycle."""
    added = {one.source: one.slots for one in after}
    return {one.source: sum(one.slots.values()) + added.get(one.source, 0) for one in records}


def _coverage_lines(data: PageData, span: Span) -> Iterator[str]:
    shares = coverage(data.ledger, span, data.interval)
    yield "Stored of the expected readings"
    sources = sorted({device.source for device in data.ledger.devices()} & set(shares))
    named = [(source, source_title(source)) for source in sources]
    named += [(one.device_id, one.location) for one in data.history.newest(span.until)]
    for key, name in named:
        if key in shares:
            yield f"  {_cut(name)} {100 * shares[key]:6.1f} %"


def _value_lines(history: History, span: Span) -> Iterator[str]:
    newest = history.newest(span.until)
    for quantity, (title, unit) in TITLES.items():
        rows = [
            (reading.location, reduce(merged, hours))
            for reading in newest
            if quantity in reading.values
            and (hours := history.hours(reading.device_id, quantity, span.since, span.until))
        ]
        if rows:
            heading = f"{title}, {unit}" if unit else title
            yield ""
            yield f"{heading:<{_NAME_WIDTH + 2}} {'lowest':>8} {'mean':>8} {'highest':>8}"
            yield from (_row(name, found, _DIGITS.get(quantity, 0)) for name, found in rows)


def _row(name: str, found: Summary, digits: int) -> str:
    return f"  {_cut(name)} " + " ".join(
        f"{value:8.{digits}f}" for value in (found.low, found.mean, found.high)
    )


def _cut(name: str, width: int = _NAME_WIDTH) -> str:
    return f"{printable(name)[:width]:<{width}}"
