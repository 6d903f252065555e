"""The newest values of a home as a table, with a sparkline of the last days for each room."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import attrs
from rich.console import Console
from rich.table import Table

from domain.progress import Waiting
from domain.reading import Quantity, Reading
from entrypoints.terminal.cycle_text import age_shown, shown
from ports.state import Json
from ports.stored_data import History, SourceRecord

_BARS = "▁▂▃▄▅▆▇█"
_BESIDE_SPARKLINE = 58  # columns that the rest of a row takes with a room of twenty letters

_AIR = {
    Quantity.RELATIVE_HUMIDITY: "humidity",
    Quantity.PM25: "PM2.5",
    Quantity.PM10: "PM10",
    Quantity.CARBON_MONOXIDE: "CO",
    Quantity.VOC_INDEX: "VOC",
    Quantity.IAQ_SCORE: "score",
}


def show(history: History, *, since: datetime, now: datetime) -> None:
    """Print the newest reading of each device on stdout, and how its temperature went since."""
    console = Console(highlight=False)
    readings = history.newest()
    console.print(
        _temperatures(history, readings, since, now, min(84, max(14, console.width - _BESIDE_SPARKLINE)))
    )
    monitors = [reading for reading in readings if reading.values.keys() & _AIR.keys()]
    if monitors:
        console.print(_air(monitors, now))


def sparkline(series: Sequence[tuple[datetime, float]], since: datetime, until: datetime, width: int) -> str:
    """A bar a column for the mean of its share of the time; a blank where nothing was stored."""
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
            shown(reading, Quantity.TEMPERATURE),
            age_shown(now - reading.collected_at),
            "" if reading.battery_percent is None else f"{reading.battery_percent} %",
            f"{min(values):.1f}" if values else "",
            sparkline(series, since, now, width) if values else "",
            f"{max(values):.1f}" if values else "",
        )
    return table


def _air(readings: Sequence[Reading], now: datetime) -> Table:
    table = _table("age", *_AIR.values())
    for reading in readings:
        values = (shown(reading, quantity) for quantity in _AIR)
        table.add_row(reading.location, age_shown(now - reading.collected_at), *values)
    return table


def _table(*headings: str) -> Table:
    """A table whose first column is the room, with columns of numbers after it."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("room", max_width=20, no_wrap=True)
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


# How a home stands, as lines for people and as an object for scripts.

FORMAT = 1  # of the JSON object: counts up when a key is renamed or goes
_SHOWN = (Quantity.TEMPERATURE, Quantity.RELATIVE_HUMIDITY, Quantity.PM25, Quantity.IAQ_SCORE)


@attrs.frozen(kw_only=True)
class Status:
    """What is known of a home at `now` without asking anybody outside.

    `incidents` and `told` are what the program keeps in its state; `collectors` the sources that a process
    collects from at this moment.
    """

    now: datetime
    readings: tuple[Reading, ...] = ()
    records: tuple[SourceRecord, ...] = ()
    waiting: Waiting
    incidents: Mapping[str, Json]
    told: Mapping[str, Mapping[str, Json]]
    alert_file: Path | None
    collectors: tuple[str, ...]
    store_trouble: str | None = None
    spool_trouble: str | None = None


def lines(status: Status) -> Iterator[str]:
    """The troubles first, then the sources, then the devices."""
    yield from _troubles(status)
    running = ", ".join(status.collectors)
    yield f"collecting now: {running}" if running else "no collector is running"
    yield from _waiting(status.waiting)
    for record in status.records:
        yield f"{record.source}: {_said(record)}"
    width = max((len(reading.location) for reading in status.readings), default=0)
    for reading in status.readings:
        values = "  ".join(shown(reading, quantity) for quantity in _SHOWN if quantity in reading.values)
        age = age_shown(status.now - reading.collected_at)
        battery = "" if reading.battery_percent is None else f"  battery {reading.battery_percent} %"
        yield f"  {reading.location:<{width}}  {age:>7}  {values}{battery}"


def as_object(status: Status) -> dict[str, Any]:
    """Documented in docs/reference/command-line.md."""
    return {
        "format": FORMAT,
        "now": status.now.isoformat(),
        "collecting": list(status.collectors),
        "troubles": list(_troubles(status)),
        "incidents": status.incidents,
        "state": status.told,
        "spool": {"cycles": status.waiting.cycles, "readings": status.waiting.readings},
        "sources": [
            {
                **attrs.asdict(record),
                "slot": record.slot.isoformat(),
                "ahead": record.ahead.isoformat() if record.ahead else None,
                "mended_share": _share(record),
            }
            for record in status.records
        ],
        "devices": [
            {
                "device_id": reading.device_id,
                "location": reading.location,
                "collected_at": reading.collected_at.isoformat(),
                "observed_at": reading.observed_at.isoformat() if reading.observed_at else None,
                "age_s": (status.now - reading.collected_at).total_seconds(),
                "values": {quantity.value: value for quantity, value in reading.values.items()},
                "battery_percent": reading.battery_percent,
                "is_anomalous": reading.is_anomalous,
            }
            for reading in status.readings
        ],
    }


def _troubles(status: Status) -> Iterator[str]:
    if status.store_trouble:
        yield f"database: {status.store_trouble}"
    if status.spool_trouble:
        yield f"spool: {status.spool_trouble}"
    if status.alert_file:
        yield f"a person must act: {status.alert_file} says what to do"
    for record in status.records:
        if record.ahead is not None:
            yield (
                f"the clock is, or was, wrong: {record.source} has a slot of {record.ahead:%Y-%m-%d %H:%M} "
                "UTC; what is later than two hours from now is not told as newest"
            )
    for incident in status.incidents.values():
        if isinstance(incident, dict) and incident.get("is_open"):
            yield f"{incident.get('title')} (since {incident.get('since')})"


def _waiting(waiting: Waiting) -> Iterator[str]:
    if waiting.cycles:
        yield (
            f"spool: {waiting.readings} readings of {waiting.cycles} cycles wait until the database can be "
            "written to; the next cycle that can stores them"
        )


def _said(record: SourceRecord) -> str:
    what = f"{record.readings} readings" if record.state == "stored" else record.state
    why = f" ({record.cause})" if record.cause else ""
    silent = f", {record.unread} silent" if record.unread else ""
    total = sum(record.slots.values())
    counted = f"; {record.slots.get('stored', 0)} of {total} slots stored in 24 h" if total else ""
    share = _share(record)
    mended = f"; {share:.0%} of passing troubles mended by a retry" if share is not None else ""
    detail = f": {record.detail}" if record.detail else ""
    return f"slot of {record.slot.astimezone():%Y-%m-%d %H:%M}: {what}{why}{silent}{detail}{counted}{mended}"


def _share(record: SourceRecord) -> float | None:
    """Of the cycles that met a trouble which may pass, those in which a retry brought the readings."""
    troubled = record.mended + record.unmended
    return record.mended / troubled if troubled else None
