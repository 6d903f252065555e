"""Backups brought back: put in the place of the database, or merged into a new one while that is in use."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import quote

import attrs

from adapters.files.regular_file import make_folder, read_regular
from adapters.sqlite.backup.backups import copy_permissions, verified_copy
from adapters.sqlite.care.file_swap import finish_replacing, free_name, replace
from adapters.sqlite.care.verification import check, require_file, structural_fault
from adapters.sqlite.connection import connect
from adapters.sqlite.database_lock import DatabaseLock, locked_transaction
from adapters.sqlite.errors import error_name, store_errors
from adapters.sqlite.identity.home_identity import HomeIdentity
from adapters.sqlite.migration.durable_copy import quoted
from adapters.sqlite.migration.inspection import inspect
from adapters.sqlite.migration.migrations import create_air_readings, user_version
from adapters.sqlite.rows import measurements
from adapters.sqlite.rows.checksums import add_missing_checksums, checksum_of_inserted
from adapters.sqlite.rows.names import last_name
from adapters.sqlite.rows.readings import AIR_READINGS, READINGS, count_readings, reading_tables
from adapters.sqlite.schema import CREATE_BASELINES, CREATE_DEVICE_SETTINGS
from domain.errors import StoreCorrupt, StoreError
from ports.clock import Clock

_ROWS_AT_ONCE = 1000  # a cycle waits no longer than these take
_LOCK_WAIT_S = 10.0
_MAGIC = b"SQLite format 3\0"  # https://www.sqlite.org/fileformat.html, section 1.3
_SELECT_NEWEST = "SELECT max(timestamp) FROM readings"
_SELECT_COLUMNS = """
SELECT present.name FROM pragma_table_info(:table, 'main') AS present
JOIN pragma_table_info(:table, 'backup') AS old ON old.name = present.name
WHERE present.name <> 'id'
"""
_SELECT_ADDED_COLUMNS = """
SELECT name, type FROM pragma_table_info('readings', 'backup')
WHERE name NOT IN (SELECT name FROM pragma_table_info('readings', 'main'))
"""
_SELECT_BOUNDS = "SELECT coalesce(min(id), 0), coalesce(max(id), -1) FROM backup.{table}"
_SELECT_HAS_COLUMNS = "SELECT count(*) >= 3 FROM pragma_table_info(?, 'backup')"
# Tables that are made with their first row.
_LATE_TABLES = {"baselines": CREATE_BASELINES, "device_settings": CREATE_DEVICE_SETTINGS}
_KEYS: Mapping[str, Sequence[str]] = {
    "outcomes": ("source", "slot"),
    "devices": ("device_id",),
    "measurements": ("began_at", "operation", "source", "number"),
    measurements.TABLE: ("slot", "source"),
    "baselines": ("name",),
    "device_settings": ("device_id", "setting", "changed_at"),
}
# What is left to write of missed slots, see `adapters.sqlite.rows.holes`.
_MERGE_HOLES = """
INSERT INTO main.properties (name, value)
SELECT name, value FROM backup.properties WHERE name >= 'gap.' AND name < 'gap/'
ON CONFLICT (name) DO NOTHING
"""
_UPDATE_FIRST_SLOTS = """
UPDATE main.devices SET first_slot = min(first_slot, (
    SELECT first_slot FROM backup.devices AS old WHERE old.device_id = devices.device_id
)) WHERE device_id IN (SELECT device_id FROM backup.devices)
"""


@attrs.frozen(kw_only=True)
class Restoring:
    """Puts sound backups in the place of the database at the path, which is kept."""

    path: Path
    clock: Clock
    is_simulated: bool
    busy_timeout_ms: int
    identity: HomeIdentity | None = None

    def check(self, backup: Path) -> tuple[str, ...]:
        """Return the values in the backup that are not as they were stored.

        Raises `StoreRefused` when it is of another kind of home, `StoreCorrupt` when the file is damaged.
        """
        with store_errors(backup):
            require_file(backup)
            if read_regular(backup, len(_MAGIC)) != _MAGIC:
                raise StoreCorrupt(f"{backup} is not an SQLite database; nothing has changed. Name a backup")
            try:
                inspect(
                    backup,
                    is_simulated=self.is_simulated,
                    busy_timeout_ms=self.busy_timeout_ms,
                    next_step="Nothing has changed; name a backup of this home",
                )
            except sqlite3.DatabaseError as error:
                if not error_name(error).startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
                    raise
                raise _damaged(backup, str(error)) from error
        findings = check(backup, busy_timeout_ms=self.busy_timeout_ms)
        if faults := [str(finding) for finding in findings if finding.is_structural]:
            raise _damaged(backup, faults[0])
        return tuple(str(finding) for finding in findings)

    def restore(self, backup: Path) -> Path | None:
        """Put a copy of the checked backup there; return where the present file is kept, if there was one.

        Raise `StoreMissing` if the place of the home's database is away.
        """
        with store_errors(self.path):
            if self.identity is not None:
                self.identity.require_place()
            make_folder(self.path.parent)
            real = Path(os.path.realpath(self.path))  # a link is never replaced
            target = real.with_name(f"{real.name}.restoring")
            with (
                verified_copy(backup, target, busy_timeout_ms=self.busy_timeout_ms) as new,
                closing(
                    DatabaseLock(self.path.with_name(f"{self.path.name}.lock"), wait_s=_LOCK_WAIT_S)
                ) as lock,
                lock.held(),
            ):
                finish_replacing(self.path)
                self._claim(new.file)
                return put_in_place(
                    self.path, new.file, clock=self.clock, busy_timeout_ms=self.busy_timeout_ms
                )

    def describe_contents(self, path: Path) -> str:
        """Return what a database holds, for a person."""
        with (
            store_errors(path),
            closing(connect(path, mode="ro", busy_timeout_ms=self.busy_timeout_ms)) as database,
        ):
            count = count_readings(database)
            (newest,) = database.execute(_SELECT_NEWEST).fetchone()
        return f"{count} readings, the newest of {newest}" if count else "no readings"

    def _claim(self, new: Path) -> None:
        """Make the copy this home's own: a person has chosen it."""
        if self.identity is None:
            return
        with closing(connect(new, mode="rw", busy_timeout_ms=self.busy_timeout_ms)) as connection:
            if user_version(connection):  # else it is upgraded first
                self.identity.claim(connection)


def _damaged(backup: Path, fault: str) -> StoreCorrupt:
    return StoreCorrupt(f"{backup} is damaged ({fault}); nothing has changed. Use another backup")


def put_in_place(path: Path, new: Path, *, clock: Clock, busy_timeout_ms: int) -> Path | None:
    """Put the new file at the path; return where the present one is kept, if there was one.

    The caller holds the lock. Raises `OSError`.
    """
    was_there = path.exists()
    copy_permissions(path if was_there else path.parent, new)
    if was_there:
        with suppress(sqlite3.Error, StoreError):  # a damaged one stays as it is
            if structural_fault(path) is None:
                with closing(connect(path, mode="rw", busy_timeout_ms=busy_timeout_ms)) as present:
                    # complete without its log
                    present.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    kept = free_name(path, label="replaced", now=clock.now())
    replace(path, new, kept)
    return kept if was_there else None


def merge_backup(path: Path, backup: Path, *, lock: DatabaseLock, busy_timeout_ms: int) -> int:
    """Add the backup's rows that the database lacks; return how many readings. Raises `StoreError`.

    Interrupted at any point, it can be started again.
    """
    with store_errors(path), closing(connect(path, mode="rw", busy_timeout_ms=busy_timeout_ms)) as connection:
        connection.execute("PRAGMA ignore_check_constraints=ON")  # for old rows that a check refuses today
        connection.execute("ATTACH ? AS backup", (f"file:{quote(str(backup.absolute()))}?mode=ro",))
        with locked_transaction(connection, lock):
            _add_columns(connection)
            create_air_readings(connection)
        merged = sum(_merge_readings(connection, lock, table) for table in (READINGS, AIR_READINGS))
        for table, create in _LATE_TABLES.items():
            if connection.execute(_SELECT_HAS_COLUMNS, (table,)).fetchone()[0]:
                with locked_transaction(connection, lock):
                    connection.execute(create)
        with locked_transaction(connection, lock):
            connection.execute(measurements.CREATE)
        for table, key in _KEYS.items():
            _merge_table(connection, lock, table, key)
        if _columns(connection, "properties"):
            with locked_transaction(connection, lock):
                connection.execute(_MERGE_HOLES)
        if _columns(connection, "devices"):
            with locked_transaction(connection, lock):
                connection.execute(_UPDATE_FIRST_SLOTS)
        add_missing_checksums(connection, lock)
    return merged


def _add_columns(connection: sqlite3.Connection) -> None:
    """Add the columns that only the backup has, such as `name`, in which people name devices.

    The rows of an interim database get the names that their devices have in the backup.
    """
    added = connection.execute(_SELECT_ADDED_COLUMNS).fetchall()
    for name, kind in added:
        connection.execute(f"ALTER TABLE main.readings ADD COLUMN {quoted(name)} {kind}")
    if "name" not in [name for name, _ in added]:
        return
    for table in reading_tables(connection):
        devices = connection.execute(f"SELECT DISTINCT device_id FROM main.{table}").fetchall()  # noqa: S608
        for (device_id,) in devices:
            if (last := last_name(connection, device_id, "backup")) is not None:
                update = f"UPDATE main.{table} SET name = ? WHERE device_id = ?"  # noqa: S608
                connection.execute(update, (last, device_id))


def _merge_readings(connection: sqlite3.Connection, lock: DatabaseLock, table: str) -> int:
    if not (names := _columns(connection, table)):  # a backup from before this table
        return 0
    columns = ", ".join(names)
    insert = f"""
        INSERT INTO main.{table} ({columns})
        SELECT {columns} FROM backup.{table} WHERE id >= ? AND id < ? ORDER BY id
        ON CONFLICT (device_id, timestamp) DO NOTHING
    """  # noqa: S608 - names of columns
    first, last = connection.execute(_SELECT_BOUNDS.format(table=table)).fetchone()
    merged = 0
    for start in range(first, last + 1, _ROWS_AT_ONCE):
        with locked_transaction(connection, lock), checksum_of_inserted(connection):
            merged += connection.execute(insert, (start, start + _ROWS_AT_ONCE)).rowcount
    return merged


def _merge_table(connection: sqlite3.Connection, lock: DatabaseLock, table: str, key: Sequence[str]) -> None:
    if not (names := _columns(connection, table)):  # a backup from before this table
        return
    columns = ", ".join(names)
    keys = ", ".join(key)
    marks = ", ".join("?" for _ in key)
    insert = f"""
        INSERT INTO main.{table} ({columns}) SELECT {columns} FROM backup.{table}
        WHERE ({keys}) > ({marks}) AND ({keys}) <= ({marks})
        ON CONFLICT ({keys}) DO {_on_conflict(table, names)}
    """  # noqa: S608 - names of columns
    bounds = f"""
        SELECT {keys} FROM (SELECT {keys} FROM backup.{table} WHERE ({keys}) > ({marks})
        ORDER BY {keys} LIMIT {_ROWS_AT_ONCE:d}) ORDER BY {", ".join(f"{name} DESC" for name in key)} LIMIT 1
    """  # noqa: S608 - names of columns
    after: tuple[object, ...] = tuple("" for _ in key)
    while (up_to := connection.execute(bounds, after).fetchone()) is not None:
        with locked_transaction(connection, lock):
            connection.execute(insert, (*after, *up_to))
        after = up_to


def _on_conflict(table: str, names: Sequence[str]) -> str:
    """Keep present rows; only a slot that was not stored is replaced by one that was, a missed one by any.

    Slots are called missed while the rows that the backup has of them are not merged yet.
    """
    if table != "outcomes":
        return "NOTHING"
    news = ", ".join(f"{name} = excluded.{name}" for name in names)
    if '"crc"' not in names:  # a backup from before checksums: the new row gets its own at the end
        news += ", crc = NULL"
    is_better = "(outcomes.state = 'missed' OR excluded.state = 'stored')"
    return f"UPDATE SET {news} WHERE outcomes.state <> 'stored' AND {is_better}"


def _columns(connection: sqlite3.Connection, table: str) -> list[str]:
    found = connection.execute(_SELECT_COLUMNS, {"table": table})
    return [quoted(name) for (name,) in found]
