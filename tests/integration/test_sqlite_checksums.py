"""What is stored gets its checksums in the same transaction, and they show every change."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.sqlite.migration.migrations import KNOWN_VERSION, add_ledger
from adapters.sqlite.opening import make_tables
from adapters.sqlite.rows.checksums import (
    SELECT_OUTCOMES,
    SELECT_RUNS,
    checksum,
    is_wrong,
    read_run,
)
from adapters.sqlite.rows.readings import INSERT_READING, READING_COLUMNS, row_of
from adapters.sqlite.store import SqliteStore
from domain.cycle import CycleReport
from domain.reading import DeviceKind, Quantity, Reading
from tests.support.builders import NOON, a_collected, a_cycle, a_due, a_failed, a_missed, a_reading, an_unread
from tests.support.databases import a_home_of_format_2, a_store, an_unrelaxed_home, changed, rows
from tests.support.old_homes import Age, make_old_home

LATER = NOON + timedelta(minutes=5)
RUNS = "SELECT first_id, last_id, readings FROM checksums ORDER BY first_id"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "readings.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    store = a_store(path)
    yield store
    store.close()


def a_later_cycle(*devices: str) -> CycleReport:
    return a_cycle(
        a_collected(*(a_reading(name, collected_at=LATER) for name in devices), due=a_due(slot=LATER))
    )


def _wrong(path: Path) -> list[str]:
    """The runs and ledger rows that have no checksum, or a wrong one."""
    with closing(sqlite3.connect(path)) as connection:
        found = [
            f"readings from {first_id}"
            for first_id, last_id, readings, crc in connection.execute(SELECT_RUNS).fetchall()
            if (readings, crc) != ((run := read_run(connection, first_id, last_id)).readings, run.crc)
        ]
        outcomes = connection.execute(SELECT_OUTCOMES).fetchall()
        return found + [f"outcomes {row[0]}" for row in outcomes if row[-1] is None or is_wrong(row)]


def test_each_cycle_has_a_checksum_of_its_readings(store: SqliteStore, path: Path) -> None:
    store.append(a_cycle(a_collected(a_reading("hue:a"), a_reading("hue:b"))))
    store.append(a_later_cycle("hue:a"))
    store.append(a_later_cycle("hue:a"))
    assert rows(path, RUNS) == [(1, 2, 2), (3, 3, 1)]
    assert _wrong(path) == []


def test_the_checksum_counts_only_readings_that_were_new(store: SqliteStore, path: Path) -> None:
    store.append(a_cycle(a_collected(a_reading("hue:b"))))
    store.append(a_cycle(a_collected(*(a_reading(f"hue:{name}") for name in "abc"))))
    assert sum(readings for _, _, readings in rows(path, RUNS)) == 3
    assert _wrong(path) == []


@pytest.mark.parametrize(
    "changes",
    [
        ("CREATE TRIGGER mine AFTER INSERT ON readings BEGIN UPDATE readings SET location = 'x'; END",),
        (
            "CREATE TRIGGER mine BEFORE INSERT ON readings WHEN new.device_id = 'hue:a' "  # noqa: ISC004
            "BEGIN SELECT RAISE(IGNORE); END",
        ),
        (
            "ALTER TABLE readings RENAME COLUMN humidity_percent TO old",
            "ALTER TABLE readings ADD COLUMN humidity_percent INTEGER",
        ),
    ],
)
def test_rows_that_a_changed_table_stores_otherwise_are_read_back(
    store: SqliteStore, path: Path, changes: tuple[str, ...]
) -> None:
    store.open()
    changed(path, *changes)
    readings = [a_reading(f"hue:{name}", temperature=20.5, relative_humidity=40.0) for name in "ab"]
    store.append(a_cycle(a_collected(*readings)))
    assert len(rows(path, RUNS)) == 1
    assert _wrong(path) == []


def test_ledger_rows_that_change_keep_a_right_checksum(store: SqliteStore, path: Path) -> None:
    store.append(a_cycle(a_failed(), missed=(a_missed(due=a_due(slot=NOON - timedelta(minutes=5))),)))
    store.append(
        a_cycle(a_collected(a_reading("hue:a"), unread=(an_unread("hue:b"),), due=a_due(scheduled=False)))
    )
    assert rows(path, "SELECT state, scheduled FROM outcomes ORDER BY slot") == [("missed", 1), ("stored", 1)]
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
        "UPDATE outcomes SET crc = crc + 1",
        "UPDATE checksums SET last_id = 3",
        "UPDATE checksums SET first_id = 0",
    ],
)
def test_every_change_makes_a_checksum_wrong(store: SqliteStore, path: Path, change: str) -> None:
    store.append(a_cycle(a_collected(a_reading("hue:a"), a_reading("hue:b"))))
    changed(path, change)
    assert _wrong(path) != []


def test_a_ledger_row_that_was_wrong_stays_wrong(store: SqliteStore, path: Path) -> None:
    store.append(a_cycle(a_failed()))
    changed(path, "UPDATE outcomes SET detail = 'x'")
    store.append(a_cycle())
    assert rows(path, "SELECT state FROM outcomes") == [("stored",)]
    assert _wrong(path) == ["outcomes hue"]


def test_a_device_row_with_invalid_text_stops_no_cycle(store: SqliteStore, path: Path) -> None:
    store.append(a_cycle(a_collected(a_reading("hue:a"), a_reading("hue:b"))))
    changed(path, "UPDATE devices SET location = CAST(x'ff' AS TEXT), last_listed_slot = x'01'")
    due = a_due(slot=LATER)
    store.append(
        a_cycle(a_collected(a_reading("hue:a", collected_at=LATER), unread=(an_unread("hue:b"),), due=due))
    )
    assert rows(path, "SELECT last_listed_slot FROM devices") == [(LATER.isoformat(),)] * 2


def test_a_home_from_before_checksums_gets_them_with_its_next_cycle(store: SqliteStore, path: Path) -> None:
    a_home_of_format_2(path)
    store.append(a_cycle(a_collected(a_reading("hue:a"))))
    assert rows(path, "PRAGMA user_version") == [(KNOWN_VERSION,)]
    assert rows(path, RUNS) == [(2, 2, 1)]
    assert rows(path, "SELECT count(crc) FROM outcomes") == [(1,)]


@pytest.mark.parametrize("age", [Age.A, Age.D_FROM_A])
def test_the_rebuild_of_an_old_table_keeps_its_checksums_right(path: Path, age: Age) -> None:
    """Those that were stored while the rebuild was put off."""
    an_unrelaxed_home(path, age, 20)
    with closing(sqlite3.connect(path)) as connection:
        run = read_run(connection, 1, 20)
        row = (run.first_id, run.last_id, run.readings, run.crc)
        connection.execute("INSERT INTO checksums VALUES (?, ?, ?, ?)", row)
        connection.commit()
    store = a_store(path)
    store.open()
    store.close()
    assert rows(path, "PRAGMA user_version") == [(KNOWN_VERSION,)]
    assert _wrong(path) == []


def test_a_new_column_does_not_change_old_checksums() -> None:
    assert checksum((1, "a", None)) == checksum((1, "a", None, None))
    assert checksum((1, "a", None)) != checksum((1, "a", None, 0))


def test_values_that_look_alike_have_different_checksums() -> None:
    alike = [(1,), (1.0,), ("1",), (b"1",), (True,), ("1", None, 1), (None, "1")]
    assert len({checksum(row) for row in alike}) == len(alike)


# The law: what the row builder returns is what SQLite stores, so that nothing is read back for a checksum.

_numbers = st.one_of(st.floats(), st.integers(-(2**70), 2**70), st.booleans(), st.just(-0.0), st.just(21))
_texts = st.text(st.characters(codec=None), max_size=5) | st.sampled_from(
    ["22.5", "1e3", "\ud83c", "\x00a", ""]
)
_instants = st.datetimes(timezones=st.just(NOON.tzinfo))
_readings = st.builds(
    Reading,
    device_id=_texts,
    kind=st.sampled_from(DeviceKind),
    location=_texts,
    collected_at=_instants,
    observed_at=st.none() | _instants,
    values=st.dictionaries(st.sampled_from(Quantity), _numbers),
    other_values=st.dictionaries(st.text(max_size=3), st.floats(), max_size=2),
    battery_percent=st.none() | st.integers(-1, 101) | st.booleans() | st.sampled_from([55.0, 55.5]),
    is_reachable=st.none() | st.booleans(),
    is_anomalous=st.booleans(),
    raw_response=st.none() | _texts,
)


@pytest.fixture(scope="module", params=["new", Age.D_FROM_A, Age.C0, Age.F])
def connection(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[sqlite3.Connection]:
    path = tmp_path_factory.mktemp("law") / "readings.db"
    if request.param != "new":
        make_old_home(path, request.param, 0)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        if request.param == "new":
            make_tables(connection, is_simulated=False)
        else:
            add_ledger(connection, is_simulated=False)
        connection.execute("PRAGMA ignore_check_constraints=ON")  # some refuse monitors
        yield connection


@settings(max_examples=40, suppress_health_check=list(HealthCheck), database=None)
@given(reading=_readings)
def test_the_row_of_a_reading_is_what_sqlite_stores(connection: sqlite3.Connection, reading: Reading) -> None:
    row = row_of(reading, "2026-03-01 12:00:00")
    if row[2] is None:
        row = (*row[:2], 20.0, *row[3:])
    connection.execute("DELETE FROM readings")
    connection.execute(INSERT_READING, row)
    columns = ", ".join(READING_COLUMNS[1:])
    (stored,) = connection.execute(f"SELECT {columns} FROM readings").fetchall()  # noqa: S608 - names
    assert ascii(stored) == ascii(row)
