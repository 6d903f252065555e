"""The history of old homes, with naive times, unknown devices and odd values."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from adapters.sqlite.history.queries import (
    _SELECT_DEVICES,
    _SELECT_INSTANTS,
    _SELECT_OLDEST,
    _SELECT_OUT_OF_ORDER,
    _SELECT_VALUES,
    SqliteHistory,
)
from domain.errors import StoreError
from domain.reading import DeviceKind, Quantity
from tests.support.builders import NOON, a_collected, a_cycle, a_due, a_reading
from tests.support.databases import a_store, changed, rows
from tests.support.old_homes import Age, make_old_home

EAST = timezone(timedelta(hours=2))
WEST = timezone(timedelta(hours=-8))
INSERT = (
    "INSERT INTO readings (timestamp, device_id, temperature_celsius, location, device_type) "
    "VALUES ('{}', '{}', {}, 'Bad', '{}')"
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "readings.db"
    store = a_store(path)
    store.open()
    store.close()
    return path


def _old_rows(path: Path, *old: tuple[str, str, float, str]) -> None:
    changed(path, *(INSERT.format(*row) for row in old))


def test_a_naive_time_is_older_although_its_text_is_greater(path: Path) -> None:
    _old_rows(
        path,
        ("2026-03-01T13:55:00.123456", "alexa:a", 20.0, "alexa_aqm"),
        ("2026-03-01T12:00:00+00:00", "alexa:a", 21.0, "alexa_aqm"),
    )
    (reading,) = SqliteHistory(path, naive_zone=EAST).newest()
    assert (reading.collected_at, reading.values) == (NOON, {Quantity.TEMPERATURE: 21.0})
    series = SqliteHistory(path, naive_zone=EAST).series(
        "alexa:a", Quantity.TEMPERATURE, NOON - timedelta(hours=1)
    )
    assert series == [(datetime(2026, 3, 1, 11, 55, 0, 123456, tzinfo=UTC), 20.0), (NOON, 21.0)]


@pytest.mark.parametrize(
    ("naive", "in_utc"),
    [
        ("2026-03-01T04:10:00.5", "2026-03-01T12:00:00+00:00"),
        ("2026-03-01T16:10:00.5", "2026-03-02T00:05:00+00:00"),
    ],
)
def test_a_naive_time_is_newer_although_its_text_is_smaller(path: Path, naive: str, in_utc: str) -> None:
    _old_rows(path, (naive, "alexa:a", 20.0, "alexa_aqm"), (in_utc, "alexa:a", 21.0, "alexa_aqm"))
    history = SqliteHistory(path, naive_zone=WEST)
    (reading,) = history.newest()
    assert reading.collected_at == datetime.fromisoformat(naive).replace(tzinfo=WEST)
    since = reading.collected_at - timedelta(seconds=1)
    assert history.series("alexa:a", Quantity.TEMPERATURE, since) == [(reading.collected_at, 20.0)]
    (earlier,) = history.newest(until=datetime.fromisoformat(in_utc))
    assert earlier.collected_at == datetime.fromisoformat(in_utc)


def test_both_names_of_monitors_are_read_and_unknown_kinds_are_skipped(path: Path) -> None:
    """The earlier program called monitors `alexa_aqm` and `amazon_aqm`."""
    _old_rows(
        path,
        ("2026-03-01T12:00:00+00:00", "weather:home", 3.0, "weather_api"),
        ("2026-03-01T12:00:00+00:00", "alexa:a", 21.0, "alexa_aqm"),
    )
    changed(
        path,
        "PRAGMA ignore_check_constraints = ON",
        "UPDATE readings SET device_type = 'amazon_aqm' WHERE device_id = 'alexa:a'",
    )
    assert [reading.kind for reading in SqliteHistory(path).newest()] == [DeviceKind.ALEXA_AQM]
    series = SqliteHistory(path).series("weather:home", Quantity.TEMPERATURE, NOON)
    assert series == [(NOON, 3.0)]


def test_rows_without_a_valid_time_are_skipped(path: Path) -> None:
    _old_rows(
        path,
        ("unknown", "hue:a", 20.0, "hue_sensor"),
        ("20260301", "hue:a", 20.5, "hue_sensor"),
        ("2026-03-01T12:00:00+00:00", "hue:a", 21.0, "hue_sensor"),
    )
    assert [reading.collected_at for reading in SqliteHistory(path).newest()] == [NOON]
    series = SqliteHistory(path).series("hue:a", Quantity.TEMPERATURE, NOON - timedelta(days=9000))
    assert series == [(NOON, 21.0)]


def test_a_row_of_the_earlier_program_is_a_reading(path: Path) -> None:
    _old_rows(path, ("2026-03-01T12:00:00.250000+00:00", "hue:a", 21.0, "hue_sensor"))
    changed(path, "UPDATE readings SET is_anomalous = NULL, signal_strength = 0, battery_level = 55")
    assert SqliteHistory(path).newest() == [
        a_reading(
            "hue:a",
            location="Bad",
            temperature=21.0,
            collected_at=NOON + timedelta(seconds=0.25),
            battery_percent=55,
            is_reachable=False,
        )
    ]


def test_invalid_utf_8_hides_no_reading(path: Path) -> None:
    _old_rows(path, ("2026-03-01T12:00:00+00:00", "hue:a", 21.0, "hue_sensor"))
    changed(path, "UPDATE readings SET location = CAST(x'4bfc636865' AS TEXT)")
    assert [reading.location for reading in SqliteHistory(path).newest()] == ["K\ufffdche"]


def test_a_database_that_was_not_upgraded_yet_raises(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    make_old_home(path, Age.A, 10)
    with pytest.raises(StoreError, match="upgrades it"):
        SqliteHistory(path).newest()


@pytest.mark.parametrize("table", ["readings", "air_readings"])
@pytest.mark.parametrize(
    "statement",
    [
        _SELECT_DEVICES,
        _SELECT_INSTANTS,
        _SELECT_OLDEST,
        _SELECT_OUT_OF_ORDER,
        _SELECT_VALUES,
    ],
)
def test_the_newest_readings_need_no_scan_of_years(path: Path, statement: str, table: str) -> None:
    parameters = ("hue:a", "2026-03", "2026", "2026-03", "2026")[: statement.count("?")]
    statement = statement.format(table=table, columns="temperature_celsius")
    plan = [row[3] for row in rows(path, f"EXPLAIN QUERY PLAN {statement}", *parameters)]
    touching = [step for step in plan if "readings" in step]
    assert touching
    assert [step for step in touching if not step.startswith("SEARCH") or "INDEX" not in step] == []
    assert not any("TEMP B-TREE" in step for step in plan)


def test_queries_change_nothing_and_wait_for_no_writer(path: Path) -> None:
    store = a_store(path)
    aqm = a_reading("alexa:a", kind=DeviceKind.ALEXA_AQM)
    store.append(a_cycle(a_collected(aqm, due=a_due("amazon"))))
    history = SqliteHistory(path, busy_timeout_ms=0)
    with store._write_connection() as connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("UPDATE readings SET location = 'elsewhere'")
        assert history.newest() == [aqm]
        connection.execute("ROLLBACK")
    store.close()
    before = path.read_bytes()
    assert history.newest() == [aqm]
    assert path.read_bytes() == before


def test_a_row_with_odd_values_hides_no_other_row(path: Path) -> None:
    store = a_store(path)
    readings = [a_reading(f"hue:{number}") for number in range(7)]
    store.append(a_cycle(a_collected(*readings)))
    store.close()
    nonsense = (
        "temperature_celsius = 'warm'",
        "other_values = '{'",
        "other_values = '[1, 2]'",
        "battery_level = x'00'",
        "location = x'ff'",
        "timestamp = x'00'",
    )
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA ignore_check_constraints=ON")
        for number, change in enumerate(nonsense):
            connection.execute(
                f"UPDATE readings SET {change} WHERE device_id = ?",  # noqa: S608 - from above
                (f"hue:{number}",),
            )
        connection.commit()
    history = SqliteHistory(path)
    assert "hue:6" in {reading.device_id for reading in history.newest()}
    assert len(history.newest()) == 5
    assert history.series("hue:0", Quantity.TEMPERATURE, NOON) == []
