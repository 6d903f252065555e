"""Backups beside a process that stores as fast as it can, each opened and checked: ./run bench backups.

Beside it stands what a backup costs: its time as a multiple of what `cp` takes for the same file.

`--years 10` measures instead what a database of so many years and `--sensors`, its backups and a day of
cycles take. Bytes are those that Linux counts as sent to a disk by this process, so the folder (`--folder`)
must not be in memory. Ten years take about 20 minutes, and three times the database of room.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from adapters.memory.runtime import MemoryClock, MemoryJournal
from adapters.memory.state import MemoryState
from adapters.sqlite.backup.backups import Backups, back_up
from adapters.sqlite.backup.missing_rows import find_missing_row
from adapters.sqlite.backup.second_disk import SecondDisk
from adapters.sqlite.care.upkeep import SqliteUpkeep
from adapters.sqlite.care.verification import check, first_fault
from adapters.sqlite.store import SqliteStore
from domain.services.database_upkeep import DAYS, WEEKS
from tests.support.databases import rows
from tests.support.grown_home import append_fast, report_of, reports, slot_of
from tests.support.old_homes import Age, make_old_home

T = TypeVar("T")

BACKUPS, READINGS = 30, 50_000
_A_DAY = 288
_CARDS_GB = (32, 64, 128)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--years", type=float)
    parser.add_argument("--sensors", type=int, default=11)
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        if given.years is None:
            _beside_a_writer(Path(folder))
        else:
            _after_years(Path(folder), round(given.years * 365.25 * _A_DAY), given.sensors)


def _after_years(folder: Path, cycles: int, sensors: int) -> None:
    path = folder / "readings.db"
    append_fast(path, reports(cycles, sensors))
    size = path.stat().st_size
    sys.stdout.write(f"{cycles * sensors:,} readings: {size / 1e6:,.0f} MB\n")
    clock = MemoryClock(slot_of(cycles))
    store = SqliteStore(path, journal=MemoryJournal(), clock=clock)
    store.open()
    upkeep = SqliteUpkeep(path, state=MemoryState(), journal=MemoryJournal(), clock=clock)
    backups = Backups(path=path, clock=clock, busy_timeout_ms=5000)
    second = SecondDisk(files=backups.files_in(folder / "second"), state=MemoryState())
    (folder / "second").mkdir()
    _measure("a day of cycles", lambda: [store.append(report_of(cycles + n, sensors)) for n in range(_A_DAY)])
    _measure("the checkpoint", lambda: asyncio.run(upkeep.tidy()))
    _measure("the check", lambda: check(path, busy_timeout_ms=5000))
    made = _measure("the backup", lambda: backups.make().file)
    _measure("its copy on a second disk", lambda: second.copy(made, may_remove=True))
    clock.step_wall(timedelta(days=1).total_seconds())
    _measure("to compare a backup with it", lambda: find_missing_row(path, made, busy_timeout_ms=5000))
    store.close()
    one = made.stat().st_size
    sys.stdout.write(f"{DAYS + WEEKS} backups: {(DAYS + WEEKS) * one / 1e9:.1f} GB\n")
    for card_gb in _CARDS_GB:
        count = min(DAYS + WEEKS, max(1, int(card_gb * 1e9 / 4 // one)))
        sys.stdout.write(f"    a quarter of a card of {card_gb} GB holds {count}\n")


def _measure(name: str, function: Callable[[], T]) -> T:
    began_s, before = time.perf_counter(), _written_bytes()
    result = function()
    written = (_written_bytes() - before) / 1e6
    sys.stdout.write(f"{name}: {written:,.1f} MB written, {time.perf_counter() - began_s:,.1f} s\n")
    sys.stdout.flush()
    return result


def _written_bytes() -> int:
    lines = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
    return int(dict(line.split(": ") for line in lines)["write_bytes"])


def _beside_a_writer(folder: Path) -> None:
    path = folder / "readings.db"
    make_old_home(path, Age.C_WAL, READINGS)
    appender = subprocess.Popen(
        [sys.executable, "-m", "tests.support.store_process", "append", str(path), "hue", "100000000"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert appender.stdout is not None
    appender.stdout.readline()  # it has brought the database up to date
    try:
        verified = sum(_is_verified(path, number) for number in range(BACKUPS))
    finally:
        appender.kill()
        appender.communicate()
    sys.stdout.write(f"{verified} of {BACKUPS} backups of {READINGS} readings opened and checked\n")
    sys.stdout.write(f"a backup takes {_ratio(path):.1f} times as long as cp\n")
    if verified < BACKUPS:
        sys.exit(1)


def _is_verified(path: Path, number: int) -> bool:
    copy = path.with_name(f"copy-{number}.db")
    back_up(path, copy, busy_timeout_ms=5000)
    ((cycles,),) = rows(copy, "SELECT count(*) FROM outcomes")
    ((readings,),) = rows(copy, "SELECT count(*) FROM readings")
    is_sound = first_fault(copy) is None and readings == READINGS + 3 * cycles
    copy.unlink()
    return is_sound


def _ratio(path: Path) -> float:
    began_s = time.perf_counter()
    shutil.copyfile(path, path.with_name("by-cp.db"))
    between_s = time.perf_counter()
    back_up(path, path.with_name("by-us.db"), busy_timeout_ms=5000)
    return (time.perf_counter() - between_s) / (between_s - began_s)


if __name__ == "__main__":
    main()
