"""What the store says, and what it leaves alone, when the file or the disk is not as it should be."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from adapters.memory.runtime import MemoryJournal
from adapters.sqlite import connection as settings
from adapters.sqlite.database_lock import DatabaseLock
from adapters.sqlite.errors import store_errors
from adapters.sqlite.queries import SqliteHistory
from adapters.sqlite.store import SqliteStore
from domain.errors import StoreBusy, StoreCorrupt, StoreError, StoreFull, StoreRefused
from ports.journal import Level
from tests.support.builders import NOON, a_collected, a_cycle, a_reading
from tests.support.databases import a_store, changed, rows
from tests.support.old_homes import Age, make_old_home

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "readings.db"


def _an_impatient_store(path: Path, journal: MemoryJournal | None = None) -> SqliteStore:
    """A store that does not wait for others of ours as long as a real one."""
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


@pytest.mark.parametrize(
    ("make", "error", "said"),
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
    ],
)
def test_a_file_that_is_not_ours_to_write_is_named_and_left_as_it_is(
    path: Path, make: Callable[[Path], None], error: type[StoreError], said: str
) -> None:
    make(path)
    before, beside = path.read_bytes(), set(path.parent.iterdir())
    store = a_store(path)
    with pytest.raises(error, match=said) as raised:
        store.append(a_cycle())
    store.close()
    assert str(path) in str(raised.value)
    assert path.read_bytes() == before
    assert {file.name for file in set(path.parent.iterdir()) - beside} <= {
        "readings.db.lock",
        "readings.db-wal",
        "readings.db-shm",
    }


def test_a_simulated_database_takes_no_real_readings(path: Path) -> None:
    simulated = a_store(path, is_simulated=True)
    simulated.append(a_cycle())
    simulated.close()
    before = path.read_bytes()
    real = a_store(path)
    with pytest.raises(StoreRefused, match="simulated home"):
        real.append(a_cycle(a_collected(a_reading("hue:real"))))
    real.close()
    assert path.read_bytes() == before
    again = a_store(path, is_simulated=True)
    again.append(a_cycle(a_collected(a_reading("hue:another"))))
    again.close()


@pytest.mark.parametrize("is_old", [True, False])
def test_a_real_database_takes_no_simulated_readings(path: Path, is_old: bool) -> None:
    if is_old:
        make_old_home(path, Age.C_WAL, 100)
    else:
        real = a_store(path)
        real.open()
        real.close()
    before = path.read_bytes()
    simulated = a_store(path, is_simulated=True)
    with pytest.raises(StoreRefused, match="real home"):
        simulated.open()
    simulated.close()
    assert path.read_bytes() == before
    assert not list(path.parent.glob("*before-homeclimate*"))


def test_a_database_that_holds_no_table_yet_is_filled(path: Path) -> None:
    changed(path, "CREATE TABLE passing (a)", "DROP TABLE passing")
    store = a_store(path, is_simulated=True)
    store.append(a_cycle())
    store.close()
    assert len(rows(path, "SELECT * FROM readings")) == 1


def test_a_folder_where_the_database_should_be_is_named(path: Path) -> None:
    path.mkdir()
    with pytest.raises(StoreError, match="is not a file") as raised:
        a_store(path).append(a_cycle())
    assert str(path) in str(raised.value)


def test_a_file_where_the_folder_should_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    with pytest.raises(StoreError, match="Check that it is a file"):
        a_store(tmp_path / "data" / "readings.db").append(a_cycle())


def test_a_database_that_may_not_be_written_is_named() -> None:
    with TemporaryDirectory() as folder:  # pytest's own folders are closed to other users
        path = Path(folder) / "readings.db"
        make_old_home(path, Age.C_ROLLBACK, 10)
        path.chmod(0o444)
        path.parent.chmod(0o555)
        with _as_nobody_in_particular(), pytest.raises(StoreError, match="who owns it and its folder"):
            a_store(path).append(a_cycle())
        path.parent.chmod(0o755)


@contextmanager
def _as_nobody_in_particular() -> Iterator[None]:
    """Without root's right to write everywhere, for whoever has it."""
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)


def test_a_write_that_is_forbidden_says_who_to_look_at(path: Path) -> None:
    make_old_home(path, Age.C_ROLLBACK, 10)
    with (
        closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection,
        pytest.raises(StoreError, match="who owns it and its folder") as raised,
        store_errors(path),
    ):
        connection.execute("DELETE FROM readings")
    assert type(raised.value) is StoreError


def test_a_database_that_another_program_keeps_is_busy_and_then_takes_the_same_cycle(path: Path) -> None:
    store = a_store(path, busy_timeout_ms=20)
    store.open()
    with closing(sqlite3.connect(path, isolation_level=None)) as another:
        another.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreBusy, match="locked by another program"):
            store.append(a_cycle())
        another.execute("ROLLBACK")
    store.append(a_cycle())
    assert store.progress("hue", NOON).last_stored_slot == NOON
    store.close()


def test_trouble_that_does_not_pass_makes_it_open_the_file_anew(path: Path) -> None:
    store = a_store(path, busy_timeout_ms=20)
    store.open()
    opened = store._connection
    with closing(sqlite3.connect(path, isolation_level=None)) as another:
        another.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreBusy):
            store.append(a_cycle())
        another.execute("ROLLBACK")
    assert store._connection is opened
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
    with closing(sqlite3.connect(path, isolation_level=None)) as another:
        another.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreBusy):
            a_store(path, busy_timeout_ms=20).open()
        another.execute("ROLLBACK")
    assert rows(path, "PRAGMA user_version") == [(0,)]


def test_another_process_of_ours_that_keeps_the_lock_is_waited_for_only_so_long(path: Path) -> None:
    store = _an_impatient_store(path)
    other = a_store(path)
    other.open()
    with other._locked(), pytest.raises(StoreBusy, match="another homeclimate process"):
        store.append(a_cycle())
    store.append(a_cycle())
    store.close()
    other.close()


def test_where_a_source_stands_is_seen_though_another_process_of_ours_has_its_turn(path: Path) -> None:
    store = _an_impatient_store(path)
    store.append(a_cycle())
    with DatabaseLock(path.with_name("readings.db.lock"), wait_s=1.0).held():
        assert store.progress("hue", NOON).last_stored_slot == NOON
        with pytest.raises(StoreBusy):
            store.append(a_cycle())
    store.close()


def test_a_database_that_could_not_be_opened_tells_where_its_sources_stood_as_soon_as_it_can(
    path: Path, tmp_path: Path
) -> None:
    earlier = a_store(path)
    earlier.append(a_cycle())
    earlier.close()
    away = tmp_path / "away.db"
    path.rename(away)
    path.mkdir()
    store = _an_impatient_store(path)
    with pytest.raises(StoreError, match="is not a file"):
        store.open()
    path.rmdir()
    away.rename(path)
    assert store.progress("hue", NOON).last_stored_slot == NOON
    store.close()


def test_a_store_that_may_not_close_in_peace_says_so_and_loses_nothing(path: Path) -> None:
    journal = MemoryJournal()
    store = _an_impatient_store(path, journal)
    store.append(a_cycle())
    other = a_store(path)
    other.open()
    with other._locked():
        store.close()
    assert "store.closed_uncleanly" in journal.events()
    assert other.progress("hue", NOON).last_stored_slot == NOON
    other.close()


def test_a_database_that_is_gone_is_made_anew_and_that_is_said(path: Path) -> None:
    journal = MemoryJournal()
    store = a_store(path, journal=journal)
    store.append(a_cycle())
    for file in path.parent.glob("readings.db*"):
        file.unlink()
    store.append(a_cycle(a_collected(a_reading("hue:new"))))
    assert rows(path, "SELECT device_id FROM readings") == [("hue:new",)]
    assert journal.events() == ("store.made", "store.opened", "store.replaced", "store.made", "store.opened")
    store.close()


def test_the_lock_and_the_busy_time_out_share_the_budget(path: Path) -> None:
    store = a_store(path, busy_timeout_ms=60_000)
    assert store._lock._wait_s + store._opening.busy_timeout_ms / 1000 < 8.0


def test_a_lock_file_that_somebody_removed_keeps_nobody_out_for_good(path: Path) -> None:
    first, second = _an_impatient_store(path), a_store(path)
    first.open()
    path.with_name("readings.db.lock").unlink()
    second.open()
    with second._locked(), pytest.raises(StoreBusy):
        first.append(a_cycle())
    first.append(a_cycle())
    first.close()
    second.close()


def test_a_disk_that_is_full_takes_the_same_cycle_once_there_is_room(path: Path) -> None:
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


def test_a_file_size_limit_is_a_full_disk_and_costs_no_acknowledged_cycle(path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.appender_at_a_limit", str(path)],
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


def test_a_store_that_cannot_have_wal_says_so_and_goes_on(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "_SWITCH_TO_WAL_MS", 20)
    journal = MemoryJournal()
    store = a_store(path, journal=journal)
    store.open()
    store.close()
    changed(path, "PRAGMA journal_mode=DELETE")
    with closing(sqlite3.connect(path)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM readings").fetchone()
        store.open()
        reader.execute("COMMIT")
    (warned,) = journal.of("store.setting_not_had")
    assert warned.level is Level.WARNING
    assert (warned.fields["setting"], warned.fields["wanted"]) == ("journal_mode", "wal")
    store.append(a_cycle())
    assert rows(path, "PRAGMA journal_mode") == [("delete",)]
    assert store.progress("hue", NOON).last_stored_slot == NOON
    store.close()


def test_in_the_old_journal_mode_a_reader_makes_it_busy_and_not_broken(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "_SWITCH_TO_WAL_MS", 20)
    store = a_store(path, busy_timeout_ms=20)
    store.open()
    store.close()
    changed(path, "PRAGMA journal_mode=DELETE")
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM readings").fetchone()
        with pytest.raises(StoreBusy):
            store.append(a_cycle())
        reader.execute("COMMIT")
    said: list[str] = []
    connection = store._connection
    assert connection is not None
    connection.set_trace_callback(said.append)
    store.append(a_cycle())
    assert said[0] == "BEGIN EXCLUSIVE"  # so that the commit has nobody left to wait for
    store.close()


def test_a_copy_that_finds_no_room_stops_the_migration(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_old_home(path, Age.A, 100)
    before = path.read_bytes()
    usage = shutil.disk_usage(path.parent)._replace(free=1_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(StoreFull, match=r"must be copied .* 1 MB free"):
        a_store(path).open()
    assert path.read_bytes() == before
    assert not list(path.parent.glob("*before-homeclimate*"))


def test_a_history_without_a_database_says_so(path: Path) -> None:
    with pytest.raises(StoreError, match="no database"):
        SqliteHistory(path).newest()
    assert not path.exists()


def test_a_history_of_something_else_says_so(path: Path) -> None:
    _not_a_database(path)
    with pytest.raises(StoreCorrupt):
        SqliteHistory(path).newest()


def test_a_folder_that_goes_away_and_leaves_a_file_in_its_place_is_trouble_of_the_store(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "data"
    store = _an_impatient_store(folder / "readings.db")
    store.append(a_cycle())
    folder.rename(tmp_path / "away")
    folder.write_text("not mounted")
    with pytest.raises(StoreError, match="Not a directory"):
        store.progress("hue", NOON)
    folder.unlink()
    (tmp_path / "away").rename(folder)
    assert store.progress("hue", NOON).last_stored_slot == NOON
    store.close()
