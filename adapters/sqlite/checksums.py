"""Checksums of what is stored, so that a value that changes on the disk by itself is noticed."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property

import attrs

# The order in which values count. A new column goes to the end: NULLs there do not count, so that the
# checksums of rows from before it stay right.
READING_COLUMNS = (
    "id",
    "timestamp",
    "device_id",
    "temperature_celsius",
    "location",
    "device_type",
    "is_anomalous",
    "humidity_percent",
    "pm25_ugm3",
    "voc_ppb",
    "co_ppm",
    "co2_ppm",
    "iaq_score",
    "battery_level",
    "signal_strength",
    "thermostat_mode",
    "thermostat_state",
    "day_night",
    "weather_conditions",
    "raw_response",
    "created_at",
    "observed_at",
    "pm10_ugm3",
    "other_values",
)

_SELECT_NEWEST_ID = "SELECT coalesce(max(id), 0) FROM readings"
_SELECT_READINGS = f"""
SELECT {", ".join(READING_COLUMNS)} FROM readings WHERE id BETWEEN ? AND ? ORDER BY id
"""  # noqa: S608 - names from above
_INSERT_RUN = "INSERT INTO checksums (first_id, last_id, readings, crc) VALUES (?, ?, ?, ?)"

_KEYS_AT_ONCE = 500  # SQLite takes 999 parameters everywhere

Row = Sequence[object]


def checksum(*rows: Row) -> int:
    """What the values of these rows come to; a text, a number and the bytes of either are told apart."""
    crc = 0
    for row in rows:
        end = len(row)
        while end and row[end - 1] is None:
            end -= 1
        crc = zlib.crc32(ascii(tuple(row[:end])).encode(), crc)
    return crc


@attrs.frozen
class Run:
    """Readings of neighbouring ids, and the checksum over their ids, their number and all of their values."""

    first_id: int
    last_id: int
    readings: int
    crc: int


def run_of(connection: sqlite3.Connection, first_id: int, last_id: int) -> Run:
    """What the table holds between the two ids now."""
    rows = connection.execute(_SELECT_READINGS, (first_id, last_id)).fetchall()
    return Run(first_id, last_id, len(rows), checksum((first_id, last_id, len(rows)), *rows))


@contextmanager
def sealing_readings(connection: sqlite3.Connection) -> Iterator[None]:
    """Whatever readings are inserted within have a checksum afterwards, in the caller's transaction."""
    (before,) = connection.execute(_SELECT_NEWEST_ID).fetchone()
    yield
    (newest,) = connection.execute(_SELECT_NEWEST_ID).fetchone()
    if newest > before:
        seal_run(connection, before + 1, newest)


def seal_run(connection: sqlite3.Connection, first_id: int, last_id: int) -> None:
    """Write down what the table holds between the two ids."""
    connection.execute(_INSERT_RUN, attrs.astuple(run_of(connection, first_id, last_id)))


@attrs.frozen(kw_only=True)
class Keyed:
    """A table whose rows carry a checksum each. `columns` are all but that, the key first."""

    name: str
    key: tuple[str, ...]
    columns: tuple[str, ...]

    @cached_property
    def select(self) -> str:
        """All rows, the checksum as the last column."""
        return f"SELECT {', '.join(self.columns)}, crc FROM {self.name}"  # noqa: S608 - names from below

    @cached_property
    def where(self) -> str:
        """What tells the row of a key."""
        return " WHERE " + " AND ".join(f"{column} = ?" for column in self.key)

    @cached_property
    def select_one(self) -> str:
        """The row of a key."""
        return self.select + self.where

    @cached_property
    def update_crc(self) -> str:
        """Give the row of a key its checksum."""
        return f"UPDATE {self.name} SET crc = ?{self.where}"  # noqa: S608 - names from below

    def seal(self, connection: sqlite3.Connection, *keys: Row) -> None:
        """Make the rows' checksums what their values come to; where there is no such row nothing happens."""
        sums = ((row, checksum(row[:-1])) for row in self._rows(connection, keys))
        new = [(crc, *row[: len(self.key)]) for row, crc in sums if row[-1] != crc]
        connection.executemany(self.update_crc, new)

    def damaged(self, connection: sqlite3.Connection, *keys: Row) -> list[Row]:
        """Those of the keys whose row there is, and is not what was stored."""
        return [row[: len(self.key)] for row in self._rows(connection, keys) if is_wrong(row)]

    def _rows(self, connection: sqlite3.Connection, keys: Sequence[Row]) -> list[tuple[object, ...]]:
        """The rows of these keys that there are, with one question where the key is one column."""
        if len(keys) < 2 or len(self.key) > 1:
            found = (connection.execute(self.select_one, tuple(key)).fetchone() for key in keys)
            return [row for row in found if row is not None]
        rows: list[tuple[object, ...]] = []
        for begin in range(0, len(keys), _KEYS_AT_ONCE):
            some = [key[0] for key in keys[begin : begin + _KEYS_AT_ONCE]]
            marks = ", ".join("?" * len(some))
            rows += connection.execute(f"{self.select} WHERE {self.key[0]} IN ({marks})", some)
        return rows


def is_wrong(row: Row) -> bool:
    """Whether the values of a row with its checksum last are others than were stored."""
    return row[-1] is not None and row[-1] != checksum(row[:-1])


@contextmanager
def sealing_rows(connection: sqlite3.Connection, table: Keyed, keys: Iterable[Row]) -> Iterator[None]:
    """Whatever is done to the rows of these keys, their checksums are right afterwards.

    Save those that were wrong before: what is damaged must not come to look sound.
    """
    all_keys = [tuple(key) for key in keys]
    damaged = {tuple(key) for key in table.damaged(connection, *all_keys)}
    yield
    table.seal(connection, *(key for key in all_keys if key not in damaged))


OUTCOMES = Keyed(
    name="outcomes",
    key=("source", "slot"),
    columns=(
        "source",
        "slot",
        "interval_s",
        "scheduled",
        "state",
        "cause",
        "detail",
        "readings",
        "unread",
        "until",
        "notes",
    ),
)
DEVICES = Keyed(
    name="devices",
    key=("device_id",),
    columns=(
        "device_id",
        "source",
        "kind",
        "location",
        "first_slot",
        "last_read_slot",
        "last_listed_slot",
    ),
)
MEASUREMENTS = Keyed(
    name="measurements",
    key=("began_at", "operation", "source", "number"),
    columns=(
        "began_at",
        "operation",
        "source",
        "number",
        "duration_s",
        "wire_bytes",
        "payload_bytes",
        "succeeded",
    ),
)
PROPERTIES = Keyed(name="properties", key=("name",), columns=("name", "value"))
BASELINES = Keyed(name="baselines", key=("name",), columns=("name", "captured_at", "content"))
KEYED = (OUTCOMES, DEVICES, MEASUREMENTS, PROPERTIES, BASELINES)


def keyed_in(connection: sqlite3.Connection) -> Sequence[Keyed]:
    """Those of the tables that the database has: baselines come with the first one that is kept."""
    return KEYED if has_baselines(connection) else [table for table in KEYED if table is not BASELINES]


def has_baselines(connection: sqlite3.Connection) -> bool:
    """Whether baselines are kept in it; a table of somebody else's by that name is none of ours."""
    present = {row[1] for row in connection.execute("PRAGMA table_info(baselines)")}
    return present == {*BASELINES.columns, "crc"}
