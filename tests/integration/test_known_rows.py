"""What a writer knows of rows that it has read before, so that a cycle need not read them again."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from adapters.sqlite.rows.cycles import CycleWriter
from domain.cycle import CycleReport
from tests.support.builders import NOON, a_collected, a_cycle, a_due, a_reading
from tests.support.databases import a_store, changed, rows

DEVICES = "SELECT device_id, location FROM devices ORDER BY device_id"


def a_report(minute: int = 0) -> CycleReport:
    """One source reads the device between the two that the other one reads."""
    slot = NOON.replace(minute=minute)
    inner, *outer = (a_reading(name, collected_at=slot, location="Attic") for name in "maz")
    return a_cycle(
        a_collected(inner, due=a_due(slot=slot)), a_collected(*outer, due=a_due("amazon", slot=slot))
    )


def test_rows_that_were_rolled_back_are_written_again(tmp_path: Path) -> None:
    path = tmp_path / "readings.db"
    a_store(path).open()
    connection = sqlite3.connect(path, isolation_level=None)
    writer = CycleWriter(connection)
    for end in ("ROLLBACK", "COMMIT"):
        connection.execute("BEGIN IMMEDIATE")
        writer.write(a_report(), NOON)
        connection.execute(end)
    assert [device for device, _ in rows(path, DEVICES)] == ["a", "m", "z"]


@pytest.mark.parametrize("statement", ["DELETE FROM devices", "UPDATE devices SET location = 'Hall'"])
def test_rows_that_another_program_has_changed_are_read_again(tmp_path: Path, statement: str) -> None:
    path = tmp_path / "readings.db"
    store = a_store(path)
    for minute in (0, 5):
        store.append(a_report(minute))
    changed(path, statement)
    store.append(a_report(10))
    assert dict(rows(path, DEVICES)) == {"a": "Attic", "m": "Attic", "z": "Attic"}


def test_rows_that_nothing_has_changed_are_not_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = a_store(tmp_path / "readings.db")
    for minute in (0, 5):
        store.append(a_report(minute))
    monkeypatch.setattr("adapters.sqlite.rows.devices._SELECT_DEVICES", "none")
    store.append(a_report(10))
