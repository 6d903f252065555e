"""Roll-ups: lowest, highest, sum and number of each quantity by device and hour, kept in a table.

Each row of `readings` is counted once, in the order of the ids, which only grow. So a row that comes late,
from the spool, a backup or the earlier program, joins its hour too.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any

import attrs

from adapters.sqlite.database_lock import DatabaseLock, locked_transaction
from adapters.sqlite.rows.readings import (
    AIR_READINGS,
    COLUMNS,
    READINGS,
    as_instant,
    as_number,
    as_text,
    reading_tables,
)
from domain.history.series import HOUR, Resolution, Summary, begin_of, merged
from domain.reading import Quantity

_PORTION = 20_000  # rows in one transaction: a cycle waits no longer than these take
_HOUR_S = 3600
_DAY_MINUTES = 24 * 60
_LOCAL_SLACK = timedelta(days=1)
_EPOCH = date(1970, 1, 1)
_LAST_IDS = {READINGS: "rollups.last_id", AIR_READINGS: "rollups.last_air_id"}  # properties
_UTC = "+00:00"
_OF_DEVICE = "AND +device_id = ?"

_CREATE = """
CREATE TABLE IF NOT EXISTS hourly (
    device_id TEXT NOT NULL,
    quantity TEXT NOT NULL,
    hour INTEGER NOT NULL,
    low REAL NOT NULL,
    high REAL NOT NULL,
    total REAL NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (device_id, quantity, hour)
) WITHOUT ROWID
"""
_UPSERT = """
INSERT INTO hourly (device_id, quantity, hour, low, high, total, count) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (device_id, quantity, hour) DO UPDATE SET
    low = min(low, excluded.low), high = max(high, excluded.high),
    total = total + excluded.total, count = count + excluded.count
"""
_SELECT_LAST_ID = "SELECT value FROM properties WHERE name = ?"
_UPSERT_LAST_ID = """
INSERT INTO properties (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value
"""
_SELECT_HOURS = """
SELECT hour, low, high, total, count FROM hourly
WHERE device_id = ? AND quantity = ? AND hour >= ? AND hour < ? ORDER BY hour
"""
# Days are counted in local time from 1970-01-01, `offset` minutes ahead of UTC. In zones half an hour off a
# day begins within an hour: that hour is left out, and its readings are looked at one by one.
_SELECT_DAYS = f"""
SELECT (hour * 60 + :offset) / {_DAY_MINUTES} AS day, min(low), max(high), total(total), sum(count)
FROM hourly WHERE device_id = :device_id AND quantity = :quantity AND hour >= :first AND hour < :end
    AND (hour * 60 + :offset) % {_DAY_MINUTES} <= {_DAY_MINUTES - 60}
GROUP BY day
"""  # noqa: S608 - numbers
_SELECT_HAS_LOCAL = f"""
SELECT 1 FROM {{table}} WHERE device_id = ? AND substr(timestamp, -6) <> '{_UTC}' LIMIT 1
"""  # noqa: S608 - a constant
_SELECT_HOUR = (
    "SELECT timestamp, {column} FROM {table} WHERE device_id = ? AND timestamp >= ? AND timestamp < ?"
)


def _of_column(column: str) -> str:
    number = f"CASE WHEN typeof({column}) IN ('real', 'integer') THEN {column} END"
    return f"min({number}), max({number}), total({number}), count({number})"


_AGGREGATES = ", ".join(_of_column(column) for column in COLUMNS.values())
# Times in UTC are grouped by SQLite; a time without a zone needs the home's rules and is read on its own.
_GROUP_UTC = f"""
SELECT device_id, CAST(strftime('%s', timestamp) AS INTEGER) / {_HOUR_S} AS hour, {_AGGREGATES}
FROM {{table}} WHERE id > ? AND id <= ? AND substr(timestamp, -6) = '{_UTC}' {{where}}
GROUP BY device_id, hour
"""  # noqa: S608 - names of columns
_SELECT_OTHERS = f"""
SELECT device_id, timestamp, {", ".join(COLUMNS.values())}
FROM {{table}} WHERE id > ? AND id <= ? AND substr(timestamp, -6) <> '{_UTC}' {{where}}
"""  # noqa: S608 - names of columns

_Row = tuple[str, str, int, float, float, float, int]


def roll_up(connection: sqlite3.Connection, lock: DatabaseLock, naive_zone: tzinfo | None) -> int:
    """Count the rows that came since the last time, in portions; return how many ids there were.

    `naive_zone` is that of old times without one; None means the system's zone.
    """
    with locked_transaction(connection, lock):
        _prepare(connection)
    return sum(_roll_up(connection, lock, naive_zone, table) for table in reading_tables(connection))


def _roll_up(
    connection: sqlite3.Connection, lock: DatabaseLock, naive_zone: tzinfo | None, table: str
) -> int:
    newest = _newest_id(connection, table)
    first = last = last_id(connection, table) or 0
    while last < newest:
        with locked_transaction(connection, lock):
            last = last_id(connection, table) or 0  # another process may have gone on
            until = min(last + _PORTION, newest)
            connection.executemany(_UPSERT, list(_grouped(connection, table, last, until, naive_zone)))
            connection.execute(_UPSERT_LAST_ID, (_LAST_IDS[table], str(until)))
        last = until
    return max(0, newest - first)


def rebuild(connection: sqlite3.Connection, lock: DatabaseLock, naive_zone: tzinfo | None) -> int:
    """Count all rows again; return how many ids there were. If interrupted, the next roll-up continues."""
    with locked_transaction(connection, lock):
        connection.execute("DROP TABLE IF EXISTS hourly")
    return roll_up(connection, lock, naive_zone)


def last_id(connection: sqlite3.Connection, table: str = READINGS) -> int | None:
    """Return the id up to which rows are counted; None before the first time, or if that is damaged."""
    row = connection.execute(_SELECT_LAST_ID, (_LAST_IDS[table],)).fetchone()
    return int(row[0]) if row is not None and str(row[0]).isdecimal() else None


def hours(
    connection: sqlite3.Connection,
    device_id: str,
    quantity: Quantity,
    since: datetime,
    until: datetime,
    naive_zone: tzinfo | None,
) -> Sequence[Summary]:
    """Return the summaries of whole hours from that of `since` to before `until`, oldest first.

    Rows that are not counted yet are added here.
    """
    first, end = int(since.timestamp()) // _HOUR_S, -(-int(until.timestamp()) // _HOUR_S)
    key = (device_id, quantity.value, first, end)
    found = {row[0]: _summary(*row) for row in _counted(connection, _SELECT_HOURS, key)}
    for hour, new in _uncounted(connection, device_id, quantity, naive_zone):
        if first <= hour < end:
            found[hour] = merged(found[hour], new) if hour in found else new
    return [found[hour] for hour in sorted(found)]


def days(
    connection: sqlite3.Connection,
    device_id: str,
    quantity: Quantity,
    since: datetime,
    until: datetime,
    zone: tzinfo,
    naive_zone: tzinfo | None,
) -> Sequence[Summary]:
    """Return the summaries of the days of a zone, from that of `since` to that of `until`, oldest first.

    Days have 23, 24 or 25 hours, as the zone has them. `at` is where the day begins.
    """
    found: dict[date, Summary] = {}

    def add(number: int, part: Summary) -> None:
        day = _EPOCH + timedelta(days=number)
        present = found.get(day)
        found[day] = part if present is None else merged(present, part)

    begin = begin_of(since, Resolution.DAY, zone)
    end = begin_of(until, Resolution.DAY, zone)
    end = begin_of(end + timedelta(hours=36), Resolution.DAY, zone)
    uncounted = list(_uncounted(connection, device_id, quantity, naive_zone))
    for first, last, offset in _constant_offsets(begin, end, zone):
        key = {
            "device_id": device_id,
            "quantity": quantity.value,
            "first": first,
            "end": last,
            "offset": offset,
        }
        for day, *values in _counted(connection, _SELECT_DAYS, key):
            add(day, _summary(0, *values))
        boundary = -offset % 60  # minutes into the hour in which a day begins
        for hour, part in uncounted:
            if first <= hour < last and not (boundary and _begins_day(hour, offset)):
                add((hour * 60 + offset) // _DAY_MINUTES, part)
        if boundary:
            tables = reading_tables(connection)
            slacks = {table: _text_slack(connection, table, device_id) for table in tables}
            for hour in range(first, last):
                if _begins_day(hour, offset):
                    for minute, part in _readings_of(
                        connection, slacks, device_id, quantity, hour, naive_zone
                    ):
                        add((minute + offset) // _DAY_MINUTES, part)
    return [
        attrs.evolve(found[day], at=datetime.combine(day, time(), zone).astimezone(UTC))
        for day in sorted(found)
    ]


def _constant_offsets(begin: datetime, end: datetime, zone: tzinfo) -> Iterator[tuple[int, int, int]]:
    """Yield first hour, hour after the last, and minutes ahead of UTC, of each time without a change."""

    def offset_of(hour: int) -> int:
        offset = datetime.fromtimestamp(hour * _HOUR_S, zone).utcoffset() or timedelta()
        return round(offset.total_seconds() / 60)

    first, last = int(begin.timestamp()) // _HOUR_S, -(-int(end.timestamp()) // _HOUR_S)
    offset = offset_of(first)
    for noticed in [*range(first + 24, last, 24), last - 1]:
        while offset_of(noticed) != offset:
            changed = next(
                hour for hour in range(max(first, noticed - 24), noticed + 1) if offset_of(hour) != offset
            )
            yield first, changed, offset
            first, offset = changed, offset_of(changed)
    yield first, last, offset


def _begins_day(hour: int, offset: int) -> bool:
    """Return whether a local day begins within the hour, after its first minute."""
    return (hour * 60 + offset) % _DAY_MINUTES > _DAY_MINUTES - 60


def _text_slack(connection: sqlite3.Connection, table: str, device_id: str) -> timedelta:
    """Return how far the text of a time can be from that of the instant: nothing, if all are in UTC."""
    has_local = connection.execute(_SELECT_HAS_LOCAL.format(table=table), (device_id,)).fetchone()
    return _LOCAL_SLACK if has_local else timedelta()


def _readings_of(
    connection: sqlite3.Connection,
    slacks: Mapping[str, timedelta],
    device_id: str,
    quantity: Quantity,
    hour: int,
    naive_zone: tzinfo | None,
) -> Iterator[tuple[int, Summary]]:
    """Yield the minute since the epoch, and the summary, of each reading in the hour."""
    begin = datetime.fromtimestamp(hour * _HOUR_S, UTC)
    for table, slack in slacks.items():
        key = (device_id, as_text(begin - slack), as_text(begin + HOUR + slack))
        select = _SELECT_HOUR.format(table=table, column=COLUMNS[quantity])
        for text, cell in connection.execute(select, key):
            instant, value = as_instant(text, naive_zone), as_number(cell)
            if instant is not None and value is not None and begin <= instant < begin + HOUR:
                yield int(instant.timestamp()) // 60, _summary(hour, value, value, value, 1)


def _counted(connection: sqlite3.Connection, select: str, key: Any) -> Iterable[Sequence[Any]]:
    """Return rows of the table, if it can be relied on."""
    if last_id(connection) is None or not _exists(connection):
        return ()
    return connection.execute(select, key)


def _uncounted(
    connection: sqlite3.Connection, device_id: str, quantity: Quantity, naive_zone: tzinfo | None
) -> Iterator[tuple[int, Summary]]:
    """Yield hours and summaries of the readings that the table does not count yet."""
    exists = _exists(connection)
    for table in reading_tables(connection):
        counted = (last_id(connection, table) or 0) if exists else 0
        newest = _newest_id(connection, table)
        for row in _grouped(connection, table, counted, newest, naive_zone, device_id):
            _, name, hour, low, high, total, count = row
            if name == quantity:
                yield hour, _summary(hour, low, high, total, count)


def _prepare(connection: sqlite3.Connection) -> None:
    """Make the table. Start again if it is not known which rows it has counted."""
    if last_id(connection) is None or not _exists(connection):
        connection.execute("DROP TABLE IF EXISTS hourly")
        connection.execute(_CREATE)
        connection.executemany(_UPSERT_LAST_ID, [(name, "0") for name in _LAST_IDS.values()])


def _newest_id(connection: sqlite3.Connection, table: str) -> int:
    return int(connection.execute(f"SELECT coalesce(max(id), 0) FROM {table}").fetchone()[0])  # noqa: S608


def _exists(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'hourly'").fetchone() is not None


def _grouped(
    connection: sqlite3.Connection,
    table: str,
    after: int,
    until: int,
    naive_zone: tzinfo | None,
    device_id: str | None = None,
) -> Iterator[_Row]:
    """Yield the rows of the roll-up that the readings with ids after `after`, up to `until`, make."""
    where, parameters = ("", (after, until)) if device_id is None else (_OF_DEVICE, (after, until, device_id))
    for device, hour, *values in connection.execute(_GROUP_UTC.format(table=table, where=where), parameters):
        for number, quantity in enumerate(COLUMNS):
            low, high, total, count = values[4 * number : 4 * number + 4]
            if count and hour is not None:
                yield device, quantity.value, hour, low, high, total, count
    for device, text, *cells in connection.execute(
        _SELECT_OTHERS.format(table=table, where=where), parameters
    ):
        instant = as_instant(text, naive_zone)
        if instant is None:
            continue
        for quantity, cell in zip(COLUMNS, cells, strict=True):
            if (value := as_number(cell)) is not None:
                hour = int(instant.timestamp()) // _HOUR_S
                yield device, quantity.value, hour, value, value, value, 1


def _summary(hour: int, low: float, high: float, total: float, count: int) -> Summary:
    at = datetime.fromtimestamp(hour * _HOUR_S, UTC)
    return Summary(at=at, low=low, high=high, total=total, count=count)
