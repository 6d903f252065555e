"""Power cuts and kills during an upgrade, of each age: every value stays."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest

from adapters.sqlite.care.verification import check
from adapters.sqlite.migration.migrations import KNOWN_VERSION
from tests.support.builders import a_cycle
from tests.support.databases import a_home_of_format_3, a_store, rows
from tests.support.old_homes import Age, columns_of, make_old_home
from tests.support.power.cuts import Cut, rebuilt, tally
from tests.support.power.disk import Disk
from tests.support.power.recording import record

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")

ROWS = 60
CUTS = 12
EVERY = 9  # of the instants between two events, one in so many


@pytest.mark.parametrize("age", Age)
@pytest.mark.proof
def test_an_upgrade_survives_a_power_cut_anywhere(tmp_path: Path, age: Age) -> None:
    make_old_home(tmp_path / "readings.db", age, ROWS)
    every = f"SELECT {', '.join(columns_of(age))} FROM readings WHERE id <= {ROWS} ORDER BY id"  # noqa: S608
    _survives_every_cut(tmp_path, every)


def test_dropping_indexes_survives_a_power_cut_anywhere(tmp_path: Path) -> None:
    a_home_of_format_3(tmp_path / "readings.db", cycles=ROWS // 4)
    every = f"SELECT * FROM readings WHERE id <= {ROWS} ORDER BY id"  # noqa: S608
    _survives_every_cut(tmp_path, every)


def _survives_every_cut(tmp_path: Path, every: str) -> None:
    before = rows(tmp_path / "readings.db", every)
    recording = record(tmp_path, "tests.support.store_process", "open", str(tmp_path / "readings.db"))

    disk = Disk(recording.before)
    for number, event in enumerate(recording.events):
        disk.happen(event)
        if number % EVERY == 0:
            with rebuilt(disk.after_kill()) as folder:
                assert rows(folder / "readings.db", every) == before, number

    def verdict(database: Path, cut: Cut) -> str:
        if rows(database, every) != before:
            return "changed"
        store = a_store(database)
        store.append(a_cycle())
        store.close()
        is_done = rows(database, "PRAGMA user_version") == [(KNOWN_VERSION,)]
        is_sound = not check(database, busy_timeout_ms=0)
        return "kept" if is_done and is_sound and rows(database, every) == before else "not done"

    assert tally(recording, CUTS, seed=8, verdict=verdict) == Counter(kept=CUTS)
