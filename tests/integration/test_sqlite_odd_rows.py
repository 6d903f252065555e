"""Rows with values of types that this program never writes are skipped and hide nothing."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from adapters.sqlite.history.ledger import SqliteLedger
from adapters.sqlite.history.queries import SqliteHistory
from adapters.sqlite.rows.settings import SELECT_CURRENT, settings_of
from adapters.sqlite.schema import CREATE_DEVICE_SETTINGS
from domain.cycle import Cause, Collected
from domain.device_settings import SettingsByDevice
from domain.history.export import other_values
from domain.progress import SourceProgress
from domain.reading import Quantity
from tests.support.builders import NOON, a_collected, a_cycle, a_due, a_reading, an_unread
from tests.support.databases import a_store, changed, rows

LATER = NOON + timedelta(minutes=5)
END = NOON + timedelta(hours=2)
OUTCOME = (
    "INSERT INTO outcomes (source, slot, interval_s, scheduled, state) VALUES ({}, {}, 300, 1, 'stored')"
)
OFFSET = (
    "INSERT INTO device_settings VALUES ('hue:a', 'offset.temperature', '2026-03-01T12:00:00+00:00', '{}')"
)
OTHERS = """UPDATE readings SET other_values = '{{"lux": {}, "noise": 40}}'"""
LENGTH = "UPDATE outcomes SET state = 'failed', interval_s = {}"
DEVICE = "INSERT INTO devices VALUES ({}, 'hue', 'hue_sensor', 'Attic', {}, {}, {}, NULL)"
ODD_SLOTS = (
    "x'ff'",
    "x'00'",
    "9",
    "20380119",
    "1e300",
    "''",
    "'2026-03-01T'",
    "'2026-02-30 morning'",
    "'zzz'",
    "CAST(x'ff' AS TEXT)",
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database with one cycle."""
    path = tmp_path / "readings.db"
    store = a_store(path)
    store.append(a_cycle(a_collected(a_reading("hue:a"))))
    store.close()
    return path


@pytest.mark.parametrize("slot", ODD_SLOTS)
def test_slots_of_odd_types_hide_no_newest_slot(path: Path, slot: str) -> None:
    changed(path, OUTCOME.format("'hue'", slot))
    store = a_store(path)
    progress = store.progress("hue", LATER)
    store.close()
    is_a_date = slot == "20380119"
    assert progress.last_slot == NOON
    assert (progress.ahead is not None) == is_a_date
    (record,) = SqliteLedger(path).records(NOON, END)
    assert (record.slot, record.readings, record.slots) == (NOON, 1, {"stored": 1})


def test_a_cycle_is_stored_where_every_slot_is_odd(tmp_path: Path) -> None:
    path = tmp_path / "readings.db"
    store = a_store(path)
    store.open()
    changed(path, *(OUTCOME.format("'hue'", slot) for slot in ODD_SLOTS if slot != "20380119"))
    assert store.progress("hue", NOON) == SourceProgress()
    store.append(a_cycle())
    assert store.progress("hue", NOON).last_slot == NOON
    store.close()


@pytest.mark.parametrize("device", ["x'6875653a62'", "x''"])
def test_a_device_id_of_an_odd_type_is_not_expected(path: Path, device: str) -> None:
    changed(path, DEVICE.format(device, *["'2026-03-01T12:00:00+00:00'"] * 3))
    store = a_store(path)
    assert store.progress("hue", LATER).expected == {"hue:a"}
    store.append(a_cycle(a_collected(a_reading("hue:a"), due=a_due(slot=LATER))))
    store.close()


def test_a_device_listed_at_an_odd_time_is_expected_for_a_day(
    path: Path,
) -> None:
    changed(path, "UPDATE devices SET last_read_slot = x'ff', last_listed_slot = x'ff'")
    store = a_store(path)
    silent = Collected(due=a_due(slot=LATER), readings=(), unread=(an_unread("hue:a", Cause.NOT_LISTED),))
    store.append(a_cycle(silent))
    day = timedelta(days=1)
    assert store.progress("hue", LATER + day - timedelta(seconds=1)).expected == {"hue:a"}
    assert store.progress("hue", LATER + day).expected == frozenset()
    store.append(a_cycle(a_collected(a_reading("hue:a", location="Hall"), due=a_due(slot=LATER + day))))
    assert rows(path, "SELECT location, last_read_slot FROM devices") == [("Hall", (LATER + day).isoformat())]
    store.close()


def test_odd_values_in_the_ledger_are_read_as_nothing(path: Path) -> None:
    changed(
        path,
        OUTCOME.format("x'ff'", "'2026-03-01T12:00:00+00:00'"),
        "UPDATE outcomes SET unread = '{', readings = x'00', cause = x'00', detail = x'00' "
        "WHERE source = 'hue'",
    )
    (record,) = SqliteLedger(path).records(NOON, END)
    assert (record.source, record.unread, record.readings, record.cause) == ("hue", 0, 0, None)
    assert record.detail is None
    assert SqliteLedger(path).unexplained(NOON, END) == []
    assert [reading.device_id for reading in SqliteHistory(path).newest(END)] == ["hue:a"]


@pytest.mark.parametrize("seconds", [0, -300, 9_000_000_000_000])
def test_slots_of_impossible_length_are_skipped(path: Path, seconds: int) -> None:
    changed(path, LENGTH.format(seconds))
    ledger = SqliteLedger(path)
    assert (ledger.absences(NOON, END), list(ledger.rows(NOON, END))) == ([], [])
    assert ledger.unexplained(NOON, END) == []


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999", f"1{'0' * 400}"])
def test_numbers_that_are_not_finite_are_skipped_in_json(path: Path, number: str) -> None:
    changed(path, CREATE_DEVICE_SETTINGS, OFFSET.format(number), OTHERS.format(number))
    (newest,) = SqliteHistory(path).newest(END)
    assert newest.other_values == {"noise": 40.0}
    ((cell,),) = rows(path, "SELECT other_values FROM readings")
    assert other_values(cell) == {"noise": 40}
    assert settings_of(rows(path, SELECT_CURRENT)) == SettingsByDevice()


def test_infinite_values_are_read_as_nothing(path: Path) -> None:
    store = a_store(path)
    for minutes in (10, 15):
        reading = a_reading(
            "hue:a", collected_at=NOON + timedelta(minutes=minutes), temperature=20.0, pm25=8.0
        )
        store.append(a_cycle(a_collected(reading, due=a_due(slot=reading.collected_at))))
    store.close()
    changed(path, "UPDATE readings SET pm25_ugm3 = 9e999 WHERE id = (SELECT max(id) FROM readings)")
    history = SqliteHistory(path)
    (newest,) = history.newest(END)
    assert newest.values == {Quantity.TEMPERATURE: 20.0}
    assert [value for _, value in history.values("hue:a", NOON, END)[Quantity.PM25]] == [8.0]
    (hour,) = history.hours("hue:a", Quantity.PM25, NOON, END)
    assert (hour.high, hour.total, hour.count) == (8.0, 8.0, 1)
