"""Old tables are rebuilt so that they take all readings, and nothing else changes."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from adapters.memory.runtime import MemoryJournal
from adapters.sqlite.migration.migrations import KNOWN_VERSION
from domain.reading import DeviceKind
from tests.support.builders import a_collected, a_cycle, a_reading
from tests.support.databases import a_store, an_unrelaxed_home, changed, rows
from tests.support.old_homes import Age

COLUMNS = "SELECT name, type, dflt_value, pk FROM pragma_table_xinfo('readings')"
# Some indexes of the earlier program go with the rebuilding: see test_sqlite_indexes.py.
GOING = "('idx_readings_device_id', 'idx_readings_device_timestamp', 'idx_readings_device_type')"
OBJECTS = f"""
SELECT type, name, tbl_name, sql FROM sqlite_schema
WHERE NOT (type = 'table' AND name = 'readings') AND name NOT IN {GOING} ORDER BY type, name
"""  # noqa: S608 - names from above
NOTED = f"SELECT * FROM sqlite_stat1 WHERE idx NOT IN {GOING} ORDER BY tbl, idx"  # noqa: S608 - names from above
INSERT_ONE = (
    "INSERT INTO readings (timestamp, device_id, temperature_celsius, location, device_type) "
    "VALUES ('2025-03-01T12:00:00+00:00', 'hue:old', 20.0, 'Bad', 'hue_sensor')"
)
SUN = a_reading("hue:sun", temperature=61.0)
MONITOR = a_reading("alexa:new", kind=DeviceKind.ALEXA_AQM, temperature=22.5, pm25=3.0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "readings.db"


def _relaxed(path: Path) -> MemoryJournal:
    """The home, opened once by this program."""
    journal = MemoryJournal()
    store = a_store(path, journal=journal)
    store.open()
    store.close()
    return journal


def _copies(path: Path) -> Sequence[Path]:
    return sorted(path.parent.glob("readings.db.before-*"))


@pytest.mark.parametrize("age", Age)
def test_a_rebuilt_table_takes_new_rows_and_keeps_its_other_checks(path: Path, age: Age) -> None:
    an_unrelaxed_home(path, age, 20)
    columns, objects = rows(path, COLUMNS), rows(path, OBJECTS)
    store = a_store(path)
    store.append(a_cycle(a_collected(SUN, MONITOR)))
    store.close()
    assert rows(path, "SELECT device_id, temperature_celsius FROM readings WHERE id > 20") == [
        ("alexa:new", 22.5),
    ]
    assert rows(path, "SELECT device_id FROM air_readings") == [("hue:sun",)]
    assert (rows(path, COLUMNS), rows(path, OBJECTS)) == (columns, objects)
    refused = {
        "temperature_celsius": 50.1,
        "humidity_percent": 101,
        "device_type": "toaster",
        "battery_level": -1,
        "thermostat_mode": "dancing",
        "location": None,
    }
    with closing(sqlite3.connect(path)) as connection:
        for column, value in refused.items():
            with pytest.raises(sqlite3.IntegrityError):
                connection.execute(f"UPDATE readings SET {column} = ? WHERE id = 1", (value,))  # noqa: S608


def test_ids_continue_after_the_highest_that_was_ever_used(path: Path) -> None:
    an_unrelaxed_home(path, Age.B, 500)
    changed(path, "DELETE FROM readings WHERE id > 450")
    _relaxed(path)
    store = a_store(path)
    store.append(a_cycle())
    store.close()
    assert rows(path, "SELECT max(id), count(*) FROM readings") == [(501, 451)]
    assert rows(path, "SELECT name, seq FROM sqlite_sequence") == [("readings", 501)]


def test_odd_values_of_old_rows_stay(path: Path) -> None:
    an_unrelaxed_home(path, Age.C_ROLLBACK, 500)
    changed(
        path,
        "PRAGMA ignore_check_constraints = ON",
        "UPDATE readings SET location = CAST(x'4bfc636865' AS TEXT), created_at = 20260301 WHERE id = 1",
        "UPDATE readings SET location = x'00ff', raw_response = 9223372036854775807 WHERE id = 2",
        "UPDATE readings SET temperature_celsius = 'warm', humidity_percent = -7e300 WHERE id = 3",
        "UPDATE readings SET temperature_celsius = 61, is_anomalous = 'yes', co_ppm = x'01' WHERE id = 4",
        "UPDATE readings SET id = -5, timestamp = 1.5, location = '' WHERE id = 5",
        "UPDATE readings SET raw_response = hex(zeroblob(40000)), battery_level = 0.25 WHERE id = 6",
    )
    columns = [name for name, *_ in rows(path, COLUMNS)]
    every = ", ".join(f"typeof({name}), hex(quote({name}))" for name in columns)
    before = rows(path, f"SELECT {every} FROM readings ORDER BY id")  # noqa: S608 - names of columns
    assert _relaxed(path).events()[-2] == "store.relaxed"
    assert rows(path, f"SELECT {every} FROM readings ORDER BY id") == before  # noqa: S608 - names of columns
    assert rows(path, "PRAGMA foreign_key_check") == []


def test_objects_that_a_person_added_stay_and_work(path: Path) -> None:
    an_unrelaxed_home(path, Age.D_FROM_A, 100)
    changed(
        path,
        "ALTER TABLE readings ADD COLUMN \"my note, (mine)\" TEXT COLLATE NOCASE DEFAULT '-'",
        "ALTER TABLE readings ADD COLUMN fahrenheit REAL AS (temperature_celsius * 1.8 + 32)",
        "CREATE INDEX mine ON readings (location COLLATE NOCASE, round(temperature_celsius)) WHERE id > 3",
        "CREATE TABLE heard (id INTEGER PRIMARY KEY, reading REFERENCES readings (id) ON DELETE CASCADE)",
        "INSERT INTO heard (reading) SELECT id FROM readings",
        "CREATE TRIGGER hear AFTER INSERT ON readings BEGIN INSERT INTO heard (reading) VALUES (new.id); END",
        "CREATE TRIGGER forget AFTER DELETE ON heard BEGIN DELETE FROM readings WHERE id = old.reading; END",
        "CREATE VIEW warm AS SELECT id, location FROM readings WHERE temperature_celsius > 22",
        "CREATE VIEW warmest AS SELECT max(id) AS id FROM warm",
        "CREATE TRIGGER cool INSTEAD OF DELETE ON warm BEGIN DELETE FROM heard WHERE reading = old.id; END",
        "CREATE VIEW broken AS SELECT * FROM nowhere",
        "ANALYZE",
    )
    objects, warm = rows(path, OBJECTS), rows(path, "SELECT * FROM warm ORDER BY id")
    noted = rows(path, NOTED)
    found = rows(path, "SELECT id, fahrenheit, [my note, (mine)] FROM readings ORDER BY id")
    assert _relaxed(path).events()[-2] == "store.relaxed"
    assert rows(path, OBJECTS) == objects
    assert rows(path, NOTED) == noted
    assert rows(path, "SELECT id, fahrenheit, [my note, (mine)] FROM readings ORDER BY id") == found
    assert rows(path, "SELECT * FROM warm ORDER BY id") == warm
    assert rows(path, "SELECT count(*) FROM heard") == [(100,)]
    store = a_store(path)
    store.append(a_cycle())
    store.close()
    assert rows(path, "SELECT reading FROM heard WHERE id > 100") == [(101,)]
    changed(path, "DELETE FROM warm WHERE id = (SELECT max(id) FROM warm)")
    assert rows(path, "SELECT max(id) FROM warm") == [warm[-2][:1]]


def test_a_home_with_rows_is_copied_first_and_no_copy_overwritten(path: Path) -> None:
    an_unrelaxed_home(path, Age.B)
    earlier = path.with_name("readings.db.before-format-2-20260301T120000Z")
    earlier.write_text("of another day")
    before = path.read_bytes()
    journal = _relaxed(path)
    assert journal.events() == (
        "store.relaxing",
        "store.copying",
        "store.copied",
        "store.relaxed",
        "store.opened",
    )
    assert earlier.read_text() == "of another day"
    assert _copies(path) == [earlier, copy := path.with_name(f"{earlier.name}-2")]
    assert copy.read_bytes()[100:] == before[100:]
    assert rows(copy, "PRAGMA user_version") == [(1,)]


def test_a_home_without_rows_is_not_copied(path: Path) -> None:
    an_unrelaxed_home(path, Age.B, 0)
    assert _relaxed(path).events() == ("store.opened",)
    assert rows(path, "PRAGMA user_version") == [(KNOWN_VERSION,)]
    assert _copies(path) == []


def test_a_table_that_takes_all_rows_is_not_rebuilt(path: Path) -> None:
    an_unrelaxed_home(path, Age.B)
    _relaxed(path)
    for copy in _copies(path):
        copy.unlink()
    changed(path, "PRAGMA user_version = 1")
    place = rows(path, "SELECT rootpage FROM sqlite_schema WHERE name = 'readings'")
    assert _relaxed(path).events() == ("store.opened",)
    assert rows(path, "SELECT rootpage FROM sqlite_schema WHERE name = 'readings'") == place
    assert rows(path, "PRAGMA user_version") == [(KNOWN_VERSION,)]
    assert _copies(path) == []
