"""Who may read the files that the program makes, and that none of them is written through a link."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest

from adapters.alerts.alert_file import AlertFile
from adapters.files.locks import SourceLocks, UpkeepLock, locked_file
from adapters.files.regular_file import problem_of_file, problem_of_removal
from adapters.files.state_file import FileState
from adapters.memory.runtime import MemoryJournal
from adapters.sqlite.database_lock import DatabaseLock
from domain.errors import StoreError
from tests.support.builders import a_cycle
from tests.support.databases import a_store


def _store(folder: Path) -> None:
    with closing(a_store(folder / "readings.db")) as store:
        store.append(a_cycle())


def _source_lock(folder: Path) -> None:
    locks = SourceLocks(folder)
    locks.acquire("hue")
    locks.close()


def _upkeep_lock(folder: Path) -> None:
    lock = UpkeepLock(folder / "upkeep.lock")
    lock.acquire()
    lock.release()


def _database_lock(folder: Path) -> None:
    with closing(DatabaseLock(folder / "readings.db.lock", wait_s=0)) as lock, lock.held():
        pass


def _state(folder: Path) -> None:
    FileState(folder / "state.json", MemoryJournal()).put("hue", {"a": 1})


def _state_lock(folder: Path) -> None:
    with locked_file(folder / "state.json.lock", 0o600):
        pass


def _alert(folder: Path) -> None:
    AlertFile(folder / "ALERT.txt", journal=MemoryJournal()).put("sign in")


def test_database_and_locks_are_for_owner_and_group(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        for make in (_store, _source_lock, _upkeep_lock, _database_lock, _state, _state_lock):
            make(tmp_path)
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert {"readings.db", "hue.lock", "upkeep.lock", "readings.db.lock", "state.json"} <= set(modes)
    assert {name: mode for name, mode in modes.items() if mode not in (0o600, 0o640)} == {}


@pytest.mark.parametrize(
    ("name", "use"),
    [
        ("hue.lock", _source_lock),
        ("upkeep.lock", _upkeep_lock),
        ("readings.db.lock", _database_lock),
        ("state.json", _state),
        ("state.json.lock", _state_lock),
        ("ALERT.txt", _alert),
    ],
)
def test_file_that_is_a_link_is_refused(tmp_path: Path, name: str, use: Callable[[Path], None]) -> None:
    folder, target = tmp_path / "data", tmp_path / "precious"
    folder.mkdir()
    target.write_text("{}")
    (folder / name).symlink_to(target)
    with suppress(StoreError, OSError):  # a journal or a False takes it in some of them
        use(folder)
    assert target.read_text() == "{}"
    assert (folder / name).is_symlink()
    assert "it is a symbolic link, which is not followed. Remove it" in str(problem_of_file(folder / name))


def test_folder_that_is_a_link_is_used(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "data").symlink_to(tmp_path / "disk")
    for use in (_store, _source_lock, _database_lock, _state, _alert):
        use(tmp_path / "data")
    assert {"readings.db", "hue.lock", "readings.db.lock", "state.json", "ALERT.txt"} <= {
        path.name for path in (tmp_path / "disk").iterdir()
    }


def test_link_in_the_place_of_state_is_reported(tmp_path: Path) -> None:
    journal = MemoryJournal()
    (tmp_path / "elsewhere").write_text('{"hue": {"a": 1}}')
    (tmp_path / "state.json").symlink_to(tmp_path / "elsewhere")
    state = FileState(tmp_path / "state.json", journal)
    assert (state.get("hue"), journal.events()) == ({}, ("state_unreadable",))
    state.put("hue", {"a": 2})
    assert state.get("hue") == {"a": 2}, "in memory"
    assert "symbolic link" in str(state.problem())


def test_check_of_removal_changes_nothing(tmp_path: Path) -> None:
    file, folder = tmp_path / "file", tmp_path / "folder"
    file.write_text("content")
    folder.mkdir()
    assert problem_of_removal(file) is None
    assert problem_of_removal(tmp_path / "missing") is None
    assert problem_of_removal(folder) == f"{folder} is a folder, not a file. Move it away"
    assert (file.read_text(), folder.is_dir()) == ("content", True)
