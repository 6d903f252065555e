"""Backups beside a process that stores as fast as it can, each opened and checked: ./run bench backups.

Beside it stands what a backup costs: its time as a multiple of what `cp` takes for the same file.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from adapters.sqlite.care.backups import back_up
from adapters.sqlite.care.verification import first_fault
from tests.support.databases import rows
from tests.support.old_homes import Age, make_old_home

BACKUPS, READINGS = 30, 50_000


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "readings.db"
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
