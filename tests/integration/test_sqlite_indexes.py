"""Superfluous indexes of `readings` are dropped at a start, and only those."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from adapters.memory.runtime import MemoryJournal
from adapters.sqlite.care.verification import check
from adapters.sqlite.migration import table_rebuild as indexes
from adapters.sqlite.migration.migrations import CHECKSUMMED, KNOWN_VERSION
from adapters.sqlite.migration.table_rebuild import drop_indexes
from ports.journal import Level
from tests.support.builders import a_cycle
from tests.support.databases import (
    EARLIER_INDEXES,
    a_home_of_format_3,
    a_store,
    an_unrelaxed_home,
    changed,
    rows,
)
from tests.support.old_homes import Age

ALL_ROWS = "SELECT * FROM readings ORDER BY id"
TABLES = "SELECT name, sql FROM sqlite_schema WHERE type = 'table' ORDER BY name"
NAMES = """
SELECT name FROM sqlite_schema
WHERE tbl_name = 'readings' AND type = 'index' AND sql IS NOT NULL ORDER BY name
"""
KEPT = [f"idx_readings_{name}" for name in ("anomalous", "device_type", "location", "timestamp")]
DROPPED = ["idx_readings_device_id", "idx_readings_device_timestamp"]
CANNOT_BE_MADE = "CREATE INDEX idx_readings_location ON readings (id)"
MINE = "CREATE INDEX {} ON readings ({})"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "readings.db"
    a_home_of_format_3(path)
    return path


def _names(path: Path) -> Sequence[str]:
    return [name for (name,) in rows(path, NAMES)]


def _opened(path: Path) -> MemoryJournal:
    journal = MemoryJournal()
    store = a_store(path, journal=journal)
    store.open()
    store.close()
    return journal


def test_superfluous_indexes_are_dropped_and_every_row_stays(path: Path) -> None:
    before, tables = rows(path, ALL_ROWS), rows(path, TABLES)
    assert set(DROPPED) < set(_names(path))
    journal = _opened(path)
    assert _names(path) == KEPT
    assert rows(path, ALL_ROWS) == before
    assert rows(path, TABLES) == tables
    assert rows(path, "PRAGMA user_version") == [(KNOWN_VERSION,)]
    assert not check(path, busy_timeout_ms=0)
    (pruned,) = journal.of("store.pruned")
    assert pruned.fields["indexes"] == ", ".join([*DROPPED, "idx_readings_device_type"])
    assert _opened(path).of("store.pruned") == ()


@pytest.mark.parametrize("age", Age)
def test_a_rebuilt_table_has_the_same_indexes(tmp_path: Path, age: Age) -> None:
    old = tmp_path / "old.db"
    an_unrelaxed_home(old, age, 20)
    made = set(_names(old))
    assert _opened(old).of("store.pruned") == ()  # it is a part of the rebuild
    assert _names(old) == sorted(made - set(DROPPED))


@pytest.mark.parametrize(
    "statement",
    [
        MINE.format("mine", "device_id"),
        MINE.format("mine", "device_type"),
        MINE.format("idx_readings_device_id", "device_id COLLATE NOCASE"),
        MINE.format("idx_readings_device_id", "lower(device_id)"),
        MINE.format("idx_readings_device_timestamp", "timestamp, device_id"),
        MINE.format("idx_readings_device_type", "device_type") + " WHERE location = 'Attic'",
        MINE.format("idx_readings_device_id", "device_id").replace("INDEX", "UNIQUE INDEX"),
    ],
)
def test_an_index_that_a_person_made_stays(path: Path, statement: str) -> None:
    changed(path, "DELETE FROM readings WHERE id > 1")  # so that anything can be unique
    name = statement.split(" ON ", maxsplit=1)[0].rsplit(maxsplit=1)[-1]
    changed(path, f"DROP INDEX IF EXISTS {name}", statement)
    _opened(path)
    assert rows(path, "SELECT sql FROM sqlite_schema WHERE name = ?", name) == [(statement,)]


def test_an_index_that_the_key_does_not_cover_stays(tmp_path: Path) -> None:
    """A key of the other order finds no device."""
    path = tmp_path / "other.db"
    a_home_of_format_3(path)
    ((made,),) = rows(path, "SELECT sql FROM sqlite_schema WHERE name = 'readings'")
    other = made.replace("UNIQUE (device_id, timestamp)", "UNIQUE (timestamp, device_id)")
    changed(path, "DROP TABLE readings", other, *EARLIER_INDEXES)
    _opened(path)
    assert set(DROPPED) <= set(_names(path))


def test_indexes_are_dropped_only_at_a_start(path: Path) -> None:
    """A store that meets such a file later, such as a backup, writes to it as it is."""
    store = a_store(path)
    store.open()
    a_home_of_format_3(other := path.with_name("other.db"))
    other.replace(path)
    store.append(a_cycle())
    store.close()
    assert set(DROPPED) <= set(_names(path))
    assert rows(path, "SELECT count(*) FROM readings") == [(13,)]
    _opened(path)
    assert _names(path) == KEPT


def test_indexes_that_cannot_be_dropped_wait_for_the_next_start(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = MemoryJournal()
    store = a_store(path, journal=journal)
    before = _names(path)
    with monkeypatch.context() as patch:
        patch.setattr(indexes, "CREATE_RARE_KINDS_INDEX", CANNOT_BE_MADE)
        store.append(a_cycle())
    store.close()
    (put_off,) = journal.of("store.pruning_put_off")
    assert put_off.level is Level.WARNING
    assert "already exists" in str(put_off.fields["reason"])
    assert _names(path) == before
    assert rows(path, "PRAGMA user_version") == [(CHECKSUMMED,)]
    assert rows(path, "SELECT count(*) FROM readings") == [(13,)]
    _opened(path)
    assert _names(path) == KEPT


def test_dropped_indexes_are_not_overwritten_with_zeros(path: Path) -> None:
    """Else dropping an index takes as many writes as it has pages."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) "
            "INSERT INTO readings (timestamp, device_id, location, device_type) "
            "SELECT printf('2025-%08d', i), 'hue:x', 'Attic', 'hue_sensor' FROM n"
        )
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.isolation_level = None
        drop_indexes(connection)
        freed, written = (
            connection.execute("PRAGMA freelist_count").fetchone()[0],
            connection.execute("PRAGMA wal_checkpoint").fetchone()[1],
        )
    assert freed > 50
    assert written < 20
