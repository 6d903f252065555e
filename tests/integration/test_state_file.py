"""The state file: damaged, shared, and on a full disk."""

from __future__ import annotations

import fcntl
import json
import math
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from adapters.files import locks as file_lock
from adapters.files.data_folder import DataFolder
from adapters.files.state_file import FileState
from adapters.memory.runtime import MemoryJournal

WRITER = """
import sys
from pathlib import Path
from adapters.files import locks
from adapters.files.state_file import FileState
from adapters.memory.runtime import MemoryJournal

locks._ATTEMPTS = 3000  # a busy machine may take long
journal = MemoryJournal()
state = FileState(Path(sys.argv[1]), journal)
for number in range(15):
    state.put(f"{sys.argv[2]}-{number}", {"number": number})
print(journal.records)
"""


@pytest.fixture
def journal() -> MemoryJournal:
    return MemoryJournal()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.json"


def test_next_process_reads_the_saved_value(path: Path, journal: MemoryJournal) -> None:
    FileState(path, journal).put("hue", {"address": "192.0.2.7"})
    assert FileState(path, journal).get("hue") == {"address": "192.0.2.7"}


def test_files_are_private(path: Path, journal: MemoryJournal) -> None:
    FileState(path, journal).put("hue", {})
    for file in path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_reading_creates_no_file(path: Path, journal: MemoryJournal) -> None:
    assert FileState(path, journal).get("hue") == {}
    assert list(path.parent.iterdir()) == []
    assert journal.records == []


def test_two_states_on_one_file_see_each_other(path: Path, journal: MemoryJournal) -> None:
    first, second = FileState(path, journal), FileState(path, journal)
    first.put("hue", {"number": 1})
    assert second.get("hue") == {"number": 1}
    second.put("amazon", {"number": 2})
    first.put("hue", {"number": 3})
    assert second.get("hue") == {"number": 3}
    assert first.get("amazon") == {"number": 2}


def test_processes_that_write_at_once_keep_each_others_keys(path: Path) -> None:
    commands = [[sys.executable, "-c", WRITER, str(path), name] for name in "abc"]
    writers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for command in commands]
    assert [writer.communicate()[0] for writer in writers] == ["[]\n"] * 3
    kept = json.loads(path.read_bytes())
    assert kept == {f"{name}-{number}": {"number": number} for name in "abc" for number in range(15)}


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b'"text"',
        b'{"hue": 7}',
        b"\0" * 100,
        b"[" * 100_000,
        b'{"hue": {"a": NaN}}',
        b'{"hue": {"a": -Infinity}}',
        b'{"hue": {"a": 1e999}}',
        b'{"hue": {"a": ' + b"[" * 900 + b"]" * 900 + b"}}",
        b'{"hue": {"a": "' + b"x" * 9_000_000 + b'"}}',
    ],
    ids=[
        "empty",
        "cut off",
        "no text",
        "a list",
        "a text",
        "no object",
        "zeros",
        "deep",
        "no number",
        "infinite",
        "too large a number",
        "deep inside",
        "too large a file",
    ],
)
def test_damaged_file_is_quarantined(path: Path, journal: MemoryJournal, damaged: bytes) -> None:
    path.write_bytes(damaged)
    state = FileState(path, journal)
    assert state.get("hue") == {}
    assert path.read_bytes() == damaged
    state.put("hue", {"number": 1})
    assert state.get("hue") == {"number": 1}
    assert (path.parent / "state.json.damaged-1").read_bytes() == damaged
    assert journal.events() == ("state_unreadable", "state_damaged")


def test_at_most_nine_damaged_files_are_kept(path: Path, journal: MemoryJournal) -> None:
    for number in range(12):
        path.write_text(f"damaged {number}")
        FileState(path, journal).put("hue", {})
    kept = {file.name: file.read_text() for file in path.parent.glob("*.damaged-*")}
    assert len(kept) == 9
    assert kept["state.json.damaged-1"] == "damaged 0"
    assert kept["state.json.damaged-9"] == "damaged 11"


def test_value_that_cannot_be_written_is_kept_in_memory(
    path: Path, journal: MemoryJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    state = FileState(path, journal)
    state.put("hue", {"number": 1})
    monkeypatch.setattr(os, "fsync", fail)
    state.put("hue", {"number": 2})
    assert state.get("hue") == {"number": 2}
    assert FileState(path, journal).get("hue") == {"number": 1}
    monkeypatch.undo()
    state.put("amazon", {"number": 3})
    assert FileState(path, journal).get("hue") == {"number": 2}
    assert FileState(path, journal).get("amazon") == {"number": 3}
    assert journal.events() == ("state_unsaved",)


def test_value_that_json_cannot_represent_changes_nothing(path: Path, journal: MemoryJournal) -> None:
    state = FileState(path, journal)
    state.put("hue", {"number": 1})
    state.put("hue", {"number": math.nan})
    assert state.get("hue") == {"number": 1}
    assert journal.events() == ("state_unsaved",)


def test_lock_of_a_stopped_process_stops_no_other(
    path: Path, journal: MemoryJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_lock, "_PAUSE_S", 0.0)
    holder = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(holder, fcntl.LOCK_EX)
        state = FileState(path, journal)
        state.put("hue", {"number": 1})
        assert state.get("hue") == {"number": 1}
        assert [record.fields["message"] for record in journal.records] == ["another process holds its lock"]
    finally:
        os.close(holder)


def test_folder_that_cannot_be_created_is_logged(tmp_path: Path, journal: MemoryJournal) -> None:
    (tmp_path / "data").write_text("a file in its place")
    state = FileState(tmp_path / "data" / "state.json", journal)
    state.put("hue", {"number": 1})
    assert state.get("hue") == {"number": 1}
    assert state.get("amazon") == {}
    assert journal.events() == ("state_unsaved", "state_unreadable")


def test_what_cannot_be_written_is_saved_in_a_spare_until_it_can_be(
    tmp_path: Path, journal: MemoryJournal
) -> None:
    """So that a disk that is away is reported once, not by each process that starts meanwhile."""
    path, spares = (
        tmp_path / "data" / "state.json",
        (tmp_path / "file" / "state.json", tmp_path / "state.json"),
    )
    spares[0].parent.touch()
    away = [True]

    def start() -> FileState:
        data = DataFolder(path.parent, is_missing=lambda: away[0])
        return FileState(path, journal, data=data, spares=spares)

    start().put("incidents", {"one": 1})
    assert start().get("incidents") == {"one": 1}
    start().put("hue", {"address": "192.0.2.7"})
    assert not path.parent.exists()
    assert stat.S_IMODE(spares[1].stat().st_mode) == 0o600
    away[0] = False
    start().put("amazon", {})
    assert not spares[1].exists()
    assert FileState(path, journal).get("incidents") == {"one": 1}
    assert FileState(path, journal).get("hue") == {"address": "192.0.2.7"}
    assert journal.of("state_unsaved") == ()


def test_home_that_was_moved_is_not_made_again_for_a_spare(tmp_path: Path, journal: MemoryJournal) -> None:
    home, user = tmp_path / "home", tmp_path / "user" / "homeclimate" / "state.json"
    path, spares = home / "data" / "state.json", (home / "state" / "state.json", user)
    path.parent.mkdir(parents=True)
    data = DataFolder(path.parent)
    data.remember()
    state = FileState(path, journal, data=data, spares=spares)
    assert state.get("hue") == {}
    home.rename(tmp_path / "elsewhere")
    state.put("hue", {"number": 1})
    assert not home.exists()
    assert user.exists()


def test_damaged_spare_counts_for_nothing(tmp_path: Path, journal: MemoryJournal) -> None:
    path, spare = tmp_path / "data" / "state.json", tmp_path / "state.json"
    spare.write_text("{")
    state = FileState(path, journal, spares=(spare,))
    state.put("hue", {"number": 1})
    assert state.get("hue") == {"number": 1}
    assert len(journal.of("state_unreadable")) == 1
