"""Files of an open database are deleted, replaced or cut: every stored cycle stays in the database."""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import attrs
import pytest

from adapters.files.data_folder import DataFolder
from adapters.files.home_marker import HomeMarker
from adapters.files.saved_state import SavedState
from adapters.memory.runtime import MemoryClock, MemoryJournal
from adapters.memory.state import MemoryState
from adapters.sqlite.backup.restoring import Restoring
from adapters.sqlite.care.rescue import Rescue
from adapters.sqlite.identity.home_identity import HomeIdentity
from adapters.sqlite.open_files import Condition
from adapters.sqlite.store import SqliteStore
from adapters.sqlite.wal import size_bytes
from domain.cycle import CycleReport
from domain.errors import StoreBusy, StoreFull, StoreMissing, StoreRefused
from tests.support.builders import NOON, a_collected, a_cycle, a_due, a_reading
from tests.support.databases import a_store, changed, rows
from tests.support.proofs import in_proofs
from tests.support.store_process import another_process


@attrs.frozen(kw_only=True)
class Home:
    """An open store with cycles 0 and 1; `backup` is a copy of the database with cycle 0 alone."""

    store: SqliteStore
    path: Path
    backup: Path
    state: MemoryState
    identity: HomeIdentity
    journal: MemoryJournal

    def sibling(self, suffix: str) -> Path:
        return self.path.with_name(f"{self.path.name}{suffix}")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    yield from _a_home(tmp_path, tmp_path / "data" / "readings.db")


def _a_home(folder: Path, path: Path, *, linked_to: Path | None = None) -> Iterator[Home]:
    state, journal = MemoryState(), MemoryJournal()
    identity = HomeIdentity(
        path=path,
        marker=HomeMarker((folder / "state",), home=folder),
        state=state,
        journal=journal,
        clock=MemoryClock(NOON),
    )
    data = DataFolder(path.parent)
    store = a_store(path, state=state, journal=journal, data=data, identity=identity)
    store.append(cycle_number(0))
    store.close()
    backup = folder / "backup.db"
    shutil.copyfile(path, backup)
    if linked_to is not None:
        linked_to.parent.mkdir()
        path.rename(linked_to)
        path.symlink_to(linked_to)
    store.append(cycle_number(1))
    yield Home(store=store, path=path, backup=backup, state=state, journal=journal, identity=identity)
    store.close()


def cycle_number(number: int, source: str = "hue") -> CycleReport:
    slot = NOON + timedelta(minutes=5 * number)
    return a_cycle(a_collected(a_reading(f"{source}:a", collected_at=slot), due=a_due(source, slot)))


def stored_as_a_kill_leaves_it(path: Path, folder: Path) -> int:
    """How many readings the next process finds, if this one is killed now."""
    left = folder / "left.db"
    shutil.copyfile(path, left)
    log = path.resolve().with_name(f"{path.resolve().name}-wal")
    if log.exists():
        shutil.copyfile(log, f"{left}-wal")
    ((count,),) = rows(left, "SELECT count(*) FROM readings")
    assert rows(left, "PRAGMA integrity_check") == [("ok",)]
    return int(count)


def _file_deleted(home: Home) -> None:
    home.path.unlink()


def _file_and_log_deleted(home: Home) -> None:
    for suffix in ("", "-wal", "-shm"):
        home.sibling(suffix).unlink()


def _everything_deleted(home: Home) -> None:
    shutil.rmtree(home.path.parent)


def _log_deleted(home: Home) -> None:
    home.sibling("-wal").unlink()


def _index_deleted(home: Home) -> None:
    home.sibling("-shm").unlink()


def _log_and_index_deleted(home: Home) -> None:
    _log_deleted(home)
    _index_deleted(home)


def _log_emptied(home: Home) -> None:
    os.truncate(home.sibling("-wal"), 0)


def _log_halved(home: Home) -> None:
    os.truncate(home.sibling("-wal"), home.sibling("-wal").stat().st_size // 2)


def _log_overwritten(home: Home) -> None:
    size = home.sibling("-wal").stat().st_size
    with home.sibling("-wal").open("r+b") as file:
        file.write(os.urandom(size))


def _log_replaced(home: Home) -> None:
    _log_deleted(home)
    home.sibling("-wal").write_bytes(b"")


def _truncated(home: Home) -> None:
    os.truncate(home.path, 0)


def _replaced_by_a_copy(home: Home) -> None:
    shutil.copyfile(home.path, home.sibling(".copy"))
    home.sibling(".copy").rename(home.path)


def _replaced_by_a_backup(home: Home) -> None:
    home.backup.rename(home.path)


def _replaced_by_a_backup_while_the_file_is_kept(home: Home) -> None:
    home.path.rename(home.sibling(".mine"))
    home.backup.rename(home.path)


def _replaced_by_an_empty_file(home: Home) -> None:
    home.sibling(".empty").touch()
    home.sibling(".empty").rename(home.path)


def _replaced_by_a_text(home: Home) -> None:
    home.path.unlink()
    home.path.write_text("temperature,location\n" * 100)


def _replaced_by_a_folder(home: Home) -> None:
    home.path.unlink()
    home.path.mkdir()


DELETED = [_file_deleted, _file_and_log_deleted, _everything_deleted]
LOG_LOST = [_log_deleted, _index_deleted, _log_and_index_deleted, _log_replaced]
LOG_CUT = [_log_emptied, _log_halved, _log_overwritten]
REPLACED = [
    _replaced_by_a_copy,
    _replaced_by_a_backup,
    _replaced_by_a_backup_while_the_file_is_kept,
    _replaced_by_an_empty_file,
    _replaced_by_a_text,
    _replaced_by_a_folder,
]
KINDS = pytest.mark.parametrize("happen", [*DELETED, *LOG_LOST, *LOG_CUT, *REPLACED])


@KINDS
def test_the_next_cycle_brings_every_row_back_and_ends_the_trouble(
    home: Home, happen: Callable[[Home], None], tmp_path: Path
) -> None:
    happen(home)
    home.store.append(cycle_number(2))
    assert stored_as_a_kill_leaves_it(home.path, tmp_path) == 3
    home.store.append(cycle_number(3))
    home.store.close()
    assert rows(home.path, "SELECT count(*) FROM readings") == [(4,)]
    assert not list(home.path.parent.glob("*rescu*"))
    trouble = SavedState(home.state).file_trouble()
    assert trouble is not None
    assert str(home.path) in trouble.reason
    assert trouble.is_log == (happen in (*LOG_LOST, *LOG_CUT))
    assert "readings were merged" in str(trouble.result)
    assert SavedState(home.state).missing_database() is None


@pytest.mark.parametrize(
    "happen", [_everything_deleted, _log_replaced, _log_overwritten, _replaced_by_a_folder]
)
def test_progress_is_known_after_it(home: Home, happen: Callable[[Home], None]) -> None:
    happen(home)
    assert home.store.progress("hue", NOON).last_slot == NOON + timedelta(minutes=5)


@KINDS
def test_the_first_cycle_is_stored_too(home: Home, happen: Callable[[Home], None]) -> None:
    home.store.close()
    home.store.open()
    happen(home)
    home.store.append(cycle_number(2))
    home.store.close()
    assert rows(home.path, "SELECT count(*) FROM readings") == [(3,)]


@KINDS
def test_a_clean_stop_brings_every_row_back(home: Home, happen: Callable[[Home], None]) -> None:
    happen(home)
    home.store.close()
    assert rows(home.path, "SELECT count(*) FROM readings") == [(2,)]
    assert rows(home.path, "PRAGMA integrity_check") == [("ok",)]


@pytest.mark.parametrize("happen", [_file_deleted, _log_deleted, _replaced_by_a_copy])
def test_no_other_connection_is_opened_meanwhile(home: Home, happen: Callable[[Home], None]) -> None:
    happen(home)
    with pytest.raises(StoreMissing):
        home.store.require_in_place()
    home.store.append(cycle_number(2))
    home.store.require_in_place()


@pytest.fixture
def linked(tmp_path: Path) -> Iterator[Home]:
    """A home whose database is a link to a file in the folder `disk`."""
    yield from _a_home(
        tmp_path, tmp_path / "data" / "readings.db", linked_to=tmp_path / "disk" / "climate.db"
    )


@pytest.mark.parametrize("happen", [_log_deleted, _log_replaced, _file_deleted, _replaced_by_a_backup])
def test_a_link_is_followed_and_stays(linked: Home, happen: Callable[[Home], None], tmp_path: Path) -> None:
    real = linked.path.resolve()
    happen(attrs.evolve(linked, path=real))
    linked.store.append(cycle_number(2))
    assert stored_as_a_kill_leaves_it(linked.path, tmp_path) == 3
    linked.store.close()
    assert linked.path.is_symlink()
    assert [path.name for path in real.parent.iterdir()] == ["climate.db"]


def test_a_link_whose_disk_is_away_is_waited_for(linked: Home, tmp_path: Path) -> None:
    disk, away = linked.path.resolve().parent, tmp_path / "away"
    disk.rename(away)
    with pytest.raises(StoreMissing):
        linked.store.append(cycle_number(2))
    assert linked.path.is_symlink()
    assert not disk.exists()
    away.rename(disk)
    linked.store.append(cycle_number(2))
    assert rows(linked.path, "SELECT count(*) FROM readings") == [(3,)]


def test_a_link_that_is_redirected_gets_the_rows_merged(linked: Home) -> None:
    linked.path.unlink()
    linked.path.symlink_to(linked.backup)
    linked.store.append(cycle_number(2))
    linked.store.close()
    assert rows(linked.backup, "SELECT count(*) FROM readings") == [(3,)]


def test_a_quarantine_and_a_restore_follow_the_link(linked: Home) -> None:
    linked.store.close()
    real = linked.path.resolve()
    real.write_bytes(b"damaged" * 1000)
    linked.store.open(checking=True)
    linked.store.append(cycle_number(2))
    linked.store.close()
    assert len(list(real.parent.glob("climate.db.damaged-*Z"))) == 1
    assert linked.path.is_symlink()
    restoring = Restoring(path=linked.path, clock=MemoryClock(NOON), is_simulated=False, busy_timeout_ms=100)
    restoring.restore(linked.backup)
    assert linked.path.is_symlink()
    assert rows(real, "SELECT count(*) FROM readings") == [(1,)]


def test_a_foreign_file_in_the_place_of_a_moved_one_is_left_alone(home: Home) -> None:
    home.path.rename(home.sibling(".mine"))
    changed(home.path, "CREATE TABLE songs (title TEXT)")
    before = home.path.read_bytes()
    for _ in range(2):
        with pytest.raises(StoreMissing, match="is another file"):
            home.store.append(cycle_number(2))
    assert home.path.read_bytes() == before
    home.sibling(".mine").rename(home.path)
    home.store.append(cycle_number(2))
    assert rows(home.path, "SELECT count(*) FROM readings") == [(3,)]


def test_what_a_foreign_file_deleted_is_saved_beside_it_and_merged_later(home: Home) -> None:
    changed(home.sibling(".songs"), "CREATE TABLE songs (title TEXT)")
    home.sibling(".songs").rename(home.path)
    for _ in range(2):
        with pytest.raises(StoreRefused):
            home.store.append(cycle_number(2))
    (saved,) = home.path.parent.glob("readings.db.rescued-*")
    assert rows(saved, "SELECT count(*) FROM readings") == [(2,)]
    home.store.close()
    home.backup.rename(home.path)
    again = a_store(home.path)
    again.append(cycle_number(2))
    again.append(cycle_number(3))
    again.close()
    assert rows(home.path, "SELECT count(*) FROM readings") == [(4,)]
    assert not saved.exists()


def test_without_room_cycles_are_refused_until_there_is_some(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.path.unlink()
    with monkeypatch.context() as patch:
        patch.setattr("shutil.disk_usage", lambda _: shutil._ntuple_diskusage(100, 99, 1))
        for _ in range(2):
            with pytest.raises(StoreFull, match="keep this process running"):
                home.store.append(cycle_number(2))
        assert not home.path.exists()
    home.store.append(cycle_number(2))
    assert rows(home.path, "SELECT count(*) FROM readings") == [(3,)]


@pytest.mark.parametrize(
    "happen", [_log_deleted, *in_proofs([_index_deleted, _log_and_index_deleted, _file_deleted])]
)
def test_two_processes_that_hold_the_same_lost_file_lose_nothing(
    home: Home, happen: Callable[[Home], None], tmp_path: Path
) -> None:
    with another_process(home.path) as other:
        assert other.append(10) == "stored"
        happen(home)
        home.store.append(cycle_number(2))
        assert other.append(11) == "stored"
        home.store.append(cycle_number(3))
        assert stored_as_a_kill_leaves_it(home.path, tmp_path) == 6
    home.store.close()
    assert rows(home.path, "SELECT count(*) FROM readings") == [(6,)]


@pytest.mark.parametrize(
    "happen", [_file_and_log_deleted, *in_proofs([_index_deleted, _log_and_index_deleted])]
)
@pytest.mark.parametrize("is_killed", [False, *in_proofs([True])])
def test_what_a_later_process_stored_meanwhile_is_merged(
    home: Home, happen: Callable[[Home], None], tmp_path: Path, *, is_killed: bool
) -> None:
    happen(home)
    with another_process(home.path, looks=False) as other:
        assert other.append(10) == "stored"
        if is_killed:
            other.kill()
    home.store.append(cycle_number(2))
    assert stored_as_a_kill_leaves_it(home.path, tmp_path) == 4
    home.store.append(cycle_number(3))
    home.store.close()
    assert rows(home.path, "SELECT count(*) FROM readings") == [(5,)]


@pytest.mark.parametrize("happen", [_log_deleted, *in_proofs([_index_deleted, _log_and_index_deleted])])
def test_a_later_process_waits_for_the_one_that_still_has_the_log(
    home: Home, happen: Callable[[Home], None]
) -> None:
    happen(home)
    with another_process(home.path) as other:
        assert other.append(10) == "StoreMissing"
        home.store.append(cycle_number(2))
        assert other.append(10) == "stored"
    assert rows(home.path, "SELECT count(*) FROM readings") == [(4,)]


def test_a_truncated_database_begins_anew_with_the_last_cycles(home: Home) -> None:
    """Those since the last checkpoint; the others have to come from a backup."""
    home.store._unsettled.popleft()  # the first cycle was checkpointed
    _truncated(home)
    home.store.append(cycle_number(2))
    home.store.close()
    assert len(list(home.path.parent.glob("readings.db.damaged-*Z"))) == 1
    stored = rows(home.path, "SELECT timestamp FROM readings ORDER BY timestamp")
    # a page of the log can hold rows of earlier cycles too
    assert stored[-2:] == [("2026-03-01T12:05:00+00:00",), ("2026-03-01T12:10:00+00:00",)]


def test_a_copy_that_takes_long_goes_on_while_cycles_are_refused(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_copy = threading.Event()
    copy = Rescue._copy_open

    def slowly(rescue: Rescue, target: Path) -> bool:
        may_copy.wait(30)
        return copy(rescue, target)

    monkeypatch.setattr(Rescue, "_copy_open", slowly)
    monkeypatch.setattr("adapters.sqlite.store._RESCUE_S", 0.01)
    home.path.unlink()
    for _ in range(2):
        with pytest.raises(StoreMissing, match="is being copied from memory"):
            home.store.append(cycle_number(2))
        with pytest.raises(StoreBusy):
            home.store.append(cycle_number(2), waits=False)
    may_copy.set()
    home.store.close()
    assert rows(home.path, "SELECT count(*) FROM readings") == [(2,)]


def test_what_a_killed_process_saved_is_merged_by_the_next_one(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("adapters.sqlite.care.rescue_queue.merge_saved", killed)
        _replaced_by_a_backup(home)
        with pytest.raises(KeyboardInterrupt):
            home.store.append(cycle_number(2))
    assert len(list(home.path.parent.glob("readings.db.rescued-*"))) == 1
    again = a_store(home.path)
    again.append(cycle_number(3))
    again.append(cycle_number(4))
    again.close()
    assert rows(home.path, "SELECT count(*) FROM readings") == [(4,)]
    assert not list(home.path.parent.glob("readings.db.rescued-*"))


def _checkpointed(home: Home, number: int, *, bytes_more: int = 0) -> None:
    """Store a cycle, and copy the log into the database."""
    slot = NOON + timedelta(minutes=5 * number)
    large = a_reading("hue:a", collected_at=slot, raw_response="x" * bytes_more)
    home.store.append(a_cycle(a_collected(large, due=a_due("hue", slot))))
    assert home.store._connection is not None
    home.store._wal.shorten(home.store._connection, beyond_bytes=0)


def test_a_database_that_a_backup_is_copied_over_is_put_back_from_memory(home: Home) -> None:
    _checkpointed(home, 2, bytes_more=50_000)
    home.store.append(cycle_number(3))
    home.path.write_bytes(home.backup.read_bytes())
    home.store.append(cycle_number(4))
    home.store.close()
    assert rows(home.path, "SELECT count(*) FROM readings") == [(5,)]
    assert rows(home.path, "PRAGMA integrity_check") == [("ok",)]
    assert home.journal.of("store.replaced")


def test_what_was_written_over_is_set_aside_for_a_backup_to_be_merged(home: Home) -> None:
    _checkpointed(home, 2)
    home.store.append(cycle_number(3))
    home.path.write_bytes(home.backup.read_bytes())
    home.store.append(cycle_number(4))
    (kept,) = home.path.parent.glob("readings.db.replaced-*Z")
    quarantine = SavedState(home.state).quarantine()
    assert quarantine is not None
    assert (quarantine.kept_as, quarantine.is_restored) == (str(kept), False)
    assert home.journal.of("store.moved_aside")


def test_rescues_leave_no_more_descriptors_open(home: Home) -> None:
    def descriptors() -> int:
        return len(list(Path("/dev/fd").iterdir()))

    home.store.append(cycle_number(2))
    before = descriptors()
    for number, happen in enumerate((_file_deleted, _log_deleted, _replaced_by_a_copy) * 4, start=3):
        happen(home)
        home.store.append(cycle_number(number))
        home.store.append(cycle_number(number))
    assert descriptors() <= before + 2  # SQLite keeps one for reading and one for writing until its locks end


def test_rows_of_a_file_that_replaces_the_open_one_stay(home: Home, tmp_path: Path) -> None:
    """SQLite would apply the log of the open one to it."""
    other = a_store(tmp_path / "other.db")
    other.append(cycle_number(7, "amazon"))
    other.close()
    (tmp_path / "other.db").replace(home.path)
    home.store.append(cycle_number(2))
    home.store.append(cycle_number(3))
    home.store.close()
    found = rows(home.path, "SELECT device_id, count(*) FROM readings GROUP BY device_id")
    assert found == [("amazon:a", 1), ("hue:a", 4)]
    assert rows(home.path, "PRAGMA integrity_check") == [("ok",)]


@pytest.mark.parametrize("has_memory", [False, True])
def test_a_larger_database_that_is_copied_over_is_merged_with_the_last_cycles(
    home: Home, tmp_path: Path, *, has_memory: bool
) -> None:
    other = a_store(tmp_path / "larger.db")
    slot = NOON - timedelta(days=1)
    large = a_reading("hue:old", collected_at=slot, raw_response="x" * 500_000)
    other.append(a_cycle(a_collected(large, due=a_due("hue", slot))))
    other.close()
    _checkpointed(home, 2)
    home.store.append(cycle_number(3))
    home.path.write_bytes((tmp_path / "larger.db").read_bytes())
    if not has_memory:
        assert home.store._connection is not None
        home.store._connection.execute("PRAGMA shrink_memory")
    home.store.append(cycle_number(4))
    home.store.close()
    stored = {device for (device,) in rows(home.path, "SELECT device_id FROM readings")}
    assert stored == {"hue:old", "hue:a"}
    assert rows(home.path, "SELECT count(*) FROM readings WHERE device_id = 'hue:a'") == [(5,)]
    assert rows(home.path, "PRAGMA integrity_check") == [("ok",)]


def test_checkpoints_of_others_are_no_trouble(home: Home) -> None:
    for number in range(2, 6):
        home.store.append(cycle_number(number))
        with closing(sqlite3.connect(home.path)) as other:
            other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            other.execute("VACUUM")
            other.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
    home.store.close()
    assert not home.journal.of("store.replaced")
    assert not home.journal.of("store.log_lost")


def test_a_file_that_is_in_place_by_then_is_left_alone(home: Home) -> None:
    connection, files = home.store._connection, home.store._files
    assert connection is not None
    assert files is not None
    assert home.store._rescues._rescue(connection, files).put_back(Condition.DELETED, print) is None


def _begun_meanwhile(home: Home) -> None:
    """Another process begins an interim database."""
    _file_and_log_deleted(home)
    later = a_store(home.path, state=home.state, identity=home.identity)
    later.append(cycle_number(10))
    later.close()
    assert SavedState(home.state).missing_database() is not None


def test_an_interim_database_that_gets_all_rows_is_the_homes_own(home: Home) -> None:
    _begun_meanwhile(home)
    home.store.append(cycle_number(2))
    home.store.close()
    assert SavedState(home.state).missing_database() is None
    assert rows(home.path, "SELECT count(*) FROM properties WHERE name = 'interim_since'") == [(0,)]
    assert rows(home.path, "SELECT count(*) FROM readings") == [(4,)]


def test_an_interim_database_stays_one_with_the_rows_of_another(home: Home) -> None:
    home.store.close()
    home.path.unlink()
    home.store.append(cycle_number(2))  # begins an interim one
    _begun_meanwhile(home)
    home.store.append(cycle_number(3))
    home.store.close()
    assert SavedState(home.state).missing_database() is not None
    assert rows(home.path, "SELECT count(*) FROM readings") == [(3,)]


def test_the_length_of_the_log_is_that_of_the_file_behind_the_link(linked: Home) -> None:
    assert size_bytes(linked.path) == linked.path.resolve().with_name("climate.db-wal").stat().st_size > 0


def test_a_new_database_is_made_where_the_link_leads(tmp_path: Path) -> None:
    link, real = tmp_path / "data" / "readings.db", tmp_path / "disk" / "climate.db"
    link.parent.mkdir()
    real.parent.mkdir()
    link.symlink_to(real)
    store = a_store(link, is_simulated=True)
    assert store._opening.make().parent == real.parent
    store.append(cycle_number(0))
    store.close()
    assert link.is_symlink()
    assert real.is_file()


def test_without_a_list_of_descriptors_a_deleted_file_is_waited_for(
    home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("adapters.sqlite.open_files._DESCRIPTORS", tmp_path / "none")
    home.store.close()
    home.store.append(cycle_number(2))
    home.path.rename(home.sibling(".mine"))
    with pytest.raises(StoreMissing):
        home.store.append(cycle_number(3))
    home.sibling(".mine").rename(home.path)
    home.store.append(cycle_number(3))
    assert rows(home.path, "SELECT count(*) FROM readings") == [(4,)]


def test_what_a_killed_rescue_left_is_removed_by_the_next_opening(home: Home) -> None:
    left = home.sibling(".rescuing.making")
    left.mkdir()
    (left / "open.db").write_bytes(b"half")
    home.sibling(".rescuing.making.lock").write_bytes(b"homeclimate\n")
    home.store.close()
    home.store.open()
    assert not list(home.path.parent.glob("*rescuing*"))
