"""The health probes of the database; they change nothing."""

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
from domain.health.report import Answer, Status
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
    return probes.writing(path, **{"is_simulated": False, **more})


def wal(path: Path) -> Answer:
    return probes.write_ahead_log(path, checkpoint_pages=1000)


def dumped(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


@pytest.mark.parametrize("age", [None, *Age])
def test_the_probe_rolls_back_everything_and_upgrades_nothing(tmp_path: Path, age: Age | None) -> None:
    path = tmp_path / "readings.db"
    if age is None:
        with closing(a_store(path)) as store:
            store.append(a_cycle())
    else:
        make_old_home(path, age, 50)
    before, names = dumped(path), sorted(file.name for file in tmp_path.iterdir())
    assert writing(path).status is Status.PASS
    assert dumped(path) == before
    assert sorted(file.name for file in tmp_path.iterdir()) == names


def test_a_lock_of_another_process_or_program_is_a_failure(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probes, "_LOCK_WAIT_S", 0.05)
    monkeypatch.setattr(probes, "_BUSY_TIMEOUT_MS", 50)
    lock = DatabaseLock(path.with_name("readings.db.lock"), wait_s=1)
    with lock.held():
        of_process = writing(path)
    lock.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        of_program = writing(path)
    for answer in (of_process, of_program):
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
    """It ends the transaction by itself: the roll-back must not hide the reason."""
    path = tmp_path / "readings.db"
    make_old_home(path, age, 50)
    before = dumped(path)
    with no_room_for_files_beyond(1000):
        answer = writing(path)
    assert (answer.status, answer.next_step) == (Status.FAIL, f"Make room on its disk: `df -h {tmp_path}`.")
    assert "cannot grow" in answer.summary
    assert dumped(path) == before


@pytest.mark.parametrize("content", [b"", b"no database at all" * 300, None])
def test_a_damaged_file_or_a_folder_is_a_failure(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "readings.db"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    answer = writing(path)
    assert answer.status is Status.FAIL
    assert ("is not a file" in answer.summary) is (content is None)
    assert ("`homeclimate restore FILE`" in answer.next_step) is (content is not None)
    assert wal(path).status is Status.SKIPPED
    assert content is None or path.read_bytes() == content


def test_a_missing_folder_fails_and_a_missing_database_does_not(tmp_path: Path) -> None:
    answer = writing(tmp_path / "none" / "readings.db")
    assert (answer.status, f"mkdir -p {tmp_path / 'none'}" in answer.next_step) == (Status.FAIL, True)
    assert writing(tmp_path / "readings.db").status is Status.PASS
    assert wal(tmp_path / "readings.db").status is Status.SKIPPED
    assert list(tmp_path.iterdir()) == []


def test_a_real_home_is_a_failure_for_a_simulated_one(path: Path) -> None:
    assert writing(path, is_simulated=True).status is Status.FAIL


@pytest.mark.parametrize(
    "trigger",
    [
        "BEFORE INSERT ON readings BEGIN SELECT RAISE(IGNORE); END",
        "AFTER INSERT ON readings BEGIN DELETE FROM readings WHERE id = new.id; END",
        "AFTER INSERT ON readings BEGIN UPDATE readings SET temperature_celsius = 0 WHERE id = new.id; END",
        "BEFORE INSERT ON outcomes BEGIN SELECT RAISE(IGNORE); END",
    ],
)
def test_a_table_that_does_not_keep_the_row_is_a_failure(path: Path, trigger: str) -> None:
    changed(path, f"CREATE TRIGGER no {trigger}")
    before = dumped(path)
    answer = writing(path)
    assert (answer.status, "does not keep it" in answer.summary) == (Status.FAIL, True)
    assert dumped(path) == before


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
    assert (answer.status, "`homeclimate collect --once`" in answer.next_step) == (Status.FAIL, True)


def test_an_sqlite_with_the_reset_bug_is_a_warning() -> None:
    assert probes.version((3, 51, 2)).status is Status.WARN
    assert probes.version((3, 51, 3)).status is Status.PASS


def test_a_synchronised_folder_is_a_failure(tmp_path: Path) -> None:
    assert probes.place(tmp_path / "readings.db").status is Status.PASS
    (tmp_path / ".stfolder").mkdir()
    answer = probes.place(tmp_path / "readings.db")
    assert (answer.status, "storage.database_path" in answer.next_step) == (Status.FAIL, True)
