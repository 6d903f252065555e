"""A home of November 2026: its rows stay, its spool is drained, its baselines are read."""

from __future__ import annotations

import json
import shutil
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.files.spool.file_spool import FileSpool
from adapters.memory.runtime import MemoryClock, MemoryJournal
from adapters.memory.state import MemoryState
from adapters.sqlite.care.upkeep import SqliteUpkeep
from adapters.sqlite.care.verification import check, check_home
from adapters.sqlite.migration.migrations import KNOWN_VERSION
from adapters.sqlite.rows.checksums import IS_COMPLETE
from adapters.sqlite.store import SqliteStore
from domain.cycle import Stored
from ports.upkeep import BackedUp
from tests.support.baselines import sqlite_baselines
from tests.support.builders import NOON, a_collected, a_cycle, a_due, a_reading
from tests.support.collecting import a_cycle_storage
from tests.support.databases import rows

HOME = Path(__file__).parents[1] / "fixtures" / "home_2026_11" / "data"
NOW = NOON + timedelta(days=274)  # an hour after its last cycle
KEYS = {
    "readings": "id",
    "outcomes": "source, slot",
    "devices": "device_id",
    "measurements": "began_at, operation, source, number",
    "properties": "name",
    "baselines": "name",
    "checksums": "first_id",
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    shutil.copytree(HOME, tmp_path / "data")
    return tmp_path / "data" / "readings.db"


async def test_it_is_collected_into_and_every_old_row_stays(path: Path) -> None:
    old = {table: rows(path, f"SELECT * FROM {table} ORDER BY {key}") for table, key in KEYS.items()}  # noqa: S608
    journal, clock = MemoryJournal(), MemoryClock(NOW)
    store = SqliteStore(path, journal=journal, clock=clock)
    spool = FileSpool(path.parent / "spool", clock=clock, journal=journal)
    reports = [json.loads(line)["report"] for line in _spool_file(path).read_text().splitlines()]
    store.open()
    storage = a_cycle_storage(clock=clock, journal=journal, store=store, spool=spool)
    known = rows(path, "SELECT device_id, location FROM devices WHERE source = 'hue' ORDER BY device_id")[0]
    reading = a_reading(known[0], location=known[1], collected_at=NOW)
    assert isinstance(await storage.store(a_cycle(a_collected(reading, due=a_due(slot=NOW)))), Stored)
    store.close()

    waiting = [
        reading for report in reports for outcome in report["outcomes"] for reading in outcome["readings"]
    ]
    keys = {(reading["device_id"], reading["collected_at"]) for reading in waiting}
    assert (len(reports), len(keys)) == (2, 22)
    assert keys <= set(rows(path, "SELECT device_id, timestamp FROM readings"))
    assert not _spool_file(path).exists()
    assert rows(path, "PRAGMA user_version") == [(KNOWN_VERSION,)]
    for table, key in KEYS.items():
        if table != "devices":  # of which one row is about the newest slot
            new = rows(path, f"SELECT * FROM {table} ORDER BY {key}")  # noqa: S608 - names from above
            assert [row for row in old[table] if row not in new] == [], table
    assert check_home(path, busy_timeout_ms=1000) == ()


async def test_its_upkeep_finds_it_sound_and_backs_it_up(path: Path) -> None:
    upkeep = SqliteUpkeep(path, state=MemoryState(), journal=MemoryJournal(), clock=MemoryClock(NOW))
    await upkeep.tidy()
    assert rows(path, "SELECT value FROM properties WHERE name = ?", IS_COMPLETE) == [("1",)]
    assert not (await upkeep.check()).findings
    made = await upkeep.back_up()
    assert isinstance(made, BackedUp)
    backup = Path(made.file)
    assert check(backup, busy_timeout_ms=1000) == ()
    assert rows(backup, "SELECT count(*) FROM readings") == rows(path, "SELECT count(*) FROM readings")


def test_its_baselines_are_read(path: Path) -> None:
    with sqlite_baselines(path) as baselines:
        assert sorted(baseline.name for baseline in baselines.all()) == ["first-winter", "second"]
        first = baselines.find("first-winter")
        assert first is not None
        assert first.samples


def _spool_file(path: Path) -> Path:
    return path.parent / "spool" / "2026-11-29.jsonl"


def test_a_new_database_has_every_column_that_this_version_needs(path: Path, tmp_path: Path) -> None:
    new = tmp_path / "new.db"
    with closing(SqliteStore(new, journal=MemoryJournal(), clock=MemoryClock(NOW))) as store:
        store.open()
    for table in KEYS.keys() - {"baselines"}:  # that one is made with the first baseline
        columns = f"SELECT name FROM pragma_table_info('{table}') ORDER BY name"  # noqa: S608
        assert set(rows(path, columns)) <= set(rows(new, columns)), table
