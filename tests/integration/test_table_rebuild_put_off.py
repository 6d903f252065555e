"""A table that cannot be rebuilt now stays as it is; the home collects on, and the next start tries again."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import pytest

from adapters.memory.runtime import MemoryJournal
from adapters.sqlite import connection as settings
from adapters.sqlite.migration import durable_copy, table_rebuild
from adapters.sqlite.migration.durable_copy import Table, differ
from adapters.sqlite.migration.migrations import KNOWN_VERSION
from domain.reading import DeviceKind
from ports.journal import Level
from tests.support.builders import NOON, a_collected, a_cycle, a_due, a_reading
from tests.support.databases import a_store, an_unrelaxed_home, changed, rows
from tests.support.old_homes import Age, make_old_home

HUE = a_reading("hue:a")
MONITOR = a_reading("alexa:new", kind=DeviceKind.ALEXA_AQM, temperature=22.5, pm25=3.0)
TABLE = "SELECT sql FROM sqlite_schema WHERE name = 'readings'"

Trouble = Callable[[Path, pytest.MonkeyPatch], AbstractContextManager[None]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "readings.db"
    an_unrelaxed_home(path, Age.A)
    return path


@contextmanager
def _no_room(path: Path, patch: pytest.MonkeyPatch) -> Iterator[None]:
    usage = shutil.disk_usage(path.parent)._replace(free=32 * 1024 * 1024 + 2 * path.stat().st_size)
    patch.setattr(shutil, "disk_usage", lambda _: usage)
    yield


@contextmanager
def _full_half_way(path: Path, patch: pytest.MonkeyPatch) -> Iterator[None]:
    connect = sqlite3.connect

    def connected(*arguments: object, **options: object) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*arguments, **options)  # type: ignore[call-overload]
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        if pages:
            connection.execute(f"PRAGMA max_page_count={pages + 5}")
        return connection

    patch.setattr(sqlite3, "connect", connected)
    yield


@contextmanager
def _read_by_another(path: Path, patch: pytest.MonkeyPatch) -> Iterator[None]:
    patch.setattr(settings, "_SWITCH_TO_WAL_MS", 20)
    with closing(sqlite3.connect(path)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM readings").fetchone()
        yield


@contextmanager
def _copied_badly(path: Path, patch: pytest.MonkeyPatch) -> Iterator[None]:
    def differing(connection: sqlite3.Connection, one: Table, other: Table) -> bool:
        connection.execute(f"UPDATE {other} SET raw_response = 'another' WHERE id = 3")  # noqa: S608 - quoted
        return differ(connection, one, other)

    patch.setattr(table_rebuild, "differ", differing)
    yield


def _fail_fsync(patch: pytest.MonkeyPatch, *, of_folders: bool) -> None:
    def fsync(what: Path) -> None:
        if what.is_dir() == of_folders:
            raise OSError(5, "Input/output error")

    patch.setattr(durable_copy, "fsync", fsync)


@contextmanager
def _copy_not_on_the_disk(path: Path, patch: pytest.MonkeyPatch) -> Iterator[None]:
    _fail_fsync(patch, of_folders=False)
    yield


@contextmanager
def _name_of_the_copy_not_on_the_disk(path: Path, patch: pytest.MonkeyPatch) -> Iterator[None]:
    _fail_fsync(patch, of_folders=True)
    yield


@contextmanager
def _name_taken(path: Path, patch: pytest.MonkeyPatch) -> Iterator[None]:
    changed(path, "CREATE TABLE readings_relaxed (mine TEXT)")
    yield
    changed(path, "DROP TABLE readings_relaxed")


@contextmanager
def _trigger_lost(path: Path, patch: pytest.MonkeyPatch) -> Iterator[None]:
    changed(path, "CREATE TRIGGER mine AFTER INSERT ON readings BEGIN SELECT 1; END")
    patch.setattr(table_rebuild, "_DROPPED_WITH_TABLE", ("index",))
    yield


@contextmanager
def _unknown_form(path: Path, patch: pytest.MonkeyPatch) -> Iterator[None]:
    known = rows(path, TABLE)[0][0]
    unknown = known.replace(
        "UNIQUE(", "CHECK (length(device_type) > 9 AND device_type <> 'alexa_aqm'), UNIQUE("
    )
    _redefine(path, unknown)
    yield
    _redefine(path, known)


@contextmanager
def _a_bug_of_ours(path: Path, patch: pytest.MonkeyPatch) -> Iterator[None]:
    def columns_of(*_: object) -> str:
        raise IndexError("list index out of range")

    patch.setattr(table_rebuild, "columns_of", columns_of)
    yield


def _redefine(path: Path, definition: str) -> None:
    changed(path, "PRAGMA writable_schema = ON")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_schema SET sql = ? WHERE name = 'readings'", (definition,))
        connection.commit()


TROUBLES: dict[Trouble, str] = {
    _no_room: "MB free",
    _full_half_way: "SQLITE_FULL",
    _read_by_another: "SQLITE_BUSY",
    _copied_badly: "differs",
    _copy_not_on_the_disk: "Input/output error",
    _name_of_the_copy_not_on_the_disk: "Input/output error",
    _name_taken: "already exists",
    _trigger_lost: "could not be kept as it is: mine",
    _unknown_form: "is not a known one",
    _a_bug_of_ours: "IndexError: list index out of range",
}


@pytest.mark.parametrize(
    ("trouble", "reason"), TROUBLES.items(), ids=lambda value: getattr(value, "__name__", "")
)
def test_a_failed_rebuild_is_put_off_and_the_home_collects_on(
    path: Path, monkeypatch: pytest.MonkeyPatch, trouble: Trouble, reason: str
) -> None:
    journal = MemoryJournal()
    store = a_store(path, journal=journal, busy_timeout_ms=20)
    with monkeypatch.context() as patch, trouble(path, patch):
        objects = rows(path, "SELECT type, name, sql FROM sqlite_schema ORDER BY type, name")
        store.open()
        assert rows(path, "SELECT type, name, sql FROM sqlite_schema ORDER BY type, name") == objects
    store.append(a_cycle(a_collected(HUE), a_collected(MONITOR, due=a_due("amazon"))))
    store.close()
    (put_off,) = journal.of("store.relaxing_put_off")
    assert put_off.level is Level.WARNING
    assert reason in str(put_off.fields["reason"])
    assert rows(path, "PRAGMA user_version") == [(1,)]
    assert rows(path, "SELECT id, device_id FROM readings WHERE id > 500") == [(501, "hue:a")]
    ((unread,),) = rows(path, "SELECT unread FROM outcomes WHERE source = 'amazon'")
    cause, detail = json.loads(unread)["alexa:new"]
    assert cause == "out_of_range"
    assert "CHECK constraint failed: device_type" in detail
    assert "temperature 22.5, pm25 3" in detail
    assert not list(path.parent.glob("readings.db.*before*"))
    assert not list(path.parent.glob("readings.db.copying*"))
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]
    store = a_store(path)  # the next start
    store.append(a_cycle(a_collected(MONITOR, due=a_due("amazon", slot=NOON.replace(minute=5)))))
    store.close()
    assert rows(path, "PRAGMA user_version") == [(KNOWN_VERSION,)]
    assert rows(path, "SELECT id, device_id FROM readings WHERE id > 500") == [
        (501, "hue:a"),
        (502, "alexa:new"),
    ]


def test_a_rebuild_that_was_put_off_waits_for_the_next_start(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = MemoryJournal()
    store = a_store(path, journal=journal)
    with monkeypatch.context() as patch, _no_room(path, patch):
        store.open()
    store.close()
    store.append(a_cycle())
    store.close()
    assert journal.events() == ("store.relaxing_put_off", "store.opened", "store.opened")
    assert rows(path, "PRAGMA user_version") == [(1,)]


def test_an_old_home_is_upgraded_as_far_as_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is for the copy, and not for rebuilding."""
    path = tmp_path / "old.db"
    make_old_home(path, Age.A, 500)
    journal = MemoryJournal()
    store = a_store(path, journal=journal)
    with monkeypatch.context() as patch, _no_room(path, patch):
        store.append(a_cycle())
    store.close()
    assert journal.events() == (
        "store.copying",
        "store.copied",
        "store.relaxing_put_off",
        "store.opened",
    )
    assert rows(path, "PRAGMA user_version") == [(1,)]
    assert rows(path, "SELECT count(*) FROM readings") == [(501,)]
    assert len(list(tmp_path.glob("old.db.before-homeclimate-*"))) == 1
