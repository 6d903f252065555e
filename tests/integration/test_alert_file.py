"""The alert file."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.alerts.alert_file import AlertFile
from adapters.memory.runtime import MemoryJournal


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "ALERT_TOKEN_REFRESH_NEEDED.txt"


def test_unchanged_text_is_not_written_again(path: Path) -> None:
    journal = MemoryJournal()
    board = AlertFile(path, journal=journal)
    board.put("sign in")
    before = path.stat().st_ino
    board.put("sign in")
    assert path.stat().st_ino == before
    path.unlink()
    board.put("sign in")
    assert path.read_text() == "sign in"
    assert journal.events() == ("alert_file.written", "alert_file.written")


def test_file_of_another_process_is_removed(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("of the earlier system")
    AlertFile(path, journal=MemoryJournal()).clear()
    assert not path.exists()


def test_failures_are_logged(path: Path) -> None:
    journal = MemoryJournal()
    path.parent.write_text("a file where a folder is due")
    AlertFile(path, journal=journal).put("sign in")
    path.parent.unlink()
    path.mkdir(parents=True)
    AlertFile(path, journal=journal).clear()
    assert journal.events() == ("alert_file.not_written", "alert_file.not_removed")
