"""The newest values of a home as a table, with a sparkline of the last days for each room."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from rich.console import Console
from rich.table import Table

from domain.reading import UNITS, Quantity, Reading
from ports.history import History

_BARS = "▁▂▃▄▅▆▇█"
_WIDTH = 42  # columns of a sparkline: six a day over a week
_PRETTY_UNITS = {"Cel": "°C", "ug/m3": "µg/m³", "[ppm]": "ppm", "{index}": ""}


def show(history: History, *, since: datetime, now: datetime) -> None:
    """Print the table on stdout."""
    table = Table(title=None, box=None, pad_edge=False, header_style="bold")
    for heading, justify in (("room", "left"), ("now", "right"), ("age", "right"), ("battery", "right")):
        table.add_column(heading, justify="right" if justify == "right" else "left", no_wrap=True)
    table.add_column(f"since {since.astimezone():%d %b}, lowest to highest", no_wrap=True)
    for reading in history.newest():
        series = history.series(reading.device_id, Quantity.TEMPERATURE, since)
        table.add_row(
            reading.location,
            _values(reading),
            _age(now - reading.collected_at),
            "" if reading.battery_percent is None else f"{reading.battery_percent} %",
            _sparkline_with_ends(series, since, now),
        )
    Console(highlight=False).print(table)


def sparkline(series: Sequence[tuple[datetime, float]], since: datetime, until: datetime, width: int) -> str:
    """A bar a column for the mean of its share of the time; a blank where nothing was stored."""
    if not series or until <= since:
        return " " * width
    columns: list[list[float]] = [[] for _ in range(width)]
    for instant, value in series:
        columns[min(width - 1, max(0, int((instant - since) / (until - since) * width)))].append(value)
    means = [sum(column) / len(column) if column else None for column in columns]
    present = [mean for mean in means if mean is not None]
    low, span = min(present), max(present) - min(present)
    top = len(_BARS) - 1
    return "".join(
        " " if mean is None else _BARS[round((mean - low) / span * top) if span else 0] for mean in means
    )


def _sparkline_with_ends(series: Sequence[tuple[datetime, float]], since: datetime, now: datetime) -> str:
    if not series:
        return ""
    values = [value for _, value in series]
    return f"{min(values):5.1f} {sparkline(series, since, now, _WIDTH)} {max(values):4.1f}"


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
