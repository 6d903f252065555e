"""A cycle report as rows: readings and the ledger, and what is written with them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from operator import itemgetter

import attrs

from adapters.sqlite.rows import measurements
from adapters.sqlite.rows.checksums import (
    INSERT_RUN,
    SELECT_NEWEST_ID,
    SELECT_OUTCOMES,
    LedgerRow,
    checksum,
    is_wrong,
    read_run,
    run_of,
)
from adapters.sqlite.rows.devices import DeviceRows
from adapters.sqlite.rows.holes import DELETE_HOLE, INSERT_HOLE, kept_holes, named
from adapters.sqlite.rows.names import DeviceNames, TypedNames, has_names
from adapters.sqlite.rows.readings import (
    AIR_READINGS,
    INSERT_AIR_READING,
    INSERT_NAMED_READING,
    INSERT_READING,
    Cell,
    as_text,
    clean,
    has_temperature,
    keeps_rows_as_given,
    reading_tables,
    row_of,
)
from adapters.sqlite.rows.settings import has_settings, select_current, settings_of
from adapters.sqlite.rows.slots import newest_slot_before, progress_at
from domain.cycle import (
    Cause,
    Collected,
    CycleReport,
    Deferred,
    Failed,
    LedgerEntry,
    Missed,
    Outcome,
    Unread,
)
from domain.device_settings import SettingsByDevice
from domain.gaps import Hole, fill, find_holes
from domain.progress import SourceProgress
from domain.reading import Reading, fit_to_table
from domain.schedule import CLOCK_FAULT_AHEAD

_SELECT_OUTCOME = f"{SELECT_OUTCOMES} WHERE source = ? AND slot = ?"
_SELECT_DEVICES_AT = "SELECT device_id FROM {table} WHERE timestamp = :timestamp"
# for a table whose index somebody has removed: finds them by the key, with the case as given
_BY_ID = " AND device_id IN (SELECT value FROM json_each(:ids))"
_SELECT_HAS_TIMESTAMP_INDEX = """
SELECT 1 FROM pragma_index_list('readings') AS one JOIN pragma_index_info(one.name) AS part
WHERE one.partial = 0 AND part.seqno = 0 AND part.name = 'timestamp'
"""
_INSERT_OUTCOME = """
INSERT INTO outcomes (
    source, slot, interval_s, scheduled, state, cause, detail, readings, unread, until, notes, crc
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (source, slot) DO NOTHING
"""
_UPDATE_OUTCOME = """
UPDATE outcomes SET
    interval_s = :interval_s, scheduled = :scheduled, state = :state, cause = :cause, detail = :detail,
    readings = :readings, unread = :unread, until = :until, notes = :notes, crc = :crc
WHERE source = :source AND slot = :slot
"""


Row = tuple[Cell, ...]
_Key = tuple[Cell, str]  # of a reading: the timestamp, and the device in lower case
_timestamp_of = itemgetter(0)  # of a row


class CycleWriter:
    """Writes cycle reports through one connection, inside transactions of the caller."""

    def __init__(self, connection: sqlite3.Connection, typed_names: TypedNames = dict) -> None:
        self._connection = connection
        self._names = DeviceNames(connection, typed_names)
        self._has_names = False
        self._schema_version: int | None = None
        self._keeps_rows_as_given = False
        self._has_air_readings = False
        self._has_index = False
        self._select_devices_at = ""
        self._has_settings = False
        self._data_version: int | None = None
        self._settings = SettingsByDevice()
        self._devices = DeviceRows(connection)
        self._is_committed = False  # what was written last

    def write(self, report: CycleReport, now: datetime) -> tuple[CycleReport, tuple[Unread, ...]]:
        """Write the whole report; return it as it is stored, and what the readings table refused.

        The caller calls `note_commit` once the transaction is committed.
        """
        if not self._is_committed:
            self._devices.forget()
        self._is_committed = False
        settings = self.settings()
        (before,) = self._connection.execute(SELECT_NEWEST_ID).fetchone()
        holes = list(find_holes(report, self._newest_before, self._expected))
        created_at = f"{now:%Y-%m-%d %H:%M:%S}"
        rows: list[Row] = []
        outcomes: list[Outcome] = []
        refusals: list[Unread] = []
        for outcome in report.outcomes:
            stored = known = settings.applied_to(outcome)
            if isinstance(known, Collected):
                stored, inserted, refused = self._insert_readings(known, created_at)
                self._devices.write(known, refused, now)
                rows += inserted
                refusals += refused
            self._write_outcome(stored)
            outcomes.append(stored)
        self._insert_checksum(before, rows, is_certain=not refusals)
        if report.missed:
            self._insert_missed(report.missed)
        self._fill(holes, now)
        measurements.write(self._connection, report.measurements, as_text(now + CLOCK_FAULT_AHEAD))
        as_stored = tuple(outcomes)
        if as_stored != report.outcomes:
            report = attrs.evolve(report, outcomes=as_stored)
        return report, tuple(refusals)

    def note_commit(self) -> None:
        """Note that the rows are committed: what was read in that transaction holds."""
        self._is_committed = True

    def progress(self, source: str, at: datetime) -> SourceProgress:
        """Return how far the source has come at that slot."""
        progress = progress_at(self._connection, source, at)
        return attrs.evolve(progress, expected=self._expected(source, at))

    def settings(self) -> SettingsByDevice:
        """Return the settings of devices in effect."""
        (version,) = self._connection.execute("PRAGMA data_version").fetchone()
        if version != self._data_version:  # another connection has written, perhaps a setting
            self._devices.forget()
            self._look_at_schema()
            rows = select_current(self._connection) if self._has_settings else ()
            self._settings, self._data_version = settings_of(rows), version
        return self._settings

    def _expected(self, source: str, at: datetime) -> AbstractSet[str]:
        return self.settings().without_ignored(self._devices.expected(source, at))

    def _newest_before(self, source: str, instant: datetime) -> datetime | None:
        return newest_slot_before(self._connection, source, instant)

    def _fill(self, new: Sequence[Hole], now: datetime) -> None:
        """Write the rows of missed slots whose turn it is, and keep what is left for the next cycles."""
        kept = list(kept_holes(self._connection))
        if not (new or kept):
            return
        holes = (*new, *[hole for _, hole in kept])
        names = (*[None for _ in new], *[name for name, _ in kept])
        filled = fill(holes, now, self._newest_before)
        for name, (hole, missed, left) in zip(names, filled, strict=True):
            if missed:
                self._insert_missed(missed)
            if name is not None:
                if left is hole:
                    continue
                self._connection.execute(DELETE_HOLE, (name,))
            if left is not None:
                self._connection.execute(INSERT_HOLE, named(left))

    def _insert_missed(self, missed: Iterable[Missed]) -> None:
        rows = map(_ledger_row, missed)
        self._connection.executemany(_INSERT_OUTCOME, [(*row, checksum(row)) for row in rows])

    def is_used(self, source: str, instant: datetime) -> bool:
        """Return whether any reading, or a ledger row of the source, has that instant."""
        self._look_at_schema()
        text = as_text(instant)
        if self._connection.execute(_SELECT_OUTCOME, (source, text)).fetchone() is not None:
            return True
        if not self._has_index:  # it would read the whole table
            return False
        return self._connection.execute(self._select_devices_at, {"timestamp": text}).fetchone() is not None

    def _look_at_schema(self) -> None:
        """Learn what others may have changed in the readings table since the last look."""
        (version,) = self._connection.execute("PRAGMA schema_version").fetchone()
        if version != self._schema_version:
            self._keeps_rows_as_given = keeps_rows_as_given(self._connection)
            self._has_index = self._connection.execute(_SELECT_HAS_TIMESTAMP_INDEX).fetchone() is not None
            tables = reading_tables(self._connection)
            self._has_air_readings = AIR_READINGS in tables
            where = "" if self._has_index else _BY_ID
            self._select_devices_at = " UNION ALL ".join(
                _SELECT_DEVICES_AT.format(table=table) + where for table in tables
            )
            self._has_settings = has_settings(self._connection)
            self._has_names = has_names(self._connection)
            self._schema_version = version

    def _insert_readings(
        self, collected: Collected, created_at: str
    ) -> tuple[Collected, Sequence[Row], tuple[Unread, ...]]:
        """Insert the readings that are new.

        Return the outcome as it is stored, the rows of its readings, and why the table refuses others.
        """
        rows = [row_of(reading, created_at) for reading in collected.readings]
        present = self._present(rows)
        new: dict[_Key, tuple[Reading, Row]] = {}
        for reading, row in zip(collected.readings, rows, strict=True):
            if (key := _key(row)) not in present:
                new.setdefault(key, (reading, row))
        stored = collected
        if len(new) < len(rows):
            rows = [row for _, row in new.values()]
            stored = collected.as_stored(tuple(reading for reading, _ in new.values()))
        errors: dict[_Key, sqlite3.Error] = {}
        try:
            if self._insert(rows) == len(rows):
                return stored, rows, ()
        except sqlite3.IntegrityError as first:  # the rows before the refused one are in, and skipped now
            self._require_transaction(first)
            for key, (_, row) in new.items():
                try:
                    self._insert([row])
                except sqlite3.IntegrityError as error:
                    self._require_transaction(error)
                    errors[key] = error
        present = self._present(rows)
        inserted = [pair for key, pair in new.items() if key in present]
        refused = tuple(
            _refusal(reading, errors.get(key)) for key, (reading, _) in new.items() if key not in present
        )
        stored = collected.as_stored(tuple(reading for reading, _ in inserted), refused)
        return stored, [row for _, row in inserted], refused

    def _insert(self, rows: Sequence[Row]) -> int:
        """Insert the rows that are new, each in its table; return how many."""
        inserted = 0
        names = self._names_of(rows)
        readings = [row for row in rows if self._is_for_readings(row)]
        if readings and names:
            named = [(*row, names[row[1]]) for row in readings]
            inserted = self._connection.executemany(INSERT_NAMED_READING, named).rowcount
        elif readings:
            inserted = self._connection.executemany(INSERT_READING, readings).rowcount
        if len(readings) < len(rows):
            others = [
                (*row, checksum(row), names.get(row[1])) for row in rows if not self._is_for_readings(row)
            ]
            inserted += self._connection.executemany(INSERT_AIR_READING, others).rowcount
        return inserted

    def _names_of(self, rows: Sequence[Row]) -> Mapping[Cell, str | None]:
        """Return the names of the devices, if the table has a column for them."""
        if not self._has_names:
            return {}
        device_ids = [str(row[1]) for row in rows]
        return dict(zip(device_ids, self._names.of(device_ids, self._settings), strict=True))

    def _is_for_readings(self, row: Row) -> bool:
        return has_temperature(row) or not self._has_air_readings

    def _require_transaction(self, error: sqlite3.Error) -> None:
        """Raise the error if it has ended the transaction, as that of a trigger can."""
        if not self._connection.in_transaction:
            raise error

    def _present(self, rows: Sequence[Row]) -> set[_Key]:
        """Return the keys of the readings that the table has at the instants of these rows."""
        present: set[_Key] = set()
        ids: str | None = None
        for timestamp in dict.fromkeys(map(_timestamp_of, rows)):
            if not self._has_index:
                ids = ids or json.dumps([row[1] for row in rows])
            key = {"timestamp": timestamp, "ids": ids}
            for (device_id,) in self._connection.execute(self._select_devices_at, key):
                present.add((timestamp, str(device_id).lower()))
        return present

    def _insert_checksum(self, before: int, rows: Sequence[Row], *, is_certain: bool) -> None:
        """Store the checksum of the new readings; read them back only where they may differ from the rows."""
        (newest,) = self._connection.execute(SELECT_NEWEST_ID).fetchone()
        if newest <= before:
            return
        rows = [row for row in rows if self._is_for_readings(row)]
        if is_certain and self._keeps_rows_as_given:
            first = newest - len(rows) + 1
            numbered = [(row_id, *row) for row_id, row in enumerate(rows, first)]
            run = run_of(numbered, first, newest)
        else:
            run = read_run(self._connection, before + 1, newest)
        self._connection.execute(INSERT_RUN, run)

    def _write_outcome(self, outcome: Outcome) -> None:
        """Keep what is stored; where a manual cycle and a planned one share a slot, the row is planned."""
        row = _ledger_row(outcome)
        if self._connection.execute(_INSERT_OUTCOME, (*row, checksum(row))).rowcount:
            return
        stored = self._connection.execute(_SELECT_OUTCOME, (row.source, row.slot)).fetchone()
        *values, stored_crc = stored
        old = LedgerRow(*values)
        was_planned, is_planned = old.scheduled == 1, row.scheduled == 1
        if old.state == "stored" and not (row.state == "stored" and is_planned and not was_planned):
            return
        if old.state == "stored":
            row = row._replace(readings=row.readings + old.readings)
        row = row._replace(scheduled=int(was_planned or is_planned))
        # a damaged row must not come to look sound: it keeps its checksum
        crc = stored_crc if is_wrong(stored) else checksum(row)
        self._connection.execute(_UPDATE_OUTCOME, {**row._asdict(), "crc": crc})


def _key(row: Row) -> _Key:
    """Return what identifies a reading; device ids are compared without case."""
    return row[0], str(row[1]).lower()


def _refusal(reading: Reading, error: sqlite3.Error | None) -> Unread:
    kept = fit_to_table(reading)
    named = (*kept.other_values.items(), *kept.values.items())
    values = ", ".join(f"{name} {value:g}" for name, value in named)
    return Unread(
        device_id=reading.device_id,
        cause=Cause.OUT_OF_RANGE,
        detail=f"the readings table refuses the row ({error or 'a trigger'}): {values or 'no values'}",
    )


def _ledger_row(entry: LedgerEntry) -> LedgerRow:
    due = entry.due
    row = LedgerRow(due.source, as_text(due.slot), due.interval_s, int(due.scheduled), "missed")
    if entry.unread:
        causes = {
            one.device_id: [one.cause.value, one.detail] if one.detail else one.cause.value
            for one in entry.unread
        }
        row = row._replace(unread=clean(json.dumps(causes, ensure_ascii=False)))
    match entry:
        case Collected():
            notes = clean(json.dumps(entry.notes, ensure_ascii=False)) if entry.notes else None
            return row._replace(state="stored", readings=len(entry.readings), notes=notes)
        case Failed():
            return row._replace(state="failed", cause=entry.cause.value, detail=clean(entry.detail))
        case Deferred():
            return row._replace(state="deferred", cause=entry.cause.value, until=as_text(entry.until))
        case Missed():
            return row._replace(cause=entry.cause.value)
