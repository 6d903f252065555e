"""The rows of a damaged file are merged into the home's database, once, and nothing else."""

from __future__ import annotations

import random
import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.sqlite.care.verification import check
from domain.errors import StoreRefused
from tests.support.builders import NOON, a_collected, a_cycle, a_due, a_reading
from tests.support.damaged import KINDS, OLD_ROWS, RuinedHome, a_home_with_checksums, is_reported, salvage
from tests.support.databases import a_home_of_format_2, a_store, changed, rows
from tests.support.old_homes import Age, make_old_home

READINGS = (
    "SELECT timestamp, device_id, temperature_celsius, location, raw_response FROM readings ORDER BY 2, 1"
)
LEDGER = "SELECT source, slot, state, crc FROM outcomes ORDER BY source, slot"
CYCLES = 30


@pytest.fixture(scope="module")
def a_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("home") / "readings.db"
    a_home_with_checksums(path, CYCLES)
    return path


@pytest.fixture
def damaged(a_home: Path, tmp_path: Path) -> Path:
    """A copy of the home, to be damaged."""
    return Path(shutil.copy(a_home, tmp_path / "damaged.db"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the home's own database is, or will be."""
    return tmp_path / "data" / "readings.db"


def _ruin(path: Path, page: int) -> None:
    content = bytearray(path.read_bytes())
    content[(page - 1) * 4096 : page * 4096] = bytes(4096)
    path.write_bytes(content)


def _root_of(path: Path, table: str) -> int:
    ((page,),) = rows(path, "SELECT rootpage FROM sqlite_schema WHERE name = ?", table)
    return int(page)


@pytest.mark.proof
def test_each_ruined_page_is_found_and_other_readings_are_saved(tmp_path: Path) -> None:
    home, chance = RuinedHome(tmp_path, 10), random.Random(3)  # noqa: S311 - the same pages again
    for number in range(20):
        ruin = home.ruin(chance.randrange(1, home.pages + 1), KINDS[number % 3], chance)
        assert ruin.reported or ruin.is_free, ruin
        assert ruin.saved >= 0.99 * ruin.sound, ruin
        assert ruin.altered <= 4 * ruin.doubts, ruin


@pytest.mark.parametrize("what", ["schema", "readings", "outcomes"])
def test_rows_are_salvaged_without_schema_or_root_page(
    a_home: Path, damaged: Path, path: Path, what: str
) -> None:
    _ruin(damaged, 1 if what == "schema" else _root_of(damaged, what))
    before = damaged.read_bytes()
    salvaged = salvage(damaged, path)
    assert (salvaged.read, salvaged.merged, salvaged.lost) == (OLD_ROWS + 4 * CYCLES,) * 2 + (0,)
    assert (salvaged.doubtful, salvaged.left_out) == ((), ())
    assert rows(path, READINGS) == rows(a_home, READINGS)
    assert set(rows(path, LEDGER)) <= set(rows(a_home, LEDGER))
    assert what == "outcomes" or rows(path, LEDGER) == rows(a_home, LEDGER)
    assert not is_reported(path)
    assert damaged.read_bytes() == before
    assert not list(path.parent.glob("*.salvaging*"))


def test_salvage_twice_changes_nothing(damaged: Path, path: Path) -> None:
    _ruin(damaged, _root_of(damaged, "readings"))
    salvage(damaged, path)
    before = rows(path, "SELECT * FROM readings"), rows(path, "SELECT * FROM outcomes")
    assert salvage(damaged, path).merged == 0
    assert (rows(path, "SELECT * FROM readings"), rows(path, "SELECT * FROM outcomes")) == before


def test_salvage_keeps_present_rows_and_collecting_continues(damaged: Path, path: Path) -> None:
    _ruin(damaged, _root_of(damaged, "readings"))
    store = a_store(path)
    mine = a_reading("hue:00", temperature=-12.5)
    store.append(a_cycle(a_collected(mine)))
    salvaged = salvage(damaged, path)
    assert salvaged.read - salvaged.merged == 1
    later = NOON + timedelta(days=1)
    store.append(a_cycle(a_collected(a_reading("hue:00", collected_at=later), due=a_due(slot=later))))
    store.close()
    kept = rows(path, "SELECT temperature_celsius FROM readings WHERE device_id = 'hue:00' AND id = 1")
    assert kept == [(-12.5,)]
    assert rows(path, "SELECT count(*) FROM readings") == [(OLD_ROWS + 4 * CYCLES + 1,)]
    assert not is_reported(path)


@pytest.mark.parametrize("age", Age)
@pytest.mark.parametrize("is_damaged", [False, True])
def test_a_file_of_any_age_is_salvaged_damaged_or_not(
    tmp_path: Path, path: Path, age: Age, is_damaged: bool
) -> None:
    """Page 1, which is damaged here, holds the order of the columns."""
    old = tmp_path / "old.db"
    make_old_home(old, age, 300)
    expected = rows(old, READINGS)
    unknown = "SELECT sum(is_anomalous IS NULL) FROM readings"
    expected_unknown = [(0,)] if age is Age.A else rows(old, unknown)
    if is_damaged:
        _ruin(old, 1)
    salvaged = salvage(old, path)
    assert (salvaged.read, salvaged.merged) == (300, 300)
    assert rows(path, READINGS) == expected
    assert rows(path, "SELECT sum(humidity_percent IS NOT NULL) FROM readings") == [(100,)]
    assert rows(path, unknown) == expected_unknown


def test_rows_in_the_log_are_salvaged(tmp_path: Path, path: Path) -> None:
    home = tmp_path / "living.db"
    store = a_store(home)
    store.append(a_cycle())
    for suffix in ("", "-wal"):
        shutil.copy(f"{home}{suffix}", tmp_path / f"damaged.db{suffix}")
    _ruin(tmp_path / "damaged.db", _root_of(home, "measurements"))
    store.close()
    assert salvage(tmp_path / "damaged.db", path).merged == 1


def test_salvaged_rows_from_before_checksums_get_them(a_home: Path, tmp_path: Path) -> None:
    a_home_of_format_2(tmp_path / "old.db")
    path = Path(shutil.copy(a_home, tmp_path / "readings.db"))
    assert salvage(tmp_path / "old.db", path).merged == 1
    assert not is_reported(path)


def test_changed_ledger_rows_are_left_out_and_named(damaged: Path, path: Path) -> None:
    changed(damaged, "UPDATE outcomes SET state = 'missed' WHERE source = 'hue' AND slot LIKE '%T12:05%'")
    changed(damaged, "UPDATE devices SET first_slot = 'never' WHERE device_id = 'hue:01'")
    salvaged = salvage(damaged, path)
    left_out = [str(finding) for finding in salvaged.left_out]
    assert left_out == [
        "outcomes, hue 2026-03-01T12:05:00+00:00, has changed",
    ]
    assert rows(path, "SELECT state FROM outcomes WHERE source = 'hue' AND slot LIKE '%T12:05%'") == []
    assert not is_reported(path)


def test_changed_readings_are_merged_and_named(damaged: Path, path: Path) -> None:
    changed(
        damaged,
        "UPDATE readings SET temperature_celsius = 7.5 WHERE timestamp LIKE '2026%T12:05%' AND id % 2",
    )
    salvaged = salvage(damaged, path)
    (doubtful,) = salvaged.doubtful
    assert f"ids {OLD_ROWS + 5} to {OLD_ROWS + 8} of the damaged file" in str(doubtful)
    assert salvaged.merged == OLD_ROWS + 4 * CYCLES


def test_lost_readings_are_counted(damaged: Path, path: Path) -> None:
    changed(damaged, "DELETE FROM readings WHERE id > (SELECT max(id) FROM readings) - 6")
    assert salvage(damaged, path).lost == 6


@pytest.mark.parametrize("is_damaged", [False, True])
def test_salvage_does_not_merge_a_simulated_home_into_a_real_one(
    tmp_path: Path, path: Path, is_damaged: bool
) -> None:
    simulated = tmp_path / "simulated.db"
    store = a_store(simulated, is_simulated=True)
    store.append(a_cycle())
    store.close()
    if is_damaged:
        _ruin(simulated, _root_of(simulated, "readings"))
    with pytest.raises(StoreRefused):
        salvage(simulated, path)
    assert not path.exists()


@pytest.mark.parametrize("content", [b"", b"temperature,location\n" * 4000, bytes(40_000)])
def test_a_file_that_is_no_database_yields_nothing(tmp_path: Path, path: Path, content: bytes) -> None:
    (tmp_path / "none.db").write_bytes(content)
    salvaged = salvage(tmp_path / "none.db", path)
    assert (salvaged.read, salvaged.merged) == (0, 0)
    assert check(path, busy_timeout_ms=1000) == ()


def test_deleted_rows_are_not_salvaged(damaged: Path, path: Path) -> None:
    changed(damaged, "PRAGMA secure_delete = OFF", "DELETE FROM readings")
    _ruin(damaged, _root_of(damaged, "outcomes"))
    assert salvage(damaged, path).read == 0
