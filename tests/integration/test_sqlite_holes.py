"""Holes of the ledger in the file: they survive kills, backups and merges."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.memory.runtime import MemoryClock, MemoryJournal
from adapters.sqlite.backup.backups import back_up
from adapters.sqlite.backup.restoring import merge_backup
from adapters.sqlite.database_lock import DatabaseLock
from adapters.sqlite.store import SqliteStore
from domain.cycle import CycleReport
from domain.errors import StoreError
from tests.support.builders import NOON, a_cycle, a_due, a_failed
from tests.support.databases import a_store, changed, rows

NOTHING = CycleReport(outcomes=())
LATER = NOON + timedelta(days=20)  # 5,759 slots lie between
COUNT = "SELECT count(*) FROM outcomes WHERE state = 'missed'"
HOLES = "SELECT name FROM properties WHERE name LIKE 'gap.%' AND value NOT LIKE '%\"after\": null%'"


def at(path: Path, days: float = 20) -> SqliteStore:
    return SqliteStore(path, journal=MemoryJournal(), clock=MemoryClock(NOON + timedelta(days=days)))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "readings.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    """A store that was without cycles for twenty days, and has written the first portion of their rows."""
    store = at(path)
    store.append(a_cycle(a_failed()))
    store.append(a_cycle(a_failed(a_due(slot=LATER))))
    yield store
    store.close()


def test_a_portion_and_what_is_left_are_one_transaction(store: SqliteStore, path: Path) -> None:
    assert rows(path, COUNT) == [(2000,)]
    changed(
        path,
        "CREATE TRIGGER mine BEFORE INSERT ON properties WHEN new.name LIKE 'gap.%' "
        "BEGIN SELECT RAISE(ABORT, 'killed'); END",
    )
    before = rows(path, HOLES)
    with pytest.raises(StoreError):
        store.append(NOTHING)
    assert (rows(path, COUNT), rows(path, HOLES)) == ([(2000,)], before)
    changed(path, "DROP TRIGGER mine")
    for _ in range(2):
        store.append(NOTHING)
    assert (rows(path, COUNT), rows(path, HOLES)) == ([(5759,)], [])


def test_another_process_carries_on(store: SqliteStore, path: Path) -> None:
    store.close()
    for _ in range(2):
        other = at(path)
        other.append(NOTHING)
        other.close()
    assert rows(path, COUNT) == [(5759,)]


def test_a_damaged_note_stops_nothing(store: SqliteStore, path: Path) -> None:
    changed(path, "UPDATE properties SET value = substr(value, 5) WHERE name LIKE 'gap.%'")
    store.append(NOTHING)
    assert rows(path, COUNT) == [(2000,)]


def test_a_backup_takes_what_is_left_along(store: SqliteStore, path: Path, tmp_path: Path) -> None:
    backup = tmp_path / "backup.db"
    back_up(path, backup, busy_timeout_ms=100)
    new_path = tmp_path / "new.db"
    new = at(new_path, days=20.5)
    new.append(a_cycle(a_failed(a_due(slot=LATER + timedelta(hours=1)))))
    lock = DatabaseLock(tmp_path / "new.db.lock", wait_s=1)
    merge_backup(new_path, backup, lock=lock, busy_timeout_ms=100)
    for _ in range(3):
        new.append(NOTHING)
    new.close()
    lock.close()
    assert rows(new_path, COUNT) == [(5759 + 11,)], "those within the backup, and those after it"


@pytest.mark.parametrize("interval_s", [21_600, pytest.param(300, marks=pytest.mark.proof)])
def test_ten_years_are_written_in_the_end(path: Path, interval_s: int) -> None:
    days = 3652
    slots = days * 86_400 // interval_s
    store = at(path, days)
    store.append(a_cycle(a_failed(a_due(interval_s=interval_s))))
    store.append(a_cycle(a_failed(a_due(slot=NOON + timedelta(days=days), interval_s=interval_s))))
    for _ in range(slots // 2000):
        store.append(NOTHING)
    store.close()
    assert rows(path, COUNT) == [(slots - 1,)]


def test_a_clock_decades_ahead_writes_no_rows(path: Path) -> None:
    far = timedelta(days=30 * 365)
    wrong = at(path, far.days)
    wrong.append(a_cycle(a_failed()))
    for minutes in (0, 5, 15):
        wrong.append(a_cycle(a_failed(a_due(slot=NOON + far + timedelta(minutes=minutes)))))
    wrong.close()
    assert rows(path, COUNT) == [(1,)]
    right = at(path, 0.5)
    for hours in (1, 2):
        right.append(a_cycle(a_failed(a_due(slot=NOON + timedelta(hours=hours)))))
    right.close()
    assert rows(path, COUNT) == [(23,)]


def test_a_steady_cycle_reads_little_of_the_ledger(path: Path) -> None:
    store = a_store(path)
    steps: list[int] = []
    for number in range(3):
        store.append(a_cycle(a_failed(a_due(slot=NOON + timedelta(minutes=5 * number)))))
    connection = store._connection
    assert isinstance(connection, sqlite3.Connection)
    for size in (10, 2000):
        connection.executemany(
            "INSERT INTO outcomes (source, slot, interval_s, scheduled, state) "
            "VALUES ('hue', ?, 300, 1, 'missed')",
            [((NOON - timedelta(minutes=5 * (size + each))).isoformat(),) for each in range(size)],
        )
        counted = [0]

        def count(counted: list[int] = counted) -> int:
            counted[0] += 1
            return 0

        connection.set_progress_handler(count, 10)
        store.append(a_cycle(a_failed(a_due(slot=NOON + timedelta(minutes=15 + 5 * len(steps))))))
        connection.set_progress_handler(None, 0)
        steps.append(counted[0])
    store.close()
    assert steps[1] < 2 * steps[0]
