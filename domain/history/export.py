"""Exported readings: which are selected, and the columns of their rows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, tzinfo
from functools import lru_cache

import attrs

from domain.device_settings import add_offset, adjusted_others
from domain.reading import LARGEST, UNITS, Quantity

# Cells as they are stored: texts, numbers, None where there is nothing.
Cell = str | int | float | None
Row = tuple[Cell, ...]

# The time comes first in a row, then names, numbers and further texts.
NAMES = ("device_id", "location", "device_type", "quantity", "unit")
TEXTS = ("observed_at", "other_values")
_BEFORE_VALUES = ("collected_at", *NAMES[:3])
_AFTER_VALUES = ("battery_percent", "is_reachable", "is_anomalous", *TEXTS)
LONG_COLUMNS = ("collected_at", *NAMES, "value", "is_anomalous", "observed_at")
IS_SIMULATED = "is_simulated"  # only in exports of simulated homes
_TIMES_CACHED = 256  # the devices of a slot share its time
_ANOMALOUS, _OBSERVED, _OTHERS = -3, -2, -1  # where these cells are in a row


@attrs.frozen(kw_only=True)
class Selection:
    """The readings from `since` to before `until`, of these devices, that have a value of these quantities.

    None means without a limit, no devices means all but those of `without`. Ids are those of the database.
    """

    since: datetime | None = None
    until: datetime | None = None
    device_ids: Sequence[str] = ()
    without: Sequence[str] = ()
    quantities: Sequence[Quantity] = tuple(Quantity)

    @property
    def has_all_quantities(self) -> bool:
        return set(self.quantities) == set(Quantity)

    @property
    def columns(self) -> Sequence[str]:
        """The names of a row's cells: the values of the quantities stand between the other columns."""
        return (*_BEFORE_VALUES, *self.quantities, *_AFTER_VALUES)


def units(columns: Sequence[str]) -> Mapping[str, str | None]:
    """Return the UCUM code of each column's unit; None for columns without one."""
    known = {"battery_percent": "%", **{str(quantity): unit for quantity, unit in UNITS.items()}}
    return {str(column): known.get(column) for column in columns}


def headings(columns: Sequence[str]) -> Sequence[str]:
    """Return the columns with the codes of their units, such as `temperature (Cel)`."""
    return [f"{name} ({unit})" if unit else name for name, unit in units(columns).items()]


def adjusted(
    rows: Iterator[Row], selection: Selection, offsets: Mapping[str, Mapping[Quantity, float]]
) -> Iterator[Row]:
    """Yield the rows with the offsets added, which are given by device id as the database has it."""
    first = len(_BEFORE_VALUES)
    places = {
        device_id: [
            (place, own[name]) for place, name in enumerate(selection.quantities, first) if name in own
        ]
        for device_id, own in offsets.items()
    }
    for row in rows:
        device_id = str(row[1])
        if device_id not in places:
            yield row
            continue
        cells = list(row)
        for place, offset in places[device_id]:
            value = cells[place]
            if isinstance(value, int | float):
                cells[place] = add_offset(value, offset)
        if cells[_OTHERS] is not None:
            others = other_values(cells[_OTHERS])
            if others.keys() & offsets[device_id]:
                cells[_OTHERS] = json.dumps(adjusted_others(others, offsets[device_id]))
        yield tuple(cells)


def simulated_columns(columns: Sequence[str]) -> Sequence[str]:
    """Return the columns of a simulated home: one more, before the last texts, in which every row has a 1."""
    at = columns.index(TEXTS[0])
    return (*columns[:at], IS_SIMULATED, *columns[at:])


def simulated_rows(rows: Iterator[Row], columns: Sequence[str]) -> Iterator[Row]:
    """Yield the rows with the cell of that column; `columns` are without it."""
    at = columns.index(TEXTS[0])
    return ((*row[:at], 1, *row[at:]) for row in rows)


def in_zone(rows: Iterator[Row], zone: tzinfo) -> Iterator[Row]:
    """Yield the rows with their times in that zone, each with its offset. A text that is no time stays."""

    @lru_cache(maxsize=_TIMES_CACHED)
    def convert(text: str) -> str:
        try:
            return datetime.fromisoformat(text).astimezone(zone).isoformat()
        except (ValueError, OverflowError):
            return text

    for row in rows:
        observed = row[_OBSERVED]
        seen = None if observed is None else convert(str(observed))
        yield (convert(str(row[0])), *row[1:_OBSERVED], seen, row[_OTHERS])


def long_rows(rows: Iterator[Row], selection: Selection) -> Iterator[Row]:
    """Yield a row for each value, of a quantity or another one; the unit of the latter may be unknown."""
    first = len(_BEFORE_VALUES)
    named = [(number, name.value, UNITS[name]) for number, name in enumerate(selection.quantities, first)]
    for row in rows:
        before, after = row[:first], (row[_ANOMALOUS], row[_OBSERVED])
        for number, name, unit in named:
            if row[number] is not None:
                yield (*before, name, unit, row[number], *after)
        if row[_OTHERS] is not None:
            for name, value in other_values(row[_OTHERS]).items():
                if selection.has_all_quantities or name in selection.quantities:
                    yield (*before, name, _unit_of(name), value, *after)


def other_values(cell: Cell) -> dict[str, float]:
    """Return the finite numbers in the cell by name; none if it is not an object of JSON."""
    try:
        found = json.loads(cell) if isinstance(cell, str) else {}
    except (ValueError, RecursionError):
        return {}
    named = found.items() if isinstance(found, dict) else ()
    return {name: value for name, value in named if isinstance(value, int | float) and abs(value) <= LARGEST}


def _unit_of(name: str) -> str | None:
    return UNITS[Quantity(name)] if name in UNITS else None
