"""Summaries by hour, day and week: from the roll-ups, and from the readings that they do not count yet."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from threading import Lock

import attrs

from adapters.sqlite.history.rollups import (
    DAYS,
    HOUR_S,
    HOURS,
    SERIES,
    Ids,
    Key,
    RollupState,
    Selected,
    Sum,
    Sums,
    Values,
    Zones,
    add,
    between,
    day_of,
    merged,
    state_of,
    sums_of,
    zones_text,
)
from adapters.sqlite.rows.readings import as_text, newest_ids, reading_tables
from domain.history.series import Summary
from domain.reading import Quantity

MOST_UNCOUNTED = 200_000  # readings that are summed for a page: a second
_TEXT_SLACK = timedelta(days=1)
_EPOCH = date(1970, 1, 1).toordinal()
_MONDAY = 3  # days from 1970-01-01, a Thursday, back to a Monday
_OF_SERIES = f"series = (SELECT id FROM {SERIES} WHERE device_id = ? AND quantity = ?)"  # noqa: S608 - a name
_SELECT = f"""
SELECT begin, low, high, total, count FROM {{table}}
WHERE {_OF_SERIES} AND begin >= ? AND begin < ? ORDER BY begin
"""  # noqa: S608 - names
_SELECT_WEEKS = f"""
SELECT (begin + {_MONDAY}) / 7 AS week, min(low), max(high), total(total), sum(count) FROM {DAYS}
WHERE {_OF_SERIES} AND begin >= ? AND begin < ? GROUP BY week ORDER BY week
"""  # noqa: S608 - names
_BY_TIME = "device_id = ? AND timestamp >= ? AND timestamp < ?"


@attrs.frozen
class _Uncounted:
    """The sum of the readings after the last counted ones, up to these ids.

    `is_whole` unless they are too many: then it is empty.
    """

    state: RollupState
    until: Ids
    zones: Zones
    sum: Sum = attrs.field(factory=Sum)
    is_whole: bool = True


class Summaries:
    """Reads summaries through connections of the caller; keeps the sum of what is not counted yet."""

    def __init__(self, naive_zone: tzinfo | None) -> None:
        self._naive_zone = naive_zone
        self._uncounted: _Uncounted | None = None
        self._raw: dict[tuple[str, int, int], Sums] = {}
        self._raw_until: Ids = {}
        self._lock = Lock()

    def hours(
        self,
        connection: sqlite3.Connection,
        device_id: str,
        quantity: Quantity,
        since: datetime,
        until: datetime,
    ) -> Sequence[Summary]:
        """Return the summaries of whole hours from that of `since` to before `until`, oldest first."""
        first, end = int(since.timestamp()) // HOUR_S, -(-int(until.timestamp()) // HOUR_S)
        key = (device_id, quantity.value)
        new = self._new(connection, None)
        if new.is_whole:
            found = _with(
                _select(connection, new.state, HOURS, key, first, end), new.sum.hours, key, first, end
            )
        else:
            raw = self._raw_hours(connection, new, device_id, first, end)
            found = _with({}, raw, key, first, end)
        return _summaries(found, _begin_of_hour)

    def days(
        self,
        connection: sqlite3.Connection,
        device_id: str,
        quantity: Quantity,
        since: datetime,
        until: datetime,
        zone: tzinfo,
    ) -> Sequence[Summary]:
        """Return the summaries of the zone's days from that of `since` to that of `until`, oldest first."""
        first, end = day_of(int(since.timestamp()), zone), day_of(int(until.timestamp()), zone) + 1
        key = (device_id, quantity.value)
        new = self._new(connection, zone)
        found = _with(
            _select_days(connection, new.state, key, first, end, zone), new.sum.days, key, first, end
        )
        return _summaries(found, lambda day: _begin_of_day(day, zone))

    def weeks(
        self,
        connection: sqlite3.Connection,
        device_id: str,
        quantity: Quantity,
        since: datetime,
        until: datetime,
        zone: tzinfo,
    ) -> Sequence[Summary]:
        """Return the summaries of the zone's weeks from that of `since` to that of `until`, oldest first."""
        first, last = ((day_of(int(at.timestamp()), zone) + _MONDAY) // 7 for at in (since, until))
        begin, end = 7 * first - _MONDAY, 7 * (last + 1) - _MONDAY
        key = (device_id, quantity.value)
        new = self._new(connection, zone)
        if _has_days_of(new.state, zone):
            found = _select(connection, new.state, DAYS, key, begin, end, _SELECT_WEEKS)
        else:
            found = {}
            for day, values in _select_days(connection, new.state, key, begin, end, zone).items():
                add(found, (day + _MONDAY) // 7, values)
        for day, values in new.sum.days.get(key, {}).items():
            if begin <= day < end:
                add(found, (day + _MONDAY) // 7, values)
        return _summaries(found, lambda week: _begin_of_day(7 * week - _MONDAY, zone))

    def backlog(self, connection: sqlite3.Connection) -> int:
        """Return how many readings days and weeks lack, since they are too many to be summed now."""
        new = self._new(connection, None)
        return 0 if new.is_whole else _difference(new.until, new.state.last_ids)

    def _raw_hours(
        self, connection: sqlite3.Connection, new: _Uncounted, device_id: str, first: int, end: int
    ) -> Sums:
        """Return the sums of a device by hour, from all of its readings; a page asks for each quantity."""
        key = (device_id, first, end)
        if self._raw_until != new.until:
            self._raw_until, self._raw = new.until, {}
        raw = self._raw
        if key not in raw:
            begin, stop = (datetime.fromtimestamp(hour * HOUR_S, UTC) for hour in (first, end))
            texts = (as_text(begin - _TEXT_SLACK), as_text(stop + _TEXT_SLACK))
            selected = [
                Selected(table=table, where=_BY_TIME, parameters=(device_id, *texts))
                for table in reading_tables(connection)
            ]
            raw[key] = sums_of(connection, selected, new.zones).hours
        return raw[key]

    def _new(self, connection: sqlite3.Connection, zone: tzinfo | None) -> _Uncounted:
        """Return the sum of the readings that are not counted yet. Hours are the same in every zone."""
        state = state_of(connection) or RollupState()
        newest = newest_ids(connection)
        with self._lock:
            known = self._uncounted
            zone = zone or (UTC if known is None else known.zones.days)
            zones = Zones(days=zone, naive=self._naive_zone)
            if _difference(newest, state.last_ids) > MOST_UNCOUNTED:
                return _Uncounted(state, newest, zones, is_whole=False)
            if (
                known is None
                or known.state != state
                or known.zones != zones
                or any(last > newest.get(table, 0) for table, last in known.until.items())
            ):
                known = _Uncounted(state, state.last_ids, zones)
            if known.until != newest:
                more = sums_of(connection, between(known.until, newest), zones)
                both = Sum(
                    hours=_joined(known.sum.hours, more.hours), days=_joined(known.sum.days, more.days)
                )
                known = attrs.evolve(known, until=newest, sum=both)
            self._uncounted = known
            return known


def _difference(ids: Ids, others: Ids) -> int:
    return sum(ids.values()) - sum(others.values())


def _select(
    connection: sqlite3.Connection,
    state: RollupState,
    table: str,
    key: Key,
    first: int,
    end: int,
    select: str = _SELECT,
) -> dict[int, Values]:
    if state == RollupState():
        return {}
    rows = connection.execute(select.format(table=table), (*key, first, end))
    return {number: (low, high, total, count) for number, low, high, total, count in rows}


def _select_days(
    connection: sqlite3.Connection, state: RollupState, key: Key, first: int, end: int, zone: tzinfo
) -> dict[int, Values]:
    """Return the days of the zone, added up from hours if those of another zone are counted.

    A shell can have another zone than the collector. Where days begin within an hour, the upkeep must count
    again for the days to be exact.
    """
    if _has_days_of(state, zone):
        return _select(connection, state, DAYS, key, first, end)
    begin, stop = (int(_begin_of_day(day, zone).timestamp()) // HOUR_S for day in (first, end))
    found: dict[int, Values] = {}
    for hour, values in _select(connection, state, HOURS, key, begin, stop).items():
        add(found, day_of(hour * HOUR_S, zone), values)
    return found


def _has_days_of(state: RollupState, zone: tzinfo) -> bool:
    name = zones_text(Zones(days=zone))
    return state.zone == name or state.zone.startswith(f"{name}, ")


def _with(found: dict[int, Values], new: Sums, key: Key, first: int, end: int) -> dict[int, Values]:
    for number, values in new.get(key, {}).items():
        if first <= number < end:
            add(found, number, values)
    return found


def _joined(one: Sums, other: Sums) -> Sums:
    """Return both without a change to either: another thread may read them."""
    joined = dict(one)
    for key, parts in other.items():
        numbers = dict(one.get(key, {}))
        for number, values in parts.items():
            numbers[number] = merged(numbers[number], values) if number in numbers else values
        joined[key] = numbers
    return joined


def _summaries(found: dict[int, Values], at: Callable[[int], datetime]) -> Sequence[Summary]:
    return [
        Summary(at=at(number), low=low, high=high, total=total, count=count)
        for number, (low, high, total, count) in sorted(found.items())
    ]


@lru_cache(maxsize=8192)  # series have the same hours
def _begin_of_hour(hour: int) -> datetime:
    return datetime.fromtimestamp(hour * HOUR_S, UTC)


@lru_cache(maxsize=8192)
def _begin_of_day(day: int, zone: tzinfo) -> datetime:
    return datetime.combine(date.fromordinal(day + _EPOCH), time(), zone).astimezone(UTC)
