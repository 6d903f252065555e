"""What is stored gets its checksums in the same transaction, and they tell when it is another."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.sqlite.checksums import DEVICES, checksum, is_wrong, keyed_in, run_of
from adapters.sqlite.migration.migrations import KNOWN_VERSION
from adapters.sqlite.store import SqliteStore
from tests.support.builders import (
    NOON,
    a_collected,
    a_cycle,
    a_due,
    a_failed,
    a_missed,
    a_reading,
    an_unread,
)
from tests.support.databases import a_home_of_format_2, a_store, an_unrelaxed_home, changed, rows
from tests.support.old_homes import Age

LATER = NOON + timedelta(minutes=5)
RUNS = "SELECT first_id, last_id, readings, crc FROM checksums ORDER BY first_id"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "readings.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    store = a_store(path)
    yield store
    store.close()


def _wrong(path: Path) -> list[str]:
    """The runs and rows that have no checksum, or one that does not fit."""
    with closing(sqlite3.connect(path)) as connection:
        found = [
            f"readings from {first_id}"
            for first_id, last_id, readings, crc in connection.execute(RUNS).fetchall()
            if (readings, crc) != ((run := run_of(connection, first_id, last_id)).readings, run.crc)
        ]
        for table in keyed_in(connection):
            every = connection.execute(table.select).fetchall()
            found += [f"{table.name} {row[0]}" for row in every if row[-1] is None or is_wrong(row)]
    return found


def test_each_cycle_has_a_checksum_over_its_readings(store: SqliteStore, path: Path) -> None:
    store.append(a_cycle(a_collected(a_reading("hue:a"), a_reading("hue:b"))))
    store.append(a_cycle(a_collected(a_reading("hue:a", collected_at=LATER), due=a_due(slot=LATER))))
    assert rows(path, "SELECT first_id, last_id, readings FROM checksums") == [(1, 2, 2), (3, 3, 1)]
    assert _wrong(path) == []


def test_a_cycle_that_is_stored_twice_has_its_checksum_once(store: SqliteStore, path: Path) -> None:
    store.append(a_cycle())
    store.append(a_cycle())
    assert rows(path, "SELECT first_id, last_id, readings FROM checksums") == [(1, 1, 1)]
    assert _wrong(path) == []


def test_rows_that_change_afterwards_keep_a_checksum_that_fits(store: SqliteStore, path: Path) -> None:
    store.append(a_cycle(a_failed(), missed=(a_missed(due=a_due(slot=NOON - timedelta(minutes=5))),)))
    store.append(a_cycle(a_collected(a_reading("hue:a"), unread=(an_unread("hue:b"),))))
    moved = a_reading("hue:a", location="Cellar", collected_at=LATER)
    store.append(a_cycle(a_collected(moved, due=a_due(slot=LATER))))
    assert rows(path, "SELECT location FROM devices") == [("Cellar",)]
    assert _wrong(path) == []


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE readings SET temperature_celsius = temperature_celsius + 0.01 WHERE id = 2",
        "UPDATE readings SET location = CAST(location AS BLOB) WHERE id = 2",
        "UPDATE readings SET is_anomalous = NULL WHERE id = 2",
        "UPDATE readings SET raw_response = '' WHERE id = 2",
        "UPDATE readings SET id = 7 WHERE id = 2",
        "UPDATE outcomes SET readings = 1",
        "UPDATE outcomes SET notes = 'x'",
        "UPDATE devices SET first_slot = '2026-03-01T12:00:00+00:01'",
        "UPDATE properties SET value = '1'",
        "UPDATE checksums SET last_id = 3",
        "UPDATE checksums SET first_id = 0",
    ],
)
def test_whatever_changes_does_not_fit_its_checksum(store: SqliteStore, path: Path, change: str) -> None:
    store.append(a_cycle(a_collected(a_reading("hue:a"), a_reading("hue:b"))))
    changed(path, change)
    assert _wrong(path) != []


def test_a_damaged_row_does_not_come_to_look_sound_by_being_written_again(
    store: SqliteStore, path: Path
) -> None:
    store.append(a_cycle(a_collected(a_reading("hue:a"), a_reading("hue:b"))))
    changed(path, "UPDATE devices SET first_slot = '2016-03-01T12:00:00+00:00' WHERE device_id = 'hue:b'")
    later = (a_reading(name, collected_at=LATER) for name in ("hue:a", "hue:b"))
    store.append(a_cycle(a_collected(*later, due=a_due(slot=LATER))))
    with closing(sqlite3.connect(path)) as connection:
        assert DEVICES.damaged(connection, ("hue:a",), ("hue:b",)) == [("hue:b",)]


def test_of_more_devices_than_one_question_takes_each_has_its_checksum(
    store: SqliteStore, path: Path
) -> None:
    names = [f"hue:{number}" for number in range(1001)]
    for slot in (NOON, LATER):
        report = a_collected(*(a_reading(name, collected_at=slot) for name in names), due=a_due(slot=slot))
        store.append(a_cycle(report))
    assert rows(path, "SELECT count(*) FROM devices") == [(1001,)]
    assert _wrong(path) == []


def test_a_text_that_damage_has_made_none_stops_no_cycle(store: SqliteStore, path: Path) -> None:
    store.append(a_cycle(a_collected(a_reading("hue:a"))))
    changed(path, "UPDATE devices SET location = CAST(x'ff' AS TEXT)")
    store.append(a_cycle(a_collected(a_reading("hue:a", collected_at=LATER), due=a_due(slot=LATER))))
    assert rows(path, "SELECT count(*) FROM readings") == [(2,)]


def test_a_home_from_before_checksums_has_them_from_its_next_cycle_on(store: SqliteStore, path: Path) -> None:
    a_home_of_format_2(path)
    store.append(a_cycle(a_collected(a_reading("hue:a"))))
    assert rows(path, "PRAGMA user_version") == [(KNOWN_VERSION,)]
    assert rows(path, "SELECT first_id, last_id, readings FROM checksums") == [(2, 2, 1)]
    assert rows(path, "SELECT count(crc) FROM outcomes") == [(1,)]
    assert rows(path, "SELECT count(crc) FROM devices") == [(1,)]
    assert rows(path, "SELECT count(crc) FROM properties") == [(1,)]


@pytest.mark.parametrize("age", [Age.A, Age.B, Age.C_WAL, Age.D_FROM_A])
def test_rebuilding_an_old_table_leaves_checksums_as_they_fit(path: Path, age: Age) -> None:
    """Those that were made while it still waited to be rebuilt."""
    an_unrelaxed_home(path, age, 20)
    with closing(sqlite3.connect(path)) as connection:
        run = run_of(connection, 1, 20)
        connection.execute(
            "INSERT INTO checksums VALUES (?, ?, ?, ?)", (run.first_id, run.last_id, run.readings, run.crc)
        )
        connection.commit()
    store = a_store(path)
    store.open()
    store.close()
    assert rows(path, "PRAGMA user_version") == [(KNOWN_VERSION,)]
    assert _wrong(path) == []


def test_a_new_column_does_not_change_the_checksums_of_rows_from_before_it() -> None:
    assert checksum((1, "a", None)) == checksum((1, "a", None, None))
    assert checksum((1, "a", None)) != checksum((1, "a", None, 0))


def test_values_that_look_alike_are_told_apart() -> None:
    alike = [(1,), (1.0,), ("1",), (b"1",), (True,), ("1", None, 1), (None, "1")]
    assert len({checksum(row) for row in alike}) == len(alike)
