"""The order in which a file keeps the columns of its readings, which depends on how old it is."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing

from adapters.sqlite.pages import Pages
from adapters.sqlite.schema import ADD_COLUMNS, CREATE_READINGS

_LATE = frozenset({"pm25_ugm3", "voc_ppb", "co_ppm", "co2_ppm", "iaq_score"})


def reading_columns(pages: Pages) -> Sequence[str]:
    """As the file's own schema says; where that is lost, as the rows themselves show."""
    for record in pages.records():
        match record.values:
            case ("table", "readings", _, _, str(definition)):
                if columns := _columns(definition):
                    return columns
    return _guessed(pages)


def _columns(definition: str) -> Sequence[str]:
    try:
        with closing(sqlite3.connect(":memory:")) as connection:
            connection.execute(definition)
            return [row[1] for row in connection.execute("PRAGMA table_info(readings)")]
    except sqlite3.Error:
        return ()


def _guessed(pages: Pages) -> Sequence[str]:
    """Homes of each age have them in one of three orders, told apart by where the text of `created_at` is."""
    orders = _orders()
    for record in pages.records():
        if record.rowid is None or len(record.values) < len(orders[-1]) - len(ADD_COLUMNS):
            continue
        for order in orders:
            place = order.index("created_at")
            if len(record.values) > place and _is_time(record.values[place]):
                return order
    return orders[0]


def _orders() -> Sequence[Sequence[str]]:
    made = _columns(CREATE_READINGS[0])
    orders = []
    for born_without in (frozenset[str](), _LATE, _LATE | {"is_anomalous"}):
        born = [name for name in made if name not in born_without]
        orders.append([*born, *(name for name in ADD_COLUMNS if name not in born)])
    return orders


def _is_time(value: object) -> bool:
    return isinstance(value, str) and len(value) == len("2026-03-01 12:00:00") and value[4] == value[7] == "-"
