"""What a cycle becomes in the database, and the connection that writes it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.memory.runtime import MemoryClock, MemoryJournal
from adapters.sqlite.store import SqliteStore
from domain.cycle import Cause, Collected
from domain.errors import CycleUnstorable, StoreError
from domain.reading import DeviceKind
from tests.support.builders import (
    NOON,
    a_collected,
    a_cycle,
    a_deferred,
    a_due,
    a_failed,
    a_measurement,
    a_missed,
    a_reading,
    an_unread,
)
from tests.support.databases import a_store, changed, rows
from tests.support.old_homes import Age, columns_of

LATER = NOON + timedelta(minutes=5)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "readings.db"


@pytest.fixture
def journal() -> MemoryJournal:
    return MemoryJournal()


@pytest.fixture
def store(path: Path, journal: MemoryJournal) -> Iterator[SqliteStore]:
    store = a_store(path, journal=journal)
    yield store
    store.close()


def test_a_new_database_has_the_columns_and_indexes_of_old_homes(store: SqliteStore, path: Path) -> None:
    store.open()
    columns = {row[1]: row[2] for row in rows(path, "PRAGMA table_info(readings)")}
    assert set(columns) == {*columns_of(Age.C_WAL), "observed_at", "pm10_ugm3", "other_values"}
    assert (columns["timestamp"], columns["temperature_celsius"]) == ("DATETIME", "REAL")
    assert {name for (name,) in rows(path, "SELECT name FROM sqlite_schema WHERE name LIKE 'idx_r%'")} == {
        f"idx_readings_{name}" for name in ("timestamp", "location", "device_type", "anomalous")
    }


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("temperature_celsius", 50.1),
        ("temperature_celsius", -40.1),
        ("humidity_percent", 100.1),
        ("pm25_ugm3", -1),
        ("pm10_ugm3", -1),
        ("iaq_score", 101),
        ("battery_level", 101),
        ("signal_strength", -1),
        ("device_type", "toaster"),
        ("thermostat_mode", "dancing"),
        ("thermostat_state", "bored"),
        ("day_night", "dusk"),
    ],
)
def test_a_new_database_has_the_checks_of_old_homes(
    store: SqliteStore, path: Path, column: str, value: object
) -> None:
    store.append(a_cycle())
    with closing(sqlite3.connect(path)) as connection, pytest.raises(sqlite3.IntegrityError):
        connection.execute(f"UPDATE readings SET {column} = ?", (value,))  # noqa: S608 - names from above


def test_a_reading_becomes_the_row_that_the_earlier_program_wrote(store: SqliteStore, path: Path) -> None:
    reading = a_reading(
        "alexa:GAJ1",
        kind=DeviceKind.ALEXA_AQM,
        location="Küche",
        observed_at=NOON - timedelta(microseconds=1500),
        temperature=21.5,
        relative_humidity=40.0,
        pm25=3.0,
        pm10=5.0,
        carbon_monoxide=0.0,
        carbon_dioxide=600.0,
        voc_index=80.0,
        iaq_score=95.0,
        other_values={"formaldehyde": 0.01},
        battery_percent=90,
        is_reachable=False,
        is_anomalous=True,
        raw_response='{"a": 1}',
    )
    store.append(a_cycle(a_collected(reading)))
    (row,) = rows(
        path,
        "SELECT timestamp, device_id, temperature_celsius, location, device_type, is_anomalous, "
        "humidity_percent, pm25_ugm3, voc_ppb, co_ppm, co2_ppm, iaq_score, battery_level, signal_strength, "
        "thermostat_mode, raw_response, created_at, observed_at, pm10_ugm3, other_values FROM readings",
    )
    assert row[:12] == (
        *("2026-03-01T12:00:00+00:00", "alexa:GAJ1", 21.5, "Küche", "alexa_aqm", 1, 40.0),
        *(3.0, 80.0, 0.0, 600.0, 95.0),
    )
    assert row[12:17] == (90, 0, None, '{"a": 1}', "2026-03-01 12:00:00")
    assert row[17:] == ("2026-03-01T11:59:59.998500+00:00", 5.0, '{"formaldehyde": 0.01}')


def test_values_that_the_table_refuses_go_to_other_values(store: SqliteStore, path: Path) -> None:
    hot = a_reading(temperature=61.25, relative_humidity=12.0, battery_percent=255)
    store.append(a_cycle(a_collected(hot)))
    assert rows(
        path,
        "SELECT temperature_celsius, humidity_percent, battery_level, other_values, is_anomalous "
        "FROM all_readings",
    ) == [(None, 12.0, None, '{"temperature": 61.25, "battery_percent": 255.0}', 1)]
    assert rows(path, "SELECT * FROM readings") == []
    assert rows(path, "SELECT readings, unread FROM outcomes") == [(1, None)]


def test_a_row_that_the_table_refuses_is_named_in_ledger_and_journal(
    store: SqliteStore, path: Path, journal: MemoryJournal
) -> None:
    store.open()
    changed(
        path,
        "CREATE TRIGGER mine BEFORE INSERT ON readings WHEN new.device_id = 'hue:sun' "
        "BEGIN SELECT RAISE(ABORT, 'not here'); END",
    )
    hot = a_reading("hue:sun", temperature=21.25, relative_humidity=112.0)
    store.append(a_cycle(a_collected(hot, a_reading("hue:a"))))
    ((count, unread),) = rows(path, "SELECT readings, unread FROM outcomes")
    cause, detail = json.loads(unread)["hue:sun"]
    assert (count, cause) == (1, "out_of_range")
    assert all(part in detail for part in ("(not here)", "temperature 21.25", "relative_humidity 112"))
    assert [record.fields["device"] for record in journal.of("store.row_refused")] == ["hue:sun"]
    assert rows(path, "SELECT device_id FROM readings") == [("hue:a",)]
    assert rows(path, "SELECT device_id FROM devices") == [("hue:a",)]  # the other was never read


@pytest.mark.parametrize("device", ["hue:a", "hue:b"])
@pytest.mark.parametrize("table", ["readings", "devices", "outcomes", "checksums"])
def test_a_trigger_that_rolls_back_leaves_nothing_of_the_cycle(
    store: SqliteStore, path: Path, table: str, device: str
) -> None:
    store.open()
    condition = f"WHEN new.device_id = '{device}'" if table in ("readings", "devices") else ""
    changed(
        path,
        f"CREATE TRIGGER mine BEFORE INSERT ON {table} {condition} BEGIN SELECT RAISE(ROLLBACK, 'no'); END",
    )
    report = a_cycle(a_collected(a_reading("hue:a"), a_reading("hue:b")))
    with pytest.raises(StoreError):
        store.append(report)
    for select in ("SELECT * FROM readings", "SELECT * FROM devices", "SELECT * FROM outcomes"):
        assert rows(path, select) == []
    changed(path, "DROP TRIGGER mine")
    (stored,) = store.append(report).outcomes
    assert isinstance(stored, Collected)
    assert (len(stored.readings), stored.already_stored) == (2, ())


@pytest.mark.parametrize("has_index", [True, False])
def test_readings_that_others_have_stored_are_not_counted(
    store: SqliteStore, path: Path, *, has_index: bool
) -> None:
    store.open()
    earlier_program = (
        "INSERT INTO readings (timestamp, device_id, temperature_celsius, location, device_type) "
        "VALUES ('2026-03-01T12:00:00+00:00', 'hue:a', 15.0, 'Hall', 'hue_sensor')"
    )
    ignoring = (
        "CREATE TRIGGER mine BEFORE INSERT ON readings WHEN new.device_id = 'hue:sun' "
        "BEGIN SELECT RAISE(IGNORE); END"
    )
    changed(path, earlier_program, ignoring, *([] if has_index else ["DROP INDEX idx_readings_timestamp"]))
    report = store.append(a_cycle(a_collected(*map(a_reading, ("hue:a", "hue:b", "hue:sun")))))
    (outcome,) = report.outcomes
    assert isinstance(outcome, Collected)
    assert [reading.device_id for reading in outcome.readings] == ["hue:b"]
    assert (outcome.already_stored, [one.device_id for one in outcome.unread]) == (("hue:a",), ["hue:sun"])
    assert rows(path, "SELECT readings, notes FROM outcomes") == [(1, '["1 reading was stored already"]')]
    assert rows(path, "SELECT device_id, temperature_celsius FROM readings") == [
        ("hue:a", 15.0),
        ("hue:b", 21.5),
    ]
    run = rows(path, "SELECT first_id, last_id, readings FROM checksums")[-1]
    assert run == (2, 2, 1)


def test_a_planned_cycle_that_shares_its_slot_keeps_the_count(store: SqliteStore, path: Path) -> None:
    store.append(a_cycle(a_collected(a_reading("hue:a"), due=a_due(scheduled=False))))
    store.append(a_cycle(a_collected(a_reading("hue:a"), a_reading("hue:b"))))
    assert rows(path, "SELECT scheduled, readings FROM outcomes") == [(1, 2)]


def test_a_cycle_drained_twice_keeps_its_count(store: SqliteStore, path: Path) -> None:
    for _ in range(2):
        store.append(a_cycle())
    assert rows(path, "SELECT state, readings, notes FROM outcomes") == [("stored", 1, None)]


def test_the_ledger_has_a_row_for_each_source_and_slot(store: SqliteStore, path: Path) -> None:
    unread = (an_unread("hue:b", Cause.UNREACHABLE), an_unread("hue:c", Cause.NO_VALUE, "null since noon"))
    store.append(
        a_cycle(
            a_collected(a_reading("hue:a"), unread=unread, notes=("fell back",)),
            a_failed(a_due("amazon", interval_s=600), unread=(an_unread("alexa:x", Cause.NETWORK),)),
            a_deferred(a_due("other", scheduled=False), until=LATER),
            missed=(a_missed(a_due("hue", NOON - timedelta(minutes=5)), cause=Cause.ASLEEP),),
        )
    )
    found = rows(
        path,
        "SELECT source, slot, interval_s, scheduled, state, cause, detail, readings, unread, until, notes "
        "FROM outcomes ORDER BY source, slot",
    )
    noon, before = "2026-03-01T12:00:00+00:00", "2026-03-01T11:55:00+00:00"
    failure = ("the bridge did not answer", 0, '{"alexa:x": "network"}')
    hue_unread = '{"hue:b": "unreachable", "hue:c": ["no_value", "null since noon"]}'
    assert found == [
        ("amazon", noon, 600, 1, "failed", "network", *failure, None, None),
        ("hue", before, 300, 1, "missed", "asleep", None, 0, None, None, None),
        ("hue", noon, 300, 1, "stored", None, None, 1, hue_unread, None, '["fell back"]'),
        ("other", noon, 300, 0, "deferred", "throttled", None, 0, None, "2026-03-01T12:05:00+00:00", None),
    ]
    store.append(a_cycle(a_failed(a_due("third")), missed=(a_missed(a_due("amazon")),)))
    assert rows(path, "SELECT state FROM outcomes WHERE source = 'amazon'") == [("failed",)]


# The device rows

DEVICES = (
    "SELECT device_id, source, kind, location, first_slot, last_read_slot, last_listed_slot FROM devices"
)


def _appended(store: SqliteStore, minutes: int, location: str = "Attic", **changes: Any) -> None:
    slot = NOON + timedelta(minutes=minutes)
    reading = a_reading("hue:a", location=location, collected_at=slot)
    store.append(a_cycle(a_collected(reading, due=a_due(slot=slot), **changes)))


def _slots(*minutes: int) -> tuple[str, ...]:
    return tuple((NOON + timedelta(minutes=each)).isoformat() for each in minutes)


def test_a_device_has_the_location_of_its_newest_reading(store: SqliteStore, path: Path) -> None:
    _appended(store, 5, "Attic")
    _appended(store, 0, "Cellar")
    assert rows(path, DEVICES) == [("hue:a", "hue", "hue_sensor", "Attic", *_slots(0, 5, 5))]


def test_a_device_row_is_written_when_it_changes_or_lags_by_an_hour(store: SqliteStore, path: Path) -> None:
    written = []
    for minutes, location in ((0, "Attic"), (5, "Attic"), (55, "Attic"), (60, "Attic"), (65, "Hall")):
        _appended(store, minutes, location)
        written += rows(path, "SELECT location, last_read_slot, last_listed_slot FROM devices")
    assert written == [
        *[("Attic", *_slots(0, 0))] * 3,
        ("Attic", *_slots(60, 60)),
        ("Hall", *_slots(65, 65)),
    ]


def test_a_clock_that_was_decades_behind_does_not_make_a_device_older(path: Path) -> None:
    in_1970 = round((datetime(1970, 1, 1, tzinfo=UTC) - NOON) / timedelta(minutes=1))
    clock = MemoryClock(NOON)
    store = SqliteStore(path, journal=MemoryJournal(), clock=clock)
    first = []
    for minutes in (0, in_1970, 120, 180):  # the second one after a start without the time
        clock.step_wall((NOON + timedelta(minutes=minutes) - clock.now()).total_seconds())
        _appended(store, minutes)
        first += rows(path, "SELECT first_slot FROM devices")
    store.close()
    assert first == [_slots(0)] * 4


def test_a_device_that_was_first_read_in_1970_begins_when_the_clock_is_right(
    store: SqliteStore, path: Path
) -> None:
    in_1970 = round((datetime(1970, 1, 1, tzinfo=UTC) - NOON) / timedelta(minutes=1))
    for minutes in (in_1970, in_1970 + 5, 0, 60):
        _appended(store, minutes)
    assert rows(path, "SELECT first_slot, last_read_slot FROM devices") == [_slots(0, 60)]


def test_a_device_that_vanished_was_listed_until_its_newest_reading(store: SqliteStore, path: Path) -> None:
    _appended(store, 0)
    _appended(store, 30)
    at = NOON + timedelta(minutes=30, days=1)
    assert store.progress("hue", at - timedelta(seconds=1)).expected == {"hue:a"}
    assert store.progress("hue", at).expected == frozenset()
    gone = Collected(
        due=a_due(slot=NOON + timedelta(minutes=35)),
        readings=(),
        unread=(an_unread("hue:a", Cause.NOT_LISTED),),
    )
    store.append(a_cycle(gone))
    assert rows(path, "SELECT last_read_slot, last_listed_slot FROM devices") == [_slots(0, 30)]
    again = a_store(path)
    assert again.progress("hue", at - timedelta(seconds=1)).expected == {"hue:a"}
    again.close()


# Measurements


def _measuring(path: Path, *instants: datetime) -> list[str]:
    """The days of which measurements are left, when they are stored one after the other as they begin."""
    clock = MemoryClock(NOON)
    store = SqliteStore(path, journal=MemoryJournal(), clock=clock)
    for instant in instants:
        clock.step_wall((instant - clock.now()).total_seconds())
        store.append(a_cycle(measurements=(a_measurement(instant),)))
    store.close()
    return [row[0][:10] for row in rows(path, "SELECT slot FROM source_measurements ORDER BY slot")]


def test_measurements_of_31_days_are_kept(path: Path) -> None:
    days = [NOON + timedelta(days=2 * number, hours=number % 3) for number in range(31)]
    assert len(_measuring(path, *days)) == 31
    left = _measuring(path, NOON + timedelta(days=100), NOON + timedelta(days=100, hours=1))
    assert left == [f"{day:%Y-%m-%d}" for day in days[1:]] + ["2026-06-09"] * 2
    (plan,) = rows(path, "EXPLAIN QUERY PLAN DELETE FROM source_measurements WHERE slot < '2026'")
    assert "SEARCH" in plan[3]


def test_a_clock_that_jumps_by_years_costs_one_day_of_measurements(path: Path) -> None:
    month = [NOON + timedelta(days=number) for number in range(31)]
    far = [NOON + timedelta(days=4000, minutes=5 * number) for number in range(20)]
    assert len(_measuring(path, *month, *far)) == 30 + 20
    assert len(_measuring(path, month[-1] + timedelta(minutes=5))) == 30 + 20 + 1, (
        "none is lost by the way back"
    )
    later = [month[-1] + timedelta(days=number) for number in range(1, 40)]
    assert len(_measuring(path, *later)) == 31 + 20, "what lies ahead takes no day's place"


# Transactions and the connection


def test_a_cycle_that_fails_half_way_leaves_nothing(store: SqliteStore, path: Path) -> None:
    store.append(a_cycle(measurements=(a_measurement(),)))
    changed(
        path,
        "CREATE TRIGGER no_more BEFORE INSERT ON source_measurements "
        "BEGIN SELECT RAISE(ABORT, 'no more'); END",
    )
    before = rows(path, "SELECT * FROM readings"), rows(path, "SELECT * FROM outcomes")
    reading = a_reading(collected_at=LATER)
    report = a_cycle(a_collected(reading, due=a_due(slot=LATER)), measurements=(a_measurement(LATER),))
    with pytest.raises(StoreError, match="no more"):
        store.append(report)
    assert (rows(path, "SELECT * FROM readings"), rows(path, "SELECT * FROM outcomes")) == before
    changed(path, "DROP TRIGGER no_more")
    store.append(report)
    assert store.progress("hue", LATER).is_stored


def test_a_bug_half_way_leaves_nothing(store: SqliteStore, path: Path) -> None:
    no_number: Any = object()
    faulty = a_reading("hue:b", other_values={"x": no_number})
    with pytest.raises(TypeError):
        store.append(a_cycle(a_collected(a_reading("hue:a"), faulty)))
    store.append(a_cycle(a_collected(a_reading("hue:c"))))
    assert rows(path, "SELECT device_id FROM readings") == [("hue:c",)]


def test_a_value_that_no_column_can_hold_is_unstorable(store: SqliteStore, path: Path) -> None:
    with pytest.raises(CycleUnstorable):
        store.append(a_cycle(a_collected(due=a_due(interval_s=10**30))))
    store.append(a_cycle())
    assert rows(path, "SELECT count(*) FROM readings") == [(1,)]


def test_a_cycle_is_one_transaction_that_begins_with_the_write_lock(store: SqliteStore) -> None:
    store.open()
    statements: list[str] = []
    connection = store._connection
    assert connection is not None
    connection.set_trace_callback(statements.append)
    store.append(a_cycle(a_collected(), a_failed(a_due("amazon")), measurements=(a_measurement(),)))
    assert (statements[0], statements[-1]) == ("BEGIN IMMEDIATE", "COMMIT")
    assert not [each for each in statements[1:-1] if each.startswith(("BEGIN", "COMMIT"))]


def test_a_cycle_takes_few_statements_and_reads_no_row_back(store: SqliteStore) -> None:
    for slot in (NOON - timedelta(minutes=5), NOON):  # the first makes the table of measurements
        collected = a_collected(a_reading(collected_at=slot), due=a_due(slot=slot))
        store.append(a_cycle(collected, measurements=(a_measurement(slot),)))
    statements: list[str] = []
    connection = store._connection
    assert connection is not None
    connection.set_trace_callback(statements.append)
    reading = a_reading(collected_at=LATER)
    report = a_cycle(a_collected(reading, due=a_due(slot=LATER)), measurements=(a_measurement(LATER),))
    store.append(report)
    assert len(statements) <= 16
    assert not [each for each in statements if "FROM readings WHERE id" in each or "INTO devices" in each]


def test_the_connection_has_every_setting(store: SqliteStore, journal: MemoryJournal) -> None:
    store.open()
    connection = store._connection
    assert connection is not None
    wanted = {
        "journal_mode": "wal",
        "synchronous": 2,
        "fullfsync": 1,
        "checkpoint_fullfsync": 1,
        "busy_timeout": 5000,
        "foreign_keys": 1,
        "wal_autocheckpoint": 1000,
        "journal_size_limit": 4194304,
        "cell_size_check": 1,
        "trusted_schema": 0,
        "mmap_size": 0,
        "cache_size": -512,
    }
    assert {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in wanted} == wanted
    assert journal.events() == ("store.made", "store.opened")


def test_a_closed_store_leaves_one_file_and_opens_again(store: SqliteStore, path: Path) -> None:
    store.append(a_cycle())
    assert path.with_name("readings.db-wal").stat().st_size > 0
    store.close()
    assert sorted(file.name for file in path.parent.iterdir()) == ["readings.db", "readings.db.lock"]
    assert store.progress("hue", NOON).is_stored


def test_a_close_empties_the_log_although_another_program_has_it_open(store: SqliteStore, path: Path) -> None:
    store.append(a_cycle())
    with closing(sqlite3.connect(path)) as another:
        another.execute("SELECT count(*) FROM readings").fetchone()
        store.close()
        assert path.with_name("readings.db-wal").stat().st_size == 0


def test_a_file_that_replaced_the_database_gets_the_rows_that_it_lacks(
    store: SqliteStore, path: Path, tmp_path: Path, journal: MemoryJournal
) -> None:
    backup = tmp_path / "backup.db"
    other = a_store(backup)
    other.append(a_cycle(a_collected(a_reading("hue:from-the-backup"))))
    other.close()
    store.append(a_cycle(a_collected(a_reading("hue:a"))))
    for name in ("readings.db-wal", "readings.db-shm"):
        path.with_name(name).unlink()
    backup.rename(path)
    store.append(a_cycle(a_collected(a_reading("hue:b"))))
    devices = {row[0] for row in rows(path, "SELECT device_id FROM readings")}
    assert devices == {"hue:from-the-backup", "hue:a", "hue:b"}
    assert "store.replaced" in journal.events()
