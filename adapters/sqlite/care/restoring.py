"""What a sound backup holds, merged into a database that has begun anew; both stay at work meanwhile."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import quote

import attrs

from adapters.sqlite import measurements
from adapters.sqlite.care.backups import belong_like, verified_copy
from adapters.sqlite.care.checksumming import complete
from adapters.sqlite.care.file_swap import finish, name_for, replace
from adapters.sqlite.care.integrity import require_file, structural_fault
from adapters.sqlite.care.verification import findings
from adapters.sqlite.checksums import BASELINES, DEVICES, sealing_readings, sealing_rows
from adapters.sqlite.connection import connect
from adapters.sqlite.database_lock import DatabaseLock, turn
from adapters.sqlite.errors import told_apart
from adapters.sqlite.migration.inspection import inspect
from adapters.sqlite.schema import CREATE_BASELINES
from domain.errors import StoreCorrupt, StoreError
from ports.clock import Clock

_ROWS = 1000  # at once: a cycle waits for no more than that takes
_SELECT_COLUMNS = """
SELECT present.name FROM pragma_table_info(:table, 'main') AS present
JOIN pragma_table_info(:table, 'backup') AS old ON old.name = present.name
WHERE present.name <> 'id'
"""
_SELECT_BOUNDS = "SELECT coalesce(min(id), 0), coalesce(max(id), -1) FROM backup.readings"
# What is told apart by what, in each table. The first slot of a device is the earlier one.
_KEYS: Mapping[str, Sequence[str]] = {
    "outcomes": ("source", "slot"),
    "devices": ("device_id",),
    "measurements": ("began_at", "operation", "source", "number"),
    measurements.TABLE: ("slot", "source"),
    "baselines": ("name",),
}
_SELECT_HAS_BASELINES = "SELECT count(*) > ? FROM pragma_table_info('baselines', 'backup')"
_SELECT_OLD_DEVICES = "SELECT device_id, first_slot FROM backup.devices"
_DATE_DEVICE_BACK = "UPDATE main.devices SET first_slot = min(first_slot, ?) WHERE device_id = ?"


def merge_backup(path: Path, backup: Path, *, lock: DatabaseLock, busy_timeout_ms: int) -> int:
    """Add every row that is not there yet; how many readings that were. Raises `StoreError`.

    Cut off at any point, it can be begun anew.
    """
    with told_apart(path), closing(connect(path, mode="rw", busy_timeout_ms=busy_timeout_ms)) as connection:
        connection.execute("PRAGMA ignore_check_constraints=ON")  # a row of old that is refused today is one
        connection.execute("ATTACH ? AS backup", (f"file:{quote(str(backup.absolute()))}?mode=ro",))
        merged = _merge_readings(connection, lock)
        if connection.execute(_SELECT_HAS_BASELINES, (len(BASELINES.columns),)).fetchone()[0]:
            with turn(connection, lock):
                connection.execute(CREATE_BASELINES)
        with turn(connection, lock):
            connection.execute(measurements.CREATE)
        for table, key in _KEYS.items():
            _merge_table(connection, lock, table, key)
        if _columns(connection, "devices"):
            _date_devices_back(connection, lock)
        complete(connection, lock)
    return merged


def _merge_readings(connection: sqlite3.Connection, lock: DatabaseLock) -> int:
    columns = ", ".join(_columns(connection, "readings"))
    insert = f"""
        INSERT INTO main.readings ({columns})
        SELECT {columns} FROM backup.readings WHERE id >= ? AND id < ? ORDER BY id
        ON CONFLICT (device_id, timestamp) DO NOTHING
    """  # noqa: S608 - names of columns
    first, last = connection.execute(_SELECT_BOUNDS).fetchone()
    merged = 0
    for start in range(first, last + 1, _ROWS):
        with turn(connection, lock), sealing_readings(connection):
            merged += connection.execute(insert, (start, start + _ROWS)).rowcount
    return merged


def _merge_table(connection: sqlite3.Connection, lock: DatabaseLock, table: str, key: Sequence[str]) -> None:
    if not (names := _columns(connection, table)):  # a backup from before there was such a table
        return
    columns = ", ".join(names)
    keys = ", ".join(key)
    marks = ", ".join("?" for _ in key)
    insert = f"""
        INSERT INTO main.{table} ({columns}) SELECT {columns} FROM backup.{table}
        WHERE ({keys}) > ({marks}) AND ({keys}) <= ({marks})
        ON CONFLICT ({keys}) DO {_when_there(table, names)}
    """  # noqa: S608 - names of columns
    bounds = f"""
        SELECT {keys} FROM (SELECT {keys} FROM backup.{table} WHERE ({keys}) > ({marks})
        ORDER BY {keys} LIMIT {_ROWS:d}) ORDER BY {", ".join(f"{name} DESC" for name in key)} LIMIT 1
    """  # noqa: S608 - names of columns
    after: tuple[object, ...] = tuple("" for _ in key)
    while (up_to := connection.execute(bounds, after).fetchone()) is not None:
        with turn(connection, lock):
            connection.execute(insert, (*after, *up_to))
        after = up_to


def _when_there(table: str, names: Sequence[str]) -> str:
    """What is there stays; only a slot that was not stored gives way to one that was, as in the ledger."""
    if table != "outcomes":
        return "NOTHING"
    news = ", ".join(f"{name} = excluded.{name}" for name in names)
    if '"crc"' not in names:  # that of the row that gives way; the new one gets its own in the end
        news += ", crc = NULL"
    return f"UPDATE SET {news} WHERE outcomes.state <> 'stored' AND excluded.state = 'stored'"


def _date_devices_back(connection: sqlite3.Connection, lock: DatabaseLock) -> None:
    devices = connection.execute(_SELECT_OLD_DEVICES).fetchall()
    with turn(connection, lock), sealing_rows(connection, DEVICES, [device[:1] for device in devices]):
        connection.executemany(_DATE_DEVICE_BACK, [(slot, device_id) for device_id, slot in devices])


def _columns(connection: sqlite3.Connection, table: str) -> list[str]:
    found = connection.execute(_SELECT_COLUMNS, {"table": table})
    return ['"' + name.replace('"', '""') + '"' for (name,) in found]


# A backup in the place of the database.

_LOCK_WAIT_S = 10.0
_SELECT_CONTENTS = "SELECT count(*), max(timestamp) FROM readings"


@attrs.frozen(kw_only=True)
class Restoring:
    """Puts sound backups in the place of the database at the path, which is kept."""

    path: Path
    clock: Clock
    is_simulated: bool
    busy_timeout_ms: int

    def check(self, backup: Path) -> tuple[str, ...]:
        """The values in it that are not what was stored.

        Raises `StoreRefused` when it is none of this home's kind, `StoreCorrupt` when the file is damaged.
        """
        with told_apart(backup):
            require_file(backup)
            inspect(backup, is_simulated=self.is_simulated, busy_timeout_ms=self.busy_timeout_ms)
        found = findings(backup, busy_timeout_ms=self.busy_timeout_ms)
        if faults := [str(finding) for finding in found if finding.is_structural]:
            raise StoreCorrupt(
                f"{backup} is damaged ({faults[0]}). Take another backup; nothing has been changed"
            )
        return tuple(str(finding) for finding in found)

    def restore(self, backup: Path) -> Path | None:
        """Put a copy of the checked backup there; where the present one is kept, None if there was none."""
        with told_apart(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            aside = self.path.with_name(f"{self.path.name}.restoring")
            new = verified_copy(backup, aside, busy_timeout_ms=self.busy_timeout_ms).file
            lock = DatabaseLock(self.path.with_name(f"{self.path.name}.lock"), wait_s=_LOCK_WAIT_S)
            try:
                with lock.held():
                    finish(self.path)
                    return self._replaced(new)
            finally:
                lock.close()
                new.unlink(missing_ok=True)

    def contents(self, path: Path) -> str:
        """What a database holds, for a person."""
        with (
            told_apart(path),
            closing(connect(path, mode="ro", busy_timeout_ms=self.busy_timeout_ms)) as found,
        ):
            count, newest = found.execute(_SELECT_CONTENTS).fetchone()
        return f"{count} readings, the newest of {newest}" if count else "no readings"

    def _replaced(self, new: Path) -> Path | None:
        was_there = self.path.exists()
        belong_like(new, self.path if was_there else self.path.parent)
        if was_there:
            self._empty_log()
        kept = name_for(self.path, label="replaced", now=self.clock.now())
        replace(self.path, new, kept)
        return kept if was_there else None

    def _empty_log(self) -> None:
        """So that the present file is whole by itself at every instant; one that is damaged goes as it is."""
        with suppress(sqlite3.Error, StoreError):
            if structural_fault(self.path) is None:
                with closing(connect(self.path, mode="rw", busy_timeout_ms=self.busy_timeout_ms)) as present:
                    present.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
