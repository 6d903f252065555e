"""Salvage: what a damaged file still holds, read page by page and merged into the database of the home."""

from __future__ import annotations

import mmap
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from itertools import islice
from pathlib import Path

import attrs

from adapters.files.regular_file import reading
from adapters.files.unfinished import temporary_folder
from adapters.sqlite.backup.restoring import merge_backup
from adapters.sqlite.care.file_pages import Pages, Record, Value, Values
from adapters.sqlite.care.verification import Finding, first_fault, require_file
from adapters.sqlite.connection import connect
from adapters.sqlite.database_lock import DatabaseLock
from adapters.sqlite.errors import store_errors
from adapters.sqlite.migration.durable_copy import quoted, require_room
from adapters.sqlite.migration.inspection import inspect
from adapters.sqlite.opening import Opening, make_tables
from adapters.sqlite.rows import measurements
from adapters.sqlite.rows.checksums import SELECT_OUTCOMES, SELECT_RUNS, Run, is_wrong, read_run
from adapters.sqlite.rows.holes import PREFIX
from adapters.sqlite.rows.readings import (
    AIR_READINGS,
    READING_COLUMNS,
    SELECT_AIR_READINGS,
    as_instant,
    count_readings,
    reading_tables,
)
from adapters.sqlite.rows.settings import INSERT as INSERT_SETTING
from adapters.sqlite.rows.settings import is_setting
from adapters.sqlite.schema import ADD_COLUMNS, CREATE_BASELINES, CREATE_DEVICE_SETTINGS, CREATE_READINGS
from domain.errors import StoreRefused

_COPIES = 3.0  # of the file: one to read, one of what is found, and that in the database
_ROWS_AT_ONCE = 1000
_SELECT_HAS_CHECKSUMS = "SELECT count(*) FROM sqlite_schema WHERE name = 'checksums'"
_SELECT_IS_SIMULATED = "SELECT value FROM properties WHERE name = 'is_simulated'"
_DELETE_OUTCOME = "DELETE FROM outcomes WHERE source = ? AND slot = ?"
_DELETE_AIR_READING = "DELETE FROM air_readings WHERE timestamp = ? AND device_id = ?"


@attrs.frozen(kw_only=True)
class Salvaged:
    """The result, counted in readings; `lost` are those that were there before the damage.

    `doubtful` are runs of readings that were merged although some have changed: a checksum does not show
    which. `left_out` are rows of the ledger, and readings without a temperature, that have
    changed.
    """

    read: int
    merged: int = 0
    lost: int = 0
    doubtful: Sequence[Finding] = ()
    left_out: Sequence[Finding] = ()


@attrs.frozen(kw_only=True)
class Salvaging:
    """Merges what damaged or older files hold; the collector may run, and the files stay as they are."""

    opening: Opening
    lock: DatabaseLock

    def merge(self, damaged: Path) -> Salvaged:
        """Merge every row that the database lacks; a second time changes nothing.

        Raises `StoreRefused` when the file is of another kind of home, and `StoreError`.
        """
        path = self.opening.path
        with store_errors(damaged):
            require_file(damaged)
        with store_errors(path):
            self.opening.prepare()
            require_room(damaged, _COPIES)
            with temporary_folder(path.with_name(f"{path.name}.salvaging")) as folder:
                found = self._readable_copy(damaged, folder)
                salvaged = _judge(found)
                with self.lock.held():
                    self.opening.connection(may_rebuild=True).close()
                merged = merge_backup(
                    path, found, lock=self.lock, busy_timeout_ms=self.opening.busy_timeout_ms
                )
                return attrs.evolve(salvaged, merged=merged)

    def _readable_copy(self, damaged: Path, folder: Path) -> Path:
        """Return a sound database with what the damaged one holds."""
        copy = folder / "copy.db"
        for suffix in ("", "-wal", "-journal"):
            with suppress(FileNotFoundError):
                shutil.copyfile(f"{damaged}{suffix}", f"{copy}{suffix}")
        # what was committed and is only in the log, if SQLite can still apply it
        with suppress(sqlite3.Error), closing(connect(copy, mode="rw", busy_timeout_ms=0)) as connection:
            connection.execute("PRAGMA journal_mode=DELETE").fetchall()
        is_simulated = self.opening.is_simulated
        if first_fault(copy) is None:
            inspect(copy, is_simulated=is_simulated, busy_timeout_ms=0)
            return copy
        found = folder / "found.db"
        recover(copy, found, is_simulated=is_simulated)
        with closing(connect(found, mode="ro", busy_timeout_ms=0)) as connection:
            (value,) = connection.execute(_SELECT_IS_SIMULATED).fetchone()
        if value != str(int(is_simulated)):
            raise StoreRefused(f"only one of {damaged} and this home is simulated. Use another file")
        return found


def _judge(found: Path) -> Salvaged:
    """Delete rows that differ from their own checksums, and compare runs of readings with theirs."""
    with closing(connect(found, mode="rw", busy_timeout_ms=0)) as connection:
        read = count_readings(connection)
        if not connection.execute(_SELECT_HAS_CHECKSUMS).fetchone()[0]:
            return Salvaged(read=read)
        left_out, lost, doubtful = [], 0, []
        if AIR_READINGS in reading_tables(connection):
            for row in [row for row in connection.execute(SELECT_AIR_READINGS) if is_wrong(row)]:
                left_out.append(Finding(table=AIR_READINGS, where=f"{row[1]} {row[0]}", what="has changed"))
                connection.execute(_DELETE_AIR_READING, row[:2])
        for row in [row for row in connection.execute(SELECT_OUTCOMES) if is_wrong(row)]:
            left_out.append(Finding(table="outcomes", where=f"{row[0]} {row[1]}", what="has changed"))
            connection.execute(_DELETE_OUTCOME, row[:2])
        for stored in [Run(*row) for row in connection.execute(SELECT_RUNS)]:
            present = read_run(connection, stored.first_id, stored.last_id)
            lost += max(0, stored.readings - present.readings)
            if present.readings == stored.readings and present.crc != stored.crc:
                where = f"ids {stored.first_id} to {stored.last_id} of the damaged file"
                doubtful.append(Finding(table="readings", where=where, what="some have changed"))
    return Salvaged(read=read, lost=lost, doubtful=tuple(doubtful), left_out=tuple(left_out))


# The rows that are found on the pages of a file, in a new database.

_KINDS = frozenset({"hue_sensor", "alexa_aqm", "amazon_aqm", "nest_thermostat", "weather_api"})
_LATE_COLUMNS = frozenset({"pm25_ugm3", "voc_ppb", "co_ppm", "co2_ppm", "iaq_score"})
_MISSING_COLUMNS = (  # of the ages C, B, A, and one between B and C
    frozenset[str](),
    _LATE_COLUMNS,
    _LATE_COLUMNS | {"is_anomalous"},
    frozenset({"co_ppm", "iaq_score"}),
)
_INSERT_RUN = "INSERT OR IGNORE INTO checksums (first_id, last_id, readings, crc) VALUES (?, ?, ?, ?)"
_AIR_COLUMNS = (*READING_COLUMNS, "name", "crc")
_INSERT_AIR_READING = (
    f"INSERT OR IGNORE INTO air_readings ({', '.join(_AIR_COLUMNS)}) "  # noqa: S608 - names of rows.readings
    f"VALUES ({', '.join('?' for _ in _AIR_COLUMNS)})"
)
_INSERT_PROPERTY = "INSERT OR REPLACE INTO properties (name, value) VALUES (?, ?)"


@attrs.frozen(kw_only=True)
class _OtherTable:
    """A table without rowid; its rows are recognised by their number of values and a look at some."""

    insert: str
    values: int
    is_row: Callable[[Values], bool]


# A row of an older file has one value more, a checksum that is not used any more, or of `outcomes` one less.
_OTHER_TABLES: Sequence[_OtherTable] = (
    _OtherTable(
        insert="""
        INSERT OR REPLACE INTO outcomes (
            source, slot, interval_s, scheduled, state, cause, detail, readings, unread, until, notes, crc
        ) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
        values=12,
        is_row=lambda row: row[4] in ("stored", "failed", "deferred", "missed"),
    ),
    _OtherTable(
        insert="""
        INSERT OR REPLACE INTO devices (
            device_id, source, kind, location, first_slot, last_read_slot, last_listed_slot
        ) VALUES (?, ?, ?, ?, ?, ?, ?)
        """,
        values=7,
        is_row=lambda row: row[2] in _KINDS and as_instant(row[4], None) is not None,
    ),
    _OtherTable(
        insert="""
        INSERT OR REPLACE INTO measurements (
            began_at, operation, source, number, duration_s, wire_bytes, payload_bytes, succeeded
        ) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
        """,
        values=8,
        is_row=lambda row: as_instant(row[0], None) is not None and row[7] in (0, 1),
    ),
    _OtherTable(
        insert="""
        INSERT OR REPLACE INTO source_measurements (
            slot, source, strategy, duration_s, attempts, wire_bytes, payload_bytes,
            cycle_s, commit_s, cpu_s, succeeded
        ) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
        values=11,
        is_row=lambda row: as_instant(row[0], None) is not None and row[10] in (0, 1),
    ),
    _OtherTable(
        insert=_INSERT_PROPERTY,
        values=2,
        is_row=lambda row: row[0] == "is_simulated" or str(row[0]).startswith(PREFIX),
    ),
    _OtherTable(
        insert="INSERT OR REPLACE INTO baselines (name, captured_at, content) VALUES (?, ?, ?)",
        values=3,
        is_row=lambda row: as_instant(row[1], None) is not None and str(row[2]).startswith("{"),
    ),
    _OtherTable(
        insert=INSERT_SETTING,
        values=4,
        is_row=lambda row: is_setting(row[1]) and as_instant(row[2], None) is not None,
    ),
)

Statement = tuple[str, Sequence[Value]]


def recover(damaged: Path, new: Path, *, is_simulated: bool) -> None:
    """Write every row that can still be read to a new database, which must not exist yet.

    Rows of a page that is there twice are written once. Raises what SQLite and the system raise.
    """
    with closing(connect(new, mode="rwc", busy_timeout_ms=0)) as connection:
        connection.execute("PRAGMA synchronous=OFF")  # it is deleted once it is merged
        make_tables(connection, is_simulated=is_simulated)
        connection.execute(CREATE_BASELINES)
        connection.execute(CREATE_DEVICE_SETTINGS)
        connection.execute(measurements.CREATE)
    with closing(connect(new, mode="rw", busy_timeout_ms=0)) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("PRAGMA ignore_check_constraints=ON")  # for old rows that a check refuses today
        if damaged.stat().st_size == 0:
            return
        with reading(damaged) as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            pages = Pages(content)
            columns = reading_columns(pages)
            for added in [name for name in columns if name not in READING_COLUMNS]:  # such as `name`
                connection.execute(f"ALTER TABLE readings ADD COLUMN {quoted(added)}")
            statements = _statements(pages, columns)
            while batch := list(islice(statements, _ROWS_AT_ONCE)):
                connection.execute("BEGIN")
                for statement, values in batch:
                    with suppress(sqlite3.IntegrityError, UnicodeEncodeError, OverflowError):  # no real row
                        connection.execute(statement, values)
                connection.execute("COMMIT")


def _statements(pages: Pages, columns: Sequence[str]) -> Iterator[Statement]:
    names = ("id", *(name for name in columns if name != "id"))
    if "is_anomalous" not in names:
        names = (*names, "is_anomalous")
    insert = (
        f"INSERT OR IGNORE INTO readings ({', '.join(map(quoted, names))}) "  # noqa: S608 - quoted
        f"VALUES ({', '.join('?' for _ in names)})"
    )
    for record in pages.records():
        if record.rowid is None:
            for table in _OTHER_TABLES:
                surplus = len(record.values) - table.values
                if surplus in (-1, 0, 1) and _fits(table, record.values, surplus):
                    yield table.insert, [*record.values, None][: table.values]
                    break
        elif _is_air_reading(record.values):
            yield _INSERT_AIR_READING, [record.rowid, *record.values[1:]]
        elif (row := _reading(record, columns)) is not None:
            yield insert, [row.get(name) for name in names]
        else:
            match record.values:
                case (None, int(last_id), int(readings), int(crc)):
                    if record.rowid <= last_id and 0 < readings <= last_id - record.rowid + 1:
                        yield _INSERT_RUN, (record.rowid, last_id, readings, crc)


def _is_air_reading(values: Values) -> bool:
    """Return whether these are as many as `air_readings` has, which ends with a checksum."""
    return (
        len(values) == len(_AIR_COLUMNS)
        and isinstance(values[-1], int)
        and values[_AIR_COLUMNS.index("device_type")] in _KINDS
        and as_instant(values[_AIR_COLUMNS.index("timestamp")], None) is not None
    )


def _fits(table: _OtherTable, values: Values, surplus: int) -> bool:
    is_outcome = table.values == 12
    return surplus in ((-1, 0) if is_outcome else (0, 1)) and table.is_row(values)


def _reading(record: Record, columns: Sequence[str]) -> Mapping[str, Value] | None:
    row = dict(zip(columns, record.values, strict=False))
    if row.get("device_type") not in _KINDS or as_instant(row.get("timestamp"), None) is None:
        return None
    if not (isinstance(row["device_id"], str) and isinstance(row["location"], str)):
        return None
    # a row from before the column has its default
    return {"is_anomalous": 0, **row, "id": record.rowid}


def reading_columns(pages: Pages) -> Sequence[str]:
    """Return the columns of the readings in order: from the file's schema, else guessed from its rows."""
    for record in pages.records():
        match record.values:
            case ("table", "readings", _, _, str(definition)):
                if columns := _columns(definition):
                    return columns
    by_place = {order.index("created_at"): order for order in _orders()}  # which differs between the ages
    for record in pages.records():
        for place, order in by_place.items():
            if record.rowid is not None and len(record.values) > place and _is_time(record.values[place]):
                return order
    return _orders()[0]


def _columns(definition: str) -> Sequence[str]:
    try:
        with closing(sqlite3.connect(":memory:")) as connection:
            connection.execute(definition)
            return [row[1] for row in connection.execute("PRAGMA table_info(readings)")]
    except sqlite3.Error:
        return ()


def _orders() -> Sequence[Sequence[str]]:
    """Return the columns of each age, with those that an upgrade has added at the end."""
    made = _columns(CREATE_READINGS[0])
    ages = [[name for name in made if name not in missing] for missing in _MISSING_COLUMNS]
    place = made.index("device_type")
    ages.append([*made[:place], "name", *made[place:]])
    return [[*age, *(name for name in ADD_COLUMNS if name not in age)] for age in ages]


def _is_time(value: object) -> bool:
    return isinstance(value, str) and len(value) == len("2026-03-01 12:00:00") and value[4] == value[7] == "-"
