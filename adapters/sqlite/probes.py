"""What health and bug reports show of the database, without changing it."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, nullcontext
from datetime import datetime
from pathlib import Path
from shlex import quote
from tempfile import TemporaryFile

from adapters.files.storage_place import problem_of
from adapters.sqlite.connection import connect, journal_mode
from adapters.sqlite.database_lock import DatabaseLock
from adapters.sqlite.errors import store_errors
from adapters.sqlite.history.ledger import SqliteLedger
from adapters.sqlite.history.queries import open_for_reading
from adapters.sqlite.identity.home_identity import HomeIdentity
from adapters.sqlite.migration.inspection import Inspection, inspect
from adapters.sqlite.migration.migrations import user_version
from adapters.sqlite.open_files import require_whole
from adapters.sqlite.rows.readings import as_text
from adapters.sqlite.wal import HELD_BYTES, has_reset_bug, size_bytes
from domain.errors import (
    CycleUnstorable,
    StoreBusy,
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreMissing,
    StoreRefused,
)
from domain.health.report import Answer, Weight, failed, passed, skipped, warned
from domain.health.rules import LastSlot
from domain.schedule import CLOCK_FAULT_AHEAD

_BUSY_TIMEOUT_MS = 3000
_LOCK_WAIT_S = 4.0
_NO_DATABASE = "there is no database yet"
_BRING_BACK = "Put it back, or accept that what came after the newest backup is lost: `homeclimate db accept`"
_SEE_DATABASE = "the database cannot be read: see database"
_INSERT_READING = """
INSERT INTO readings (timestamp, device_id, temperature_celsius, location, device_type)
VALUES ('2000-01-01T00:00:00+00:00', 'health:probe', 20.0, 'health', 'hue_sensor')
"""
_SELECT_READING = """
SELECT temperature_celsius FROM readings
WHERE device_id = 'health:probe' AND timestamp = '2000-01-01T00:00:00+00:00'
"""
_INSERT_OUTCOME = """
INSERT INTO outcomes (source, slot, interval_s, scheduled, state, readings)
VALUES ('health:probe', '2000-01-01T00:00:00+00:00', 300, 0, 'stored', 1)
"""
_SELECT_OUTCOME = """
SELECT readings FROM outcomes WHERE source = 'health:probe' AND slot = '2000-01-01T00:00:00+00:00'
"""


def writing(path: Path, *, is_simulated: bool, identity: HomeIdentity | None = None) -> Answer:
    """Check that the database is the home's; insert a reading through a new connection, and roll it back."""
    folder = path.parent
    if identity is not None and (reason := identity.away()) is not None:
        return failed(
            f"the home's database is away: {reason}",
            "Mount its disk, or put the folder back; collecting goes on by itself then. If it is lost: "
            "`homeclimate db accept`.",
        )
    if not folder.is_dir() and (identity is None or identity.loss() is None):
        return failed(
            f"the folder {folder} does not exist",
            f"Mount its disk if it has one, else run `mkdir -p {folder}`: a collector begins again there.",
        )
    try:
        with store_errors(path):
            if not path.exists():
                if identity is not None and (reason := identity.loss()) is not None:
                    return failed(
                        f"the home's database {path} is missing; {reason}",
                        f"{_BRING_BACK}. Until then the next cycle begins an interim one.",
                    )
                TemporaryFile(dir=folder).close()
                return passed(f"{_NO_DATABASE}, and one can be made at {path}")
            found = _insert_and_roll_back(path, is_simulated=is_simulated)
    except StoreError as error:
        return failed(str(error), _next_step(error, path))
    if identity is not None and (answer := _judge_identity(identity, found)) is not None:
        return answer
    seen = f"{path}, of a simulated home, can be written to" if is_simulated else f"{path} can be written to"
    try:  # with a log that is left in the folder, readings can be stored where no other file can be made
        TemporaryFile(dir=folder).close()
    except OSError as error:
        seen += f", but no new file can be made in its folder: no state, alert or spool ({error.strerror})"
        return failed(seen, _allow_writing(folder), Weight.ORDINARY)
    return passed(seen)


def place(path: Path) -> Answer:
    """Check whether a database can be in that folder."""
    problem = problem_of(path.parent)
    if problem is None:
        return passed(f"{path.parent} is on a disk of this computer")
    return failed(problem, f"Stop the collector, move the folder, then edit storage.database_path ({path}).")


def write_ahead_log(path: Path, *, checkpoint_pages: int) -> Answer:
    """Check the journal mode, and how long the log is."""
    if not path.exists():
        return skipped(_NO_DATABASE)
    if not path.is_file() or path.stat().st_size == 0:
        return skipped(_SEE_DATABASE)
    try:
        with (
            store_errors(path),
            closing(connect(path, mode="ro", busy_timeout_ms=_BUSY_TIMEOUT_MS)) as connection,
        ):
            mode = journal_mode(connection)
    except StoreError:
        return skipped(_SEE_DATABASE)
    if mode != "wal":
        return failed(
            f"the mode is {mode}, in which readers and the collector wait for each other",
            f"Start the collector, or `homeclimate collect --once`, while nothing else has {path} open.",
        )
    seen = f"WAL, checkpoint every {checkpoint_pages:,} pages, {size_bytes(path):,} bytes long"
    if size_bytes(path) > HELD_BYTES:
        return warned(seen, f"A program that never stops reading keeps it long: `fuser -v {path}`.")
    return passed(seen)


def version(found: tuple[int, int, int]) -> Answer:
    """Check SQLite's version: some can damage a log that two connections use."""
    number = ".".join(map(str, found))
    if not has_reset_bug(found):
        return passed(number)
    return warned(
        f"{number} can damage a database that two programs write to at once",
        "homeclimate's own lock keeps its processes apart; let no other program write to the database.",
    )


def newest_slots(path: Path, now: datetime) -> Sequence[LastSlot]:
    """Return the newest slot of each source; nothing if the database cannot be read."""
    until = now + CLOCK_FAULT_AHEAD
    try:
        records = SqliteLedger(path).records(until, until)
    except StoreError:
        return ()
    return [LastSlot(source=one.source, slot=one.slot, state=one.state, ahead=one.ahead) for one in records]


def _judge_identity(identity: HomeIdentity, found: Inspection) -> Answer | None:
    if (reason := identity.foreign(found)) is not None:
        return failed(
            f"{reason}, and nothing is stored in it",
            "Put this home's own there, or make that one its own: `homeclimate db accept`.",
        )
    if (reason := identity.interim(found)) is not None:
        return failed(f"an interim database is in use: {reason}", f"{_BRING_BACK}.", Weight.ORDINARY)
    if (reason := identity.unmarked()) is not None:
        return failed(
            reason, "Let the collector write to the home's folder, or to ~/.local/state.", Weight.ORDINARY
        )
    return None


def _insert_and_roll_back(path: Path, *, is_simulated: bool) -> Inspection:
    lock_file = path.with_name(f"{path.name}.lock")
    lock = DatabaseLock(lock_file, wait_s=_LOCK_WAIT_S)
    try:
        # without the file none of our processes has opened the database yet: a probe makes none
        with lock.held() if os.path.lexists(lock_file) else nullcontext():
            require_whole(path)
            found = inspect(path, is_simulated=is_simulated, busy_timeout_ms=_BUSY_TIMEOUT_MS)
            with closing(connect(path, mode="rw", busy_timeout_ms=_BUSY_TIMEOUT_MS)) as connection:
                connection.execute("BEGIN IMMEDIATE")
                try:
                    _write_cycle(connection, path, found)
                finally:
                    if connection.in_transaction:  # a full disk has ended it already
                        connection.execute("ROLLBACK")
        return found
    finally:
        lock.close()


def _write_cycle(connection: sqlite3.Connection, path: Path, found: Inspection) -> None:
    """Insert a reading and its row of the ledger, and raise `StoreError` unless both are there then.

    A statement at a time: a trigger may end the transaction, and what came after that would be kept.
    """
    connection.execute(_INSERT_READING)
    kept = connection.execute(_SELECT_READING).fetchall() == [(20.0,)]
    if (
        kept and "outcomes" in found.tables
    ):  # else it is of an earlier program: the next collector upgrades it
        connection.execute(_INSERT_OUTCOME)
        kept = connection.execute(_SELECT_OUTCOME).fetchall() == [(1,)]
    if not kept:
        raise StoreError(
            f"{path} accepts a reading and does not keep it. Find what another program has added to it: "
            f"`sqlite3 {quote(str(path))} .schema`"
        )


def _next_step(error: StoreError, path: Path) -> str:
    match error:
        case StoreRefused():
            return "Do what this says, or set storage.database_path in config.yaml to the right file."
        case StoreBusy():
            return f"Find what has it open, `fuser -v {path}`, and end it."
        case StoreMissing():
            return "Wait for the next cycle of the collector, then run `homeclimate health` again."
        case StoreFull():
            return f"Make room on its disk: `df -h {path.parent}`."
        case StoreCorrupt():
            backups = path.parent / "backups"
            return (
                f"Run `homeclimate db check`, then `homeclimate restore FILE` with the newest of {backups}."
            )
        case CycleUnstorable():
            return "Report it, with the file that `homeclimate health --bundle FILE.zip` makes."
        case _:
            return _allow_writing(path.parent)


def _allow_writing(folder: Path) -> str:
    return f"Let the user who collects write there: `ls -la {folder}`, then `chown` or `chmod`."


# For bug reports: what a database is made of, without any reading.

_SELECT_SCHEMA = "SELECT type, name, sql FROM sqlite_schema ORDER BY type, name"
_SELECT_TABLES = (
    "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
)
_SELECT_OUTCOMES = """
SELECT source, slot, interval_s, scheduled, state, cause, detail, readings, unread, until, notes FROM outcomes
WHERE slot >= ? AND typeof(slot) = 'text' ORDER BY slot, source LIMIT 20000
"""


def schema(path: Path) -> Iterator[str]:
    """Yield the format, the mode, the numbers of rows and every definition. Raises `StoreError`."""
    with (
        store_errors(path),
        closing(connect(path, mode="ro", busy_timeout_ms=_BUSY_TIMEOUT_MS)) as connection,
    ):
        yield f"-- format {user_version(connection)}, mode {journal_mode(connection)}"
        for (name,) in connection.execute(_SELECT_TABLES).fetchall():
            quoted = '"' + str(name).replace('"', '""') + '"'
            (count,) = connection.execute(f"SELECT count(*) FROM {quoted}").fetchone()  # noqa: S608 - quoted
            yield f"-- {name}: {count:,} rows"
        for kind, name, sql in connection.execute(_SELECT_SCHEMA):
            yield f"{sql};" if sql else f"-- {kind} {name}"


def outcomes(path: Path, since: datetime) -> Iterator[str]:
    """Yield the rows of the ledger since then as JSON objects, oldest first. Raises `StoreError`."""
    with open_for_reading(path, _BUSY_TIMEOUT_MS) as connection:
        for row in connection.execute(_SELECT_OUTCOMES, (as_text(since),)):
            yield json.dumps(dict(row), default=str)
