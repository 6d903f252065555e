"""All stored readings, or a selection, row by row in the order of time."""

from __future__ import annotations

import heapq
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from functools import partial
from operator import itemgetter
from pathlib import Path

from adapters.sqlite.errors import error_name, store_errors
from adapters.sqlite.history.queries import device_ids, open_for_reading
from adapters.sqlite.rows.readings import COLUMNS, NUMBER, as_instant, as_text, newest_ids, reading_tables
from domain.history.export import Cell, Row, Selection

# How far the text of a local time can be from that of its instant in UTC.
_LOCAL_SLACK = timedelta(days=2)
_ROWS_AT_ONCE = 2000
_without_id = itemgetter(slice(-1))
_AFTER_ALL = "~"  # sorts after every time
# Of such texts, the order is that of time. A longer pattern would cost a tenth of an export.
_IS_UTC = "(+{0} >= '0' AND +{0} < ':' AND substr({0}, -6) = '+00:00')"
_SLOT_IS_UTC = _IS_UTC.format("timestamp")
_SELECT = """
SELECT
    timestamp, CAST(device_id AS TEXT), CAST(location AS TEXT), CAST(device_type AS TEXT),
    {values}, CASE WHEN typeof(battery_level) = 'integer' THEN battery_level END,
    signal_strength <> 0, coalesce(is_anomalous <> 0, 0),
    CASE WHEN {is_utc} THEN observed_at END, CASE WHEN other_values GLOB '{{*}}' THEN other_values END, id
FROM {table}
WHERE {conditions} AND timestamp < ? AND timestamp >= ? AND (+timestamp > ? OR id > ?)
ORDER BY timestamp, id LIMIT {rows}
"""
_COUNT = "SELECT count(*) FROM {table} WHERE {conditions} AND timestamp < ? AND timestamp >= ?"
_SELECT_LOCATION = """
SELECT CAST(location AS TEXT) FROM {table} WHERE device_id = ? ORDER BY timestamp DESC LIMIT 1
"""


class SqliteExportedRows:
    """The rows of a database. Each call opens it read-only and closes it again."""

    def __init__(self, path: Path, *, naive_zone: tzinfo | None = None, busy_timeout_ms: int = 5000) -> None:
        self._path = path
        self._naive_zone = naive_zone  # of old times without one; None: the system's zone
        self._busy_timeout_ms = busy_timeout_ms

    def devices(self) -> Mapping[str, str]:
        with open_for_reading(self._path, self._busy_timeout_ms) as connection:
            selects = [_SELECT_LOCATION.format(table=table) for table in reading_tables(connection)]
            return {
                str(device_id): next(
                    row[0] for select in selects for row in connection.execute(select, (device_id,))
                )
                for device_id in device_ids(connection)
            }

    def count(self, selection: Selection) -> int:
        conditions, parameters = _conditions(selection)
        until, since = _bounds(selection, _LOCAL_SLACK)
        with open_for_reading(self._path, self._busy_timeout_ms) as connection:
            counts = (
                _COUNT.format(table=table, conditions=conditions) for table in reading_tables(connection)
            )
            return sum(
                connection.execute(count, (*parameters, until, since)).fetchone()[0] for count in counts
            )

    def rows(self, selection: Selection) -> Iterator[Row]:
        with open_for_reading(self._path, self._busy_timeout_ms) as connection, store_errors(self._path):
            connection.row_factory = None
            parts: list[Iterator[Row]] = []
            for table, newest in newest_ids(connection).items():
                read = partial(_read, connection, table, selection)
                others = read(f"NOT {_SLOT_IS_UTC} AND id <= {newest:d}", _LOCAL_SLACK)
                parts.append(read(f"{_SLOT_IS_UTC} AND id <= {newest:d}", timedelta()))
                parts.append(self._in_order(others, selection))
            yield from heapq.merge(*parts, key=_time_of)

    def _in_order(self, rows: Iterator[Row], selection: Selection) -> Iterator[Row]:
        """Yield rows with their times in UTC, in the order of time; leave out what names no time."""
        since, until = selection.since, selection.until
        waiting: list[tuple[str, int, Row]] = []
        for number, (text, *cells) in enumerate(rows):
            instant = as_instant(text, self._naive_zone)
            if instant is None:
                continue
            time = as_text(instant)
            while waiting and datetime.fromisoformat(waiting[0][0]) < instant - _LOCAL_SLACK:
                yield heapq.heappop(waiting)[2]
            if (since is None or instant >= since) and (until is None or instant < until):
                heapq.heappush(waiting, (time, number, (time, *cells)))
        while waiting:
            yield heapq.heappop(waiting)[2]


def _time_of(row: Row) -> str:
    return str(row[0])


def _read(
    connection: sqlite3.Connection, table: str, selection: Selection, condition: str, slack: timedelta
) -> Iterator[Row]:
    """Yield the rows in the order of their texts.

    Between two portions no transaction is open: however slowly the rows are taken, the database's log can be
    shortened.
    """
    conditions, parameters = _conditions(selection)
    select = _SELECT.format(
        table=table,
        values=", ".join(NUMBER.format(COLUMNS[quantity]) for quantity in selection.quantities),
        is_utc=_IS_UTC.format("observed_at"),
        conditions=f"{conditions} AND {condition}",
        rows=_ROWS_AT_ONCE,
    )
    until, time = _bounds(selection, slack)
    last_id: Cell = 0
    while rows := _fetch(connection, select, (*parameters, until, time, time, last_id)):
        yield from map(_without_id, rows)
        time, last_id = rows[-1][0], rows[-1][-1]


def _fetch(connection: sqlite3.Connection, select: str, parameters: Sequence[object]) -> list[Row]:
    """Return the rows. Decoding leniently takes longer, so it is done only where it must."""
    lenient, connection.text_factory = connection.text_factory, str
    try:
        return connection.execute(select, parameters).fetchall()
    except sqlite3.OperationalError as error:
        if error_name(error):
            raise
    finally:
        connection.text_factory = lenient
    return connection.execute(select, parameters).fetchall()


def _bounds(selection: Selection, slack: timedelta) -> tuple[Cell, Cell]:
    """Return the text that times are before, and the one that they begin with, both wider by `slack`."""
    return (
        _AFTER_ALL if selection.until is None else as_text(selection.until + slack),
        "" if selection.since is None else as_text(selection.since - slack),
    )


def _conditions(selection: Selection) -> tuple[str, list[Cell]]:
    """Return a condition for devices and quantities, and its parameters."""
    conditions, parameters = ["1"], list[Cell]()
    if selection.device_ids:
        # With one device its index is used; with several, the rows stay in the order of time.
        column = "device_id" if len(selection.device_ids) == 1 else "+device_id"
        conditions.append(f"{column} IN ({', '.join('?' * len(selection.device_ids))})")
        parameters += selection.device_ids
    if selection.without:
        conditions.append(f"+device_id NOT IN ({', '.join('?' * len(selection.without))})")
        parameters += selection.without
    if not selection.has_all_quantities:
        wanted = [
            f"{COLUMNS[quantity]} IS NOT NULL OR instr(other_values, '\"{quantity.value}\"')"
            for quantity in selection.quantities
        ]
        conditions.append(f"({' OR '.join(wanted)})")
    return " AND ".join(conditions), parameters
