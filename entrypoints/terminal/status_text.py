"""Format the status of a home: the table of newest values, lines for people and an object for scripts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
from rich.console import Console
from rich.table import Table

from domain.progress import Waiting
from domain.reading import Quantity, Reading
from entrypoints.terminal.cycle_text import format_age, format_value
from ports.state import Json
from ports.stored_data import History, SourceRecord

_BARS = "▁▂▃▄▅▆▇█"
_OTHER_COLUMNS_WIDTH = 58  # of a row, with a room of twenty letters

_AIR = {
    Quantity.RELATIVE_HUMIDITY: "humidity",
    Quantity.PM25: "PM2.5",
    Quantity.PM10: "PM10",
    Quantity.CARBON_MONOXIDE: "CO",
    Quantity.VOC_INDEX: "VOC",
    Quantity.IAQ_SCORE: "score",
}


def show(history: History, *, since: datetime, now: datetime) -> None:
    """Print the newest reading of each device, with its temperature since then as a sparkline."""
    console = Console(highlight=False)
    readings = history.newest()
    console.print(
        _temperatures(history, readings, since, now, min(84, max(14, console.width - _OTHER_COLUMNS_WIDTH)))
    )
    monitors = [reading for reading in readings if reading.values.keys() & _AIR.keys()]
    if monitors:
        console.print(_air(monitors, now))


def sparkline(series: Sequence[tuple[datetime, float]], since: datetime, until: datetime, width: int) -> str:
    """Draw the mean of each time slice as a bar; a blank where nothing was stored."""
    columns: list[list[float]] = [[] for _ in range(width)]
    for instant, value in series:
        columns[min(width - 1, max(0, int((instant - since) / (until - since) * width)))].append(value)
    means = [sum(column) / len(column) if column else None for column in columns]
    present = [mean for mean in means if mean is not None]
    if not present:
        return " " * width
    low, span = min(present), max(present) - min(present)
    top = len(_BARS) - 1
    return "".join(
        " " if mean is None else _BARS[round((mean - low) / span * top) if span else 0] for mean in means
    )


def _temperatures(
    history: History, readings: Sequence[Reading], since: datetime, now: datetime, width: int
) -> Table:
    table = _table("now", "age", "battery", "min")
    table.add_column(f"since {since.astimezone():%a %d %b %H:%M}", no_wrap=True)
    table.add_column("max", justify="right", no_wrap=True)
    for reading in readings:
        series = history.series(reading.device_id, Quantity.TEMPERATURE, since)
        values = [value for _, value in series]
        table.add_row(
            reading.location,
            format_value(reading, Quantity.TEMPERATURE),
            format_age(_age(reading, now)),
            "" if reading.battery_percent is None else f"{reading.battery_percent} %",
            f"{min(values):.1f}" if values else "",
            sparkline(series, since, now, width) if values else "",
            f"{max(values):.1f}" if values else "",
        )
    return table


def _air(readings: Sequence[Reading], now: datetime) -> Table:
    table = _table("age", *_AIR.values())
    for reading in readings:
        values = (format_value(reading, quantity) for quantity in _AIR)
        table.add_row(reading.location, format_age(_age(reading, now)), *values)
    return table


def _table(*headings: str) -> Table:
    """Return a table whose first column is the room, followed by columns of numbers."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("room", max_width=20, no_wrap=True)
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


FORMAT = 1  # of the JSON object: increased when a key is renamed or removed
_SHOWN = (Quantity.TEMPERATURE, Quantity.RELATIVE_HUMIDITY, Quantity.PM25, Quantity.IAQ_SCORE)


@attrs.frozen(kw_only=True)
class Status:
    """What is known of a home at `now` from its own files.

    `incidents` and `state` come from the state file; `collectors` are the sources that a process collects
    from at this moment.
    """

    now: datetime
    readings: tuple[Reading, ...] = ()
    records: tuple[SourceRecord, ...] = ()
    waiting: Waiting
    incidents: Mapping[str, Json]
    state: Mapping[str, Mapping[str, Json]]
    alert_file: Path | None
    collectors: tuple[str, ...]
    store_trouble: str | None = None


def lines(status: Status) -> Iterator[str]:
    """Yield problems first, then the sources, then the devices."""
    yield from _problems(status)
    running = ", ".join(status.collectors)
    yield f"collecting now: {running}" if running else "no collector is running"
    yield from _waiting(status.waiting)
    for record in status.records:
        yield f"{record.source}: {_describe(record)}"
    width = max((len(reading.location) for reading in status.readings), default=0)
    for reading in status.readings:
        values = "  ".join(
            format_value(reading, quantity) for quantity in _SHOWN if quantity in reading.values
        )
        age = format_age(_age(reading, status.now))
        battery = "" if reading.battery_percent is None else f"  battery {reading.battery_percent} %"
        yield f"  {reading.location:<{width}}  {age:>7}  {values}{battery}"


def as_object(status: Status) -> dict[str, Any]:
    """Return the object that docs/reference/command-line.md documents."""
    return {
        "format": FORMAT,
        "now": status.now.isoformat(),
        "collecting": list(status.collectors),
        "troubles": list(_problems(status)),
        "incidents": status.incidents,
        "state": status.state,
        "spool": {
            "cycles": status.waiting.cycles,
            "readings": status.waiting.readings,
            "places": status.waiting.places,
        },
        "sources": [
            {
                **attrs.asdict(record),
                "slot": record.slot.isoformat(),
                "ahead": record.ahead.isoformat() if record.ahead else None,
                "mended_share": _retry_share(record),
            }
            for record in status.records
        ],
        "devices": [
            {
                "device_id": reading.device_id,
                "location": reading.location,
                "collected_at": reading.collected_at.isoformat(),
                "observed_at": reading.observed_at.isoformat() if reading.observed_at else None,
                "age_s": _age(reading, status.now).total_seconds(),
                "values": {quantity.value: value for quantity, value in reading.values.items()},
                "battery_percent": reading.battery_percent,
                "is_anomalous": reading.is_anomalous,
            }
            for reading in status.readings
        ],
    }


def _age(reading: Reading, now: datetime) -> timedelta:
    """Return the age of the observation; that of the slot if no time is known, or one in the future."""
    observed_at = reading.observed_at
    return now - (reading.collected_at if observed_at is None or observed_at > now else observed_at)


def _problems(status: Status) -> Iterator[str]:
    if status.store_trouble:
        yield f"database: {status.store_trouble}"
    for problem in status.waiting.unreadable:
        yield f"spool: {problem}"
    if status.alert_file:
        yield f"a person must act: {status.alert_file} says what to do"
    for record in status.records:
        if record.ahead is not None:
            yield (
                f"the clock is, or was, wrong: {record.source} has a slot of {record.ahead:%Y-%m-%d %H:%M} "
                "UTC; rows that are later than two hours from now are not shown as newest"
            )
    for incident in status.incidents.values():
        if isinstance(incident, dict) and incident.get("is_open"):
            yield f"{incident.get('title')} (since {incident.get('since')})"

    for key in ("upkeep.backup", "upkeep.copy"):
        kept = status.state.get(key, {}).get("kept")
        for file, reason in kept.items() if isinstance(kept, dict) else ():
            yield (
                f"the old backup {file} is kept: {reason}. `homeclimate db salvage` with this file merges "
                "its rows"
            )


def _waiting(waiting: Waiting) -> Iterator[str]:
    if waiting.cycles:
        yield (
            f"spool: {waiting.readings} readings of {waiting.cycles} cycles wait for the database in "
            f"{' and '.join(waiting.places)}; the next cycle that can write to it stores them"
        )


def _describe(record: SourceRecord) -> str:
    what = f"{record.readings} readings" if record.state == "stored" else record.state
    why = f" ({record.cause})" if record.cause else ""
    silent = f", {record.unread} silent" if record.unread else ""
    total = sum(record.slots.values())
    counted = f"; {record.slots.get('stored', 0)} of {total} slots stored in 24 h" if total else ""
    share = _retry_share(record)
    mended = f"; {share:.0%} of temporary errors solved by a retry" if share is not None else ""
    detail = f": {record.detail}" if record.detail else ""
    return f"slot of {record.slot.astimezone():%Y-%m-%d %H:%M}: {what}{why}{silent}{detail}{counted}{mended}"


def _retry_share(record: SourceRecord) -> float | None:
    """Return the share of cycles with a temporary error in which a retry brought the readings."""
    troubled = record.mended + record.unmended
    return record.mended / troubled if troubled else None
