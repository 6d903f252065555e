"""Readings without a temperature have a table of their own, and no reader misses them."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, timedelta
from pathlib import Path

import pytest

from adapters.memory.runtime import MemoryJournal
from adapters.sqlite.backup.missing_rows import find_missing_row
from adapters.sqlite.backup.restoring import merge_backup
from adapters.sqlite.care.salvage import recover
from adapters.sqlite.care.verification import check
from adapters.sqlite.connection import connect
from adapters.sqlite.database_lock import DatabaseLock
from adapters.sqlite.history import rollups
from adapters.sqlite.history.exporting import SqliteExportedRows
from adapters.sqlite.history.queries import SqliteHistory
from domain.cycle import Collected, CycleReport
from domain.history.export import Selection
from domain.reading import DeviceKind, Quantity
from tests.support.builders import NOON, a_collected, a_cycle, a_due, a_reading
from tests.support.databases import a_store, changed, rows
from tests.support.old_homes import Age, make_old_home

AIR = a_reading("alexa:a", kind=DeviceKind.ALEXA_AQM, pm25=3.0, relative_humidity=40.0)
WARM = a_reading("hue:a", temperature=21.5)
EVERY = "SELECT device_id, temperature_celsius, pm25_ugm3 FROM all_readings ORDER BY device_id, timestamp"
DROP = ("DROP VIEW all_readings", "DROP TABLE air_readings")  # as the version before them left a home
WITHOUT = (
    "INSERT INTO readings (timestamp, device_id, location, device_type, pm25_ugm3) "
    "VALUES ('2026-03-01T12:00:00+00:00', 'alexa:a', 'Living room', 'alexa_aqm', 3.0)"
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "readings.db"
    _store(path, a_cycle(a_collected(WARM, AIR)))
    return path


def _store(path: Path, *reports: CycleReport) -> None:
    store = a_store(path)
    store.open()
    for report in reports:
        store.append(report)
    store.close()


def _merge(path: Path, other: Path) -> int:
    with closing(DatabaseLock(path.with_name("lock"), wait_s=1.0)) as lock:
        return merge_backup(path, other, lock=lock, busy_timeout_ms=0)


def _roll_up(path: Path) -> int:
    with (
        closing(connect(path, mode="rw", busy_timeout_ms=0)) as connection,
        closing(DatabaseLock(path.with_name("lock"), wait_s=1.0)) as lock,
    ):
        return rollups.roll_up(connection, lock, rollups.Zones(days=UTC))


def test_no_row_of_readings_lacks_a_temperature(path: Path) -> None:
    assert rows(path, "SELECT device_id, temperature_celsius FROM readings") == [("hue:a", 21.5)]
    assert rows(path, EVERY) == [("alexa:a", None, 3.0), ("hue:a", 21.5, None)]
    assert rows(path, "SELECT readings FROM outcomes") == [(2,)]
    assert rows(path, "SELECT device_id FROM devices") == [("alexa:a",), ("hue:a",)]
    assert not check(path, busy_timeout_ms=0)


def test_a_cycle_that_comes_twice_is_stored_once(path: Path) -> None:
    store = a_store(path, journal=(journal := MemoryJournal()))
    (again,) = store.append(a_cycle(a_collected(WARM, AIR))).outcomes
    store.close()
    assert isinstance(again, Collected)
    assert (again.readings, journal.of("store.row_refused")) == ((), ())
    assert rows(path, EVERY) == [("alexa:a", None, 3.0), ("hue:a", 21.5, None)]


def test_rows_without_a_temperature_that_were_in_readings_stay_there(path: Path) -> None:
    changed(path, *DROP, WITHOUT)
    _store(path, a_cycle(a_collected(AIR)))  # from the spool of the version before
    assert rows(path, "SELECT id, device_id FROM readings ORDER BY id") == [(1, "hue:a"), (2, "alexa:a")]
    assert rows(path, "SELECT * FROM air_readings") == []
    assert [reading.device_id for reading in SqliteHistory(path).newest()] == ["alexa:a", "hue:a"]


def test_a_database_without_the_table_is_read_as_it_is(path: Path) -> None:
    changed(path, *DROP)
    history = SqliteHistory(path)
    assert [reading.device_id for reading in history.newest()] == ["hue:a"]
    assert len(history.hours("hue:a", Quantity.TEMPERATURE, NOON, NOON + timedelta(hours=1))) == 1
    assert [row[1] for row in SqliteExportedRows(path).rows(Selection())] == ["hue:a"]
    assert not check(path, busy_timeout_ms=0)


@pytest.mark.parametrize("age", [Age.C_WAL, Age.F])
def test_names_are_in_the_view_where_readings_has_them(tmp_path: Path, age: Age) -> None:
    path = tmp_path / "old.db"
    make_old_home(path, age, 10)
    _store(path, a_cycle(a_collected(AIR)))
    columns = {row[1] for row in rows(path, "PRAGMA table_info(all_readings)")}
    assert ("name" in columns) is (age is Age.F)
    assert rows(path, "SELECT count(*) FROM all_readings") == [(11,)]


def test_the_view_gets_names_that_come_later(path: Path, tmp_path: Path) -> None:
    named = tmp_path / "named.db"
    _store(named)
    changed(named, "ALTER TABLE readings ADD COLUMN name TEXT")
    assert _merge(path, named) == 0
    assert rows(path, "SELECT name FROM all_readings") == [(None,), (None,)]
    _store(named)
    assert rows(named, "SELECT name FROM all_readings") == []


def test_rows_from_before_the_merge_get_the_names_of_the_backup(path: Path, tmp_path: Path) -> None:
    old = tmp_path / "old.db"
    make_old_home(old, Age.E, 10)
    changed(
        old,
        "UPDATE readings SET device_id = 'hue:a', name = 'Fenster' WHERE id = 1",
        "UPDATE readings SET device_id = 'alexa:a', name = 'Air' WHERE id = 2",
    )
    assert _merge(path, old) == 10
    select = "SELECT name, count(*) FROM all_readings WHERE device_id IN ('hue:a', 'alexa:a') GROUP BY name"
    assert rows(path, select) == [("Air", 2), ("Fenster", 2)]
    assert not check(path, busy_timeout_ms=0)


@pytest.mark.parametrize(
    "create", ["VIEW all_readings AS SELECT id FROM readings", "TABLE all_readings (id INTEGER)"]
)
def test_what_a_person_has_made_by_the_name_of_the_view_stays(tmp_path: Path, create: str) -> None:
    path = tmp_path / "old.db"
    make_old_home(path, Age.F, 10)
    changed(path, f"CREATE {create}")
    _store(path, a_cycle(a_collected(AIR)))
    assert rows(path, "SELECT sql FROM sqlite_schema WHERE name = 'all_readings'") == [(f"CREATE {create}",)]


@pytest.mark.parametrize("change", ["pm25_ugm3 = 4.0", "humidity_percent = NULL", "crc = crc + 1"])
def test_a_changed_value_is_found(path: Path, change: str) -> None:
    changed(path, f"UPDATE air_readings SET {change}")  # noqa: S608 - from above
    (finding,) = check(path, busy_timeout_ms=0)
    assert (finding.table, finding.where) == ("air_readings", f"alexa:a {NOON.isoformat()}")


def test_a_backup_is_merged_once(path: Path, tmp_path: Path) -> None:
    new = tmp_path / "new.db"
    _store(new, a_cycle(a_collected(WARM)))
    assert find_missing_row(new, path, busy_timeout_ms=0) == f"air_readings alexa:a {NOON.isoformat()}"
    assert [_merge(new, path), _merge(new, path)] == [1, 0]
    assert find_missing_row(new, path, busy_timeout_ms=0) is None
    assert rows(new, "SELECT * FROM air_readings") == rows(path, "SELECT * FROM air_readings")
    assert not check(new, busy_timeout_ms=0)


def test_rows_are_recovered_from_their_pages(path: Path, tmp_path: Path) -> None:
    found = tmp_path / "found.db"
    recover(path, found, is_simulated=False)
    for table in ("readings", "air_readings"):
        assert rows(found, f"SELECT * FROM {table}") == rows(path, f"SELECT * FROM {table}")  # noqa: S608


def test_late_rows_of_both_tables_join_their_hour(path: Path) -> None:
    def counts() -> list[int]:
        history = SqliteHistory(path)
        (hour,) = history.hours("alexa:a", Quantity.PM25, NOON, NOON + timedelta(hours=1))
        (day,) = history.days("alexa:a", Quantity.PM25, NOON, NOON, UTC)
        return [hour.count, day.count]

    assert (_roll_up(path), counts()) == (2, [1, 1])
    for minutes, values in ((5, {"pm25": 4.0}), (10, {"temperature": 20.0, "pm25": 5.0})):
        slot = NOON + timedelta(minutes=minutes)
        reading = a_reading("alexa:a", kind=DeviceKind.ALEXA_AQM, collected_at=slot, **values)
        _store(path, a_cycle(a_collected(reading, due=a_due(slot=slot))))
    assert (counts(), _roll_up(path), counts(), _roll_up(path)) == ([3, 3], 2, [3, 3], 0)


def test_roll_ups_of_a_version_without_the_table_are_counted_again(path: Path) -> None:
    assert (_roll_up(path), _roll_up(path)) == (2, 0)
    changed(path, """UPDATE properties SET value = '{"last_id": 1, "rows": 1}' WHERE name = 'rollups'""")
    assert (_roll_up(path), _roll_up(path)) == (2, 0)
