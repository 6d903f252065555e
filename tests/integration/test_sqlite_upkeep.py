"""The upkeep of a database on disk: its check, its backups, and the merge of a backup."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.files.saved_state import SavedState
from adapters.memory.runtime import MemoryClock, MemoryJournal
from adapters.memory.state import MemoryState
from adapters.memory.upkeep import MemoryUpkeepLease
from adapters.sqlite.backup.backups import back_up
from adapters.sqlite.backup.restoring import merge_backup
from adapters.sqlite.care.upkeep import SqliteUpkeep
from adapters.sqlite.care.verification import Finding, check, first_fault
from adapters.sqlite.database_lock import DatabaseLock
from adapters.sqlite.rows.checksums import SELECT_OUTCOMES, is_wrong, read_run
from adapters.sqlite.store import SqliteStore
from adapters.sqlite.wal import size_bytes
from domain.cycle import CycleReport
from domain.errors import StoreMissing
from domain.services.database_upkeep import DailyUpkeep
from ports.journal import Level
from ports.upkeep import Checked, Skipped
from tests.support.builders import NOON, a_collected, a_cycle, a_due, a_failed, a_reading
from tests.support.cut_short import Killed
from tests.support.damaged import DAMAGES, damage
from tests.support.databases import a_store, changed, rows
from tests.support.descriptors import files_open_in
from tests.support.old_homes import Age, make_old_home

ROWS = (
    "SELECT timestamp, device_id, temperature_celsius, created_at FROM readings ORDER BY timestamp, device_id"
)
LEDGER = "SELECT * FROM outcomes ORDER BY source, slot"


class Home:
    """A database with a day's cycles, its store and its upkeep."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "readings.db"
        self.clock = MemoryClock(NOON)
        self.journal = MemoryJournal()
        self.state = MemoryState()
        self.store = SqliteStore(self.path, journal=self.journal, clock=self.clock, state=self.state)
        self.upkeep = SqliteUpkeep(self.path, state=self.state, journal=self.journal, clock=self.clock)
        self.daily = DailyUpkeep(
            upkeep=self.upkeep,
            lease=MemoryUpkeepLease(),
            state=SavedState(self.state),
            clock=self.clock,
            journal=self.journal,
        )

    async def keep_up(self) -> None:
        await self.daily.start_if_due()
        if others := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(others)

    def next_day(self) -> None:
        self.clock.step_wall(timedelta(days=1).total_seconds())

    def append(self, number: int, device: str = "hue:a") -> None:
        self.store.append(_report(number, device))


def _report(number: int, device: str = "hue:a") -> CycleReport:
    slot = NOON + timedelta(minutes=5 * number)
    reading = a_reading(device, collected_at=slot, temperature=20 + number / 100)
    return a_cycle(a_collected(reading, due=a_due(slot=slot)), a_failed(a_due("amazon", slot)))


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    home = Home(tmp_path)
    for number in range(30):
        home.append(number)
    yield home
    home.store.close()


async def test_the_daily_upkeep_leaves_a_complete_backup(home: Home) -> None:
    await home.keep_up()
    (backup,) = (home.path.parent / "backups").iterdir()
    assert rows(backup, ROWS) == rows(home.path, ROWS)
    assert home.state.get("upkeep.backup")["file"] == str(backup)
    assert home.state.get("upkeep.backup")["bytes"] == backup.stat().st_size
    assert (home.state.get("upkeep.check")["result"], size_bytes(home.path)) == ("ok", 0)


async def test_the_upkeep_leaves_the_lock_file_closed(home: Home) -> None:
    lock = home.path.with_name("readings.db.lock")
    of_the_store = files_open_in(home.path.parent).count(lock)
    await home.keep_up()
    assert files_open_in(home.path.parent).count(lock) == of_the_store == 1


@pytest.mark.parametrize("how", DAMAGES)
async def test_after_damage_the_rows_of_the_backup_are_merged(home: Home, how: str) -> None:
    await home.keep_up()
    old_rows, old_ledger = rows(home.path, ROWS), rows(home.path, LEDGER)
    home.append(30, "hue:since-the-backup")
    home.next_day()
    damaged = damage(home.path, how)
    await home.keep_up()
    home.append(31, "hue:new")
    found = rows(home.path, ROWS)
    assert [row for row in found if row[1] not in ("hue:new", "hue:since-the-backup")] == old_rows
    assert "hue:new" in {row[1] for row in found}
    assert set(old_ledger) < set(rows(home.path, LEDGER))
    (kept,) = home.path.parent.glob("*.damaged-*Z")
    assert kept.read_bytes() == damaged
    assert first_fault(home.path) is None
    aside = home.state.get("store.aside")
    assert (aside["finished"], aside["merged_rows"]) == (True, 30)
    assert rows(home.path, "SELECT sum(count) FROM rollup_days") == [(30,)]
    assert home.state.get("upkeep.check")["kept_as"] == str(kept)
    (record,) = home.journal.of("upkeep.check_damaged")
    assert (record.level, record.fields["next"]) == (Level.CRITICAL, f"homeclimate db salvage {kept}")


async def test_without_a_backup_the_new_database_stays_as_it_is(home: Home) -> None:
    home.store.close()
    damage(home.path, "noise")
    home.append(31, "hue:new")
    await home.keep_up()
    assert rows(home.path, "SELECT device_id FROM readings") == [("hue:new",)]
    aside = home.state.get("store.aside")
    assert (aside["finished"], aside["restored_from"]) == (True, None)


async def _two_backups(home: Home) -> list[Path]:
    """Keep up for two days; return the backups, the newest first."""
    await home.keep_up()
    home.append(30)
    home.next_day()
    await home.keep_up()
    return sorted((home.path.parent / "backups").iterdir(), reverse=True)


async def test_a_damaged_backup_is_skipped(home: Home) -> None:
    newest, older = await _two_backups(home)
    damage(newest, "cut to half")
    home.store.close()
    damage(home.path, "noise")
    home.append(31)
    await home.keep_up()
    assert home.state.get("store.aside")["restored_from"] == str(older)
    assert rows(home.path, "SELECT count(*) FROM readings") == [(31,)]


async def test_a_backup_with_a_wrong_value_is_the_last_choice(home: Home) -> None:
    newest, older = await _two_backups(home)
    changed(newest, "UPDATE readings SET temperature_celsius = 30 WHERE id = 3")
    assert home.upkeep._backups.newest_sound() == older
    older.unlink()
    assert home.upkeep._backups.newest_sound() == newest


async def test_old_rows_have_checksums_after_the_first_upkeep(tmp_path: Path) -> None:
    make_old_home(tmp_path / "readings.db", Age.B, 300)
    home = Home(tmp_path)
    home.append(0)
    await home.keep_up()
    changed(home.path, "UPDATE readings SET temperature_celsius = 30 WHERE id = 3")
    home.next_day()
    await home.keep_up()
    assert home.state.get("upkeep.check")["result"] == "damaged"
    (record,) = home.journal.of("upkeep.check_damaged")
    assert "readings, ids 1 to 300" in str(record.fields["findings"])
    home.store.close()


async def test_wrong_values_are_reported_with_the_backup(home: Home) -> None:
    changed(home.path, "UPDATE readings SET temperature_celsius = 30 WHERE id = 3")
    await home.keep_up()
    (record,) = home.journal.of("upkeep.backed_up")
    assert record.level is Level.WARNING
    assert "readings, ids 3 to 3" in str(record.fields["findings"])
    assert home.state.get("upkeep.check")["result"] == "damaged"
    assert not list(home.path.parent.glob("*.damaged-*"))


async def test_a_wrong_index_is_reported_without_quarantine(home: Home) -> None:
    changed(
        home.path,
        "PRAGMA writable_schema=ON",
        "UPDATE sqlite_schema SET sql = "
        "'CREATE INDEX idx_readings_location ON readings (device_type)' WHERE name = 'idx_readings_location'",
    )
    found = await home.upkeep.check()
    assert (bool(found.findings), found.kept_as) == (True, None)
    assert "idx_readings_location" in found.findings[0]
    assert not list(home.path.parent.glob("*.damaged-*"))


async def test_a_full_disk_skips_the_backup(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(home.path.parent)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(total=10**9, free=10**8))
    assert isinstance(await home.upkeep.back_up(), Skipped)


async def test_cycles_are_stored_while_a_backup_is_made(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the middle of the copy, and of its check: both leave the database and its lock alone."""
    stored: list[int] = []

    def verify(copy: Path, *, busy_timeout_ms: int) -> tuple[Finding, ...]:
        home.append(30)
        stored.append(len(rows(home.path, ROWS)))
        return check(copy, busy_timeout_ms=busy_timeout_ms)

    monkeypatch.setattr("adapters.sqlite.backup.backups.check", verify)
    await home.upkeep.back_up()
    assert stored == [31]


def test_an_interrupted_merge_can_be_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.sqlite.backup.restoring._ROWS_AT_ONCE", 7)
    old = a_store(tmp_path / "old.db")
    for number in range(20):
        old.append(_report(number))
    old.close()
    back_up(tmp_path / "old.db", tmp_path / "backup.db", busy_timeout_ms=100)
    path = tmp_path / "readings.db"
    new = a_store(path)
    new.append(_report(20))
    for turns in range(30):
        lock = _KilledAtTurn(path, turns)
        try:
            merge_backup(path, tmp_path / "backup.db", lock=lock, busy_timeout_ms=100)
        except Killed:
            new.append(_report(21 + turns))
        else:
            break
    assert turns > 5
    assert rows(path, "SELECT count(*), count(DISTINCT timestamp) FROM readings") == [(21 + turns,) * 2]
    assert [row[1:4] for row in rows(path, ROWS)[:20]] == [
        row[1:4] for row in rows(tmp_path / "old.db", ROWS)
    ]
    assert set(rows(tmp_path / "old.db", LEDGER)) < set(rows(path, LEDGER))
    assert rows(path, "SELECT device_id, first_slot FROM devices") == [("hue:a", NOON.isoformat())]
    assert first_fault(path) is None
    with closing(sqlite3.connect(path)) as connection:
        ids = rows(path, "SELECT id FROM readings")
        runs = rows(path, "SELECT first_id, last_id, readings, crc FROM checksums")
        assert sum(run[2] for run in runs) == len(ids)
        assert [read_run(connection, *run[:2]) for run in runs] == runs
        assert not any(is_wrong(row) for row in rows(path, SELECT_OUTCOMES))
    new.close()


class _KilledAtTurn(DatabaseLock):
    """Raise `Killed` when the lock is taken for the nth time."""

    def __init__(self, path: Path, turns: int) -> None:
        super().__init__(path.with_name(f"{path.name}.lock"), wait_s=1.0)
        self._turns = turns

    @contextmanager
    def held(self, *, waits: bool = True) -> Iterator[None]:
        if self._turns == 0:
            raise Killed
        self._turns -= 1
        with super().held():
            yield


@pytest.mark.parametrize("age", list(Age))
def test_a_backup_of_any_age_is_merged_value_for_value(tmp_path: Path, age: Age) -> None:
    make_old_home(tmp_path / "old.db", age, 300)
    path = tmp_path / "readings.db"
    store = a_store(path)
    store.append(a_cycle())
    lock = DatabaseLock(path.with_name(f"{path.name}.lock"), wait_s=1.0)
    assert merge_backup(path, tmp_path / "old.db", lock=lock, busy_timeout_ms=100) == 300
    columns = ", ".join(
        row[1] for row in rows(tmp_path / "old.db", "PRAGMA table_info(readings)") if row[1] != "id"
    )
    everything = f"SELECT {columns} FROM readings WHERE timestamp < '2026' ORDER BY id"  # noqa: S608 - columns
    assert rows(path, everything) == rows(tmp_path / "old.db", everything)
    lock.close()
    store.close()


def test_a_merge_replaces_only_ledger_rows_that_were_not_stored(tmp_path: Path) -> None:
    old, new = a_store(tmp_path / "old.db"), a_store(tmp_path / "readings.db")
    for store, stored, failed in ((old, 0, 1), (new, 1, 0)):
        store.append(_report(stored))
        store.append(a_cycle(a_failed(a_due(slot=NOON + timedelta(minutes=5 * failed)))))
    old.close()
    lock = DatabaseLock(tmp_path / "readings.db.lock", wait_s=1.0)
    merge_backup(tmp_path / "readings.db", tmp_path / "old.db", lock=lock, busy_timeout_ms=100)
    found = rows(tmp_path / "readings.db", "SELECT state, readings FROM outcomes WHERE source = 'hue'")
    assert found == [("stored", 1), ("stored", 1)]
    assert check(tmp_path / "readings.db", busy_timeout_ms=100) == ()
    lock.close()
    new.close()


async def test_the_check_quarantines_no_file_that_is_not_ours(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.path.write_text("temperature,location\n" * 400)
    found = await home.upkeep.check()
    assert found != Checked()
    assert found.kept_as is None
    assert home.path.read_text().startswith("temperature,location")


def test_a_long_reader_and_the_upkeep_refuse_no_cycle(tmp_path: Path) -> None:
    path = tmp_path / "readings.db"
    store = a_store(path)
    store.append(a_cycle())
    upkeep = SqliteUpkeep(path, state=MemoryState(), journal=MemoryJournal(), clock=MemoryClock(NOON))
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM readings").fetchall()
        store.append(a_cycle(a_collected(a_reading("hue:another"))))  # so that there is something to move
        tidying = threading.Thread(target=upkeep._tidy, daemon=True)
        tidying.start()
        for number in range(100):  # each would be refused while the lock is held for long
            slot = NOON + timedelta(minutes=5 * number)
            reading = a_reading("hue:third", collected_at=slot)
            store.append(a_cycle(a_collected(reading, due=a_due("third", slot))))
        tidying.join(timeout=30)
        assert not tidying.is_alive()
    store.close()


@pytest.mark.parametrize("step", ["check", "tidy", "back_up", "restore"])
async def test_no_step_looks_at_a_database_that_is_not_in_place(home: Home, step: str) -> None:
    upkeep = SqliteUpkeep(
        home.path,
        state=home.state,
        journal=home.journal,
        clock=home.clock,
        require_in_place=home.store.require_in_place,
    )
    home.path.with_name("readings.db-wal").unlink()
    with pytest.raises(StoreMissing):
        await getattr(upkeep, step)()
    home.append(31)
    await getattr(upkeep, step)()
