"""Quarantine: a damaged database is kept as it is, and a new one takes the next cycle."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.files.state_file import FileState
from adapters.memory.runtime import MemoryJournal
from adapters.memory.state import MemoryState
from adapters.sqlite.care.verification import structural_fault
from adapters.sqlite.store import SqliteStore
from domain.cycle import CycleReport, Unread
from domain.errors import StoreCorrupt, StoreError, StoreFull, StoreRefused
from ports.journal import Level
from ports.state import State
from tests.support.builders import NOON, a_collected, a_cycle, a_due, a_reading
from tests.support.cut_short import cut_short
from tests.support.damaged import DAMAGES, damage
from tests.support.databases import a_store, changed, rows

KEPT = "readings.db.damaged-20260301T120000Z"
DEVICES = "SELECT device_id FROM readings"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "readings.db"


@pytest.fixture
def state() -> State:
    return MemoryState()


@pytest.fixture
def journal() -> MemoryJournal:
    return MemoryJournal()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with 300 readings."""
    path = tmp_path_factory.mktemp("model") / "readings.db"
    store = a_store(path)
    _fill(store)
    store.close()
    return path


@pytest.fixture
def store(path: Path, model: Path, state: State, journal: MemoryJournal) -> Iterator[SqliteStore]:
    """A store on that database, open."""
    shutil.copyfile(model, path)
    store = a_store(path, state=state, journal=journal)
    store.open()
    yield store
    store.close()


def _fill(store: SqliteStore, cycles: int = 60) -> None:
    for number in range(cycles):
        slot = NOON - timedelta(minutes=5 * (cycles - number))
        readings = [a_reading(f"hue:{device}", collected_at=slot) for device in range(5)]
        store.append(a_cycle(a_collected(*readings, due=a_due(slot=slot))))


def _a_cycle(number: int = 0) -> CycleReport:
    slot = NOON + timedelta(minutes=5 * number)
    return a_cycle(a_collected(a_reading("hue:new", collected_at=slot), due=a_due(slot=slot)))


@pytest.mark.parametrize("how", DAMAGES)
def test_a_start_quarantines_a_damaged_database_byte_for_byte(
    store: SqliteStore, path: Path, state: State, how: str
) -> None:
    store.close()
    damaged = damage(path, how)
    journal = MemoryJournal()
    started = a_store(path, state=state, journal=journal)
    started.open(checking=True)
    assert path.with_name(KEPT).exists()
    started.append(_a_cycle())
    assert rows(path, DEVICES) == [("hue:new",)]
    assert path.with_name(KEPT).read_bytes() == damaged
    (record,) = journal.of("store.moved_aside")
    assert (record.level, record.fields["kept_as"]) == (Level.CRITICAL, str(path.with_name(KEPT)))
    assert f"homeclimate db salvage {path.with_name(KEPT)}" in str(record.fields["next"])
    aside = state.get("store.aside")
    assert (aside["kept_as"], aside["finished"]) == (str(path.with_name(KEPT)), False)
    started.close()


@pytest.mark.parametrize("how", DAMAGES)
def test_a_store_that_meets_damage_stores_its_cycle(store: SqliteStore, path: Path, how: str) -> None:
    other = a_store(path)
    other.append(a_cycle(a_collected(a_reading("hue:other"))))  # so that no cache is up to date
    other.close()
    damaged = damage(path, how)
    for number in range(1, 4):
        store.append(_a_cycle(number))
    store.open(checking=True)  # until now a page that no query reads is not missed
    store.append(_a_cycle(4))
    ((stored,),) = rows(path, "SELECT count(*) FROM readings WHERE device_id = 'hue:new'")
    assert stored == 4
    assert path.with_name(KEPT).read_bytes() == damaged
    assert structural_fault(path) is None


def test_quarantine_keeps_the_log_with_the_file(store: SqliteStore, path: Path) -> None:
    store.append(a_cycle())
    other = sqlite3.connect(path)  # keeps the log from being moved when the store closes
    other.execute("SELECT count(*) FROM readings").fetchone()
    log = path.with_name("readings.db-wal").read_bytes()
    with path.open("r+b") as file:
        file.truncate(4096)
    assert store._quarantine is not None
    assert store._quarantine.ensure_sound(thoroughly=False)
    store.append(_a_cycle())
    assert len(log) > 0
    assert path.with_name(f"{KEPT}-wal").read_bytes() == log
    assert path.with_name(KEPT).stat().st_size == 4096
    assert rows(path, DEVICES) == [("hue:new",)]
    other.close()
    assert path.with_name(f"{KEPT}-wal").read_bytes() == log


def test_the_connection_that_met_damage_does_not_checkpoint(store: SqliteStore, path: Path) -> None:
    store.append(a_cycle())
    log = path.with_name("readings.db-wal").read_bytes()
    pages = path.stat().st_size // 4096
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(bytes(4096 * (pages - 1)))
    kept = path.read_bytes()
    assert store._connection is not None
    store._connection.execute("PRAGMA shrink_memory")  # so that pages are read from the file
    store.append(_a_cycle(1))
    assert rows(path, DEVICES) == [(a_reading().device_id,), ("hue:new",)]  # the first was only in the log
    assert path.with_name(KEPT).read_bytes() == kept
    assert path.with_name(f"{KEPT}-wal").read_bytes()[: len(log)] == log


@pytest.mark.parametrize("how", ["a text", "noise", "cut to half"])
def test_a_damaged_file_that_was_never_opened_is_refused(store: SqliteStore, path: Path, how: str) -> None:
    store.close()
    damaged = damage(path, how)
    stranger = a_store(path, state=MemoryState())
    with pytest.raises(StoreCorrupt):
        stranger.open(checking=True)
    with pytest.raises(StoreCorrupt):
        stranger.append(_a_cycle())
    stranger.close()
    assert path.read_bytes() == damaged
    assert not list(path.parent.glob("*.damaged-*"))


def test_another_programs_database_is_refused_at_our_path(
    store: SqliteStore, path: Path, state: State
) -> None:
    store.close()
    path.unlink()
    changed(path, "CREATE TABLE songs (title TEXT)")
    with pytest.raises(StoreRefused):
        a_store(path, state=state).append(_a_cycle())
    assert not list(path.parent.glob("*.damaged-*"))


def test_a_sound_database_is_never_quarantined(
    store: SqliteStore, path: Path, journal: MemoryJournal
) -> None:
    store.open(checking=True)
    store._is_suspect = True
    store.append(_a_cycle())
    assert not list(path.parent.glob("*.damaged-*"))
    assert "store.moved_aside" not in journal.events()
    assert rows(path, "SELECT count(*) FROM readings") == [(301,)]


def test_a_database_that_a_new_connection_finds_sound_is_reopened(store: SqliteStore, path: Path) -> None:
    """The memory of the old connection was at fault, or the error has passed."""
    _fail_once(store)
    store.append(_a_cycle())
    assert rows(path, "SELECT count(*) FROM readings") == [(301,)]
    assert not list(path.parent.glob("*.damaged-*"))


def _fail_once(store: SqliteStore) -> None:
    written, errors = store._write, iter([StoreCorrupt("only once")])

    def fails(report: CycleReport, *, waits: bool = True) -> tuple[CycleReport, Sequence[Unread]]:
        for error in errors:
            raise error
        return written(report, waits=waits)

    store._write = fails  # type: ignore[method-assign]


def test_a_query_that_meets_damage_makes_the_next_cycle_check(
    store: SqliteStore, path: Path, journal: MemoryJournal
) -> None:
    other = a_store(path)
    other.append(a_cycle(a_collected(a_reading("hue:other"))))
    other.close()
    damage(path, "noise inside")
    with pytest.raises(StoreError):
        store.progress("hue", NOON)
    assert store._is_suspect  # although what the next cycle needs may be sound
    store.append(_a_cycle())
    assert "store.moved_aside" in journal.events()
    assert store.progress("hue", NOON).is_stored


def test_another_process_continues_in_the_new_database(store: SqliteStore, path: Path) -> None:
    other = a_store(path, state=MemoryState())
    other.append(a_cycle(a_collected(a_reading("hue:other"))))
    damage(path, "zeros inside")
    store.append(_a_cycle(1))
    other.append(_a_cycle(2))
    store.append(_a_cycle(3))
    other.close()
    assert rows(path, "SELECT count(*) FROM readings") == [(3,)]
    assert structural_fault(path) is None
    assert len(list(path.parent.glob("*.damaged-*Z"))) == 1


def test_a_quarantined_file_overwrites_no_earlier_one(store: SqliteStore, path: Path, state: State) -> None:
    kept = []
    for _ in range(3):
        store.close()
        kept.append(damage(path, "cut to half"))
        store.open(checking=True)
        _fill(store, cycles=10)
    names = [KEPT, f"{KEPT}-2", f"{KEPT}-3"]
    assert [path.with_name(name).read_bytes() for name in names] == kept


def test_without_room_the_damaged_database_stays_in_place(
    store: SqliteStore, path: Path, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.close()
    damaged = damage(path, "without its header")

    def full(_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("adapters.sqlite.opening.make_tables", lambda *_, **__: full(None))
        with pytest.raises(StoreFull):
            store.append(_a_cycle())
    assert path.read_bytes() == damaged
    store.append(_a_cycle())
    assert rows(path, DEVICES) == [("hue:new",)]


def test_a_killed_quarantine_is_continued_by_the_next_start(tmp_path: Path, model: Path) -> None:
    path = tmp_path / "data" / "readings.db"
    for calls in range(100):
        shutil.rmtree(path.parent, ignore_errors=True)
        path.parent.mkdir()
        shutil.copyfile(model, path)
        _start(path).close()
        damaged = damage(path, "without its schema")
        victim = a_store(path, state=FileState(path.parent / "state.json", MemoryJournal()))
        with cut_short(calls) as left:
            victim.open(checking=True)
        victim._close_connections()  # as the system closes the files of a dead process
        started = _start(path)
        started.append(_a_cycle())
        started.close()
        assert rows(path, DEVICES) == [("hue:new",)]
        aside = FileState(path.parent / "state.json", MemoryJournal()).get("store.aside")
        assert Path(str(aside["kept_as"])).read_bytes() == damaged
        assert len(list(path.parent.glob("*.damaged-*Z"))) == 1
        if left[0]:
            break
    assert left[0]


def _start(path: Path) -> SqliteStore:
    store = a_store(path, state=FileState(path.parent / "state.json", MemoryJournal()))
    store.open(checking=True)
    return store


def test_a_suspect_database_that_is_deleted_is_copied_from_memory(store: SqliteStore, path: Path) -> None:
    store._is_suspect = True
    path.unlink()
    store.append(a_cycle())
    assert rows(path, "SELECT count(*) FROM readings") == [(301,)]
