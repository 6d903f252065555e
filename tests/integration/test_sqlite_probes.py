"""A database is looked at and stays as it was."""

from __future__ import annotations

import resource
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from adapters.sqlite import probes
from adapters.sqlite.database_lock import DatabaseLock
from domain.health import Answer, Status
from tests.support.builders import a_cycle
from tests.support.databases import a_store, changed
from tests.support.old_homes import Age, make_old_home


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "readings.db"
    with closing(a_store(path)) as store:
        store.open()
        store.append(a_cycle())
    return path


def writing(path: Path, **more: Any) -> Answer:
    return probes.writing(path, **{"is_simulated": False, "program": "./run", **more})


def wal(path: Path) -> Answer:
    return probes.write_ahead_log(path, checkpoint_pages=1000, program="./run")


def dumped(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


def test_the_probe_rolls_back_everything_it_wrote(path: Path) -> None:
    before, names = dumped(path), sorted(file.name for file in path.parent.iterdir())
    assert writing(path).status is Status.PASS
    assert dumped(path) == before
    assert sorted(file.name for file in path.parent.iterdir()) == names


@pytest.mark.parametrize("age", Age)
def test_the_probe_upgrades_no_old_database(tmp_path: Path, age: Age) -> None:
    path = tmp_path / "readings.db"
    make_old_home(path, age, 50)
    before = dumped(path)
    assert writing(path).status is Status.PASS
    assert dumped(path) == before
    assert not path.with_name("readings.db.lock").exists()


def test_a_held_lock_is_a_failure(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "_LOCK_WAIT_S", 0.05)
    lock = DatabaseLock(path.with_name("readings.db.lock"), wait_s=1)
    with lock.held():
        answer = writing(path)
    lock.close()
    assert (answer.status, "fuser" in answer.next_step) == (Status.FAIL, True)


def test_a_locked_database_is_a_failure(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "_BUSY_TIMEOUT_MS", 50)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        answer = writing(path)
    assert (answer.status, f"`fuser -v {path}`" in answer.next_step) == (Status.FAIL, True)


@contextmanager
def no_room_for_files_beyond(size_bytes: int) -> Iterator[None]:
    """As on a full disk: no file of this process grows beyond that."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("age", [Age.C_WAL, Age.C_ROLLBACK])
def test_a_full_disk_is_a_failure(tmp_path: Path, age: Age) -> None:
    """A full disk ends a transaction by itself: taking it back again must not hide why."""
    path = tmp_path / "readings.db"
    make_old_home(path, age, 50)
    before = dumped(path)
    with no_room_for_files_beyond(1000):
        answer = writing(path)
    assert (answer.status, answer.next_step) == (Status.FAIL, f"Make room on its disk: `df -h {tmp_path}`.")
    assert "cannot grow" in answer.summary
    assert dumped(path) == before


def test_a_folder_instead_of_a_database_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "readings.db").mkdir()
    answer = writing(tmp_path / "readings.db")
    assert (answer.status, "is not a file" in answer.summary) == (Status.FAIL, True)
    assert wal(tmp_path / "readings.db").status is Status.SKIPPED


@pytest.mark.parametrize("content", [b"", b"no database at all" * 300])
def test_a_damaged_file_is_to_be_replaced_by_a_backup(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "readings.db"
    path.write_bytes(content)
    answer = writing(path)
    assert (answer.status, "`./run restore FILE`" in answer.next_step) == (Status.FAIL, True)
    assert wal(path).status is Status.SKIPPED
    assert path.read_bytes() == content


def test_a_missing_folder_is_to_be_mounted_or_made(tmp_path: Path) -> None:
    answer = writing(tmp_path / "none" / "readings.db")
    assert (answer.status, f"mkdir -p {tmp_path / 'none'}" in answer.next_step) == (Status.FAIL, True)


def test_no_database_yet_is_no_failure(tmp_path: Path) -> None:
    assert writing(tmp_path / "readings.db").status is Status.PASS
    assert wal(tmp_path / "readings.db").status is Status.SKIPPED
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("is_simulated", "status"), [(False, Status.PASS), (True, Status.FAIL)])
def test_a_simulated_home_is_a_failure_for_a_real_one(path: Path, is_simulated: bool, status: Status) -> None:
    assert writing(path, is_simulated=is_simulated).status is status


@pytest.mark.parametrize("how", ["FAIL", "ABORT", "ROLLBACK"])
def test_a_table_that_takes_no_row_is_a_failure(path: Path, how: str) -> None:
    changed(path, f"CREATE TRIGGER no BEFORE INSERT ON readings BEGIN SELECT RAISE({how}, 'a trigger'); END")
    before = dumped(path)
    answer = writing(path)
    assert (answer.status, "a trigger" in answer.summary) == (Status.FAIL, True)
    assert "--bundle" in answer.next_step
    assert dumped(path) == before


def test_the_mode_and_length_of_the_log_are_shown(path: Path) -> None:
    assert wal(path).status is Status.PASS
    with path.with_name("readings.db-wal").open("wb") as log:
        log.truncate(64 * 1024 * 1024 + 1)
    answer = wal(path)
    assert (answer.status, "fuser" in answer.next_step) == (Status.WARN, True)


def test_another_journal_mode_is_a_failure(path: Path) -> None:
    changed(path, "PRAGMA journal_mode = DELETE")
    answer = wal(path)
    assert (answer.status, "`./run collect --once`" in answer.next_step) == (Status.FAIL, True)


@pytest.mark.parametrize(
    ("version", "status"),
    [
        ((3, 40, 1), Status.WARN),
        ((3, 44, 6), Status.PASS),
        ((3, 50, 6), Status.WARN),
        ((3, 50, 7), Status.PASS),
        ((3, 51, 2), Status.WARN),
        ((3, 51, 3), Status.PASS),
        ((3, 53, 0), Status.PASS),
    ],
)
def test_an_sqlite_with_the_reset_bug_is_a_warning(version: tuple[int, int, int], status: Status) -> None:
    assert probes.version(version).status is status


def test_a_synchronised_folder_is_a_failure(tmp_path: Path) -> None:
    assert probes.place(tmp_path / "readings.db").status is Status.PASS
    (tmp_path / ".stfolder").mkdir()
    answer = probes.place(tmp_path / "readings.db")
    assert (answer.status, "storage.database_path" in answer.next_step) == (Status.FAIL, True)
