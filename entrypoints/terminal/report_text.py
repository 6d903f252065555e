"""The figures of a span as plain text: how complete its readings are, and what they were."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import reduce

from domain.history.series import Span, Summary, merged
from domain.printable import printable
from domain.reading import Quantity
from domain.services.home_coverage import home_coverage
from entrypoints.web.page_data import PageData
from entrypoints.words import TITLES, source_title
from ports.stored_data import History

_NAME_WIDTH = 32
_DIGITS = {Quantity.TEMPERATURE: 1, Quantity.CARBON_MONOXIDE: 1}


def figures(data: PageData, span: Span, intervals: Mapping[str, timedelta]) -> str:
    """Return the text of a report's mail; `intervals` are those of the home's sources. Raise StoreError."""
    since, until = (at.astimezone(data.zone) for at in (span.since, span.until))
    lines = [f"{since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M} ({data.zone})"]
    if data.is_simulated:
        lines += ["", "SIMULATED HOME: none of these values was measured."]
    lines += [
        "",
        *_coverage_lines(data, span, intervals),
        *_value_lines(data.history, span),
        "",
        "Open problems",
    ]
    lines += [f"  {printable(one['text'])}" for one in data.incidents()] or ["  none"]
    return "\n".join(lines) + "\n"


def _coverage_lines(data: PageData, span: Span, intervals: Mapping[str, timedelta]) -> Iterator[str]:
    newest = data.history.newest(span.until)
    found = home_coverage(
        data.ledger,
        data.ledger.records(span.since, span.until),
        span,
        intervals,
        {reading.device_id: reading.collected_at for reading in newest},
    )
    named = [(source_title(source), found.sources[source]) for source in sorted(found.sources)]
    named += [
        (one.location, found.devices[one.device_id]) for one in newest if one.device_id in found.devices
    ]
    yield "Stored of the expected readings"
    for name, coverage in named:
        if coverage.share is not None:
            yield f"  {_cut(name)} {100 * coverage.share:6.1f} %"


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
