"""The write-ahead log: had, told of, kept short, and in nobody's way."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.memory.runtime import MemoryJournal
from adapters.sqlite import wal
from adapters.sqlite.queries import SqliteHistory
from adapters.sqlite.store import SqliteStore
from adapters.sqlite.wal import has_reset_bug, size_bytes
from domain.errors import StoreError
from ports.journal import Level
from tests.support.builders import NOON, a_collected, a_cycle, a_due, a_reading
from tests.support.databases import a_store, rows


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
    """Another program that began to read, and does not end."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM readings").fetchone()
        yield reader


def test_wal_mode_is_on_from_the_first_opening(store: SqliteStore, path: Path) -> None:
    assert rows(path, "PRAGMA journal_mode") == [("wal",)]


@pytest.mark.parametrize("version", ["3.40.1", "3.51.3"])
def test_the_journal_says_how_the_database_was_opened(
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
    ("version", "has_fault"),
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
        ((3, 52, 0), False),
        ((4, 0, 0), False),
    ],
)
def test_the_releases_that_can_damage_a_log_are_known(version: tuple[int, int, int], has_fault: bool) -> None:
    assert has_reset_bug(version) is has_fault


@pytest.mark.parametrize("pages", [50, 400])
def test_the_log_is_moved_into_the_database_each_time_it_has_so_many_pages(path: Path, pages: int) -> None:
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


def test_a_reader_that_stays_is_named_once_and_the_log_is_shortened_when_it_has_gone(
    store: SqliteStore, path: Path, journal: MemoryJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wal, "HELD_BYTES", 10_000_000)
    with _a_reader(path) as reader:
        for number in range(30):
            _append(store, number, raw_bytes=500_000)
        (held,) = journal.of("store.wal_held")
        assert (held.level, held.fields["path"]) == (Level.WARNING, str(path))
        assert size_bytes(path) > 10_000_000
        assert reader.execute("SELECT count(*) FROM readings").fetchone() == (0,)
    _append(store, 30)
    assert size_bytes(path) == 0
    assert journal.events()[-1] == "store.wal_released"
    assert rows(path, "SELECT count(*) FROM readings") == [(31,)]


def test_a_log_that_another_process_has_shortened_is_said_to_be_free(
    store: SqliteStore, path: Path, journal: MemoryJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wal, "HELD_BYTES", 10_000_000)
    with _a_reader(path):
        for number in range(30):
            _append(store, number, raw_bytes=500_000)
    rows(path, "PRAGMA wal_checkpoint(TRUNCATE)")
    _append(store, 30)
    assert journal.events()[-1] == "store.wal_released"


def test_readers_and_the_writer_do_not_wait_for_each_other(store: SqliteStore, path: Path) -> None:
    _append(store, 0)
    with _a_reader(path) as reader:
        for number in range(1, 21):
            _append(store, number)
        assert reader.execute("SELECT count(*) FROM readings").fetchone() == (1,)
        assert len(SqliteHistory(path).newest()) == 1
    assert rows(path, "SELECT count(*) FROM readings") == [(21,)]


def test_writers_that_write_at_once_meet_no_locked_database(path: Path) -> None:
    refused: list[StoreError] = []

    def append(source: str) -> None:
        store = a_store(path)
        try:
            for number in range(25):
                _append(store, number, source=source)
        except StoreError as error:
            refused.append(error)
        finally:
            store.close()

    writers = [threading.Thread(target=append, args=(source,), daemon=True) for source in "abcd"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(timeout=40)
    assert refused == []
    assert rows(path, "SELECT count(*) FROM outcomes") == [(100,)]


def test_a_clean_stop_leaves_no_log(store: SqliteStore, path: Path) -> None:
    _append(store, 0)
    assert size_bytes(path) > 0
    store.close()
    assert size_bytes(path) == 0
