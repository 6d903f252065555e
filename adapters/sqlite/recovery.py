"""What a damaged file still holds, in a new database: read page by page, past whatever leads nowhere."""

from __future__ import annotations

import mmap
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path

from adapters.sqlite.checksums import (
    BASELINES,
    DEVICES,
    KEYED,
    MEASUREMENTS,
    OUTCOMES,
    PROPERTIES,
    READING_COLUMNS,
)
from adapters.sqlite.connection import connect
from adapters.sqlite.making import make_tables
from adapters.sqlite.pages import Pages, Record
from adapters.sqlite.reading_order import reading_columns
from adapters.sqlite.records import Value, Values
from adapters.sqlite.rows import as_instant
from adapters.sqlite.schema import CREATE_BASELINES

_ROWS = 1000
_KINDS = frozenset({"hue_sensor", "alexa_aqm", "nest_thermostat", "weather_api"})
_INSERT_READING = f"""
INSERT OR IGNORE INTO readings ({", ".join(READING_COLUMNS)})
VALUES ({", ".join("?" for _ in READING_COLUMNS)})
"""  # noqa: S608 - names from there
_INSERT_RUN = "INSERT OR IGNORE INTO checksums (first_id, last_id, readings, crc) VALUES (?, ?, ?, ?)"
_INSERT_ROW: Mapping[str, str] = {
    table.name: f"INSERT OR REPLACE INTO {table.name} ({', '.join(table.columns)}, crc) "  # noqa: S608 - ours
    f"VALUES ({', '.join('?' for _ in range(len(table.columns) + 1))})"
    for table in KEYED
}

Statement = tuple[str, Sequence[Value]]


def recover(damaged: Path, new: Path, *, is_simulated: bool) -> None:
    """Write every row that can still be read to a new database, which must not be there yet.

    Rows of which a page is copied elsewhere come once. Raises what SQLite and the system raise.
    """
    with closing(connect(new, mode="rwc", busy_timeout_ms=0)) as connection:
        connection.execute("PRAGMA synchronous=OFF")  # it is thrown away when it has been merged
        make_tables(connection, is_simulated=is_simulated)
        connection.execute(CREATE_BASELINES)
    with closing(connect(new, mode="rw", busy_timeout_ms=0)) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("PRAGMA ignore_check_constraints=ON")  # a row of old that is refused today is one
        if damaged.stat().st_size == 0:
            return
        with damaged.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            statements = _statements(Pages(content))
            while batch := list(islice(statements, _ROWS)):
                connection.execute("BEGIN")
                for statement, values in batch:
                    _write(connection, statement, values)
                connection.execute("COMMIT")


def _write(connection: sqlite3.Connection, statement: str, values: Sequence[Value]) -> None:
    try:
        connection.execute(statement, values)
    except (sqlite3.IntegrityError, UnicodeEncodeError, OverflowError):
        return  # it only looked like a row


def _statements(pages: Pages) -> Iterator[Statement]:
    columns = reading_columns(pages)
    for record in pages.records():
        for recognised in (_reading, _run) if record.rowid is not None else (_keyed,):
            if (statement := recognised(record, columns)) is not None:
                yield statement
                break


def _reading(record: Record, columns: Sequence[str]) -> Statement | None:
    row = dict(zip(columns, record.values, strict=False))
    if row.get("device_type") not in _KINDS or as_instant(row.get("timestamp"), None) is None:
        return None
    if not (isinstance(row["device_id"], str) and isinstance(row["location"], str)):
        return None
    # what a row from before the column came has there
    row = {"is_anomalous": 0, **row, "id": record.rowid}
    return _INSERT_READING, [row.get(column) for column in READING_COLUMNS]


def _run(record: Record, columns: Sequence[str]) -> Statement | None:  # noqa: ARG001 - one of several
    match record.values:
        case (None, int(last_id), int(readings), int(crc)) if record.rowid is not None:
            if record.rowid <= last_id and 0 < readings <= last_id - record.rowid + 1:
                return _INSERT_RUN, (record.rowid, last_id, readings, crc)
    return None


def _keyed(record: Record, columns: Sequence[str]) -> Statement | None:  # noqa: ARG001 - one of several
    """A row of one of the other tables, told by its number of values; the last one is its checksum."""
    for table in KEYED:
        missing = len(table.columns) + 1 - len(record.values)
        if missing in (0, 1) and _LOOKS_LIKE[table.name](record.values):
            return _INSERT_ROW[table.name], (*record.values, *(None,) * missing)
    return None


_LOOKS_LIKE: Mapping[str, Callable[[Values], bool]] = {
    OUTCOMES.name: lambda row: row[4] in ("stored", "failed", "deferred", "missed"),
    DEVICES.name: lambda row: row[2] in _KINDS and as_instant(row[4], None) is not None,
    MEASUREMENTS.name: lambda row: as_instant(row[0], None) is not None and row[7] in (0, 1),
    PROPERTIES.name: lambda row: row[0] == "is_simulated",
    BASELINES.name: lambda row: as_instant(row[1], None) is not None and str(row[2]).startswith("{"),
}
