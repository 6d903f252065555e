"""A database of the earlier program is copied first, and upgraded completely or not at all."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from adapters.memory.runtime import MemoryJournal
from adapters.sqlite.migration import durable_copy, migrations
from adapters.sqlite.migration.durable_copy import differ
from adapters.sqlite.migration.migrations import KNOWN_VERSION
from domain.errors import StoreCorrupt, StoreError
from tests.support.builders import NOON, a_cycle
from tests.support.databases import a_store, changed, rows
from tests.support.old_homes import Age, make_old_home

ROWS = 500
KILLED_HALF_WAY = """
import os, signal, sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("PRAGMA cache_size = 1")  # so that it writes before it commits
connection.execute("UPDATE readings SET location = upper(location) || hex(zeroblob(900))")
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "readings.db"
    make_old_home(path, Age.B, ROWS)
    return path


def _copies(path: Path) -> Sequence[Path]:
    return sorted(path.parent.glob("readings.db.*before*"))


def test_a_home_is_copied_once(path: Path) -> None:
    journal = MemoryJournal()
    for _ in range(2):
        store = a_store(path, journal=journal)
        store.append(a_cycle())
        store.close()
    assert journal.events() == (
        "store.copying",
        "store.copied",
        "store.relaxing",
        "store.relaxed",
        "store.opened",
        "store.opened",
    )
    assert len(_copies(path)) == 1


def test_a_home_can_return_to_its_copy_and_be_upgraded_again(path: Path) -> None:
    first = a_store(path)
    first.append(a_cycle())
    first.close()
    (copy,) = _copies(path)
    shutil.copy(copy, path)
    assert rows(path, "SELECT count(*) FROM readings") == [(ROWS,)]
    again = a_store(path)
    again.append(a_cycle())
    again.close()
    assert rows(path, "SELECT count(*) FROM readings") == [(ROWS + 1,)]


def test_the_copy_holds_rows_that_are_only_in_the_log(tmp_path: Path) -> None:
    path = tmp_path / "readings.db"
    make_old_home(path, Age.C_WAL, ROWS)
    with closing(sqlite3.connect(path)) as earlier_program:
        earlier_program.execute("UPDATE readings SET location = 'moved' WHERE id = 1")
        earlier_program.commit()
        assert (tmp_path / "readings.db-wal").stat().st_size > 0
        store = a_store(path)
        store.open()
        store.close()
    (copy,) = _copies(path)
    assert rows(copy, "SELECT location FROM readings WHERE id = 1") == [("moved",)]


def test_odd_values_of_old_rows_are_copied_and_kept(path: Path) -> None:
    changed(
        path,
        "PRAGMA ignore_check_constraints = ON",
        "UPDATE readings SET location = CAST(x'4bfc636865' AS TEXT), temperature_celsius = 61 WHERE id = 7",
        "CREATE TABLE notes (mine TEXT)",
        "INSERT INTO notes VALUES ('kept')",
    )
    store = a_store(path)
    store.append(a_cycle())
    store.close()
    assert rows(path, "PRAGMA user_version") == [(KNOWN_VERSION,)]
    select = "SELECT typeof(location), hex(location), temperature_celsius FROM readings WHERE id = 7"
    for file in (path, *_copies(path)):
        assert rows(file, select) == [("text", "4BFC636865", 61.0)]
        assert rows(file, "SELECT * FROM notes") == [("kept",)]


def test_a_copy_that_differs_in_one_value_stops_the_upgrade(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def differ_after_change(*arguments: Any) -> bool:
        changed(path.with_name("readings.db.copying"), "DELETE FROM readings WHERE id = 3")
        return differ(*arguments)

    monkeypatch.setattr(durable_copy, "differ", differ_after_change)
    before = path.read_bytes()
    with pytest.raises(StoreCorrupt, match="differs"):
        a_store(path).open()
    assert path.read_bytes() == before
    assert {file.name for file in path.parent.iterdir()} <= {"readings.db", "readings.db.lock"}


def test_a_failed_migration_changes_nothing_and_leaves_no_copy(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "CREATE_PROPERTIES", "CREATE TABLE readings (a)")
    schema = rows(path, "SELECT * FROM sqlite_schema")
    before = path.read_bytes()
    store = a_store(path)
    with pytest.raises(StoreError, match="already exists"):
        store.append(a_cycle())
    store.close()
    assert rows(path, "SELECT * FROM sqlite_schema") == schema
    assert path.read_bytes() == before
    assert _copies(path) == []


def test_an_interrupted_transaction_is_rolled_back_first(path: Path) -> None:
    """A killed program has left a journal that only a writing connection can roll back."""
    killed = subprocess.run([sys.executable, "-c", KILLED_HALF_WAY, str(path)], timeout=30, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert path.with_name("readings.db-journal").stat().st_size > 0
    store = a_store(path)
    store.append(a_cycle())
    store.close()
    assert rows(path, "SELECT count(*) FROM readings WHERE length(location) > 900") == [(0,)]
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]


def test_files_of_a_killed_start_are_replaced(tmp_path: Path) -> None:
    path = tmp_path / "readings.db"
    for leftover in ("readings.db.making", "readings.db.making-journal"):
        (tmp_path / leftover).write_bytes(os.urandom(5000))
    store = a_store(path)
    store.append(a_cycle())
    store.close()
    make_old_home(tmp_path / "old.db", Age.A, ROWS)
    (tmp_path / "old.db.copying").write_bytes(os.urandom(5000))
    old = a_store(tmp_path / "old.db")
    old.append(a_cycle())
    assert old.progress("hue", NOON).is_stored
    old.close()
    assert not list(tmp_path.glob("*.making*"))
    assert not list(tmp_path.glob("*.copying*"))
