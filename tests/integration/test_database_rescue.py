"""Files of an open database are deleted, replaced or cut: every stored cycle stays in the database."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import attrs
import pytest

from adapters.files.data_folder import DataFolder
from adapters.memory.runtime import MemoryClock, MemoryJournal
from adapters.memory.state import MemoryState
from adapters.sqlite.care.restoring import Restoring
from adapters.sqlite.store import SqliteStore
from domain.cycle import CycleReport
from domain.errors import StoreFull, StoreMissing, StoreRefused
from tests.support.builders import NOON, a_collected, a_cycle, a_due, a_reading
from tests.support.databases import a_store, changed, rows
from tests.support.store_process import another_process


@attrs.frozen(kw_only=True)
class Home:
    """An open store with cycles 0 and 1; `backup` is a copy of the database with cycle 0 alone."""

    store: SqliteStore
    path: Path
    backup: Path
    state: MemoryState
    journal: MemoryJournal

    def sibling(self, suffix: str) -> Path:
        return self.path.with_name(f"{self.path.name}{suffix}")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    yield from _a_home(tmp_path, tmp_path / "data" / "readings.db")


def _a_home(folder: Path, path: Path) -> Iterator[Home]:
    state, journal = MemoryState(), MemoryJournal()
    store = a_store(path, state=state, journal=journal, data=DataFolder(path.parent))
    store.append(cycle_number(0))
    store.close()
    backup = folder / "backup.db"
    shutil.copyfile(path, backup)
    store.append(cycle_number(1))
    yield Home(store=store, path=path, backup=backup, state=state, journal=journal)
    store.close()


def cycle_number(number: int, source: str = "hue") -> CycleReport:
    slot = NOON + timedelta(minutes=5 * number)
    return a_cycle(a_collected(a_reading(f"{source}:a", collected_at=slot), due=a_due(source, slot)))


def stored_as_a_kill_leaves_it(path: Path, folder: Path) -> int:
    """How many readings the next process finds, if this one is killed now."""
    left = folder / "left.db"
    shutil.copyfile(path, left)
    log = path.resolve().with_name(f"{path.resolve().name}-wal")
    if log.exists():
        shutil.copyfile(log, f"{left}-wal")
    ((count,),) = rows(left, "SELECT count(*) FROM readings")
    assert rows(left, "PRAGMA integrity_check") == [("ok",)]
    return int(count)


def _file_deleted(home: Home) -> None:
    home.path.unlink()


def _file_and_log_deleted(home: Home) -> None:
    for suffix in ("", "-wal", "-shm"):
        home.sibling(suffix).unlink()


def _everything_deleted(home: Home) -> None:
    shutil.rmtree(home.path.parent)


def _log_deleted(home: Home) -> None:
    home.sibling("-wal").unlink()


def _index_deleted(home: Home) -> None:
    home.sibling("-shm").unlink()


def _log_and_index_deleted(home: Home) -> None:
    _log_deleted(home)
    _index_deleted(home)


def _log_emptied(home: Home) -> None:
    os.truncate(home.sibling("-wal"), 0)


def _log_halved(home: Home) -> None:
    os.truncate(home.sibling("-wal"), home.sibling("-wal").stat().st_size // 2)


def _log_overwritten(home: Home) -> None:
    size = home.sibling("-wal").stat().st_size
    with home.sibling("-wal").open("r+b") as file:
        file.write(os.urandom(size))


def _log_replaced(home: Home) -> None:
    _log_deleted(home)
    home.sibling("-wal").write_bytes(b"")


def _replaced_by_a_copy(home: Home) -> None:
    shutil.copyfile(home.path, home.sibling(".copy"))
    home.sibling(".copy").rename(home.path)


def _replaced_by_a_backup(home: Home) -> None:
    home.backup.rename(home.path)


def _replaced_by_a_backup_while_the_file_is_kept(home: Home) -> None:
    home.path.rename(home.sibling(".mine"))
    home.backup.rename(home.path)


def _replaced_by_an_empty_file(home: Home) -> None:
    home.sibling(".empty").touch()
    home.sibling(".empty").rename(home.path)


def _replaced_by_a_text(home: Home) -> None:
    home.path.unlink()
    home.path.write_text("temperature,location\n" * 100)


def _replaced_by_a_folder(home: Home) -> None:
    home.path.unlink()
    home.path.mkdir()


DELETED = [_file_deleted, _file_and_log_deleted, _everything_deleted]
LOG_LOST = [_log_deleted, _index_deleted, _log_and_index_deleted, _log_replaced]
LOG_CUT = [_log_emptied, _log_halved, _log_overwritten]
REPLACED = [
    _replaced_by_a_copy,
    _replaced_by_a_backup,
    _replaced_by_a_backup_while_the_file_is_kept,
    _replaced_by_an_empty_file,
    _replaced_by_a_text,
    _replaced_by_a_folder,
]
KINDS = pytest.mark.parametrize("happen", [*DELETED, *LOG_LOST, *LOG_CUT, *REPLACED])


@KINDS
def test_the_next_cycle_brings_every_row_back(
    home: Home, happen: Callable[[Home], None], tmp_path: Path
) -> None:
    happen(home)
    home.store.append(cycle_number(2))
    assert stored_as_a_kill_leaves_it(home.path, tmp_path) == 3
    home.store.append(cycle_number(3))
    home.store.close()
    assert rows(home.path, "SELECT count(*) FROM readings") == [(4,)]
    assert not list(home.path.parent.glob("*rescu*"))


@KINDS
def test_progress_is_known_after_it(home: Home, happen: Callable[[Home], None]) -> None:
    happen(home)
    assert home.store.progress("hue", NOON).last_stored_slot == NOON + timedelta(minutes=5)


@KINDS
def test_a_clean_stop_brings_every_row_back(home: Home, happen: Callable[[Home], None]) -> None:
    happen(home)
    home.store.close()
    assert rows(home.path, "SELECT count(*) FROM readings") == [(2,)]
    assert rows(home.path, "PRAGMA integrity_check") == [("ok",)]


@pytest.mark.parametrize("happen", [_file_deleted, _log_deleted, _replaced_by_a_copy])
def test_no_other_connection_is_opened_meanwhile(home: Home, happen: Callable[[Home], None]) -> None:
    happen(home)
    with pytest.raises(StoreMissing):
        home.store.require_in_place()
    home.store.append(cycle_number(2))
    home.store.require_in_place()


def _linked_home(folder: Path) -> tuple[Path, Path]:
    disk, link = folder / "disk", folder / "data" / "readings.db"
    disk.mkdir()
    link.parent.mkdir()
    link.symlink_to(disk / "climate.db")
    return disk / "climate.db", link


@pytest.mark.parametrize("happen", [_log_deleted, _log_replaced, _file_deleted, _replaced_by_a_backup])
def test_a_link_is_followed_and_stays(tmp_path: Path, happen: Callable[[Home], None]) -> None:
    real, link = _linked_home(tmp_path)
    for home in _a_home(tmp_path, link):
        happen(attrs.evolve(home, path=real))
        home.store.append(cycle_number(2))
        assert stored_as_a_kill_leaves_it(link, tmp_path) == 3
    assert link.is_symlink()
    assert sorted(path.name for path in real.parent.iterdir()) == ["climate.db"]


def test_a_link_whose_disk_is_away_is_waited_for(tmp_path: Path) -> None:
    real, link = _linked_home(tmp_path)
    for home in _a_home(tmp_path, link):
        away = tmp_path / "away"
        real.parent.rename(away)
        with pytest.raises(StoreMissing):
            home.store.append(cycle_number(2))
        assert link.is_symlink()
        assert not link.exists()
        away.rename(real.parent)
        home.store.append(cycle_number(2))
    assert rows(link, "SELECT count(*) FROM readings") == [(3,)]


def test_a_link_that_is_redirected_gets_the_rows_merged(tmp_path: Path) -> None:
    _, link = _linked_home(tmp_path)
    for home in _a_home(tmp_path, link):
        link.unlink()
        link.symlink_to(home.backup)
        home.store.append(cycle_number(2))
    assert rows(home.backup, "SELECT count(*) FROM readings") == [(3,)]


@pytest.mark.parametrize("has_link", [False, True])
def test_a_quarantine_and_a_restore_follow_the_link(tmp_path: Path, *, has_link: bool) -> None:
    real, link = _linked_home(tmp_path) if has_link else (tmp_path / "readings.db",) * 2
    for home in _a_home(tmp_path, link):
        home.store.close()
        real.write_bytes(b"damaged" * 1000)
        home.store.open(checking=True)
        home.store.append(cycle_number(2))
        home.store.close()
        assert len(list(real.parent.glob(f"{real.name}.damaged-*Z"))) == 1
        assert link.is_symlink() == has_link
        restoring = Restoring(path=link, clock=MemoryClock(NOON), is_simulated=False, busy_timeout_ms=100)
        restoring.restore(home.backup)
    assert link.is_symlink() == has_link
    assert rows(real, "SELECT count(*) FROM readings") == [(1,)]


def test_a_foreign_file_in_the_place_of_a_moved_one_is_left_alone(home: Home) -> None:
    home.path.rename(home.sibling(".mine"))
    changed(home.path, "CREATE TABLE songs (title TEXT)")
    before = home.path.read_bytes()
    for _ in range(2):
        with pytest.raises(StoreMissing, match="is another file"):
            home.store.append(cycle_number(2))
    assert home.path.read_bytes() == before
    home.sibling(".mine").rename(home.path)
    home.store.append(cycle_number(2))
    assert rows(home.path, "SELECT count(*) FROM readings") == [(3,)]


def test_what_a_foreign_file_deleted_is_saved_beside_it_and_merged_later(home: Home) -> None:
    changed(home.sibling(".songs"), "CREATE TABLE songs (title TEXT)")
    home.sibling(".songs").rename(home.path)
    for _ in range(2):
        with pytest.raises(StoreRefused):
            home.store.append(cycle_number(2))
    (saved,) = home.path.parent.glob("readings.db.rescued-*")
    assert rows(saved, "SELECT count(*) FROM readings") == [(2,)]
    home.store.close()
    home.backup.rename(home.path)
    again = a_store(home.path)
    again.append(cycle_number(2))
    again.append(cycle_number(3))
    again.close()
    assert rows(home.path, "SELECT count(*) FROM readings") == [(4,)]
    assert not saved.exists()


def test_without_room_cycles_are_refused_until_there_is_some(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.path.unlink()
    with monkeypatch.context() as patch:
        patch.setattr("shutil.disk_usage", lambda _: shutil._ntuple_diskusage(100, 99, 1))
        for _ in range(2):
            with pytest.raises(StoreFull, match="keep this process running"):
                home.store.append(cycle_number(2))
        assert not home.path.exists()
    home.store.append(cycle_number(2))
    assert rows(home.path, "SELECT count(*) FROM readings") == [(3,)]


@pytest.mark.parametrize("happen", [_log_deleted, _index_deleted, _log_and_index_deleted, _file_deleted])
def test_two_processes_that_hold_the_same_lost_file_lose_nothing(
    home: Home, happen: Callable[[Home], None], tmp_path: Path
) -> None:
    with another_process(home.path) as other:
        assert other.append(10) == "stored"
        happen(home)
        home.store.append(cycle_number(2))
        assert other.append(11) == "stored"
        home.store.append(cycle_number(3))
        assert stored_as_a_kill_leaves_it(home.path, tmp_path) == 6
    home.store.close()
    assert rows(home.path, "SELECT count(*) FROM readings") == [(6,)]


@pytest.mark.parametrize("happen", [_log_and_index_deleted, _index_deleted, _file_and_log_deleted])
@pytest.mark.parametrize("is_killed", [False, True])
def test_what_a_later_process_stored_meanwhile_is_merged(
    home: Home, happen: Callable[[Home], None], tmp_path: Path, *, is_killed: bool
) -> None:
    happen(home)
    with another_process(home.path) as other:
        assert other.append(10) == "stored"
        if is_killed:
            other.kill()
    home.store.append(cycle_number(2))
    assert stored_as_a_kill_leaves_it(home.path, tmp_path) == 4
    home.store.append(cycle_number(3))
    home.store.close()
    assert rows(home.path, "SELECT count(*) FROM readings") == [(5,)]
