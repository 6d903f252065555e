"""Files under a temporary name: those of ended processes are removed, those of running ones never."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from adapters.files.unfinished import remove_leftovers, remove_unlocked, temporary_folder, unfinished_file
from adapters.memory.runtime import MemoryClock
from adapters.sqlite.backup.backups import Backups, back_up
from domain.errors import StoreError
from tests.support.builders import NOON, a_cycle
from tests.support.databases import a_store

CHECKOUT = Path(__file__).parents[2]
MAKER = """
import sys
from pathlib import Path
from adapters.files.unfinished import unfinished_file

with unfinished_file(Path(sys.argv[1])) as unfinished:
    unfinished.write_bytes(b"half")
    unfinished.with_name(f"{unfinished.name}-journal").write_bytes(b"log")
    print("making", flush=True)
    sys.stdin.read()
"""
Make = Callable[[Path], "subprocess.Popen[str]"]


@pytest.fixture
def make() -> Iterator[Make]:
    """Start a process that makes the file until it is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(target: Path) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", MAKER, str(target)],
            cwd=CHECKOUT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout is not None
        process.stdout.readline()
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate(timeout=30)


def _kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait(timeout=30)


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "data" / "readings.db"
    store = a_store(path)
    store.append(a_cycle())
    store.close()
    return path


def test_leftovers_are_removed_once_their_process_has_ended(tmp_path: Path, make: Make) -> None:
    process = make(tmp_path / "monday.db")
    remove_leftovers(tmp_path)
    assert _names(tmp_path) == {"monday.db.making", "monday.db.making-journal", "monday.db.making.lock"}
    _kill(process)
    remove_leftovers(tmp_path)
    assert _names(tmp_path) == set()


def test_a_file_is_made_by_one_process_at_a_time(tmp_path: Path, make: Make) -> None:
    process = make(tmp_path / "monday.db")
    with (
        pytest.raises(StoreError, match="another process is making"),
        unfinished_file(tmp_path / "monday.db"),
    ):
        pass
    assert (tmp_path / "monday.db.making").read_bytes() == b"half"
    _kill(process)
    with unfinished_file(tmp_path / "monday.db") as unfinished:
        assert unfinished.read_bytes() == b""
    assert _names(tmp_path) == set()


def test_a_temporary_folder_is_removed_with_its_content(tmp_path: Path, make: Make) -> None:
    with temporary_folder(tmp_path / "copies") as folder:
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "deep").mkdir()
    assert _names(tmp_path) == set()
    _kill(make(tmp_path / "copies"))
    left = tmp_path / "copies.making"
    left.unlink()
    left.mkdir()
    (left / "copy.db").touch()
    remove_leftovers(tmp_path)
    assert _names(tmp_path) == {"copies.making-journal"}


def test_files_of_other_programs_stay(tmp_path: Path) -> None:
    (tmp_path / "film.making").write_bytes(b"theirs")
    for content in (b"", b"theirs", b"homeclimate\nbut longer"):
        (tmp_path / "film.making.lock").write_bytes(content)
        remove_leftovers(tmp_path)
    remove_unlocked(tmp_path, "readings-*.db")
    assert _names(tmp_path) == {"film.making", "film.making.lock"}


def test_what_is_named_like_a_lock_and_is_no_file_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "folder.making.lock").mkdir()
    (tmp_path / "link.making.lock").symlink_to(tmp_path / "nowhere")
    remove_leftovers(tmp_path)
    assert _names(tmp_path) == {"folder.making.lock", "link.making.lock"}


def test_a_backup_by_hand_removes_what_a_killed_one_left_next_to_it(
    tmp_path: Path, path: Path, make: Make
) -> None:
    _kill(make(tmp_path / "monday.db"))
    running = make(tmp_path / "tuesday.db")
    back_up(path, tmp_path / "wednesday.db", busy_timeout_ms=100)
    assert {name for name in _names(tmp_path) if "making" in name} == {
        f"tuesday.db.making{suffix}" for suffix in ("", "-journal", ".lock")
    }
    _kill(running)


def test_a_daily_backup_removes_what_killed_processes_left(path: Path, make: Make) -> None:
    backups = Backups(path=path, clock=MemoryClock(NOON), busy_timeout_ms=100)
    backups.folder.mkdir()
    for target in (backups.folder / "readings-20260228T120000Z.db", path.with_name("readings.db.restoring")):
        _kill(make(target))
    (backups.folder / "readings-20260227T120000Z.db.making").write_bytes(b"of an earlier version")
    running = make(backups.folder / "readings-by-hand.db")
    backups.make()
    assert {name for name in _names(path.parent) | _names(backups.folder) if "making" in name} == {
        f"readings-by-hand.db.making{suffix}" for suffix in ("", "-journal", ".lock")
    }
    _kill(running)
