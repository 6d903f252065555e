"""The write-ahead log, and several readers and writers of one file."""

from __future__ import annotations

import errno
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.memory.runtime import MemoryJournal
from adapters.sqlite import wal
from adapters.sqlite.history.queries import SqliteHistory
from adapters.sqlite.store import SqliteStore
from adapters.sqlite.wal import has_reset_bug, size_bytes
from domain.errors import StoreError
from ports.journal import Level
from tests.support.builders import NOON, a_collected, a_cycle, a_due, a_reading
from tests.support.databases import a_store, rows

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "readings.db"


@pytest.fixture
def journal() -> MemoryJournal:
    return MemoryJournal()


@pytest.fixture
def store(path: Path, journal: MemoryJournal) -> Iterator[SqliteStore]:
    store = a_store(path, journal=journal)
    store.open()
    yield store
    store.close()


def _append(store: SqliteStore, number: int, *, raw_bytes: int = 0, source: str = "hue") -> None:
    slot = NOON + timedelta(minutes=5 * number)
    reading = a_reading(f"{source}:a", collected_at=slot, raw_response="x" * raw_bytes)
    store.append(a_cycle(a_collected(reading, due=a_due(source, slot))))


@contextmanager
def _a_reader(path: Path) -> Iterator[sqlite3.Connection]:
    """Another program in a long read transaction."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM readings").fetchone()
        yield reader


def test_wal_mode_is_on_from_the_first_opening(store: SqliteStore, path: Path) -> None:
    assert rows(path, "PRAGMA journal_mode") == [("wal",)]


@pytest.mark.parametrize("version", ["3.40.1", "3.51.3"])
def test_the_journal_records_how_the_database_was_opened(
    path: Path, journal: MemoryJournal, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", tuple(int(part) for part in version.split(".")))
    store = a_store(path, journal=journal, wal_checkpoint_pages=77)
    store.open()
    (opened,) = journal.of("store.opened")
    assert (opened.fields["mode"], opened.fields["checkpoint_pages"]) == ("wal", 77)
    assert (opened.fields["wal_bytes"], opened.fields["sqlite"]) == (0, sqlite3.sqlite_version)
    assert (opened.level, "fault" in opened.fields) == (
        (Level.INFO, False) if version == "3.51.3" else (Level.WARNING, True)
    )
    store.close()


@pytest.mark.parametrize(
    ("version", "has_bug"),
    [
        ((3, 7, 17), True),
        ((3, 40, 1), True),
        ((3, 44, 5), True),
        ((3, 44, 6), False),
        ((3, 45, 9), True),
        ((3, 50, 6), True),
        ((3, 50, 7), False),
        ((3, 51, 2), True),
        ((3, 51, 3), False),
        ((4, 0, 0), False),
    ],
)
def test_the_releases_that_can_damage_a_log_are_known(version: tuple[int, int, int], has_bug: bool) -> None:
    assert has_reset_bug(version) is has_bug


@pytest.mark.parametrize("pages", [50, 400])
def test_the_log_is_checkpointed_at_the_configured_length(path: Path, pages: int) -> None:
    store = a_store(path, wal_checkpoint_pages=pages)
    for number in range(40):
        _append(store, number, raw_bytes=100_000)
    assert pages * 4096 <= size_bytes(path) < 2 * pages * 4096
    store.close()


def test_the_log_stays_short_however_much_is_stored(store: SqliteStore, path: Path) -> None:
    longest = 0
    for number in range(60):
        _append(store, number, raw_bytes=400_000)
        longest = max(longest, size_bytes(path))
    assert 0 < longest <= wal.LONG_BYTES
    assert path.stat().st_size > 2 * longest


@pytest.mark.parametrize("is_shortened_by_another", [False, True])
def test_a_log_that_a_reader_holds_is_reported_and_shortened_later(
    store: SqliteStore,
    path: Path,
    journal: MemoryJournal,
    monkeypatch: pytest.MonkeyPatch,
    is_shortened_by_another: bool,
) -> None:
    monkeypatch.setattr(wal, "HELD_BYTES", 10_000_000)
    with _a_reader(path) as reader:
        for number in range(30):
            _append(store, number, raw_bytes=500_000)
        (held,) = journal.of("store.wal_held")
        assert (held.level, held.fields["path"]) == (Level.WARNING, str(path))
        assert size_bytes(path) > 10_000_000
        assert reader.execute("SELECT count(*) FROM readings").fetchone() == (0,)
    if is_shortened_by_another:
        rows(path, "PRAGMA wal_checkpoint(TRUNCATE)")
    _append(store, 30)
    assert is_shortened_by_another or size_bytes(path) == 0
    assert journal.events()[-1] == "store.wal_released"
    assert rows(path, "SELECT count(*) FROM readings") == [(31,)]


def test_readers_and_the_writer_do_not_wait_for_each_other(store: SqliteStore, path: Path) -> None:
    _append(store, 0)
    with _a_reader(path) as reader:
        for number in range(1, 21):
            _append(store, number)
        assert reader.execute("SELECT count(*) FROM readings").fetchone() == (1,)
        assert len(SqliteHistory(path).newest()) == 1
    assert rows(path, "SELECT count(*) FROM readings") == [(21,)]


def test_threads_that_write_at_once_meet_no_locked_database(path: Path) -> None:
    errors: list[StoreError] = []

    def append(source: str) -> None:
        store = a_store(path)
        try:
            for number in range(25):
                _append(store, number, source=source)
        except StoreError as error:
            errors.append(error)
        finally:
            store.close()

    writers = [threading.Thread(target=append, args=(source,), daemon=True) for source in "abcd"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(timeout=40)
    assert errors == []
    assert rows(path, "SELECT count(*) FROM outcomes") == [(100,)]


def test_descriptor_that_another_connection_closes_costs_no_cycle(
    path: Path, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    _append(store, 0)
    pread, closed = os.pread, [OSError(errno.EBADF, os.strerror(errno.EBADF))] * 2

    def pread_of_closed(descriptor: int, size: int, offset: int) -> bytes:
        if closed:
            raise closed.pop()
        return pread(descriptor, size, offset)

    monkeypatch.setattr(os, "pread", pread_of_closed)
    _append(store, 1)
    assert not closed
    assert rows(path, "SELECT count(*) FROM outcomes") == [(2,)]


def _appender(path: Path, source: str, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.support.store_process", "append", str(path), source, str(count)]
    return subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True)


def test_processes_that_append_at_once_store_all_their_cycles(path: Path) -> None:
    """From the first moment on: which of them makes the database is left to chance."""
    appenders = [_appender(path, source, 60) for source in ("one", "three", "two")]
    stored = [len(appender.communicate(timeout=50)[0].splitlines()) for appender in appenders]
    assert ([appender.returncode for appender in appenders], stored) == ([0, 0, 0], [60, 60, 60])
    by_source = rows(path, "SELECT source, count(*) FROM outcomes GROUP BY source ORDER BY source")
    assert by_source == [("one", 60), ("three", 60), ("two", 60)]
    assert rows(path, "SELECT count(*) FROM readings") == [(540,)]
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]


def test_another_program_that_writes_at_the_same_time_is_waited_for(store: SqliteStore, path: Path) -> None:
    done = threading.Event()

    def write() -> None:
        with closing(sqlite3.connect(path, isolation_level=None, timeout=20)) as earlier_program:
            while not done.wait(0.005):  # without a pause it would starve all others
                earlier_program.execute("BEGIN IMMEDIATE")
                earlier_program.execute("UPDATE readings SET location = location || '.'")
                earlier_program.execute("COMMIT")

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    try:
        for number in range(20):
            _append(store, number)
    finally:
        done.set()
        writer.join(timeout=30)
    assert rows(path, "SELECT count(*) FROM readings") == [(20,)]


def test_a_killed_process_loses_no_cycle_that_it_called_stored(path: Path) -> None:
    for victim in range(4):
        source = f"killed-{victim}"
        appender = _appender(path, source, 1_000_000)
        assert appender.stdout is not None
        acknowledged = {appender.stdout.readline().strip() for _ in range(5 + 7 * victim)}
        appender.kill()
        left = appender.communicate(timeout=30)[0].splitlines(keepends=True)
        acknowledged |= {line.strip() for line in left if line.endswith("\n")}
        stored = {slot for (slot,) in rows(path, "SELECT slot FROM outcomes WHERE source = ?", source)}
        assert acknowledged <= stored
        count = "SELECT count(*) FROM readings WHERE device_id LIKE ? GROUP BY timestamp"
        assert rows(path, count, f"{source}:%") == [(3,)] * len(stored)
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]
    survivor = a_store(path)
    survivor.append(a_cycle())
    survivor.close()
