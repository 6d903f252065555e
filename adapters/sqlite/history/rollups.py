"""Roll-ups: lowest, highest, sum and number of each quantity by device and hour, and by device and day.

Each reading is counted once, in the order of the ids of its table, which only grow. So a row that comes late,
from the spool, a backup or the earlier program, joins its hour and day too. Whether ids were deleted or
filled in below the last one that was counted is seen by their number, and all is counted again.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, date, datetime, tzinfo
from functools import lru_cache
from pathlib import Path

import attrs

from adapters.sqlite.connection import connect
from adapters.sqlite.database_lock import DatabaseLock, locked_transaction
from adapters.sqlite.errors import store_errors
from adapters.sqlite.migration.migrations import user_version
from adapters.sqlite.rows.readings import (
    COLUMNS,
    NUMBER,
    as_instant,
    as_number,
    clean,
    newest_ids,
    reading_tables,
)
from domain.errors import StoreBusy, StoreOutdated

HOUR_S = 3600
HOURS, DAYS, SERIES = "rollup_hours", "rollup_days", "rollup_series"
_PORTION = 20_000  # readings whose sums are added in one transaction: a cycle waits no longer than for these
_DELETED_AT_ONCE = 20_000
_STATE = "rollups"
_NEW, _OLD = ".new", ".old"
_UTC = "+00:00"
_QUARTER_S = 900  # the offset of every zone in use is a multiple of it
_EPOCH = date(1970, 1, 1).toordinal()
_YEARS_COMPARED = range(2000, 2041)

_CREATE_SERIES = f"""
CREATE TABLE IF NOT EXISTS {SERIES} (
    id INTEGER PRIMARY KEY,
    device_id TEXT NOT NULL,
    quantity TEXT NOT NULL,
    UNIQUE (device_id, quantity)
)
"""
_INSERT_SERIES = f"INSERT OR IGNORE INTO {SERIES} (device_id, quantity) VALUES (?, ?)"  # noqa: S608 - a name
_SELECT_SERIES = f"SELECT id FROM {SERIES} WHERE device_id = ? AND quantity = ?"  # noqa: S608 - a name
# `begin` is the number of the hour since 1970 in UTC, or of the day in the home's zone.
_CREATE = """
CREATE TABLE IF NOT EXISTS "{table}" (
    series INTEGER NOT NULL,
    begin INTEGER NOT NULL,
    low REAL NOT NULL,
    high REAL NOT NULL,
    total REAL NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (series, begin)
) WITHOUT ROWID
"""
_UPSERT = """
INSERT INTO "{table}" (series, begin, low, high, total, count) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (series, begin) DO UPDATE SET
    low = min(low, excluded.low), high = max(high, excluded.high),
    total = total + excluded.total, count = count + excluded.count
"""
_DELETE_SOME = """
DELETE FROM "{table}" WHERE (series, begin) <= (
    SELECT series, begin FROM (SELECT series, begin FROM "{table}" ORDER BY series, begin LIMIT {most})
    ORDER BY series DESC, begin DESC LIMIT 1
)
"""
_SELECT_STATE = "SELECT value FROM properties WHERE name = ?"
_UPSERT_STATE = """
INSERT INTO properties (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value
"""
_DELETE_STATE = "DELETE FROM properties WHERE name = ?"
_COUNT_BETWEEN = "SELECT count(*) FROM {table} WHERE id > ? AND id <= ?"
# A difference, since the rows up to an id would be counted in the table and not in its smallest index.
_COUNT_UNTIL = "SELECT (SELECT count(*) FROM {table}) - (SELECT count(*) FROM {table} WHERE id > ?)"


def _of_column(column: str) -> str:
    number = NUMBER.format(column)
    return f"min({number}), max({number}), total({number}), count({number})"


_AGGREGATES = ", ".join(_of_column(column) for column in COLUMNS.values())
# Times in UTC are grouped by SQLite; a time without a zone needs the home's rules and is read on its own.
_GROUP_UTC = f"""
SELECT device_id, CAST(strftime('%s', timestamp) AS INTEGER) / :step AS part, {_AGGREGATES}
FROM {{table}} WHERE {{where}} AND substr(timestamp, -6) = '{_UTC}' GROUP BY device_id, part
"""  # noqa: S608 - names of columns
_SELECT_OTHERS = f"""
SELECT device_id, timestamp, {", ".join(COLUMNS.values())}
FROM {{table}} WHERE {{where}} AND substr(timestamp, -6) <> '{_UTC}'
"""  # noqa: S608 - names of columns

Progress = Callable[[int, int], None]
Values = tuple[float, float, float, int]  # low, high, total, count
Key = tuple[str, str]  # device and quantity
Sums = dict[Key, dict[int, Values]]  # by the number of the hour or day
Ids = Mapping[str, int]  # the last id of each table of readings that is counted


@attrs.frozen(kw_only=True)
class Zones:
    """The zone whose days are counted, and that of old times without one; None means the system's zone."""

    days: tzinfo
    naive: tzinfo | None = None


@attrs.frozen(kw_only=True)
class RollupState:
    """How far the readings are counted, how many rows of each table that were, and the zones."""

    last_ids: Ids = attrs.field(factory=dict)
    rows: Mapping[str, int] = attrs.field(factory=dict)
    zone: str = ""


@attrs.frozen(kw_only=True)
class Selected:
    """The readings of a table that a condition names, with its parameters."""

    table: str
    where: str
    parameters: tuple[object, ...]


def between(after: Ids, until: Ids) -> list[Selected]:
    """Select the readings with ids after those of `after`, up to those of `until`."""
    return [
        Selected(table=table, where="id > ? AND id <= ?", parameters=(after.get(table, 0), last))
        for table, last in until.items()
    ]


@attrs.frozen(kw_only=True)
class Sum:
    """Sums of some readings by hour and by day."""

    hours: Sums = attrs.field(factory=dict)
    days: Sums = attrs.field(factory=dict)


def roll_up(connection: sqlite3.Connection, lock: DatabaseLock, zones: Zones) -> int:
    """Count the rows that came since the last time, in portions; return how many there were.

    Count all again if rows that were counted have gone, or others have come among them, or the zone changed.
    """
    state = state_of(connection)
    if state is None or state.zone != zones_text(zones) or not _is_complete(connection, state):
        return rebuild(connection, lock, zones)
    for left in (_OLD, _NEW):  # by a rebuild that was cut
        _delete(connection, lock, left)
    return _count_new(connection, lock, zones, "")


def rebuild(
    connection: sqlite3.Connection,
    lock: DatabaseLock,
    zones: Zones,
    on_progress: Progress | None = None,
) -> int:
    """Count all rows again next to the present sums, then put the new ones in their place.

    Return how many there are. Interrupted anywhere, the present sums stay as they were.
    """
    _delete(connection, lock, _OLD)
    _delete(connection, lock, _NEW)
    with locked_transaction(connection, lock):
        connection.execute("DROP TABLE IF EXISTS hourly")  # of an earlier version
        connection.execute(_DELETE_STATE, ("rollups.last_id",))
        connection.execute(_CREATE_SERIES)
        for table in (HOURS, DAYS):
            connection.execute(_CREATE.format(table=table + _NEW))
        _save(connection, _NEW, RollupState(zone=zones_text(zones)))
    counted = _count_new(connection, lock, zones, _NEW, on_progress)
    with locked_transaction(connection, lock):
        new = state_of(connection, _NEW)
        if new is None:
            raise StoreBusy("another process rebuilds the roll-ups. Wait for its end")
        for table in (HOURS, DAYS):
            if _exists(connection, table):
                connection.execute(f'ALTER TABLE {table} RENAME TO "{table}{_OLD}"')
            connection.execute(f'ALTER TABLE "{table}{_NEW}" RENAME TO {table}')
        _save(connection, "", new)
        connection.execute(_DELETE_STATE, (_STATE + _NEW,))
    _delete(connection, lock, _OLD)
    return counted


def rebuild_at(
    path: Path,
    *,
    lock: DatabaseLock,
    busy_timeout_ms: int,
    zones: Zones,
    on_progress: Progress | None,
) -> int:
    """Rebuild the roll-ups of the database at the path, next to a collector. Raise `StoreError`.

    `on_progress` gets the last id that was counted, and the newest. Return how many rows there are.
    """
    with store_errors(path), closing(connect(path, mode="rw", busy_timeout_ms=busy_timeout_ms)) as connection:
        if user_version(connection) == 0:
            raise StoreOutdated(f"{path} is from an earlier program. The first cycle upgrades it")
        return rebuild(connection, lock, zones, on_progress)


def state_of(connection: sqlite3.Connection, suffix: str = "") -> RollupState | None:
    """Return how far the readings are counted; None if that is not known, or the tables are not there."""
    row = connection.execute(_SELECT_STATE, (_STATE + suffix,)).fetchone()
    try:
        found = json.loads(row[0]) if row is not None else {}
        last_ids, rows = (
            {str(table): int(number) for table, number in found[name].items()}
            for name in ("last_ids", "rows")
        )
        state = RollupState(last_ids=last_ids, rows=rows, zone=str(found["zone"]))
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
    return state if all(_exists(connection, table + suffix) for table in (HOURS, DAYS)) else None


def zones_text(zones: Zones) -> str:
    """Return the names of the zones, with checksums of their offsets: a new tzdata may have other rules."""
    return ", ".join(_zone_text(zone) for zone in (zones.days, zones.naive) if zone is not None)


@lru_cache(maxsize=8)
def _zone_text(zone: tzinfo) -> str:
    offsets = [
        datetime(year, month, 1, tzinfo=UTC).astimezone(zone).utcoffset()
        for year in _YEARS_COMPARED
        for month in range(1, 13)
    ]
    return f"{zone}/{zlib.crc32(repr(offsets).encode())}"


def sums_of(connection: sqlite3.Connection, selected: Iterable[Selected], zones: Zones) -> Sum:
    """Return the sums of the selected readings."""
    found = Sum()
    for one in selected:
        for key, begin_s, values in _parts(connection, one, zones):
            add(found.hours.setdefault(key, {}), begin_s // HOUR_S, values)
            add(found.days.setdefault(key, {}), day_of(begin_s, zones.days), values)
    return found


def add(sums: dict[int, Values], number: int, values: Values) -> None:
    """Add the values to those of that hour or day."""
    present = sums.get(number)
    sums[number] = values if present is None else merged(present, values)


def merged(one: Values, other: Values) -> Values:
    """Return the sum of both."""
    return (min(one[0], other[0]), max(one[1], other[1]), one[2] + other[2], one[3] + other[3])


@lru_cache(maxsize=4096)
def day_of(instant_s: int, zone: tzinfo) -> int:
    """Return the day of the zone that contains the Unix time, as its number since 1970-01-01."""
    return datetime.fromtimestamp(instant_s, zone).date().toordinal() - _EPOCH


def _is_complete(connection: sqlite3.Connection, state: RollupState) -> bool:
    """Return whether as many rows are there, up to the last ids, as were counted."""
    for table in reading_tables(connection):
        count = connection.execute(_COUNT_UNTIL.format(table=table), (state.last_ids.get(table, 0),))
        if count.fetchone()[0] != state.rows.get(table, 0):
            return False
    return True


def _count_new(
    connection: sqlite3.Connection,
    lock: DatabaseLock,
    zones: Zones,
    suffix: str,
    on_progress: Progress | None = None,
) -> int:
    """Add the rows after the last one that was counted.

    They are read without the lock, as stored readings do not change: a cycle waits for the writing only.
    """
    series: dict[Key, int] = {}
    newest = newest_ids(connection)
    state = state_of(connection, suffix)
    counted = 0
    while state is not None and (
        table := next((name for name, last in newest.items() if state.last_ids.get(name, 0) < last), None)
    ):
        last = state.last_ids.get(table, 0)
        until = min(last + _PORTION, newest[table])
        found = sums_of(connection, between({table: last}, {table: until}), zones)
        (rows,) = connection.execute(_COUNT_BETWEEN.format(table=table), (last, until)).fetchone()
        with locked_transaction(connection, lock):
            if (now := state_of(connection, suffix)) == state:  # no other process has gone on
                for rollup, sums in ((HOURS, found.hours), (DAYS, found.days)):
                    rows_to_add = _rows(connection, sums, series)
                    connection.executemany(_UPSERT.format(table=rollup + suffix), rows_to_add)
                now = attrs.evolve(
                    state,
                    last_ids={**state.last_ids, table: until},
                    rows={**state.rows, table: state.rows.get(table, 0) + rows},
                )
                _save(connection, suffix, now)
                counted += rows
        state = now
        if on_progress is not None:
            on_progress(sum(state.last_ids.values()) if state else 0, sum(newest.values()))
    return counted


def _rows(
    connection: sqlite3.Connection, sums: Sums, series: dict[Key, int]
) -> Iterator[tuple[int, int, float, float, float, int]]:
    """Yield rows of a table, in its order; `series` remembers ids."""
    for key in sums:
        if key not in series:
            connection.execute(_INSERT_SERIES, key)
            (series[key],) = connection.execute(_SELECT_SERIES, key).fetchone()
    for key in sorted(sums, key=series.__getitem__):
        for number in sorted(sums[key]):
            yield series[key], number, *sums[key][number]


def _parts(
    connection: sqlite3.Connection, selected: Selected, zones: Zones
) -> Iterable[tuple[Key, int, Values]]:
    """Yield device and quantity, a Unix time, and the values from then on, for an hour or less."""
    step = HOUR_S if _has_whole_hours(zones.days) else _QUARTER_S
    names = {"table": selected.table, "where": selected.where}
    select = _GROUP_UTC.format(**names).replace(":step", str(step))
    for device, part, *values in connection.execute(select, selected.parameters):
        for number, quantity in enumerate(COLUMNS):
            low, high, total, count = values[4 * number : 4 * number + 4]
            if count and part is not None:
                yield (_text(device), quantity.value), part * step, (low, high, total, count)
    for device, text, *cells in connection.execute(_SELECT_OTHERS.format(**names), selected.parameters):
        instant = as_instant(text, zones.naive)
        if instant is None:
            continue
        for quantity, cell in zip(COLUMNS, cells, strict=True):
            if (value := as_number(cell)) is not None:
                yield (_text(device), quantity.value), int(instant.timestamp()), (value, value, value, 1)


def _text(device: object) -> str:
    return clean(device) if isinstance(device, str) else str(device)


@lru_cache(maxsize=8)
def _has_whole_hours(zone: tzinfo) -> bool:
    """Return whether every day of the zone begins with an hour of UTC."""
    return all(
        (datetime(year, month, 1, tzinfo=UTC).astimezone(zone).utcoffset() or UTC.utcoffset(None)).seconds
        % HOUR_S
        == 0
        for year in _YEARS_COMPARED
        for month in range(1, 13)
    )


def _exists(connection: sqlite3.Connection, table: str) -> bool:
    select = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?"
    return connection.execute(select, (table,)).fetchone() is not None


def _save(connection: sqlite3.Connection, suffix: str, state: RollupState) -> None:
    connection.execute(_UPSERT_STATE, (_STATE + suffix, json.dumps(attrs.asdict(state))))


def _delete(connection: sqlite3.Connection, lock: DatabaseLock, suffix: str) -> None:
    """Delete the tables with this suffix: first their rows, in portions, so that no cycle waits long."""
    for table in (HOURS + suffix, DAYS + suffix):
        if not _exists(connection, table):
            continue
        deleted = 1
        while deleted:
            with locked_transaction(connection, lock):
                delete = _DELETE_SOME.format(table=table, most=_DELETED_AT_ONCE)
                deleted = connection.execute(delete).rowcount
        with locked_transaction(connection, lock):
            connection.execute(f'DROP TABLE "{table}"')
