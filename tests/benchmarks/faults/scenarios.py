"""What happens to a home: each scenario breaks something under real collectors and mends it again."""

from __future__ import annotations

import fcntl
import shutil
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from tests.benchmarks.faults.home import Home

_MINUTE_S = 60
_DAY_S = 86_400


def calm(home: Home) -> None:
    """Nothing happens; what is counted must agree here too."""
    with home.collecting() as collector:
        collector.wait_for_lines(3)


def full_disk(home: Home) -> None:
    """The disk of the data is full for a while, and the collector is killed and stopped meanwhile."""
    _mount_small_disk(home)
    with home.collecting() as collector:
        collector.wait_for_lines(2, "stored")
        _fill(home.data)
        collector.wait_for_lines(3, "spooled")
        collector.end(signal.SIGKILL)
    with home.collecting() as collector:
        collector.wait_for_lines(2, "spooled")
    _empty(home.data)
    with home.collecting() as collector:
        collector.wait_for_lines(2, "stored")


def full_disk_once(home: Home) -> None:
    """`collect --once` on a disk that is full already."""
    _mount_small_disk(home)
    home.once()
    _fill(home.data)
    for _ in range(3):
        home.once()
    _empty(home.data)
    home.once()


def full_disk_from_the_start(home: Home) -> None:
    """The disk is full before this home has collected anything."""
    _mount_small_disk(home)
    _fill(home.data)
    for _ in range(3):
        home.once()
    _empty(home.data)
    home.once()


def no_inodes(home: Home) -> None:
    """No further file can be made on the disk of the data."""
    _mount_small_disk(home, "nr_inodes=40")
    with home.collecting() as collector:
        collector.wait_for_lines(2, "stored")
        for number in range(40):
            try:
                (home.data / f"ballast-{number}").touch()
            except OSError:
                break
        _fill(home.data, into="ballast-0")
        collector.wait_for_lines(2, "spooled")
        collector.end(signal.SIGKILL)
    for path in home.data.glob("ballast-*"):
        path.unlink()
    with home.collecting() as collector:
        collector.wait_for_lines(2, "stored")


def read_only(home: Home) -> None:
    """The disk of the data can only be read for a while."""
    _mount_small_disk(home)
    with home.collecting() as collector:
        collector.wait_for_lines(2, "stored")
    _do("mount", "-o", "remount,ro", str(home.data))
    home.once()
    with home.collecting() as collector:
        collector.wait_for_lines(2, "spooled")
        collector.end(signal.SIGKILL)
    with home.collecting() as collector:
        collector.wait_for_lines(1, "spooled")
        _do("mount", "-o", "remount,rw", str(home.data))
        collector.wait_for_lines(1, "stored")


def full_home(home: Home) -> None:
    """The disk of the whole home is full; only the user's state folder has room."""
    kept = home.folder.with_name(f"{home.folder.name}.kept")
    home.folder.rename(kept)
    home.folder.mkdir()
    _do("mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(home.folder))
    shutil.copytree(kept, home.folder, dirs_exist_ok=True)
    _fill(home.folder)
    for _ in range(2):
        home.once()
    with home.collecting() as collector:
        collector.wait_for_lines(2, "spooled")
        collector.end(signal.SIGKILL)
    _empty(home.folder)
    home.once()


def unmounted(home: Home) -> None:
    """The disk of the data is unmounted under the collector, and mounted again."""
    disk = home.folder.with_name(f"{home.folder.name}.disk")
    disk.mkdir()
    home.data.mkdir(exist_ok=True)
    _do("mount", "--bind", str(disk), str(home.data))
    with home.collecting() as collector:
        collector.wait_for_lines(2, "stored")
        _do("umount", "--lazy", str(home.data))
        collector.wait_for_lines(2, "spooled")
        _do("mount", "--bind", str(disk), str(home.data))
        collector.wait_for_lines(2, "stored")
    _do("umount", str(home.data))
    home.once()  # at a start without the disk
    if (home.data / "readings.db").exists():
        home.errors.append("a second database below the mount point")
    _do("mount", "--bind", str(disk), str(home.data))
    home.once()


def moved_away(home: Home) -> None:
    """The data folder is moved away under the collector, and back; killed meanwhile."""
    away = home.folder / "data.away"
    for how in (signal.SIGTERM, signal.SIGKILL):
        with home.collecting() as collector:
            collector.wait_for_lines(2, "stored")
            home.data.rename(away)
            collector.wait_for_lines(2, "spooled")
            if how is signal.SIGKILL:
                collector.end(how)
            if home.data.exists():
                home.errors.append(f"made in place of the data folder: {list(home.data.iterdir())}")
                shutil.rmtree(home.data)
            away.rename(home.data)
            if how is signal.SIGTERM:
                collector.wait_for_lines(2, "stored")
    home.once()


def home_moved(home: Home) -> None:
    """The home is moved as a whole under the collector, and back, and away for good."""
    elsewhere = home.folder.with_name("elsewhere")
    with home.collecting() as collector:
        collector.wait_for_lines(2, "stored")
        home.folder.rename(elsewhere)
        collector.wait_for_lines(2, "spooled")
        if home.folder.exists():
            home.errors.append(f"made in place of the home: {list(home.folder.rglob('*'))}")
        elsewhere.rename(home.folder)
        collector.wait_for_lines(2, "stored")
        home.folder.rename(elsewhere)
        collector.wait_for_lines(2, "spooled")
    home.folder = elsewhere
    home.once()


def link_to_absent_disk(home: Home) -> None:
    """`readings.db` is a symbolic link to a disk that is away for a while."""
    disk = home.folder.with_name(f"{home.folder.name}.disk")
    away = disk.with_suffix(".away")
    disk.mkdir()
    home.data.mkdir(exist_ok=True)
    (home.data / "readings.db").symlink_to(disk / "readings.db")
    with home.collecting() as collector:
        collector.wait_for_lines(2, "stored")
        disk.rename(away)
        collector.wait_for_lines(2, "spooled")
        away.rename(disk)
        collector.wait_for_lines(1, "stored")
    disk.rename(away)
    home.once()
    if not (home.data / "readings.db").is_symlink() or disk.exists():
        home.errors.append("the link was replaced, or followed to a new database")
    away.rename(disk)
    home.once()


def deleted_while_stopped(home: Home) -> None:
    """The database is deleted between two runs; what its backup has comes back."""
    home.once()  # makes the backup of the day too
    home.database.unlink()
    for _ in range(3):
        home.once()
    if home.run("health", "--offline").returncode == 0:
        home.errors.append("health passes though the database was missing")


def deleted_while_running(home: Home) -> None:
    """The database and its log are deleted under the collector, which is killed afterwards."""
    with home.collecting() as collector:
        collector.wait_for_lines(3, "stored")
        for path in home.data.glob("readings.db*"):
            if path.suffix != ".lock":
                path.unlink()
        collector.wait_for_lines(3)
        collector.end(signal.SIGKILL)
    home.once()


def locked(home: Home) -> None:
    """Another program locks the database for longer than a cycle; the collector is killed meanwhile."""
    with home.collecting() as collector:
        collector.wait_for_lines(2, "stored")
        with _locked(home.database):
            handed_over = len(home.bridge.handed_over)
            while len(home.bridge.handed_over) == handed_over:
                time.sleep(0.05)
            time.sleep(1.0)  # long after the first try, long before the last one
            collector.end(signal.SIGKILL, excusing=False)
    home.once()
    with home.collecting() as collector:
        collector.wait_for_lines(1, "stored")
        with _locked(home.database):
            collector.wait_for_lines(2, "spooled")
        collector.wait_for_lines(1, "stored")


def locked_at_a_start(home: Home) -> None:
    """The database is locked when the collector starts, and no more before its first cycle ends."""
    with home.collecting() as collector:
        collector.wait_for_lines(2, "stored")
    time.sleep(4 * home.interval_s)
    for held_s in (3.0, 6.0):
        with home.database.with_name("readings.db.lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            release = threading.Timer(held_s, fcntl.flock, (lock, fcntl.LOCK_UN))
            release.start()
            with home.collecting() as collector:
                collector.wait_for_lines(3)
            release.join()
        time.sleep(3 * home.interval_s)
    home.once()


def log_deleted(home: Home) -> None:
    """The write-ahead log is deleted under the collector, which is killed some cycles later."""
    with home.collecting() as collector:
        collector.wait_for_lines(3, "stored")
        home.database.with_name("readings.db-wal").unlink()
        collector.wait_for_lines(4)
        collector.end(signal.SIGKILL)
    home.once()


def twice_in_a_second(home: Home) -> None:
    """Runs of `collect --once` one after the other, several within one second."""
    home.once()
    for _ in range(4):
        home.once()


def clock_back(home: Home) -> None:
    """The clock is set back by half an hour, and right again after some cycles."""
    with home.collecting() as collector:
        collector.wait_for_lines(2, "stored")
        home.set_clock(-30 * _MINUTE_S)
        collector.wait_for_lines(3)
        if not any("clock" in line for line in _log(home)):
            home.errors.append("no line in the log on the clock")
        home.set_clock(0)
        collector.wait_for_lines(2)


def clock_forward(home: Home) -> None:
    """The clock is ahead by ten minutes, and right again after some cycles."""
    with home.collecting() as collector:
        collector.wait_for_lines(2, "stored")
        home.set_clock(10 * _MINUTE_S)
        collector.wait_for_lines(3)
        home.set_clock(0)
        collector.wait_for_lines(3)
    if "asleep" in home.causes():
        home.errors.append(f"a clock that stepped is called sleep: {home.causes()}")


def off_for_sixty_days(home: Home) -> None:
    """Sixty days between two runs: every slot gets its row, in portions."""
    home.set_clock(-60 * _DAY_S)
    home.once()
    for number in range(14):
        home.set_clock(number * home.interval_s)
        home.once()


SCENARIOS: Mapping[str, Callable[[Home], None]] = {
    scenario.__name__: scenario
    for scenario in (
        calm,
        full_disk,
        full_disk_once,
        full_disk_from_the_start,
        no_inodes,
        read_only,
        full_home,
        unmounted,
        moved_away,
        home_moved,
        link_to_absent_disk,
        deleted_while_stopped,
        deleted_while_running,
        locked,
        locked_at_a_start,
        log_deleted,
        twice_in_a_second,
        clock_back,
        clock_forward,
        off_for_sixty_days,
    )
}
INTERVALS_S = {"off_for_sixty_days": 300, "twice_in_a_second": 300}


def _mount_small_disk(home: Home, options: str = "size=6m") -> None:
    home.data.mkdir()
    _do("mount", "-t", "tmpfs", "-o", options, "tmpfs", str(home.data))


def _fill(folder: Path, into: str = "ballast") -> None:
    with (folder / into).open("ab", buffering=0) as file:
        for size in (65536, 4096, 512, 1):
            try:
                while file.write(b"\0" * size):
                    pass
            except OSError:
                continue


def _empty(folder: Path) -> None:
    (folder / "ballast").unlink()


@contextmanager
def _locked(database: Path) -> Iterator[None]:
    with closing(sqlite3.connect(database, isolation_level=None, check_same_thread=False)) as other:
        other.execute("PRAGMA busy_timeout=20000")
        other.execute("BEGIN EXCLUSIVE")
        try:
            yield
        finally:
            other.execute("ROLLBACK")


def _log(home: Home) -> list[str]:
    return [line for path in home.folder.glob("logs/*") for line in path.read_text().splitlines()]


def _do(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
