"""What was found when the upkeep of the database was read once more."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.memory.runtime import MemoryClock, MemoryJournal
from adapters.memory.spool import MemoryState
from adapters.sqlite.care.backups import Backups
from adapters.sqlite.care.upkeep import SqliteUpkeep
from tests.support.builders import NOON, a_collected, a_cycle, a_due, a_reading
from tests.support.databases import a_store, rows


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "readings.db"


@pytest.mark.parametrize("is_open", [True, False])
def test_the_log_of_a_database_that_is_gone_is_not_applied_to_the_new_one(path: Path, is_open: bool) -> None:
    store = a_store(path)
    for number in range(50):
        slot = NOON + timedelta(minutes=5 * number)
        reading = a_reading("hue:old", collected_at=slot)
        store.append(a_cycle(a_collected(reading, due=a_due(slot=slot))))
    log = path.with_name("readings.db-wal").read_bytes()
    path.rename(path.with_name("moved.db"))
    journal = MemoryJournal()
    if is_open:
        store._journal = journal  # the process that had it open goes on
        survivor = store
    else:
        survivor = a_store(path, journal=journal)
    survivor.append(a_cycle(a_collected(a_reading("hue:new"))))
    assert rows(path, "SELECT device_id FROM readings") == [("hue:new",)]
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]
    (kept,) = path.parent.glob("readings.db.left-*-wal")
    assert kept.read_bytes() == log
    survivor.close()
    store.close()


def test_a_reader_that_stays_does_not_have_the_daily_tidying_refuse_a_cycle(path: Path) -> None:
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


def test_a_backup_that_a_wrong_clock_named_is_the_last_to_be_restored(path: Path) -> None:
    backups = Backups(path=path, clock=MemoryClock(NOON), busy_timeout_ms=100)
    backups.folder.mkdir()
    for stamp in ("20260227T000000Z", "20270101T000000Z", "20260228T000000Z"):
        (backups.folder / f"readings-{stamp}.db").touch()
    assert [file.name for file in backups.newest_first()] == [
        f"readings-{stamp}.db" for stamp in ("20260228T000000Z", "20260227T000000Z", "20270101T000000Z")
    ]
