"""Stored readings get the new name of their device, and stay as sound as they were."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.sqlite.care import renaming, verification
from adapters.sqlite.care.renaming import rename_readings
from adapters.sqlite.care.verification import check
from adapters.sqlite.connection import connect
from adapters.sqlite.database_lock import DatabaseLock, locked_transaction
from adapters.sqlite.rows.checksums import add_missing_checksums
from tests.support.builders import NOON, a_collected, a_cycle, a_due, a_reading
from tests.support.databases import a_store, changed, rows

CYCLES = 12
NAMES = "SELECT device_id, location, count(*) FROM readings GROUP BY device_id, location ORDER BY 1, 2"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Two devices, one of them under two names."""
    path = tmp_path / "readings.db"
    store = a_store(path)
    for number in range(CYCLES):
        slot = NOON + timedelta(minutes=5 * number)
        name = "Old" if number < 5 else "Older"
        readings = (
            a_reading("hue:A", location=name, collected_at=slot),
            a_reading("hue:b", location="Bath", collected_at=slot),
        )
        store.append(a_cycle(a_collected(*readings, due=a_due(slot=slot))))
    store.close()
    return path


@pytest.fixture
def lock(path: Path) -> DatabaseLock:
    return DatabaseLock(path.with_name("readings.db.lock"), wait_s=1.0)


def _rename(path: Path, lock: DatabaseLock) -> int:
    return rename_readings(path, "hue:a", "Study", lock=lock, busy_timeout_ms=100)


@pytest.mark.parametrize("portion", [1, 3, 500])
def test_all_rows_of_the_device_are_renamed_and_the_check_passes(
    path: Path, lock: DatabaseLock, portion: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renaming, "_ROWS_AT_ONCE", portion)
    assert _rename(path, lock) == CYCLES
    assert rows(path, NAMES) == [("hue:A", "Study", CYCLES), ("hue:b", "Bath", CYCLES)]
    assert rows(path, "SELECT device_id, location FROM devices") == [("hue:A", "Study"), ("hue:b", "Bath")]
    assert check(path, busy_timeout_ms=100) == ()
    assert _rename(path, lock) == 0


def test_a_run_that_was_wrong_stays_wrong(path: Path, lock: DatabaseLock) -> None:
    changed(path, "UPDATE readings SET temperature_celsius = 30 WHERE id = 4")
    _rename(path, lock)
    (finding,) = check(path, busy_timeout_ms=100)
    assert "ids 3 to 4" in str(finding)


def test_rows_without_a_checksum_are_renamed_too(path: Path, lock: DatabaseLock) -> None:
    changed(path, "DELETE FROM checksums WHERE first_id > 8")
    assert _rename(path, lock) == CYCLES
    with closing(connect(path, mode="rw", busy_timeout_ms=100)) as connection:
        add_missing_checksums(connection, lock)
    assert check(path, busy_timeout_ms=100) == ()


def test_a_check_at_the_same_time_finds_only_what_was_wrong(path: Path, lock: DatabaseLock) -> None:
    changed(path, "UPDATE readings SET temperature_celsius = 30 WHERE id = 1")
    with closing(connect(path, mode="ro", busy_timeout_ms=100)) as connection:
        findings = verification._check_readings(connection)
        assert "ids 1 to 2" in str(next(findings))
        _rename(path, lock)
        assert list(findings) == []


def test_a_column_of_names_gets_the_name_too(path: Path, lock: DatabaseLock) -> None:
    changed(path, "ALTER TABLE readings ADD COLUMN name TEXT", "UPDATE readings SET name = location")
    _rename(path, lock)
    names = rows(path, "SELECT DISTINCT device_id, location, name FROM readings ORDER BY device_id")
    assert names == [("hue:A", "Study", "Study"), ("hue:b", "Bath", "Bath")]
    assert check(path, busy_timeout_ms=100) == ()
    assert _rename(path, lock) == 0


def test_readings_without_a_temperature_are_renamed_and_stay_as_sound(path: Path, lock: DatabaseLock) -> None:
    store = a_store(path)
    for number in range(3):
        slot = NOON + timedelta(days=1, minutes=number)
        reading = a_reading("hue:A", location="Old", collected_at=slot, pm25=4.0)
        store.append(a_cycle(a_collected(reading, due=a_due(slot=slot))))
    store.close()
    changed(path, "UPDATE air_readings SET pm25_ugm3 = 5 WHERE timestamp LIKE '%12:01%'")
    assert _rename(path, lock) == CYCLES + 3
    assert rows(path, "SELECT DISTINCT location FROM air_readings") == [("Study",)]
    (finding,) = check(path, busy_timeout_ms=100)
    assert (finding.table, finding.where) == ("air_readings", "hue:A 2026-03-02T12:01:00+00:00")


def test_a_running_collector_has_its_turn_between_two_portions(
    path: Path, lock: DatabaseLock, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = a_store(path)
    store.open()
    stored: list[int] = []

    @contextmanager
    def after_a_cycle(connection: sqlite3.Connection, lock: DatabaseLock) -> Iterator[None]:
        slot = NOON + timedelta(hours=2, minutes=5 * len(stored))
        reading = a_reading("hue:b", location="Bath", collected_at=slot)
        report = store.append(a_cycle(a_collected(reading, due=a_due(slot=slot))), waits=False)
        stored.append(len(report.readings))
        with locked_transaction(connection, lock):
            yield

    monkeypatch.setattr(renaming, "_ROWS_AT_ONCE", 2)
    monkeypatch.setattr(renaming, "locked_transaction", after_a_cycle)
    assert _rename(path, lock) == CYCLES
    store.close()
    assert len(stored) > CYCLES
    assert set(stored) == {1}
    assert check(path, busy_timeout_ms=100) == ()
