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
from adapters.memory.runtime import MemoryJournal
from adapters.memory.state import MemoryState
from adapters.sqlite.store import SqliteStore
from domain.cycle import CycleReport
from tests.support.builders import NOON, a_collected, a_cycle, a_due, a_reading
from tests.support.databases import a_store, rows


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
