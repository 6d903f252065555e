"""The figures of a span as plain text: how complete its readings are, and what they were."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import reduce

from domain.history.series import Summary, merged
from domain.reading import Quantity
from entrypoints.terminal.export_text import printable
from entrypoints.web.page_data import TITLES, PageData, Span
from ports.stored_data import History, Ledger

_NAME_WIDTH = 24
_DIGITS = {Quantity.TEMPERATURE: 1, Quantity.CARBON_MONOXIDE: 1}


def figures(data: PageData, span: Span) -> str:
    """Return the text of a report's mail. Raise StoreError."""
    since, until = (at.astimezone(data.zone) for at in (span.since, span.until))
    lines = [f"{since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M} ({data.zone})"]
    if data.is_simulated:
        lines += ["", "SIMULATED HOME: none of these values was measured."]
    lines += ["", *_coverage_lines(data, span), *_value_lines(data.history, span), "", "Open problems"]
    lines += [f"  {printable(line)}" for line in data.incidents()] or ["  none"]
    return "\n".join(lines) + "\n"


def coverage(ledger: Ledger, span: Span) -> Mapping[str, float]:
    """Return the stored share of the expected readings by source and device id, 0 to 1. Raise StoreError.

    A device is expected in each planned slot of its source from its first reading on.
    """

    def planned(since: datetime) -> Mapping[str, int]:
        return {one.source: sum(one.slots.values()) for one in ledger.records(since, span.until)}

    slots = planned(span.since)
    missing: dict[str, int] = {}
    for absence in ledger.absences(span.since, span.until):
        key = absence.source if absence.device_id is None else absence.device_id
        missing[key] = missing.get(key, 0) + 1
    shares = {source: 1 - missing.get(source, 0) / count for source, count in slots.items() if count}
    for device in ledger.devices():
        is_new = device.first_slot > span.since
        expected = (planned(device.first_slot) if is_new else slots).get(device.source, 0)
        if expected:
            lost = missing.get(device.device_id, 0) + (0 if is_new else missing.get(device.source, 0))
            shares[device.device_id] = max(0.0, 1 - lost / expected)
    return shares


def _coverage_lines(data: PageData, span: Span) -> Iterator[str]:
    shares = coverage(data.ledger, span)
    yield "Stored of the expected readings"
    sources = sorted({device.source for device in data.ledger.devices()} & set(shares))
    named = [(source, source) for source in sources]
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
            yield f"{heading:<26} {'lowest':>8} {'mean':>8} {'highest':>8}"
            yield from (_row(name, found, _DIGITS.get(quantity, 0)) for name, found in rows)


def _row(name: str, found: Summary, digits: int) -> str:
    return f"  {_cut(name)} " + " ".join(
        f"{value:8.{digits}f}" for value in (found.low, found.mean, found.high)
    )


def _cut(name: str, width: int = _NAME_WIDTH) -> str:
    return f"{printable(name)[:width]:<{width}}"
