"""What the check of everything that is stored finds, and what it does not mind."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.sqlite.care.verification import check
from adapters.sqlite.database_lock import DatabaseLock
from adapters.sqlite.rows.checksums import add_missing_checksums
from domain.errors import StoreCorrupt
from tests.support.builders import NOON, a_collected, a_cycle, a_due, a_failed, a_measurement, a_reading
from tests.support.databases import a_home_of_format_2, a_store, an_unrelaxed_home, changed, rows
from tests.support.old_homes import Age, make_old_home

FIVE_MINUTES = timedelta(minutes=5)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database with an hour of cycles, closed."""
    path = tmp_path / "readings.db"
    store = a_store(path)
    for number in range(12):
        slot = NOON + number * FIVE_MINUTES
        readings = (a_reading(name, collected_at=slot) for name in ("hue:a", "hue:b"))
        measurement = a_measurement(slot)
        collected = a_collected(*readings, due=a_due(slot=slot))
        store.append(a_cycle(collected, a_failed(a_due("amazon", slot)), measurements=(measurement,)))
    store.close()
    return path


def _found(path: Path) -> list[str]:
    return [str(finding) for finding in check(path, busy_timeout_ms=1000)]


@contextmanager
def _writing(path: Path) -> Iterator[tuple[sqlite3.Connection, DatabaseLock]]:
    lock = DatabaseLock(path.with_name("readings.db.lock"), wait_s=1)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection, lock
    lock.close()


def _complete(path: Path) -> None:
    with _writing(path) as (connection, lock):
        add_missing_checksums(connection, lock)


def test_a_sound_database_is_sound(path: Path) -> None:
    before = path.read_bytes()
    assert _found(path) == []
    assert path.read_bytes() == before


def test_a_check_does_not_wait_for_writers(path: Path) -> None:
    with _writing(path) as (connection, _):
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("DELETE FROM readings")
        assert _found(path) == []
        connection.execute("ROLLBACK")


@pytest.mark.parametrize("age", [Age.A, Age.D_FROM_B, Age.F])
def test_changes_of_old_rows_are_found_once_they_have_checksums(tmp_path: Path, age: Age) -> None:
    path = tmp_path / "old.db"
    make_old_home(path, age, 2500)
    store = a_store(path)
    store.append(a_cycle())
    store.close()
    assert _found(path) == []
    _complete(path)
    assert _found(path) == []
    assert rows(path, "SELECT sum(readings) FROM checksums") == [(2501,)]
    assert rows(path, "SELECT max(readings) FROM checksums") == [(1000,)]
    changed(path, "UPDATE readings SET created_at = '2024-03-30 22:02:08' WHERE id = 1500")
    (found,) = _found(path)
    assert found.startswith("readings, ids 1001 to 2000 (2024-03-")
    assert found.endswith("changed since they were stored")


def test_a_database_that_was_not_upgraded_is_checked(tmp_path: Path) -> None:
    make_old_home(tmp_path / "old.db", Age.B, 50)
    an_unrelaxed_home(tmp_path / "waiting.db", Age.A, 50)
    a_home_of_format_2(tmp_path / "second.db")
    assert [_found(tmp_path / name) for name in ("old.db", "waiting.db", "second.db")] == [[], [], []]


def test_rows_of_another_program_get_checksums_between_ours(path: Path) -> None:
    insert = (
        "INSERT INTO readings (timestamp, device_id, temperature_celsius, location, device_type) "
        "VALUES ('2026-03-02T00:00:0%d', 'x', 1, 'y', 'hue_sensor')"
    )
    changed(path, insert % 1, insert % 2)
    store = a_store(path)
    later = NOON + timedelta(days=1)
    store.append(a_cycle(a_collected(a_reading("hue:a", collected_at=later), due=a_due(slot=later))))
    store.close()
    changed(path, insert % 3)
    _complete(path)
    _complete(path)
    newest = rows(path, "SELECT first_id, last_id, readings FROM checksums WHERE first_id > 24")
    assert newest == [(25, 26, 2), (27, 27, 1), (28, 28, 1)]
    assert _found(path) == []


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (
            "UPDATE readings SET temperature_celsius = 1 WHERE id = 4",
            "ids 3 to 4 (2026-03-01T12:05:00+00:00 to 2026-03-01T12:05:00+00:00), changed since they were",
        ),
        ("DELETE FROM readings WHERE id = 4", "1 are there of 2 that were stored"),
        (
            "UPDATE outcomes SET state = 'stored' WHERE source = 'amazon' AND slot LIKE '%12:05%'",
            "outcomes, amazon 2026-03-01T12:05:00+00:00, changed since it was stored",
        ),
        ("UPDATE outcomes SET crc = NULL WHERE source = 'hue' AND slot LIKE '%12:05%'", "checksum is gone"),
        ("DELETE FROM checksums WHERE first_id = 5", None),
    ],
)
def test_a_change_is_reported_with_its_place(path: Path, change: str, found: str | None) -> None:
    _complete(path)
    changed(path, change)
    if found is None:  # this hands the rows over to be believed as they are
        assert _found(path) == []
    else:
        (finding,) = _found(path)
        assert found in finding


def test_rows_count_as_sound_once_their_checksum_is_deleted(path: Path) -> None:
    _complete(path)
    changed(path, "UPDATE readings SET location = 'Hall'")
    assert len(_found(path)) == 12
    changed(path, "DELETE FROM checksums")
    _complete(path)
    assert _found(path) == []
    assert rows(path, "SELECT first_id, last_id, readings FROM checksums") == [(1, 24, 24)]


def test_an_unreadable_table_is_a_finding_and_not_an_error(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096:] = bytes(len(content) - 4096)
    path.write_bytes(content)
    found = check(path, busy_timeout_ms=1000)
    assert any(finding.is_structural for finding in found)


def test_missing_checksums_are_added_after_an_interruption(path: Path) -> None:
    changed(path, "DELETE FROM checksums WHERE first_id IN (3, 5, 11, 23)")
    with _writing(path) as (connection, lock):
        turns = iter((0, 0, 1))
        connection.set_trace_callback(
            lambda statement: connection.interrupt() if statement == "COMMIT" and next(turns) else None
        )
        with pytest.raises(sqlite3.OperationalError, match="interrupted"):
            add_missing_checksums(connection, lock)
    assert _found(path) == []
    _complete(path)
    assert rows(path, "SELECT sum(readings) FROM checksums") == [(24,)]
    assert _found(path) == []


def test_an_invalid_schema_is_a_finding_and_not_an_error(path: Path) -> None:
    content = path.read_bytes()
    place = content.index(b"CREATE INDEX idx_readings_location")
    path.write_bytes(content[:place] + bytes([content[place] | 0x80]) + content[place + 1 :])
    assert _found(path) != []
    store = a_store(path)
    with pytest.raises(StoreCorrupt):
        store.append(a_cycle())
    store.close()
