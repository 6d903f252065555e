"""Backups: what they hold, that they are verified, and how many are kept."""

from __future__ import annotations

import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.memory.runtime import MemoryClock
from adapters.sqlite.backup.backups import Backups, back_up
from adapters.sqlite.store import SqliteStore
from domain.errors import StoreCorrupt, StoreError, StoreFull
from tests.support.builders import NOON, a_collected, a_cycle, a_due, a_reading
from tests.support.cut_short import cut_short
from tests.support.damaged import damage
from tests.support.databases import a_store, changed, rows
from tests.support.old_homes import Age, make_old_home

CHECKOUT = Path(__file__).parents[2]
ALL_READINGS = "SELECT * FROM readings ORDER BY id"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "readings.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    store = a_store(path)
    for number in range(10):
        slot = NOON + timedelta(minutes=5 * number)
        store.append(a_cycle(a_collected(a_reading(collected_at=slot), due=a_due(slot=slot))))
    yield store
    store.close()


@pytest.fixture
def backups(path: Path) -> Backups:
    return Backups(path=path, clock=MemoryClock(NOON), busy_timeout_ms=5000)


@pytest.fixture
def old_backups(backups: Backups) -> None:
    """One backup of each of the last 19 days, all empty files."""
    backups.folder.mkdir(parents=True)
    for days in range(1, 20):
        (backups.folder / f"readings-{NOON - timedelta(days=days):%Y%m%dT%H%M%SZ}.db").touch()


def test_a_backup_holds_everything_stored_the_log_included(
    store: SqliteStore, path: Path, tmp_path: Path
) -> None:
    assert path.with_name("readings.db-wal").stat().st_size > 0
    copy = tmp_path / "copy.db"
    copied = back_up(path, copy, busy_timeout_ms=100)
    assert (copied.file, copied.size_bytes, copied.findings) == (copy, copy.stat().st_size, ())
    for sql in (ALL_READINGS, "SELECT * FROM outcomes ORDER BY slot", "PRAGMA user_version"):
        assert rows(copy, sql) == rows(path, sql)
    assert rows(copy, "PRAGMA integrity_check") == [("ok",)]
    assert {each.name for each in tmp_path.iterdir()} == {"data", "copy.db"}


@pytest.mark.parametrize("age", list(Age))
def test_a_home_of_any_age_is_backed_up_value_for_value(path: Path, tmp_path: Path, age: Age) -> None:
    path.parent.mkdir()
    make_old_home(path, age, 300)
    before = rows(path, ALL_READINGS)
    back_up(path, tmp_path / "copy.db", busy_timeout_ms=100)
    assert rows(tmp_path / "copy.db", ALL_READINGS) == before
    assert rows(path, ALL_READINGS) == before


def test_a_backup_replaces_no_file(store: SqliteStore, path: Path, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine")
    with pytest.raises(StoreError, match="exists already"):
        back_up(path, tmp_path / "precious", busy_timeout_ms=100)
    assert (tmp_path / "precious").read_text() == "mine"


def test_a_copy_that_is_not_sound_is_not_kept(store: SqliteStore, path: Path, tmp_path: Path) -> None:
    """A value that its column does not take: it is read without complaint, and copied."""
    changed(
        path, "CREATE TABLE other (a NOT NULL)", "PRAGMA writable_schema=ON", "INSERT INTO other VALUES (1)"
    )
    changed(
        path,
        "PRAGMA writable_schema=ON",
        "UPDATE sqlite_schema SET sql = 'CREATE TABLE other (b, a NOT NULL)' WHERE name = 'other'",
    )
    with pytest.raises(StoreCorrupt, match=r"is not sound .*NULL value in other\.a"):
        back_up(path, tmp_path / "copy.db", busy_timeout_ms=100)
    assert {each.name for each in tmp_path.iterdir()} == {"data"}


def test_a_backup_has_the_permissions_of_the_database(
    store: SqliteStore, path: Path, backups: Backups
) -> None:
    path.chmod(0o640)
    path.parent.chmod(0o750)
    made = backups.make().file
    assert stat.S_IMODE(made.stat().st_mode) == 0o640
    assert stat.S_IMODE(backups.folder.stat().st_mode) == 0o750


def test_a_backup_from_the_future_is_the_last_choice(path: Path, backups: Backups) -> None:
    backups.folder.mkdir(parents=True)
    for stamp in ("20260227T000000Z", "20270101T000000Z", "20260228T000000Z"):
        (backups.folder / f"readings-{stamp}.db").touch()
    assert [file.name for file in backups.newest_first()] == [
        f"readings-{stamp}.db" for stamp in ("20260228T000000Z", "20260227T000000Z", "20270101T000000Z")
    ]


@pytest.mark.usefixtures("old_backups")
def test_old_backups_are_thinned_out_and_other_files_stay(store: SqliteStore, backups: Backups) -> None:
    others = {"readings-before-the-move.db", "mine-20200101T000000Z.db", "readings-20200101T000000Z.txt"}
    for name in others:
        (backups.folder / name).touch()
    backups.make()
    stamps = ["0301", *(f"02{day}" for day in range(28, 22, -1)), "0222", "0215"]
    assert [path.name for path in backups.newest_first()] == [
        f"readings-2026{each}T120000Z.db" for each in stamps
    ]
    assert others <= {path.name for path in backups.folder.iterdir()}


@pytest.mark.usefixtures("old_backups")
def test_wrong_values_are_copied_reported_and_delete_no_older_backup(
    store: SqliteStore, path: Path, backups: Backups
) -> None:
    changed(path, "UPDATE readings SET temperature_celsius = 30 WHERE id = 3")
    copied = backups.make()
    assert [finding.table for finding in copied.findings] == ["readings"]
    assert rows(copied.file, ALL_READINGS) == rows(path, ALL_READINGS)
    assert len(backups.newest_first()) == 20


@pytest.mark.usefixtures("old_backups")
def test_a_damaged_database_gives_no_backup_and_deletes_none(
    store: SqliteStore, path: Path, backups: Backups
) -> None:
    store.close()
    damage(path, "noise inside")
    with pytest.raises(StoreCorrupt):
        backups.make()
    assert len(backups.newest_first()) == 19


def test_the_last_tenth_of_the_disk_is_kept_for_readings(
    store: SqliteStore, path: Path, backups: Backups, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(path.parent)
    size = path.stat().st_size + path.with_name("readings.db-wal").stat().st_size
    for free, is_made in ((100_000_000 + size - 1, False), (100_000_000 + size, True)):
        found = usage._replace(total=1_000_000_000, free=free)
        monkeypatch.setattr(shutil, "disk_usage", lambda _, found=found: found)
        if is_made:
            assert backups.make().file.exists()
        else:
            with pytest.raises(StoreFull, match="kept for readings"):
                backups.make()
            assert list(backups.folder.iterdir()) == []


def test_a_killed_backup_leaves_no_half_file(store: SqliteStore, path: Path, backups: Backups) -> None:
    for calls in range(40):
        with cut_short(calls) as left:
            backups.make()
        for made in backups.newest_first():
            assert rows(made, ALL_READINGS) == rows(path, ALL_READINGS)
        if left[0]:
            break
    assert left[0]
    assert [made.name for made in backups.folder.iterdir()] == ["readings-20260301T120000Z.db"]


def test_backups_made_while_cycles_are_stored_are_sound(path: Path) -> None:
    appender = subprocess.Popen(
        [sys.executable, "-m", "tests.support.store_process", "append", str(path), "hue", "1000000"],
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert appender.stdout is not None
    acknowledged = 0
    try:
        for number in range(5):
            appender.stdout.readline()
            acknowledged += 1
            copy = path.with_name(f"copy-{number}.db")
            back_up(path, copy, busy_timeout_ms=5000)
            assert rows(copy, "PRAGMA integrity_check") == [("ok",)]
            ((cycles,),) = rows(copy, "SELECT count(*) FROM outcomes")
            assert cycles >= acknowledged
            assert rows(copy, "SELECT count(*) FROM readings") == [(3 * cycles,)]
    finally:
        appender.kill()
        appender.communicate(timeout=30)
