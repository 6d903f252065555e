"""The settings of devices survive what the other tables survive: merges, rescues and salvage."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.sqlite.backup.missing_rows import find_missing_row
from adapters.sqlite.backup.restoring import merge_backup
from adapters.sqlite.database_lock import DatabaseLock
from domain.device_settings import Setting
from domain.errors import StoreError
from tests.support.builders import NOON
from tests.support.damaged import salvage
from tests.support.databases import a_store, changed
from tests.support.device_settings import a_change, an_offset, sqlite_device_settings

CHANGES = [
    a_change(Setting.NAME, "K\u00fcche"),
    an_offset(-1.3, at=NOON + timedelta(minutes=1)),
    an_offset(None, at=NOON + timedelta(minutes=2)),
    a_change(Setting.IGNORED, True, device_id="hue:b", at=NOON + timedelta(minutes=3)),
]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A database with settings."""
    path = tmp_path / "home.db"
    _make(path)
    log = sqlite_device_settings(path)
    for change in CHANGES:
        log.add(change)
    return path


def _make(path: Path) -> Path:
    store = a_store(path)
    store.open()
    store.close()
    return path


def test_a_merged_backup_brings_changes_and_keeps_present_ones(home: Path, tmp_path: Path) -> None:
    path = _make(tmp_path / "new.db")
    newer = an_offset(-2.0, at=NOON + timedelta(hours=1))
    sqlite_device_settings(path).add(newer)
    for _ in range(2):
        lock = DatabaseLock(tmp_path / "new.db.lock", wait_s=1.0)
        merge_backup(path, home, lock=lock, busy_timeout_ms=100)
    assert sqlite_device_settings(path).changes() == [*CHANGES, newer]


def test_a_backup_with_a_change_that_the_database_lacks_is_kept(home: Path, tmp_path: Path) -> None:
    backup = Path(shutil.copy(home, tmp_path / "backup.db"))
    assert find_missing_row(home, backup, busy_timeout_ms=100) is None
    changed(home, "DELETE FROM device_settings WHERE setting = 'ignored'")
    missing = find_missing_row(home, backup, busy_timeout_ms=100)
    assert missing == "device_settings hue:b ignored 2026-03-01T12:03:00+00:00"


def test_changes_are_salvaged_without_a_schema(home: Path, tmp_path: Path) -> None:
    content = home.read_bytes()
    home.write_bytes(content[:100] + b"\x5a" * (4096 - 100) + content[4096:])
    path = tmp_path / "data" / "readings.db"
    salvage(home, path)
    assert sqlite_device_settings(path).changes() == CHANGES


def test_a_table_of_another_program_is_left_alone(tmp_path: Path) -> None:
    path = _make(tmp_path / "readings.db")
    changed(path, "CREATE TABLE device_settings (device_id TEXT, colour TEXT)")
    log = sqlite_device_settings(path)
    assert log.current().by_id == {}
    with pytest.raises(StoreError, match="of another program"):
        log.add(CHANGES[0])


def test_damaged_changes_do_not_count(home: Path) -> None:
    changed(
        home,
        "UPDATE device_settings SET value = '{' WHERE setting = 'name'",
        "INSERT INTO device_settings VALUES ('hue:a', 'colour', '2026-03-01T12:00:00+00:00', '1')",
        "INSERT INTO device_settings VALUES ('hue:a', 'outdoor', 'yesterday', 'true')",
    )
    log = sqlite_device_settings(home)
    assert log.changes() == CHANGES[1:]
    assert log.current().of("hue:a").name is None
