"""The newest values of a home as a table, with a sparkline of the last days for each room."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.console import Console
from rich.table import Table

from domain.reading import Quantity, Reading
from entrypoints.reading_text import age_shown, shown
from ports.history import History

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
