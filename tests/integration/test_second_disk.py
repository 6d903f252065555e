"""Copies of the backups on a second disk, which may be away, full, or not be the disk that it was."""

from __future__ import annotations

import shlex
import shutil
import stat
import subprocess
import sys
import threading
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.memory.runtime import MemoryClock, MemoryJournal
from adapters.memory.state import MemoryState
from adapters.sqlite.backup.backups import Backups
from adapters.sqlite.backup.second_disk import SecondDisk
from adapters.sqlite.care.upkeep import SqliteUpkeep
from domain.errors import StoreBusy, StoreCorrupt, StoreFull
from ports.upkeep import BackedUp, Copied, Skipped
from tests.support.builders import NOON, a_collected, a_cycle, a_due, a_reading
from tests.support.databases import a_store, rows
from tests.support.namespaces import in_mounts
from tests.support.threads import wait_until

CHECKOUT = Path(__file__).parents[2]


class Home:
    """A home with a folder for copies, and a backup and a copy of it each day."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "second"
        self.path = folder / "data" / "readings.db"
        self.clock = MemoryClock(NOON)
        self.state = MemoryState()
        self.kept: Mapping[str, str] = {}

    def backups(self, max_bytes: int | None = None) -> Backups:
        return Backups(path=self.path, clock=self.clock, busy_timeout_ms=100, max_bytes=max_bytes)

    def back_up(self) -> Path:
        store = a_store(self.path)
        slot = self.clock.now()
        store.append(a_cycle(a_collected(a_reading(collected_at=slot), due=a_due(slot=slot))))
        store.close()
        return self.backups().make().file

    def copy(self, *, may_remove: bool = True, max_bytes: int | None = None) -> Copied | Skipped:
        disk = SecondDisk(files=self.backups(max_bytes).files_in(self.folder), state=self.state)
        return disk.copy(self.backups().newest_first()[0], may_remove=may_remove)

    def live(self, days: int, max_bytes: int | None = None) -> None:
        for _ in range(days):
            self.back_up()
            copied = self.copy(max_bytes=max_bytes)
            assert isinstance(copied, Copied)
            self.kept = copied.kept
            self.clock.step_wall(timedelta(days=1).total_seconds())

    @property
    def names(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir())


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    home.folder.mkdir()
    return home


def test_a_copy_equals_the_backup_and_has_its_permissions(home: Home) -> None:
    backup = home.back_up()
    backup.chmod(0o640)
    copied = home.copy()
    assert isinstance(copied, Copied)
    assert Path(copied.file).read_bytes() == backup.read_bytes()
    assert (copied.backup, copied.size_bytes) == (str(backup), backup.stat().st_size)
    assert stat.S_IMODE(Path(copied.file).stat().st_mode) == 0o640
    assert home.names == [backup.name]
    assert home.copy() == copied


def test_copies_are_thinned_like_backups_and_other_files_stay(home: Home) -> None:
    (home.folder / "readings-mine.db").touch()
    home.live(14)
    backups = sorted(path.name for path in home.backups().folder.iterdir())
    assert home.names == [*backups, "readings-mine.db"]


def test_copies_have_a_budget_of_their_own(home: Home) -> None:
    size = home.back_up().stat().st_size
    home.live(5, max_bytes=3 * size + size // 2)
    assert len(home.names) == 3
    for name in home.names:
        (home.folder / name).unlink()
    with pytest.raises(StoreFull, match=r"backups\.max_bytes"):
        home.copy(max_bytes=100)
    assert home.names == []


def test_a_copy_with_rows_that_the_database_lacks_is_kept(home: Home) -> None:
    home.live(2)
    before = set(home.names)
    for path in (home.path, *home.backups().newest_first()):
        path.unlink()
    home.live(3, max_bytes=2 * (home.folder / min(before)).stat().st_size)
    assert before < set(home.names)
    assert len(home.names) == 3
    assert {Path(file).name for file in home.kept} == before


def test_without_the_folder_nothing_is_made(home: Home) -> None:
    home.back_up()
    home.folder.rmdir()
    for _ in range(2):
        copied = home.copy()
        assert isinstance(copied, Skipped)
        assert "there is no folder" in copied.reason
        home.folder.unlink(missing_ok=True)
        home.folder.touch()  # nor with a file in its place
    assert home.folder.read_bytes() == b""


def test_the_folder_of_the_backups_is_no_second_disk(home: Home) -> None:
    home.back_up()
    home.folder.rmdir()
    home.folder.symlink_to(home.backups().folder)
    copied = home.copy()
    assert isinstance(copied, Skipped)
    assert "Set backups.copy_to" in copied.reason


def test_a_copy_that_differs_is_not_kept(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.back_up()
    monkeypatch.setattr(shutil, "copyfile", lambda _, target: Path(target).write_bytes(b"a bad disk"))
    with pytest.raises(StoreCorrupt, match="differs from it"):
        home.copy()
    assert home.names == []


@pytest.mark.parametrize(("may_remove", "is_copied"), [(True, True), (False, False)])
def test_old_copies_make_room_unless_values_are_wrong(
    home: Home, monkeypatch: pytest.MonkeyPatch, may_remove: bool, is_copied: bool
) -> None:
    home.live(3)
    home.back_up()
    before, size, usage = len(home.names), home.path.stat().st_size, shutil.disk_usage(home.folder)
    monkeypatch.setattr(
        shutil,
        "disk_usage",
        lambda _: usage._replace(total=100 * size, free=(before - len(home.names)) * size),
    )
    if is_copied:
        assert isinstance(home.copy(may_remove=may_remove), Copied)
    else:
        with pytest.raises(StoreFull):
            home.copy(may_remove=may_remove)
    assert len(home.names) == 3


def test_the_only_copy_makes_no_room_for_the_next(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.live(1)
    home.back_up()
    before, usage = home.names, shutil.disk_usage(home.folder)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1))
    with pytest.raises(StoreFull, match="no copy there can be removed"):
        home.copy()
    assert home.names == before


async def test_a_disk_that_hangs_is_left_alone(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    goes_on, tries = threading.Event(), []

    def hang(*_: object, **__: object) -> None:
        tries.append(1)
        goes_on.wait(50)

    home.back_up()
    monkeypatch.setattr(SecondDisk, "copy", hang)
    upkeep = SqliteUpkeep(
        home.path, state=home.state, journal=MemoryJournal(), clock=home.clock, copy_to=home.folder
    )
    for reason in ("no answer within", "has not ended yet"):
        with pytest.raises(StoreBusy, match=reason):
            await upkeep.copy_backup(may_remove=True)
    assert isinstance(await upkeep.back_up(), BackedUp)
    wait_until(lambda: bool(tries))  # the clock does not wait for the thread
    assert tries == [1]
    goes_on.set()


_WITH_A_DISK = """
import subprocess, sys
from pathlib import Path
from tests.integration.test_second_disk import Home
from ports.upkeep import Copied, Skipped

home = Home(Path(sys.argv[1]))
home.live(1)
mounted = home.names
subprocess.run(["umount", home.folder], check=True)
home.back_up()
copied = home.copy()
assert isinstance(copied, Skipped) and "was on another disk" in copied.reason, copied
assert home.names == [], home.names
subprocess.run(["mount", "-t", "tmpfs", "tmpfs", home.folder], check=True)
assert isinstance(home.copy(), Copied)
assert len(home.names) == 1
"""


def test_nothing_is_made_below_the_mount_point_of_a_disk_that_is_away(home: Home) -> None:
    mount = f"mount -t tmpfs tmpfs {shlex.quote(str(home.folder))}"
    command = in_mounts(mount, [sys.executable, "-c", _WITH_A_DISK, str(home.folder.parent)])
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stderr
    assert home.names == []
    assert rows(home.backups().newest_first()[0], "PRAGMA integrity_check") == [("ok",)]
