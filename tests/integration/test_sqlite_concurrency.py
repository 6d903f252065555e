"""Several stores on one file: threads, processes, and processes that are killed."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.sqlite.queries import SqliteHistory
from domain.errors import StoreError
from tests.support.builders import NOON, a_collected, a_cycle, a_due, a_reading
from tests.support.databases import a_store, rows

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "readings.db"


def _appender(path: Path, source: str, count: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.support.appender", str(path), source, str(count)],
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_processes_that_append_at_once_all_get_their_cycles_in(path: Path) -> None:
    """From the very first moment: which of them makes the database is left to chance."""
    appenders = [_appender(path, source, 60) for source in ("one", "two", "three")]
    history = SqliteHistory(path)
    said = []
    for appender in appenders:
        out, _ = appender.communicate(timeout=50)
        said.append(len(out.splitlines()))
        assert len(history.newest()) >= 3
    assert [appender.returncode for appender in appenders] == [0, 0, 0]
    assert said == [60, 60, 60]
    assert rows(path, "SELECT source, count(*) FROM outcomes GROUP BY source ORDER BY source") == [
        ("one", 60),
        ("three", 60),
        ("two", 60),
    ]
    assert rows(path, "SELECT count(*) FROM readings") == [(540,)]
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]


def test_threads_with_a_store_each_never_see_a_locked_database(path: Path) -> None:
    errors: list[StoreError] = []

    def append(source: str) -> None:
        store = a_store(path)
        try:
            for number in range(40):
                slot = NOON + timedelta(minutes=5 * number)
                reading = a_reading(f"{source}:a", collected_at=slot)
                store.append(a_cycle(a_collected(reading, due=a_due(source, slot))))
        except StoreError as error:
            errors.append(error)
        finally:
            store.close()

    threads = [threading.Thread(target=append, args=(source,), daemon=True) for source in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=40)
    assert errors == []
    assert rows(path, "SELECT count(*) FROM readings") == [(160,)]


def test_another_program_that_writes_at_the_same_time_is_waited_for(path: Path) -> None:
    store = a_store(path)
    store.open()
    done = threading.Event()

    def write() -> None:
        with closing(sqlite3.connect(path, isolation_level=None, timeout=20)) as earlier_program:
            while not done.wait(0.005):  # without a pause it would starve everybody else
                earlier_program.execute("BEGIN IMMEDIATE")
                earlier_program.execute("UPDATE readings SET location = location || '.'")
                earlier_program.execute("COMMIT")

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    try:
        for number in range(20):
            slot = NOON + timedelta(minutes=5 * number)
            store.append(a_cycle(a_collected(a_reading(collected_at=slot), due=a_due(slot=slot))))
    finally:
        done.set()
        writer.join(timeout=30)
    assert rows(path, "SELECT count(*) FROM readings") == [(20,)]
    store.close()


def test_a_killed_process_costs_no_cycle_that_it_called_stored(path: Path) -> None:
    for victim in range(4):
        source = f"killed-{victim}"
        appender = _appender(path, source, 1_000_000)
        assert appender.stdout is not None
        acknowledged = {appender.stdout.readline().strip() for _ in range(5 + 7 * victim)}
        appender.kill()
        acknowledged |= {
            line.strip()
            for line in appender.communicate(timeout=30)[0].splitlines(keepends=True)
            if line.endswith("\n")
        }
        stored = {slot for (slot,) in rows(path, "SELECT slot FROM outcomes WHERE source = ?", source)}
        assert acknowledged <= stored
        counts = rows(
            path, "SELECT count(*) FROM readings WHERE device_id LIKE ? GROUP BY timestamp", f"{source}:%"
        )
        assert counts == [(3,)] * len(stored)
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]
    survivor = a_store(path)
    survivor.append(a_cycle())
    survivor.close()
