"""Storing without waiting: whatever would take time is refused at once, so that the cycle can be spooled."""

from __future__ import annotations

import fcntl
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import pytest

from adapters.sqlite.store import SqliteStore
from domain.errors import StoreBusy
from tests.support.builders import NOON, a_cycle
from tests.support.databases import a_store, rows

LONG_S = 600.0  # longer than a test may take


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "readings.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    """An open store that waits long for others."""
    store = a_store(path, budget_s=LONG_S, busy_timeout_ms=round(LONG_S / 3 * 1000))
    store.open()
    yield store
    store.close()


@contextmanager
def _written_to(path: Path) -> Iterator[None]:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


@contextmanager
def _held_exclusively(path: Path) -> Iterator[None]:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield


@contextmanager
def _worked_on_by_our_process(path: Path) -> Iterator[None]:
    with path.with_name(f"{path.name}.lock").open("rb+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _waited_for_by_our_process(path: Path) -> Iterator[None]:
    with closing(sqlite3.connect(path, isolation_level=None)) as other, _worked_on_by_our_process(path):
        other.execute("BEGIN IMMEDIATE")
        yield


@contextmanager
def _replaced(path: Path) -> Iterator[None]:
    other = a_store(path.with_name("other.db"))
    other.open()
    other.close()
    path.with_name("other.db").rename(path)
    yield


@pytest.mark.parametrize(
    "hindered",
    [_written_to, _held_exclusively, _worked_on_by_our_process, _waited_for_by_our_process, _replaced],
)
def test_what_would_take_time_is_refused_at_once(
    store: SqliteStore, path: Path, hindered: Callable[[Path], AbstractContextManager[None]]
) -> None:
    with hindered(path), pytest.raises(StoreBusy):
        store.append(a_cycle(), waits=False)


def test_store_that_is_not_open_is_not_opened(path: Path) -> None:
    with pytest.raises(StoreBusy):
        a_store(path).append(a_cycle(), waits=False)
    assert not path.exists()


def test_damage_is_not_repaired(store: SqliteStore, path: Path) -> None:
    store._is_suspect = True
    with pytest.raises(StoreBusy):
        store.append(a_cycle(), waits=False)
    store.append(a_cycle())
    assert rows(path, "SELECT count(*) FROM readings") == [(1,)]


def test_free_store_takes_the_cycle_and_waits_again_afterwards(store: SqliteStore, path: Path) -> None:
    store.append(a_cycle(), waits=False)
    assert rows(path, "SELECT count(*) FROM readings") == [(1,)]
    assert store._connection is not None
    busy_timeout_ms = store._connection.execute("PRAGMA busy_timeout").fetchone()
    assert busy_timeout_ms == (store._opening.busy_timeout_ms,)


@pytest.mark.parametrize("hindered", [_written_to, _held_exclusively, _worked_on_by_our_process])
def test_progress_is_known_to_a_process_that_could_not_open_the_database(
    store: SqliteStore, path: Path, hindered: Callable[[Path], AbstractContextManager[None]]
) -> None:
    store.append(a_cycle())
    with hindered(path):
        starting = a_store(path, budget_s=LONG_S, busy_timeout_ms=10)
        assert starting.progress("hue", NOON).is_stored
        assert starting.is_used("hue", NOON)
        starting.close()
