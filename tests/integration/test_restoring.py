"""A backup that takes the place of the database."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.memory.runtime import MemoryClock
from adapters.sqlite.backup.backups import back_up
from adapters.sqlite.backup.restoring import Restoring
from domain.errors import StoreCorrupt, StoreError, StoreRefused
from tests.support.builders import NOON, a_collected, a_cycle, a_due, a_reading
from tests.support.cut_short import cut_short
from tests.support.databases import a_store, changed, rows
from tests.support.old_homes import Age, make_old_home

DEVICES = "SELECT device_id FROM readings ORDER BY device_id"
KEPT = "readings.db.replaced-20260301T120000Z"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "readings.db"


@pytest.fixture
def backup(path: Path, tmp_path: Path) -> Path:
    """A backup with the device `hue:old`; the database has `hue:new` too, in its log."""
    store = a_store(path)
    store.append(a_cycle(a_collected(a_reading("hue:old"))))
    back_up(path, tmp_path / "backup.db", busy_timeout_ms=100)
    later = NOON + timedelta(minutes=5)
    store.append(a_cycle(a_collected(a_reading("hue:new", collected_at=later), due=a_due(slot=later))))
    store.close()
    return tmp_path / "backup.db"


def _restoring(path: Path) -> Restoring:
    return Restoring(path=path, clock=MemoryClock(NOON), is_simulated=False, busy_timeout_ms=100)


def test_a_restored_backup_replaces_the_database_which_is_kept(path: Path, backup: Path) -> None:
    before, original = path.read_bytes(), backup.read_bytes()
    restoring = _restoring(path)
    restoring.check(backup)
    assert restoring.restore(backup) == path.with_name(KEPT)
    assert rows(path, DEVICES) == [("hue:old",)]
    assert path.with_name(KEPT).read_bytes() == before
    assert backup.read_bytes() == original
    assert {each.name for each in path.parent.iterdir()} == {"readings.db", "readings.db.lock", KEPT}


def test_a_kept_database_overwrites_no_earlier_one(path: Path, backup: Path) -> None:
    restoring = _restoring(path)
    kept = [restoring.restore(backup) for _ in range(3)]
    assert [each.name for each in kept if each] == [KEPT, f"{KEPT}-2", f"{KEPT}-3"]
    assert [rows(each, DEVICES) for each in kept if each] == [
        [("hue:new",), ("hue:old",)],
        [("hue:old",)],
        [("hue:old",)],
    ]


def test_a_home_without_a_database_gets_one(tmp_path: Path, backup: Path) -> None:
    path = tmp_path / "another" / "data" / "readings.db"
    assert _restoring(path).restore(backup) is None
    assert rows(path, DEVICES) == [("hue:old",)]


def test_restore_keeps_a_damaged_database_with_its_log(path: Path, backup: Path) -> None:
    path.write_bytes(b"not a database at all" * 400)
    path.with_name("readings.db-wal").write_bytes(b"a log of it")
    before = path.read_bytes()
    _restoring(path).restore(backup)
    assert rows(path, DEVICES) == [("hue:old",)]
    assert path.with_name(KEPT).read_bytes() == before
    assert path.with_name(f"{KEPT}-wal").read_bytes() == b"a log of it"


def test_an_open_store_continues_in_the_restored_database(path: Path, backup: Path) -> None:
    store = a_store(path)
    store.append(a_cycle(a_collected(a_reading("hue:old"))))
    kept = _restoring(path).restore(backup)
    later = NOON + timedelta(minutes=10)
    store.append(a_cycle(a_collected(a_reading("hue:next", collected_at=later), due=a_due(slot=later))))
    store.close()
    assert rows(path, DEVICES) == [("hue:new",), ("hue:next",), ("hue:old",)]  # merged from the open one
    assert kept is not None
    assert rows(kept, DEVICES) == [("hue:new",), ("hue:old",)]
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]


@pytest.mark.parametrize("age", [Age.A, Age.C_ROLLBACK])  # the upgrade itself is tried with all
def test_a_database_of_the_earlier_program_can_be_restored(
    path: Path, tmp_path: Path, backup: Path, age: Age
) -> None:
    make_old_home(tmp_path / "old.db", age, 50)
    restoring = _restoring(path)
    restoring.check(tmp_path / "old.db")
    restoring.restore(tmp_path / "old.db")
    assert rows(path, "SELECT * FROM readings") == rows(tmp_path / "old.db", "SELECT * FROM readings")
    store = a_store(path)
    store.append(a_cycle())
    store.close()
    assert rows(path, "SELECT count(*) FROM readings") == [(51,)]


def test_restore_refuses_files_that_are_no_sound_backup(path: Path, tmp_path: Path) -> None:
    simulated = a_store(tmp_path / "simulated.db", is_simulated=True)
    simulated.append(a_cycle())
    simulated.close()
    changed(tmp_path / "songs.db", "CREATE TABLE songs (title)")
    (tmp_path / "text.db").write_text("temperature,location\n" * 400)
    make_old_home(tmp_path / "torn.db", Age.C_ROLLBACK, 500)
    content = (tmp_path / "torn.db").read_bytes()
    (tmp_path / "torn.db").write_bytes(content[: len(content) // 2])
    restoring = _restoring(path)
    (tmp_path / "empty.db").touch()
    (tmp_path / "magic.db").write_bytes(b"SQLite format 3\0" + b"x" * 9000)
    for name, error, text in (
        (
            "simulated.db",
            StoreRefused,
            " holds readings of a simulated home; .*Nothing has changed; name a backup of this home$",
        ),
        ("songs.db", StoreRefused, "belongs to another program. Nothing has changed; name a backup"),
        ("text.db", StoreCorrupt, " is not an SQLite database; nothing has changed. Name a backup$"),
        ("empty.db", StoreCorrupt, " is not an SQLite database; nothing has changed. Name a backup$"),
        ("magic.db", StoreCorrupt, " is damaged (.*); nothing has changed. Use another backup$"),
        ("torn.db", StoreCorrupt, " is damaged (.*); nothing has changed. Use another backup$"),
        ("nowhere.db", StoreError, " does not exist"),
    ):
        with pytest.raises(error, match=f"{name}.*{text}"):
            restoring.check(tmp_path / name)


def test_a_killed_restore_leaves_the_old_database_or_the_new_one(
    path: Path, backup: Path, tmp_path: Path
) -> None:
    with _a_row_only_in_the_log(path):
        shutil.copytree(path.parent, tmp_path / "model")
    old, new = [("hue:in-the-log",), ("hue:new",), ("hue:old",)], [("hue:old",)]
    seen = set()
    for calls in range(60):
        shutil.rmtree(path.parent)
        shutil.copytree(tmp_path / "model", path.parent)
        with cut_short(calls) as left:
            _restoring(path).restore(backup)
        found = _read_without_changes(path)
        assert found in (old, new)
        seen.add(found == new)
        store = a_store(path)
        store.open()  # the next start
        store.close()
        found = rows(path, DEVICES)
        assert found in (old, new)
        assert rows(path, "PRAGMA integrity_check") == [("ok",)]
        if found == new:
            assert rows(path.with_name(KEPT), DEVICES) == old
        assert not list(path.parent.glob("*.next-*"))
        if left[0]:
            break
    assert left[0]
    assert seen == {False, True}


@contextmanager
def _a_row_only_in_the_log(path: Path) -> Iterator[None]:
    """Keep the row in the log while the block runs."""
    with closing(sqlite3.connect(path)) as writer:
        writer.execute(
            "INSERT INTO readings (timestamp, device_id, location, device_type) "
            "VALUES ('2026-03-01T12:10:00+00:00', 'hue:in-the-log', 'Attic', 'hue_sensor')"
        )
        writer.commit()
        yield


def _read_without_changes(path: Path) -> list[tuple[str]]:
    """Read without any change to the files."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as reader:
        return reader.execute(DEVICES).fetchall()
