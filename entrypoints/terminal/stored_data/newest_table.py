"""The tables of the newest values: temperatures with their course, and air."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial

import attrs

from domain.history.coverage import Coverage, stale_from
from domain.history.series import Point
from domain.reading import Quantity, Reading
from domain.times import format_age
from entrypoints.terminal.cycle_text import format_value, unit_text
from entrypoints.terminal.layout import Cell, Column, Line, table
from entrypoints.terminal.output import Look
from entrypoints.terminal.stored_data.coverage_text import share_text
from ports.stored_data import History

_BARS = "▁▂▃▄▅▆▇█"
_STALE = "!"
_AIR = {  # the heading of each, and its rank where the width is short
    Quantity.RELATIVE_HUMIDITY: ("humidity", 7),
    Quantity.PM25: ("PM2.5", None),
    Quantity.PM10: ("PM10", 2),
    Quantity.CARBON_DIOXIDE: ("CO2", 6),
    Quantity.CARBON_MONOXIDE: ("CO", 5),
    Quantity.VOC_INDEX: ("VOC", 4),
    Quantity.IAQ_SCORE: ("score", 3),
}


@attrs.frozen(kw_only=True)
class Newest:
    """The newest reading of a device, its temperatures in a time, and how complete its readings are."""

    reading: Reading
    temperatures: Sequence[Point] = ()
    coverage: Coverage | None = None


def newest_of(history: History, since: datetime, until: datetime) -> tuple[Newest, ...]:
    """Return the newest readings up to `until`, with the temperatures from `since` on. Raise StoreError."""
    return tuple(
        Newest(reading=reading, temperatures=_temperatures(history, reading, since, until))
        for reading in history.newest(until)
    )


def _temperatures(history: History, reading: Reading, since: datetime, until: datetime) -> Sequence[Point]:
    """Return them without those of a clock that was ahead."""
    if Quantity.TEMPERATURE not in reading.values:
        return ()
    course = history.series(reading.device_id, Quantity.TEMPERATURE, since)
    return [point for point in course if point[0] <= until]


def age_of(reading: Reading, now: datetime) -> timedelta:
    """Return the age of the observation; that of the slot if no time is known, or one in the future."""
    observed_at = reading.observed_at
    return now - (reading.collected_at if observed_at is None or observed_at > now else observed_at)


@attrs.frozen(kw_only=True)
class NewestTables:
    """Formats the newest readings; `since` and `now` are the ends of the temperatures' courses."""

    devices: Sequence[Newest]
    since: datetime
    now: datetime
    interval: timedelta

    def lines(self, width: int) -> Iterator[Line]:
        """Yield both tables, and what the mark in them means; no line is wider than `width`."""
        devices = sorted(self.devices, key=_by_name)
        if not devices:
            return
        yield from self._temperatures(devices, width)
        if monitors := [one for one in devices if one.reading.values.keys() & _AIR.keys()]:
            yield "", Look.PLAIN
            yield from self._air(monitors, width)
        if any(map(self._is_stale, devices)):
            yield f"{_STALE} no longer current: the next reading is overdue", Look.PLAIN

    def _temperatures(self, devices: Sequence[Newest], width: int) -> Iterator[Line]:
        has_coverage = any(one.coverage is not None for one in devices)
        columns = [
            Column(heading="now"),
            Column(heading="age", rank=5),
            Column(heading="battery", rank=2),
            *([Column(heading="stored", rank=1)] if has_coverage else []),
            Column(heading="min", rank=3),
            Column(heading=f"last {format_age(self.now - self.since)}", rank=4, widths=(9, 96)),
            Column(heading="max", rank=3),
        ]

        def cells(one: Newest) -> Iterator[Cell]:
            reading, values = one.reading, [value for _, value in one.temperatures]
            yield format_value(reading, Quantity.TEMPERATURE)
            yield format_age(age_of(reading, self.now))
            yield "" if reading.battery_percent is None else f"{reading.battery_percent} %"
            if has_coverage:
                yield share_text(one.coverage)
            yield f"{min(values):.1f}" if values else ""
            yield partial(sparkline, one.temperatures, self.since, self.now)
            yield f"{max(values):.1f}" if values else ""

        return self._table(columns, devices, map(cells, devices), width)

    def _air(self, devices: Sequence[Newest], width: int) -> Iterator[Line]:
        present = [quantity for quantity in _AIR if any(quantity in one.reading.values for one in devices)]
        columns = [Column(heading="\nage", rank=1)]
        for quantity in present:
            heading, rank = _AIR[quantity]
            columns.append(Column(heading=f"{heading}\n{unit_text(quantity)}", rank=rank))

        def cells(one: Newest) -> Iterator[Cell]:
            yield format_age(age_of(one.reading, self.now))
            for quantity in present:
                yield format_value(one.reading, quantity, with_unit=False)

        return self._table(columns, devices, map(cells, devices), width, above="\n")

    def _table(
        self,
        columns: Sequence[Column],
        devices: Sequence[Newest],
        cells: Iterable[Iterable[Cell]],
        width: int,
        above: str = "",
    ) -> Iterator[Line]:
        """Yield the table with the names in front, and before them a mark if any is stale."""
        names = [Column(heading=f"{above}room", is_name=True)]
        marks = [Column(heading="")] if any(map(self._is_stale, self.devices)) else []
        rows = [
            [*([_STALE if self._is_stale(one) else ""] if marks else []), one.reading.location, *own]
            for one, own in zip(devices, cells, strict=True)
        ]
        headings, body = table([*marks, *names, *columns], rows, width)
        yield from ((line, Look.BOLD) for line in headings)
        for one, line in zip(devices, body, strict=True):
            yield line, Look.DIM if self._is_stale(one) else Look.PLAIN

    def _is_stale(self, one: Newest) -> bool:
        return self.now > stale_from(one.reading.collected_at, self.interval)


def _by_name(one: Newest) -> tuple[list[tuple[int, str]], str]:
    """Return what sorts by name without case, and numbers in names by their value: Room 2, Room 10."""
    parts = re.split(r"([0-9]{1,9})", one.reading.location.casefold())
    return [(int(part) if part.isdecimal() else 0, part) for part in parts], one.reading.device_id


def sparkline(series: Sequence[Point], since: datetime, until: datetime, width: int) -> str:
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
