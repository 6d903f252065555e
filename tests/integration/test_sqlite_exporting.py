"""Exported rows of databases that others have written to as well."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from adapters.sqlite.history import exporting
from adapters.sqlite.history.exporting import SqliteExportedRows
from domain.history.export import Selection
from tests.support.builders import NOON, a_collected, a_cycle, a_due, a_reading
from tests.support.databases import a_store, changed, rows

BERLIN = ZoneInfo("Europe/Berlin")
FIVE_MINUTES = timedelta(minutes=5)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A database with an hour of one sensor, which is read three rows at a time."""
    monkeypatch.setattr(exporting, "_ROWS_AT_ONCE", 3)
    path = tmp_path / "readings.db"
    store = a_store(path)
    for number in range(12):
        slot = NOON + number * FIVE_MINUTES
        reading = a_reading("hue:a", collected_at=slot)
        store.append(a_cycle(a_collected(reading, due=a_due(slot=slot))))
    store.close()
    return path


def insert(path: Path, timestamp: str, device_id: str = "alexa:a", **columns: str) -> None:
    names = "".join(f", {name}" for name in columns)
    values = "".join(f", {value}" for value in columns.values())
    changed(
        path,
        "PRAGMA ignore_check_constraints=ON",
        f"INSERT INTO readings (timestamp, device_id, location, device_type{names}) "  # noqa: S608
        f"VALUES ('{timestamp}', '{device_id}', 'Hall', 'alexa_aqm'{values})",
    )


def test_local_times_of_the_earlier_program_are_in_utc_and_in_order(path: Path) -> None:
    for minute in (2, 7, 12, 22, 32, 42):
        insert(path, f"2026-03-01T13:{minute:02}:00.500000")
    insert(path, "2026-03-01T07:17:00-05:00", device_id="alexa:b")
    insert(path, "soon")
    found = [str(row[0]) for row in SqliteExportedRows(path, naive_zone=BERLIN).rows(Selection())]
    assert len(found) == 12 + 7
    assert found == sorted(found)
    assert "2026-03-01T12:42:00.500000+00:00" in found
    assert "2026-03-01T12:17:00+00:00" in found


def test_limits_count_local_times_in_utc(path: Path) -> None:
    insert(path, "2026-03-01T13:02:00")
    insert(path, "2026-03-01T12:58:00")
    selection = Selection(since=NOON, until=NOON + FIVE_MINUTES)
    found = SqliteExportedRows(path, naive_zone=BERLIN).rows(selection)
    assert [row[0] for row in found] == ["2026-03-01T12:00:00+00:00", "2026-03-01T12:02:00+00:00"]


def test_days_of_local_times_are_in_order_when_the_clock_is_set_back(path: Path) -> None:
    begin = datetime(2026, 10, 24, tzinfo=UTC)
    for number in range(72):
        local = (begin + timedelta(hours=number)).astimezone(BERLIN)
        insert(path, f"{local:%Y-%m-%dT%H:%M:%S}.{local.fold}")
    found = [str(row[0]) for row in SqliteExportedRows(path, naive_zone=BERLIN).rows(Selection(since=begin))]
    assert found == sorted(found)
    assert len(found) == 72


def test_odd_cells_are_left_empty(path: Path) -> None:
    insert(
        path,
        "2026-03-01T12:59:00+00:00",
        pm25_ugm3="9e999",
        voc_ppb="'=1+1'",
        other_values="'=cmd()'",
        observed_at="'=cmd()'",
        battery_level="'=1'",
    )
    *_, row = SqliteExportedRows(path).rows(Selection())
    assert row[1:4] == ("alexa:a", "Hall", "alexa_aqm")
    assert set(row[4:]) == {None, 0}


def test_invalid_text_is_exported_all_the_same(path: Path) -> None:
    changed(path, "UPDATE readings SET location = CAST(x'4861ff6c' AS TEXT) WHERE id = 5")
    found = [row[2] for row in SqliteExportedRows(path).rows(Selection())]
    assert len(found) == 12
    assert found[4] == "Ha\ufffdl"


def test_no_transaction_is_open_between_two_portions(path: Path) -> None:
    exported = SqliteExportedRows(path).rows(Selection())
    next(exported)
    insert(path, "2026-03-01T12:58:00+00:00")
    assert rows(path, "PRAGMA wal_checkpoint(TRUNCATE)") == [(0, 0, 0)]
    assert len(list(exported)) == 11, "what is stored meanwhile is not among them"
