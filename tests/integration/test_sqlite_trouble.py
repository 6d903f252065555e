"""The store when the file, the disk or another process is in the way."""

from __future__ import annotations

import errno
import fcntl
import os
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from adapters.memory.runtime import MemoryJournal
from adapters.sqlite import connection as settings
from adapters.sqlite.database_lock import DatabaseLock
from adapters.sqlite.errors import store_errors
from adapters.sqlite.history.queries import SqliteHistory
from adapters.sqlite.store import SqliteStore
from domain.errors import StoreBusy, StoreCorrupt, StoreError, StoreFull, StoreMissing, StoreRefused
from ports.journal import Level
from tests.support.builders import NOON, a_collected, a_cycle, a_due, a_reading
from tests.support.databases import a_store, changed, rows
from tests.support.old_homes import Age, make_old_home

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "readings.db"


def _an_impatient_store(path: Path, journal: MemoryJournal | None = None) -> SqliteStore:
    """A store that waits shorter for our other processes than a real one."""
    store = a_store(path, journal=journal, busy_timeout_ms=10)
    store._lock._wait_s = 0.05
    return store


def _not_a_database(path: Path) -> None:
    path.write_text("temperature,location\n" * 400)


def _empty(path: Path) -> None:
    path.touch()


def _torn(path: Path) -> None:
    make_old_home(path, Age.C_ROLLBACK, 2000)
    content = path.read_bytes()
    path.write_bytes(content[:100] + bytes(4000) + content[4100:])


def _damaged_inside(path: Path) -> None:
    make_old_home(path, Age.C_ROLLBACK, 2000)
    content = path.read_bytes()
    middle = len(content) // 8192 * 4096
    path.write_bytes(content[:middle] + b"\x5a" * 4096 + content[middle + 4096 :])


def _without_readings(path: Path) -> None:
    changed(path, "CREATE TABLE songs (title TEXT)")


def _with_other_readings(path: Path) -> None:
    changed(path, "CREATE TABLE readings (id INTEGER PRIMARY KEY, timestamp TEXT, meter TEXT, kwh REAL)")


def _without_its_key(path: Path) -> None:
    make_old_home(path, Age.A, 10)
    changed(path, "CREATE TABLE loose AS SELECT * FROM readings", "DROP TABLE readings")
    changed(path, "ALTER TABLE loose RENAME TO readings")


def _from_the_future(path: Path) -> None:
    changed(path, "CREATE TABLE readings (id INTEGER PRIMARY KEY)", "PRAGMA user_version = 7")


def _robbed_of_its_ledger(path: Path) -> None:
    store = a_store(path)
    store.open()
    store.close()
    changed(path, "DROP TABLE outcomes")


def _with_a_name_taken(path: Path) -> None:
    make_old_home(path, Age.A, 10)
    changed(path, "CREATE TABLE outcomes (mine TEXT)")


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (_not_a_database, StoreCorrupt, "not an SQLite database"),
        (_empty, StoreCorrupt, "is empty"),
        (_torn, StoreCorrupt, "damaged"),
        (_damaged_inside, StoreCorrupt, "damaged"),
        (_without_readings, StoreRefused, "no readings table"),
        (_with_other_readings, StoreRefused, "lacks the columns .*temperature_celsius"),
        (_without_its_key, StoreRefused, "unique"),
        (_from_the_future, StoreRefused, "format 7, .* up to 4. Install"),
        (_robbed_of_its_ledger, StoreRefused, "lacks the tables outcomes"),
        (_with_a_name_taken, StoreRefused, "other tables by the names outcomes"),
    ],
)
def test_a_file_that_must_not_be_written_is_named_and_not_changed(
    path: Path, make: Callable[[Path], None], error: type[StoreError], message: str
) -> None:
    make(path)
    before, others = path.read_bytes(), set(path.parent.iterdir())
    store = a_store(path)
    with pytest.raises(error, match=message) as raised:
        store.append(a_cycle())
    store.close()
    assert str(path) in str(raised.value)
    assert path.read_bytes() == before
    made = {file.name for file in set(path.parent.iterdir()) - others}
    assert made <= {"readings.db.lock", "readings.db-wal", "readings.db-shm"}


@pytest.mark.parametrize("home", ["simulated", "real", "old"])
def test_simulated_and_real_readings_do_not_mix(path: Path, home: str) -> None:
    is_simulated = home == "simulated"
    if home == "old":
        make_old_home(path, Age.C_WAL, 100)
    else:
        first = a_store(path, is_simulated=is_simulated)
        first.append(a_cycle())
        first.close()
    before = path.read_bytes()
    other = a_store(path, is_simulated=not is_simulated)
    with pytest.raises(StoreRefused, match="simulated home" if is_simulated else "real home"):
        other.append(a_cycle(a_collected(a_reading("hue:other"))))
    other.close()
    assert path.read_bytes() == before
    assert not list(path.parent.glob("*before-homeclimate*"))
    again = a_store(path, is_simulated=is_simulated)
    again.append(a_cycle(a_collected(a_reading("hue:another"))))
    again.close()


def test_a_database_without_tables_is_filled(path: Path) -> None:
    changed(path, "CREATE TABLE passing (a)", "DROP TABLE passing")
    store = a_store(path, is_simulated=True)
    store.append(a_cycle())
    store.close()
    assert len(rows(path, "SELECT * FROM readings")) == 1


def test_a_folder_or_file_in_the_wrong_place_is_named(path: Path) -> None:
    path.mkdir()
    with pytest.raises(StoreError, match="is not a file") as raised:
        a_store(path).append(a_cycle())
    assert str(path) in str(raised.value)
    path.rmdir()
    (path.parent / "data").touch()
    with pytest.raises(StoreError, match="Check that it is a file"):
        a_store(path.parent / "data" / "readings.db").append(a_cycle())


def test_a_database_without_permission_to_write_is_named() -> None:
    with TemporaryDirectory() as folder:  # pytest's own folders are closed to other users
        path = Path(folder) / "readings.db"
        make_old_home(path, Age.C_ROLLBACK, 10)
        path.chmod(0o444)
        path.parent.chmod(0o555)
        with _without_root(), pytest.raises(StoreError, match="who owns it and its folder"):
            a_store(path).append(a_cycle())
        path.parent.chmod(0o755)


@contextmanager
def _without_root() -> Iterator[None]:
    """Give up root's right to write everywhere."""
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)


def test_a_forbidden_write_is_an_error_of_permissions(path: Path) -> None:
    make_old_home(path, Age.C_ROLLBACK, 10)
    with (
        closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection,
        pytest.raises(StoreError, match="who owns it and its folder") as raised,
        store_errors(path),
    ):
        connection.execute("DELETE FROM readings")
    assert type(raised.value) is StoreError


@contextmanager
def _locked_by_another_program(path: Path) -> Iterator[None]:
    with closing(sqlite3.connect(path, isolation_level=None)) as another:
        another.execute("BEGIN EXCLUSIVE")
        yield
        another.execute("ROLLBACK")


def test_a_locked_database_is_busy_and_then_takes_the_same_cycle(path: Path) -> None:
    store = a_store(path, busy_timeout_ms=20)
    store.open()
    opened = store._connection
    with _locked_by_another_program(path), pytest.raises(StoreBusy, match="locked by another program"):
        store.append(a_cycle())
    assert store._connection is opened
    store.append(a_cycle())
    assert store.progress("hue", NOON).is_stored
    store.close()


def test_an_error_that_does_not_pass_makes_the_store_open_the_file_again(path: Path) -> None:
    store = a_store(path)
    store.open()
    changed(path, "ALTER TABLE outcomes RENAME TO hidden")
    with pytest.raises(StoreError, match="no such table"):
        store.append(a_cycle())
    with pytest.raises(StoreRefused, match="lacks the tables outcomes"):
        store.append(a_cycle())
    changed(path, "ALTER TABLE hidden RENAME TO outcomes")
    store.append(a_cycle())
    store.close()


def test_a_database_that_is_locked_before_it_is_opened_is_busy(path: Path) -> None:
    make_old_home(path, Age.C_ROLLBACK, 10)
    with _locked_by_another_program(path), pytest.raises(StoreBusy):
        a_store(path, busy_timeout_ms=20).open()
    assert rows(path, "PRAGMA user_version") == [(0,)]


def test_another_of_our_processes_is_waited_for_within_the_budget(path: Path) -> None:
    store = _an_impatient_store(path)
    store.append(a_cycle())
    with DatabaseLock(path.with_name("readings.db.lock"), wait_s=1.0).held():
        assert store.progress("hue", NOON).is_stored  # a query needs no lock
        with pytest.raises(StoreBusy, match="another homeclimate process"):
            store.append(a_cycle())
    store.append(a_cycle())
    store.close()
    patient = a_store(path, busy_timeout_ms=60_000)
    assert patient._lock._wait_s + patient._opening.busy_timeout_ms / 1000 < 8.0


def test_a_removed_lock_file_does_not_break_the_lock(path: Path) -> None:
    first, second = _an_impatient_store(path), a_store(path)
    first.open()
    path.with_name("readings.db.lock").unlink()
    second.open()
    with second._write_connection(), pytest.raises(StoreBusy):
        first.append(a_cycle())
    first.append(a_cycle())
    first.close()
    second.close()


@pytest.mark.parametrize(
    ("error", "least_s", "most_s"),
    [(BlockingIOError(), 0.05, 0.06), (OSError(errno.ENOLCK, "No locks available"), 0.0, 0.0)],
    ids=["another process is first in the queue", "the folder cannot be locked"],
)
def test_a_process_queues_for_the_lock_for_half_of_the_wait(
    path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError, least_s: float, most_s: float
) -> None:
    def flock(descriptor: int, operation: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise error

    naps_s: list[float] = []
    monkeypatch.setattr(fcntl, "flock", flock)
    monkeypatch.setattr(time, "sleep", naps_s.append)
    lock = DatabaseLock(path.with_name("readings.db.lock"), wait_s=0.1)
    with lock.held():
        assert least_s <= sum(naps_s) <= most_s
    lock.close()


def test_progress_is_known_as_soon_as_the_database_can_be_opened(path: Path, tmp_path: Path) -> None:
    earlier = a_store(path)
    earlier.append(a_cycle())
    earlier.close()
    path.rename(tmp_path / "away.db")
    path.mkdir()
    store = _an_impatient_store(path)
    with pytest.raises(StoreError, match="is not a file"):
        store.open()
    path.rmdir()
    (tmp_path / "away.db").rename(path)
    assert store.progress("hue", NOON).is_stored
    store.close()


def test_a_folder_that_is_gone_and_comes_back_is_an_error_meanwhile(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    store = _an_impatient_store(folder / "readings.db")
    store.append(a_cycle())
    folder.rename(tmp_path / "away")
    folder.write_text("not mounted")
    with pytest.raises(StoreMissing, match="not where it was"):
        store.progress("hue", NOON)
    folder.unlink()
    (tmp_path / "away").rename(folder)
    assert store.progress("hue", NOON).is_stored
    store.close()


def test_a_store_that_cannot_close_cleanly_records_it_and_loses_nothing(path: Path) -> None:
    journal = MemoryJournal()
    store = _an_impatient_store(path, journal)
    store.append(a_cycle())
    other = a_store(path)
    other.open()
    with other._write_connection():
        store.close()
    assert "store.closed_uncleanly" in journal.events()
    assert other.progress("hue", NOON).is_stored
    other.close()


def test_the_log_of_a_database_that_is_gone_is_not_applied_to_the_new_one(path: Path) -> None:
    store = a_store(path)
    for number in range(50):
        slot = NOON + timedelta(minutes=5 * number)
        store.append(a_cycle(a_collected(a_reading("hue:old", collected_at=slot), due=a_due(slot=slot))))
    log = path.with_name("readings.db-wal").read_bytes()
    path.rename(path.with_name("moved.db"))
    survivor = a_store(path)
    survivor.append(a_cycle(a_collected(a_reading("hue:new"))))
    assert rows(path, "SELECT device_id FROM readings") == [("hue:new",)]
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]
    (kept,) = path.parent.glob("readings.db.left-*-wal")
    assert kept.read_bytes() == log
    survivor.close()
    store.close()


def test_a_full_disk_takes_the_same_cycle_once_there_is_room(path: Path) -> None:
    store = a_store(path)
    store.open()
    connection = store._connection
    assert connection is not None
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count={pages}")
    big = a_cycle(a_collected(a_reading(raw_response="x" * 50_000)))
    with pytest.raises(StoreFull, match="Make room"):
        store.append(big)
    assert rows(path, "SELECT count(*) FROM outcomes") == [(0,)]
    connection.execute(f"PRAGMA max_page_count={pages + 1000}")
    store.append(big)
    assert rows(path, "SELECT count(*) FROM readings") == [(1,)]
    store.close()


def test_a_file_size_limit_is_a_full_disk_and_loses_no_stored_cycle(path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.store_process", "append_at_a_limit", str(path)],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=50,
        check=True,
    )
    stored, refusal = done.stdout.split("\n")[:2]
    assert refusal == "StoreFull"
    assert rows(path, "SELECT count(*) FROM outcomes") == [(int(stored),)]
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]


def test_a_store_without_wal_records_it_and_waits_for_readers(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "_SWITCH_TO_WAL_MS", 20)
    journal = MemoryJournal()
    store = a_store(path, journal=journal, busy_timeout_ms=20)
    store.open()
    store.close()
    changed(path, "PRAGMA journal_mode=DELETE")
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM readings").fetchone()
        with pytest.raises(StoreBusy):
            store.append(a_cycle())
        reader.execute("COMMIT")
    (warned,) = journal.of("store.setting_not_had")
    assert warned.level is Level.WARNING
    assert (warned.fields["setting"], warned.fields["wanted"]) == ("journal_mode", "wal")
    statements: list[str] = []
    connection = store._connection
    assert connection is not None
    connection.set_trace_callback(statements.append)
    store.append(a_cycle())
    assert statements[0] == "BEGIN EXCLUSIVE"  # so that the commit has no reader to wait for
    assert rows(path, "PRAGMA journal_mode") == [("delete",)]
    assert store.progress("hue", NOON).is_stored
    store.close()


def test_a_history_without_a_sound_database_raises(path: Path) -> None:
    with pytest.raises(StoreError, match="no database"):
        SqliteHistory(path).newest()
    assert not path.exists()
    _not_a_database(path)
    with pytest.raises(StoreCorrupt):
        SqliteHistory(path).newest()
