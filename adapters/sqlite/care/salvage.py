"""The order in which a file keeps the columns of its readings, which depends on how old it is."""

from __future__ import annotations

import mmap
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import attrs

from adapters.sqlite.care.file_pages import Pages, Record, Value, Values
from adapters.sqlite.care.integrity import first_fault, require_file
from adapters.sqlite.care.restoring import merge_backup
from adapters.sqlite.care.verification import Finding
from adapters.sqlite.checksums import (
    BASELINES,
    DEVICES,
    KEYED,
    MEASUREMENTS,
    OUTCOMES,
    PROPERTIES,
    READING_COLUMNS,
    Run,
    is_wrong,
    keyed_in,
    run_of,
)
from adapters.sqlite.connection import connect
from adapters.sqlite.database_lock import DatabaseLock
from adapters.sqlite.errors import told_apart
from adapters.sqlite.migration.durable_copy import require_room
from adapters.sqlite.migration.inspection import inspect
from adapters.sqlite.opening import Opening, make_tables
from adapters.sqlite.reading_rows import as_instant
from adapters.sqlite.schema import ADD_COLUMNS, CREATE_BASELINES, CREATE_READINGS
from domain.errors import StoreRefused

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


# What a damaged file still holds, in a new database: read page by page, past whatever leads nowhere.

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


# All that can still be read in a damaged file, merged into the database of the home.

_COPIES = 3.0  # of the file: one to read, one of what is found in it, and that in the database
_SELECT_HAS_CHECKSUMS = "SELECT count(*) FROM sqlite_schema WHERE name = 'checksums'"
_SELECT_RUNS = "SELECT first_id, last_id, readings, crc FROM checksums ORDER BY first_id"
_SELECT_IS_SIMULATED = "SELECT value FROM properties WHERE name = 'is_simulated'"
_COUNT = "SELECT count(*) FROM readings"


@attrs.frozen(kw_only=True)
class Salvaged:
    """What came of it, counted in readings; `lost` are those that are known to have been there.

    `doubtful` are those that were merged although not all of them are what was stored: among the readings
    of a checksum nobody can tell which. `left_out` are the rows of other tables that are not what was stored.
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
        """Merge every row that is not there yet; a second time changes nothing.

        Raises `StoreRefused` when it is none of this home's kind, and `StoreError`.
        """
        path = self.opening.path
        with told_apart(damaged):
            require_file(damaged)
        with told_apart(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            require_room(damaged, _COPIES)
            with TemporaryDirectory(prefix=f"{path.name}.salvaging-", dir=path.parent) as folder:
                found = self._readable(damaged, Path(folder))
                judged = _judged(found)
                self._bring_up_to_date()
                merged = merge_backup(
                    path, found, lock=self.lock, busy_timeout_ms=self.opening.busy_timeout_ms
                )
                return attrs.evolve(judged, merged=merged)

    def _readable(self, damaged: Path, folder: Path) -> Path:
        """A database that can be read from end to end, with what the damaged one holds."""
        copy = folder / "copy.db"
        for suffix in ("", "-wal", "-journal"):
            with suppress(FileNotFoundError):
                shutil.copyfile(f"{damaged}{suffix}", f"{copy}{suffix}")
        _take_in_log(copy)
        is_simulated = self.opening.is_simulated
        if first_fault(copy) is None:
            inspect(copy, is_simulated=is_simulated, busy_timeout_ms=0)
            return copy
        found = folder / "found.db"
        recover(copy, found, is_simulated=is_simulated)
        with closing(connect(found, mode="ro", busy_timeout_ms=0)) as connection:
            (value,) = connection.execute(_SELECT_IS_SIMULATED).fetchone()
        if value != str(int(is_simulated)):
            raise StoreRefused(f"{damaged} is of a simulated home, or of a real one where this is simulated")
        return found

    def _bring_up_to_date(self) -> None:
        with self.lock.held():
            self.opening.connection(relaxing=True).close()


def _take_in_log(copy: Path) -> None:
    """What was committed and is only in the log belongs to the file, if SQLite can still bring it there."""
    with suppress(sqlite3.Error), closing(connect(copy, mode="rw", busy_timeout_ms=0)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE").fetchall()


def _judged(found: Path) -> Salvaged:
    """What there is to be merged, once what must not be is taken out."""
    with closing(connect(found, mode="rw", busy_timeout_ms=0)) as connection:
        (read,) = connection.execute(_COUNT).fetchone()
        if not connection.execute(_SELECT_HAS_CHECKSUMS).fetchone()[0]:
            return Salvaged(read=read)
        left_out = _without_wrong_rows(connection)
        lost, doubtful = _doubts(connection)
    return Salvaged(read=read, lost=lost, doubtful=tuple(doubtful), left_out=tuple(left_out))


def _without_wrong_rows(connection: sqlite3.Connection) -> Sequence[Finding]:
    """Take the rows out that are not what was stored; which ones."""
    left_out = []
    for table in keyed_in(connection):
        for row in [row for row in connection.execute(table.select) if is_wrong(row)]:
            key = row[: len(table.key)]
            where = " ".join(str(value) for value in key)
            left_out.append(Finding(table=table.name, where=where, what="is not what was stored"))
            connection.execute(f"DELETE FROM {table.name}{table.where}", key)  # noqa: S608 - ours
    return left_out


def _doubts(connection: sqlite3.Connection) -> tuple[int, Sequence[Finding]]:
    """How many readings are known to be missing, and which are not all what was stored."""
    lost, doubtful = 0, []
    for stored in [Run(*row) for row in connection.execute(_SELECT_RUNS)]:
        present = run_of(connection, stored.first_id, stored.last_id)
        lost += max(0, stored.readings - present.readings)
        if present.readings == stored.readings and present.crc != stored.crc:
            where = f"ids {stored.first_id} to {stored.last_id} of the damaged file"
            doubtful.append(Finding(table="readings", where=where, what="not all are what was stored"))
    return lost, doubtful
