"""Measurements in the database: one row for each source of a cycle, and the rows of earlier programs."""

from __future__ import annotations

import sqlite3
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

import attrs

from adapters.sqlite.rows.readings import as_instant, as_number, as_text, clean
from domain.measurements import ATTEMPT, READ, ReadCost

DAYS_KEPT = 31
TABLE = "source_measurements"
# Not a migration: earlier programs open a database that has this table, and go on without it.
CREATE = """
CREATE TABLE IF NOT EXISTS source_measurements (
    slot TEXT NOT NULL,
    source TEXT NOT NULL,
    strategy TEXT NOT NULL,
    duration_s REAL NOT NULL,
    attempts INTEGER NOT NULL,
    wire_bytes INTEGER NOT NULL,
    payload_bytes INTEGER NOT NULL,
    cycle_s REAL,
    commit_s REAL,
    cpu_s REAL,
    succeeded INTEGER NOT NULL CHECK (succeeded IN (0, 1)),
    PRIMARY KEY (slot, source)
) WITHOUT ROWID
"""
# What concerns the whole cycle is known after its commit, and comes with the next cycle.
_UPSERT = """
INSERT INTO source_measurements (
    slot, source, strategy, duration_s, attempts, wire_bytes, payload_bytes,
    cycle_s, commit_s, cpu_s, succeeded
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (slot, source) DO UPDATE SET
    cycle_s = excluded.cycle_s, commit_s = excluded.commit_s, cpu_s = excluded.cpu_s
WHERE excluded.cycle_s IS NOT NULL
"""
_DAY = len("2026-03-01")
_SELECT_DAY = "SELECT 1 FROM source_measurements WHERE slot >= ? AND slot < ? || 'U' LIMIT 1"  # U follows T
# Days are counted and not their age: a clock that jumps by years costs one of them, not all.
_SELECT_OLDEST_KEPT = """
WITH RECURSIVE day (newest, number) AS (
    SELECT max(slot), 1 FROM source_measurements WHERE slot <= :ahead
    UNION ALL
    SELECT (SELECT max(slot) FROM source_measurements WHERE slot < substr(day.newest, 1, 10)), number + 1
    FROM day WHERE newest IS NOT NULL AND number < :kept
)
SELECT substr(newest, 1, 10) FROM day WHERE number = :kept
"""
_FORGET = "DELETE FROM source_measurements WHERE slot < ?"
_FORGET_OLD_FORM = "DELETE FROM measurements WHERE began_at < ?"
_SELECT_BETWEEN = """
SELECT slot, source, strategy, duration_s, attempts, wire_bytes, payload_bytes,
    cycle_s, commit_s, cpu_s, succeeded
FROM source_measurements WHERE slot >= ? AND slot < ? ORDER BY slot, source
"""
_SELECT_HAS_TABLE = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'source_measurements'"


def write(connection: sqlite3.Connection, measurements: Sequence[ReadCost], ahead: str) -> None:
    """Write the measurements, and forget the oldest day when a new one begins.

    Slots later than `ahead` were measured by a wrong clock.
    """
    if not measurements:
        return
    connection.execute(CREATE)
    rows, is_new_day = [], False
    for one in measurements:
        slot = as_text(one.slot)
        day = slot[:_DAY]
        is_new_day |= connection.execute(_SELECT_DAY, (day, day)).fetchone() is None
        rows.append(
            (
                slot,
                one.source,
                clean(one.strategy),
                one.duration_s,
                one.attempts,
                one.wire_bytes,
                one.payload_bytes,
                one.cycle_s,
                one.commit_s,
                one.cpu_s,
                int(one.succeeded),
            )
        )
    connection.executemany(_UPSERT, rows)
    if is_new_day:
        (oldest,) = connection.execute(
            _SELECT_OLDEST_KEPT, {"ahead": ahead, "kept": DAYS_KEPT}
        ).fetchone() or (None,)
        connection.execute(_FORGET, (oldest,))
        connection.execute(_FORGET_OLD_FORM, (oldest,))


def read_between(connection: sqlite3.Connection, since: datetime, until: datetime) -> list[ReadCost]:
    """Read the measurements of both forms whose cycles began in that time, in the order of time."""
    around = (_moved(since, -_LONGEST_CYCLE), _moved(until, _LONGEST_CYCLE))
    old = _from_operations(connection.execute(_SELECT_OLD_FORM, tuple(map(as_text, around))).fetchall())
    new = []
    if connection.execute(_SELECT_HAS_TABLE).fetchone()[0]:
        new = connection.execute(_SELECT_BETWEEN, (as_text(since), as_text(until))).fetchall()
    found = [one for one in old if since <= one.slot < until]
    found += [one for one in map(_measurement, new) if one is not None]
    return sorted(found, key=lambda one: (one.slot, one.source))


def _measurement(row: sqlite3.Row) -> ReadCost | None:
    """Return None for a row that this program did not write so."""
    slot, duration_s = as_instant(row["slot"], UTC), as_number(row["duration_s"])
    counts = (row["attempts"], row["wire_bytes"], row["payload_bytes"])
    if slot is None or duration_s is None or not all(isinstance(count, int) for count in counts):
        return None
    return ReadCost(
        slot=slot,
        source=str(row["source"]),
        strategy=str(row["strategy"]),
        duration_s=duration_s,
        attempts=counts[0],
        wire_bytes=counts[1],
        payload_bytes=counts[2],
        cycle_s=as_number(row["cycle_s"]),
        commit_s=as_number(row["commit_s"]),
        cpu_s=as_number(row["cpu_s"]),
        succeeded=bool(row["succeeded"]),
    )


# Until 2026-11 each operation had a row in `measurements`. The cycle, its CPU time and its commit named all
# of its sources, joined by `+`; all that a source did between two of its reads belonged to the first one.

_LONGEST_CYCLE = timedelta(minutes=1)
_CYCLE, _CPU, _COMMIT = "cycle", "cycle.cpu", "store.append"
_SELECT_OLD_FORM = """
SELECT began_at, operation, source, duration_s, wire_bytes, payload_bytes, succeeded FROM measurements
WHERE began_at >= ? AND began_at < ? ORDER BY began_at
"""
_STRATEGIES = {  # by the first of these operations that is in a read: v2 also read names through v1
    "hue.v1/whole_bridge": "whole_bridge",
    "hue.v2/temperature": "v2",
    "hue.v1/sensors": "v1",
}


@attrs.frozen
class _OldRow:
    began_at: datetime
    operation: str
    source: str
    duration_s: float
    wire_bytes: int
    payload_bytes: int
    succeeded: bool


def _from_operations(rows: Iterable[sqlite3.Row]) -> list[ReadCost]:
    operations = [one for one in map(_old_row, rows) if one is not None]
    cycles = [one for one in operations if one.operation == _CYCLE]
    rest = [one for one in operations if one.operation in (_CPU, _COMMIT) and one.succeeded]
    found = []
    for source in {one.source for one in operations if one.operation == READ}:
        own = [
            one for one in operations if one.source == source and one.operation not in (_CYCLE, _CPU, _COMMIT)
        ]
        reads = [one for one in own if one.operation == READ]
        begins = [one.began_at for one in reads]
        parts: list[list[_OldRow]] = [[] for _ in reads]
        for one in own:
            if (number := bisect_right(begins, one.began_at) - 1) >= 0 and one.operation != READ:
                parts[number].append(one)
        for read, of_read in zip(reads, parts, strict=True):
            found.append(_old_measurement(read, of_read, _cycle_of(read, cycles), rest))
    return found


def _moved(instant: datetime, by: timedelta) -> datetime:
    try:
        return instant + by
    except OverflowError:
        return instant


def _cycle_of(read: _OldRow, cycles: Sequence[_OldRow]) -> _OldRow | None:
    number = bisect_right(cycles, read.began_at, key=lambda one: one.began_at) - 1
    if number < 0:
        return None
    cycle = cycles[number]
    is_within = read.began_at <= cycle.began_at + timedelta(seconds=cycle.duration_s)
    return cycle if is_within and read.source in cycle.source.split("+") else None


def _old_measurement(
    read: _OldRow, parts: Sequence[_OldRow], cycle: _OldRow | None, rest: Sequence[_OldRow]
) -> ReadCost:
    succeeded = {one.operation for one in parts if one.succeeded}
    begun = ReadCost(
        slot=read.began_at if cycle is None else cycle.began_at,
        source=read.source,
        strategy=next((name for operation, name in _STRATEGIES.items() if operation in succeeded), ""),
        duration_s=read.duration_s,
        attempts=sum(one.operation == ATTEMPT for one in parts),
        wire_bytes=sum(one.wire_bytes for one in parts),
        payload_bytes=sum(one.payload_bytes for one in parts),
        succeeded=read.succeeded,
    )
    if cycle is None or not cycle.succeeded:
        return begun
    first = bisect_right(rest, cycle.began_at, key=lambda one: one.began_at)
    ended_at = cycle.began_at + timedelta(seconds=cycle.duration_s)
    costs = {
        one.operation: one.duration_s
        for one in rest[max(first - 2, 0) : first + 4]
        if one.source == cycle.source and cycle.began_at <= one.began_at <= ended_at
    }
    return attrs.evolve(begun, cycle_s=cycle.duration_s, commit_s=costs.get(_COMMIT), cpu_s=costs.get(_CPU))


def _old_row(row: sqlite3.Row) -> _OldRow | None:
    began_at, duration_s = as_instant(row["began_at"], UTC), as_number(row["duration_s"])
    wire, payload = row["wire_bytes"], row["payload_bytes"]
    if began_at is None or duration_s is None or not (isinstance(wire, int) and isinstance(payload, int)):
        return None
    return _OldRow(
        began_at, str(row["operation"]), str(row["source"]), duration_s, wire, payload, bool(row["succeeded"])
    )


# How often a repeated attempt brought the readings after one that had failed.

_COUNT_MENDED = """
SELECT count(*) FROM source_measurements
WHERE slot BETWEEN :since AND :until AND source = :source AND attempts > 1 AND succeeded = 1
"""
_COUNT_MENDED_OLD_FORM = """
SELECT count(*) FROM measurements AS whole
WHERE whole.began_at BETWEEN :since AND :until AND whole.source = :source AND whole.operation = 'source.read'
    AND whole.succeeded = 1
    AND EXISTS (
        SELECT 1 FROM measurements AS attempt
        WHERE attempt.began_at >= whole.began_at
            AND julianday(attempt.began_at) <= julianday(whole.began_at) + whole.duration_s / 86400.0
            AND attempt.began_at < strftime('%Y-%m-%dT%H:%M:%S', whole.began_at, '+60 seconds')
            AND attempt.source = whole.source AND attempt.operation = 'source.attempt'
            AND attempt.succeeded = 0
    )
"""


def count_mended(connection: sqlite3.Connection, source: str, since: datetime, until: datetime) -> int:
    """Count the reads of the source in that time that needed more than one attempt and succeeded."""
    parameters = {"source": source, "since": as_text(since), "until": as_text(until)}
    mended = int(connection.execute(_COUNT_MENDED_OLD_FORM, parameters).fetchone()[0])
    if connection.execute(_SELECT_HAS_TABLE).fetchone()[0]:
        mended += int(connection.execute(_COUNT_MENDED, parameters).fetchone()[0])
    return mended
