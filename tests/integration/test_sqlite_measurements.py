"""Measurements in the database, also those of November 2026, when each operation had a row."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from adapters.memory.runtime import MemoryClock, MemoryJournal
from adapters.sqlite.backup.backups import back_up
from adapters.sqlite.backup.restoring import merge_backup
from adapters.sqlite.database_lock import DatabaseLock
from adapters.sqlite.history.ledger import SqliteLedger
from adapters.sqlite.history.queries import SqliteMeasurements
from adapters.sqlite.store import SqliteStore
from domain.measurements import ReadCost, costs_of
from domain.services.baseline_comparison import compare
from tests.support.baselines import sqlite_baselines
from tests.support.builders import NOON, a_cycle, a_measurement
from tests.support.databases import a_store, changed, rows

FIXTURE = Path(__file__).parents[1] / "fixtures" / "home_2026_11" / "data" / "readings.db"
LATER = datetime(2026, 11, 30, 12, tzinfo=UTC)
FIVE_MINUTES = timedelta(minutes=5)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return Path(shutil.copy(FIXTURE, tmp_path / "readings.db"))


def test_measurements_come_back_from_a_backup(path: Path, tmp_path: Path) -> None:
    store = a_store(path)
    store.append(a_cycle(measurements=(a_measurement(LATER),)))
    store.close()
    back_up(path, tmp_path / "backup.db", busy_timeout_ms=1000)
    a_store(tmp_path / "new.db").append(a_cycle())
    lock = DatabaseLock(tmp_path / "new.db.lock", wait_s=1)
    merge_backup(tmp_path / "new.db", tmp_path / "backup.db", lock=lock, busy_timeout_ms=1000)
    lock.close()
    ever = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))
    found = SqliteMeasurements(tmp_path / "new.db").between(*ever)
    assert found == SqliteMeasurements(path).between(*ever)
    assert found[-1] == a_measurement(LATER)


@pytest.mark.parametrize("name", ["first-winter", "second"])
def test_a_kept_baseline_is_what_its_measurements_still_say(path: Path, name: str) -> None:
    with sqlite_baselines(path) as baselines:
        kept = baselines.find(name)
    assert kept is not None
    costs = costs_of(SqliteMeasurements(path).between(kept.first_at, kept.ended_at))
    assert costs.samples == kept.samples
    assert (len(costs.slots), costs.left_out) == (kept.cycles, kept.left_out)
    assert (costs.slots[0], costs.slots[-1]) == (kept.first_at, kept.last_at)
    assert {source: set(strategies) for source, strategies in costs.strategies.items()} == {
        "amazon": {""},
        "hue": {"v2"},
    }


def test_new_cycles_are_compared_with_an_old_baseline(path: Path) -> None:
    with sqlite_baselines(path) as baselines:
        kept = baselines.find("first-winter")
    assert kept is not None
    measurements = tuple(
        a_measurement(LATER + number * FIVE_MINUTES, source=source, duration_s=3.0, cycle_s=3.1)
        for number in range(20)
        for source in ("hue", "amazon")
    )
    store = a_store(path)
    store.append(a_cycle(measurements=measurements))
    store.close()
    costs = costs_of(SqliteMeasurements(path).between(LATER, LATER + timedelta(days=1)))
    assert len(costs.slots) == 20
    both = costs_of(SqliteMeasurements(path).between(kept.first_at, LATER + timedelta(days=1)))
    assert len(both.slots) == 44 + 20, "rows of both forms count"
    assert kept.samples.keys() > costs.samples.keys()
    verdicts = {
        change.figure.of: change.verdict
        for change in compare(kept, kept).changes
        if change.figure.kind == "cycle_s"
    }
    assert verdicts == {"amazon+hue": "no difference shown"}


def a_home(path: Path, *operations: tuple[float, str, str, float, int]) -> SqliteMeasurements:
    """A database with rows of the old form: seconds after noon, operation, source, duration, success."""
    a_store(path).append(a_cycle())
    for at_s, operation, source, duration_s, succeeded in operations:
        began_at = (NOON + timedelta(seconds=at_s)).isoformat()
        changed(
            path,
            "INSERT INTO measurements (began_at, operation, source, number, duration_s, wire_bytes,"  # noqa: S608
            f" payload_bytes, succeeded) VALUES ('{began_at}', '{operation}', '{source}', 0, {duration_s},"
            f" 10, 30, {succeeded})",
        )
    return SqliteMeasurements(path)


def test_operations_belong_to_the_read_before_them(tmp_path: Path) -> None:
    measurements = a_home(
        tmp_path / "readings.db",
        (0.0, "hue.v2/temperature", "hue", 0.1, 1),
        (300.0, "source.read", "hue", 4.0, 1),
        (300.1, "source.attempt", "hue", 0.1, 0),
        (302.0, "source.attempt", "hue", 0.1, 1),
        (302.1, "hue.v1/sensors", "hue", 0.1, 1),
        (302.2, "hue.v2/temperature", "hue", 0.1, 0),
        (302.3, "amazon.graphql", "amazon", 0.1, 1),
        (600.0, "source.read", "hue", 2.0, 0),
        (600.1, "hue.v2/temperature", "hue", 0.1, 1),
    )
    assert measurements.between(NOON, NOON + timedelta(hours=1)) == [
        ReadCost(
            slot=NOON + timedelta(seconds=300),
            source="hue",
            strategy="v1",
            duration_s=4.0,
            attempts=2,
            wire_bytes=40,
            payload_bytes=120,
        ),
        ReadCost(
            slot=NOON + timedelta(seconds=600),
            source="hue",
            strategy="v2",
            duration_s=2.0,
            wire_bytes=10,
            payload_bytes=30,
            succeeded=False,
        ),
    ]


def test_a_cycle_gives_its_figures_to_the_reads_within_it(tmp_path: Path) -> None:
    measurements = a_home(
        tmp_path / "readings.db",
        (0.0, "cycle", "amazon+hue", 2.0, 1),
        (0.01, "cycle.cpu", "amazon+hue", 0.25, 1),
        (0.1, "source.read", "hue", 0.5, 1),
        (0.2, "source.read", "amazon", 1.5, 1),
        (1.8, "store.append", "amazon+hue", 0.125, 1),
        (300.0, "cycle", "hue", 2.0, 0),
        (300.1, "source.read", "hue", 0.5, 1),
        (300.6, "store.append", "hue", 0.125, 1),
        (900.0, "source.read", "hue", 0.5, 1),
    )
    assert [
        (one.source, (one.slot - NOON).total_seconds(), one.cycle_s, one.commit_s, one.cpu_s)
        for one in measurements.between(NOON, NOON + timedelta(hours=1))
    ] == [
        ("amazon", 0.0, 2.0, 0.125, 0.25),
        ("hue", 0.0, 2.0, 0.125, 0.25),
        ("hue", 300.0, None, None, None),
        ("hue", 900.0, None, None, None),
    ]


def test_retries_of_both_forms_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "readings.db"
    a_home(
        path,
        (0.0, "source.read", "hue", 4.0, 1),
        (0.1, "source.attempt", "hue", 0.1, 0),
        (2.0, "source.attempt", "hue", 0.1, 1),
        (300.0, "source.read", "hue", 0.1, 1),
        (300.1, "source.attempt", "hue", 0.1, 1),
        (600.0, "source.read", "hue", 4.0, 0),
        (600.1, "source.attempt", "hue", 0.1, 0),
    )
    ledger, end = SqliteLedger(path), NOON + timedelta(hours=1)
    assert [record.mended for record in ledger.records(NOON, end)] == [1]
    store = a_store(path)
    store.append(a_cycle(measurements=(a_measurement(NOON + 3 * FIVE_MINUTES, attempts=2),)))
    store.close()
    assert [record.mended for record in ledger.records(NOON, end)] == [2]


def test_old_rows_are_forgotten_after_31_days_of_new_ones(path: Path) -> None:
    store = SqliteStore(path, journal=MemoryJournal(), clock=MemoryClock(LATER + timedelta(days=31)))
    for day in range(31):
        assert rows(path, "SELECT count(*) > 0 FROM measurements") == [(1,)]
        store.append(a_cycle(measurements=(a_measurement(LATER + timedelta(days=day)),)))
    store.close()
    assert rows(path, "SELECT count(*) FROM measurements") == [(0,)]
