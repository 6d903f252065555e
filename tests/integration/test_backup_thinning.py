"""Which backups are removed: never one that holds rows which the database lacks, whatever happened to it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.memory.runtime import MemoryClock
from adapters.sqlite.backup.backups import Backups
from adapters.sqlite.backup.missing_rows import find_missing_row
from domain.errors import StoreError, StoreFull
from tests.support.baselines import a_baseline, sqlite_baselines
from tests.support.builders import NOON, a_collected, a_cycle, a_due, a_failed, a_reading
from tests.support.damaged import damage
from tests.support.databases import a_store, changed, rows
from tests.support.old_homes import Age, make_old_home


class Home:
    """A database, and a backup of it each day."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "data" / "readings.db"
        self.clock = MemoryClock(NOON)
        self.kept: dict[Path, str] = {}

    def backups(self, max_bytes: int | None = None) -> Backups:
        return Backups(path=self.path, clock=self.clock, busy_timeout_ms=100, max_bytes=max_bytes)

    def live(self, days: int, max_bytes: int | None = None) -> None:
        """Store a cycle and make a backup on each of so many days."""
        store = a_store(self.path)
        for _ in range(days):
            slot = self.clock.now()
            due, failed = a_due(slot=slot), a_due("amazon", slot)
            store.append(a_cycle(a_collected(a_reading(collected_at=slot), due=due), a_failed(failed)))
            self.kept = dict(self.backups(max_bytes).make().kept)
            self.clock.step_wall(timedelta(days=1).total_seconds())
        store.close()

    @property
    def names(self) -> list[str]:
        """The days of the backups, the newest first."""
        return [path.stem[9:17] for path in self.backups().newest_first()]

    def lacking(self) -> str | None:
        """A row of the oldest backup that the database lacks."""
        return find_missing_row(self.path, self.backups().newest_first()[-1], busy_timeout_ms=100)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def _remove_database(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(f"{path.name}{suffix}").unlink(missing_ok=True)


def _delete(table: str, condition: str = "TRUE") -> Callable[[Path], None]:
    return lambda path: changed(path, f"DELETE FROM {table} WHERE {condition}")  # noqa: S608 - of this test


def _put_another(path: Path) -> None:
    """The database of another home, of an earlier age."""
    _remove_database(path)
    make_old_home(path, Age.B, 20)


LOSSES: dict[str, Callable[[Path], None]] = {
    "the database was deleted": _remove_database,
    "another database was put there": _put_another,
    "readings were deleted": _delete("readings", "id = 1"),
    "slots were deleted": _delete("outcomes", "source = 'amazon'"),
    "devices were deleted": _delete("devices"),
    "a stored slot was called missed": lambda path: changed(
        path, "UPDATE outcomes SET state = 'missed', cause = 'stopped' WHERE source = 'hue'"
    ),
    "a table was dropped": lambda path: changed(path, "DROP TABLE devices", "VACUUM"),
    "the home is another one": lambda path: changed(
        path, "REPLACE INTO properties (name, value) VALUES ('home_id', 'another')"
    ),
    "a key was changed": lambda path: changed(path, "UPDATE readings SET device_id = 'hue:b' WHERE id = 1"),
}


@pytest.mark.parametrize("how", LOSSES)
def test_a_backup_with_rows_that_the_database_lacks_is_found(home: Home, how: str) -> None:
    home.live(1)
    changed(home.path, "REPLACE INTO properties (name, value) VALUES ('home_id', 'ours')")
    home.clock.step_wall(-timedelta(days=1).total_seconds())
    home.backups().newest_first()[0].unlink()
    home.live(3)
    assert home.lacking() is None
    LOSSES[how](home.path)
    if not home.path.exists():
        a_store(home.path).open()
    assert home.lacking() is not None


@pytest.mark.parametrize(
    "how",
    ["the database was deleted", pytest.param("another database was put there", marks=pytest.mark.proof)],
)
def test_45_daily_runs_remove_no_backup_of_a_database_that_is_gone(home: Home, how: str) -> None:
    home.live(5)
    before = set(home.backups().newest_first())
    LOSSES[how](home.path)
    home.live(45)
    assert before <= set(home.backups().newest_first())
    assert len(home.names) <= len(before) + 11
    assert set(home.kept) == before
    assert "the database lacks readings hue:" in home.kept[min(before)]


def test_a_backup_is_removed_once_its_rows_are_in_the_database(home: Home) -> None:
    home.live(12)
    before = rows(home.path, "SELECT * FROM readings")
    changed(
        home.path,
        "CREATE TABLE away AS SELECT * FROM readings",
        "DELETE FROM readings",
        "DELETE FROM checksums",
    )
    home.live(20)
    assert home.kept
    changed(home.path, "INSERT INTO readings SELECT * FROM away")
    home.live(1)
    assert set(before) <= set(rows(home.path, "SELECT * FROM readings"))
    assert (home.kept, len(home.names)) == ({}, 11)


def test_a_backup_that_cannot_be_read_is_kept_with_the_reason(home: Home) -> None:
    home.live(3)
    oldest = home.backups().newest_first()[-1]
    damage(oldest, "noise")
    home.live(1, max_bytes=2 * home.path.stat().st_size)
    assert oldest.exists()
    assert "it cannot be compared" in home.kept[oldest]


def test_a_backup_that_cannot_be_removed_does_not_fail_the_new_one(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.live(12)
    monkeypatch.setattr(Path, "unlink", _refuse_to_unlink(Path.unlink))
    home.live(1)
    (reason,) = home.kept.values()
    assert reason == "it cannot be removed: Operation not permitted"


def _refuse_to_unlink(unlink: Callable[..., None]) -> Callable[..., None]:
    def refused(path: Path, missing_ok: bool = False) -> None:
        if path.suffix == ".db":
            raise PermissionError(1, "Operation not permitted")
        unlink(path, missing_ok)

    return refused


def test_a_removed_baseline_keeps_no_backup(home: Home) -> None:
    home.live(1)
    with sqlite_baselines(home.path) as baselines:
        baselines.save(a_baseline("a"))
        baselines.save(a_baseline("b"))
    home.live(1)
    with sqlite_baselines(home.path) as baselines:
        baselines.remove("a")
    home.clock.step_wall(-timedelta(days=1).total_seconds())
    (with_both,) = home.backups().newest_first()[:1]
    assert find_missing_row(home.path, with_both, busy_timeout_ms=100) is None
    changed(home.path, "DELETE FROM baselines")
    assert find_missing_row(home.path, with_both, busy_timeout_ms=100) == "baselines b"


@pytest.mark.parametrize("age", list(Age))
def test_a_backup_from_before_the_upgrade_has_no_row_that_is_missing(tmp_path: Path, age: Age) -> None:
    make_old_home(tmp_path / "old.db", age, 50)
    path = tmp_path / "readings.db"
    shutil.copy(tmp_path / "old.db", path)
    store = a_store(path)
    store.append(a_cycle())
    assert find_missing_row(path, tmp_path / "old.db", busy_timeout_ms=100) is None
    store.close()


def test_a_backup_of_a_newer_age_than_the_database_is_compared(tmp_path: Path) -> None:
    make_old_home(tmp_path / "old.db", Age.A, 50)
    store = a_store(tmp_path / "new.db")
    store.append(a_cycle())
    store.close()
    assert find_missing_row(tmp_path / "old.db", tmp_path / "new.db", busy_timeout_ms=100) is not None


@pytest.mark.parametrize("damaged", ["old.db", "readings.db"])
def test_files_that_cannot_be_read_are_not_compared(tmp_path: Path, damaged: str) -> None:
    for name in ("old.db", "readings.db"):
        make_old_home(tmp_path / name, Age.A, 500)
    damage(tmp_path / damaged, "noise")
    with pytest.raises(StoreError, match=damaged):
        find_missing_row(tmp_path / "readings.db", tmp_path / "old.db", busy_timeout_ms=100)


def test_a_budget_removes_the_oldest_backups_and_never_the_newest(home: Home) -> None:
    home.live(14)
    size = home.backups().newest_first()[0].stat().st_size
    home.live(1, max_bytes=4 * size + size // 2)
    assert home.names == ["20260315", "20260314", "20260313", "20260312"]
    home.live(3, max_bytes=size + size // 2)
    assert home.names == ["20260318"]


def test_a_budget_removes_no_backup_with_rows_that_the_database_lacks(home: Home) -> None:
    home.live(2)
    before = set(home.backups().newest_first())
    size = min(path.stat().st_size for path in before)
    _remove_database(home.path)
    home.live(5, max_bytes=3 * size + size // 2)
    assert before < set(home.backups().newest_first())
    assert len(home.names) == 3
    assert set(home.kept) == before


def test_a_budget_that_holds_no_backup_is_refused_with_its_size(home: Home) -> None:
    home.live(1)
    with pytest.raises(StoreFull, match=r"takes 0\.1 MB, and backups\.max_bytes is 0\.0 MB"):
        home.backups(max_bytes=1000).make()
    assert home.names == ["20260301"]


def test_the_usual_budget_is_a_quarter_of_the_disk_and_one_backup_at_least(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.live(1)
    size = home.backups().newest_first()[0].stat().st_size
    usage = shutil.disk_usage(home.path.parent)
    for quarter, count in ((3 * size + size // 2, 3), (size // 2, 1)):
        found = usage._replace(total=4 * quarter, free=100 * size)
        monkeypatch.setattr(shutil, "disk_usage", lambda _, found=found: found)
        home.live(5)
        assert len(home.names) == count


def test_wrong_values_do_not_fill_the_disk_with_backups(home: Home) -> None:
    home.live(2)
    size = home.backups().newest_first()[0].stat().st_size
    changed(home.path, "UPDATE readings SET temperature_celsius = 30 WHERE id = 1")
    home.live(1, max_bytes=4 * size + size // 2)
    home.live(1, max_bytes=4 * size + size // 2)
    with pytest.raises(StoreFull, match="no older backup is removed"):
        home.live(1, max_bytes=4 * size + size // 2)
    assert home.names == ["20260304", "20260303", "20260302", "20260301"]


@pytest.mark.parametrize(
    ("trouble", "left"),
    [
        (None, 2),
        (_remove_database, 4),
        (lambda path: changed(path, "UPDATE readings SET temperature_celsius = 30 WHERE id = 1"), 4),
    ],
    ids=["sound", "of a database that is gone", "with a wrong value"],
)
def test_on_a_full_disk_backups_make_room_unless_they_may_be_needed(
    home: Home, monkeypatch: pytest.MonkeyPatch, trouble: Callable[[Path], None] | None, left: int
) -> None:
    home.live(4)
    if trouble is not None:
        trouble(home.path)
        store = a_store(home.path)
        store.append(a_cycle(a_failed(a_due("amazon", home.clock.now()))))
        store.close()
    before = set(home.backups().newest_first())
    usage, size = shutil.disk_usage(home.path.parent), home.path.stat().st_size

    def disk_usage(_: Path) -> object:
        """A disk with one and a half backups less than what the next one needs."""
        removed = before - set(home.backups().newest_first())
        free = 10 * size - size // 2 + sum(size for _ in removed)
        return usage._replace(total=100 * size, free=free)

    monkeypatch.setattr(shutil, "disk_usage", disk_usage)
    if trouble is None:
        home.backups().make()
    else:
        with pytest.raises(StoreFull, match="Make room"):
            home.backups().make()
    assert len(before & set(home.backups().newest_first())) == left


def test_files_that_are_no_backups_are_never_removed(home: Home) -> None:
    home.live(1)
    kept = [
        home.path.with_name("readings.db.damaged-20250101T000000Z"),
        home.path.with_name("readings.db.replaced-20250101T000000Z"),
        home.backups().folder / "readings.db.damaged-20250101T000000Z",
        home.backups().folder / "readings-20250101T000000Z.db.damaged-20250102T000000Z",
        home.backups().folder / "salvaged-20250101T000000Z.db",
    ]
    for path in kept:
        shutil.copy(home.path, path)
    home.live(20, max_bytes=home.path.stat().st_size * 2)
    assert all(path.exists() for path in kept)


def test_backups_from_the_future_do_not_displace_those_of_now(home: Home) -> None:
    home.live(1)
    for day in range(10, 24):
        shutil.copy(
            home.backups().newest_first()[0], home.backups().folder / f"readings-203001{day}T000000Z.db"
        )
    home.live(8)
    assert home.names[:8] == [f"2026030{day}" for day in (9, 8, 7, 6, 5, 4, 3, 1)]
