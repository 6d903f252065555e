"""The newest values of a home as a table, with a sparkline of the last days for each room."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from rich.console import Console
from rich.table import Table

from domain.reading import UNITS, Quantity, Reading
from ports.history import History

_BARS = "▁▂▃▄▅▆▇█"
_BESIDE_SPARKLINE = 58  # columns that the rest of a row takes with a room of twenty letters
_PRETTY_UNITS = {"Cel": "°C", "ug/m3": "µg/m³", "[ppm]": "ppm", "{index}": ""}


def show(history: History, *, since: datetime, now: datetime) -> None:
    """Print the newest reading of each device on stdout, and how its temperature went since."""
    console = Console(highlight=False)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("room", max_width=20, no_wrap=True)
    for heading in ("now", "age", "battery", "min"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column(f"since {since.astimezone():%a %d %b %H:%M}", no_wrap=True)
    table.add_column("max", justify="right", no_wrap=True)
    width = min(84, max(14, console.width - _BESIDE_SPARKLINE))
    for reading in history.newest():
        series = history.series(reading.device_id, Quantity.TEMPERATURE, since)
        table.add_row(*_row(reading, series, since, now, width))
    console.print(table)


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


def _row(
    reading: Reading, series: Sequence[tuple[datetime, float]], since: datetime, now: datetime, width: int
) -> tuple[str, ...]:
    values = [value for _, value in series]
    return (
        reading.location,
        _values(reading),
        _age(now - reading.collected_at),
        "" if reading.battery_percent is None else f"{reading.battery_percent} %",
        f"{min(values):.1f}" if values else "",
        sparkline(series, since, now, width) if values else "",
        f"{max(values):.1f}" if values else "",
    )


def _values(reading: Reading) -> str:
    return ", ".join(
        f"{value:.1f} {_PRETTY_UNITS.get(UNITS[quantity], UNITS[quantity])}".rstrip()
        for quantity, value in reading.values.items()
    )


def _age(age: timedelta) -> str:
    minutes = int(age.total_seconds() // 60)
    if minutes < 1:
        return "now"
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h"
