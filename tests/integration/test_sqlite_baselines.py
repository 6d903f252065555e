"""Baselines in the database: they survive damage elsewhere, and damage to them is reported."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.sqlite.backup.backups import back_up
from adapters.sqlite.backup.restoring import merge_backup
from adapters.sqlite.care.salvage import recover
from adapters.sqlite.care.verification import check
from adapters.sqlite.database_lock import DatabaseLock
from domain.errors import StoreError
from domain.measurements import Figure, Kind
from tests.support.baselines import a_baseline, sqlite_baselines
from tests.support.builders import a_cycle
from tests.support.databases import a_store, changed, rows

LONG = {Figure(Kind.CYCLE_S, "hue"): tuple(number / 7 for number in range(9000))}  # pages of its own


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "readings.db"
    store = a_store(path)
    store.append(a_cycle())
    store.close()
    return path


def test_the_table_is_made_for_the_first_baseline(path: Path) -> None:
    with sqlite_baselines(path) as baselines:
        assert list(baselines.all()) == []
    assert rows(path, "SELECT count(*) FROM sqlite_schema WHERE name = 'baselines'") == [(0,)]
    assert check(path, busy_timeout_ms=1000) == ()


def test_a_baseline_does_not_change_the_format_version(path: Path) -> None:
    before = rows(path, "PRAGMA user_version")
    with sqlite_baselines(path) as baselines:
        baselines.save(a_baseline())
    assert rows(path, "PRAGMA user_version") == before


def test_a_baseline_can_be_saved_while_a_collector_runs(path: Path) -> None:
    store = a_store(path)
    store.open()
    with sqlite_baselines(path) as baselines:
        baselines.save(a_baseline("a"))
        store.append(a_cycle())
        baselines.save(a_baseline("b"))
        assert [one.name for one in baselines.all()] == ["a", "b"]
    store.close()
    assert check(path, busy_timeout_ms=1000) == ()


@pytest.mark.parametrize(
    "content",
    ["no JSON", "[]", "{}", '{"cycles": 1}', "NULL", "1e999", "[" * 100_000],
    ids=lambda text: text[:9],
)
def test_damaged_content_is_reported_and_can_be_removed(path: Path, content: str) -> None:
    with sqlite_baselines(path) as baselines:
        baselines.save(a_baseline("a"))
        changed(path, f"UPDATE baselines SET content = '{content}'")  # noqa: S608 - from above
        for read in (baselines.all, lambda: baselines.find("a")):
            with pytest.raises(
                StoreError, match=r"the baseline a is damaged: .* homeclimate baseline remove"
            ):
                read()
        assert baselines.remove("a")
        assert list(baselines.all()) == []


def test_a_foreign_table_of_that_name_is_left_alone(path: Path) -> None:
    changed(path, "CREATE TABLE baselines (mine TEXT)")
    with sqlite_baselines(path) as baselines:
        assert baselines.find("a") is None
        with pytest.raises(StoreError, match="a table baselines of another program"):
            baselines.save(a_baseline("a"))
    assert check(path, busy_timeout_ms=1000) == ()


def test_baselines_come_back_from_a_backup(path: Path, tmp_path: Path) -> None:
    with sqlite_baselines(path) as baselines:
        baselines.save(a_baseline("a", LONG))
    back_up(path, tmp_path / "backup.db", busy_timeout_ms=1000)
    new = tmp_path / "new.db"
    store = a_store(new)
    store.open()
    store.close()
    lock = DatabaseLock(tmp_path / "new.db.lock", wait_s=1)
    merge_backup(new, tmp_path / "backup.db", lock=lock, busy_timeout_ms=1000)
    lock.close()
    with sqlite_baselines(new) as baselines:
        assert baselines.find("a") == a_baseline("a", LONG)
    assert check(new, busy_timeout_ms=1000) == ()


def test_baselines_are_salvaged_from_unlinked_pages(path: Path, tmp_path: Path) -> None:
    with sqlite_baselines(path) as baselines:
        baselines.save(a_baseline("a", LONG))
        baselines.save(a_baseline("b"))
    damaged = tmp_path / "damaged.db"
    damaged.write_bytes(bytes(4096) + path.read_bytes()[4096:])
    recover(damaged, tmp_path / "found.db", is_simulated=False)
    with sqlite_baselines(tmp_path / "found.db") as baselines:
        assert baselines.all() == [a_baseline("a", LONG), a_baseline("b")]


def test_a_simulated_home_keeps_baselines_and_stays_simulated(tmp_path: Path) -> None:
    path = tmp_path / "readings.db"
    store = a_store(path, is_simulated=True)
    store.append(a_cycle())
    store.close()
    with sqlite_baselines(path) as baselines:
        baselines.save(a_baseline("a"))
        assert baselines.find("a") == a_baseline("a")
        assert baselines.remove("a")
    assert rows(path, "SELECT value FROM properties WHERE name = 'is_simulated'") == [("1",)]
