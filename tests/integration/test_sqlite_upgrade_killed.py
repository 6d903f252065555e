"""A killed upgrade keeps every row, and the next start continues it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from adapters.sqlite.care.verification import check
from adapters.sqlite.migration.migrations import KNOWN_VERSION
from tests.support.builders import a_cycle
from tests.support.databases import a_home_of_format_3, a_store, changed, rows
from tests.support.old_homes import Age, columns_of, make_old_home, make_template

CHECKOUT = Path(__file__).parents[2]
ROWS = 6000
KILLS = (*Age, Age.A, Age.C_WAL)
ROWS_OF_A_SENSOR = """
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30000)
INSERT INTO readings (timestamp, device_id, location, device_type)
SELECT printf('2025-%08d', i), 'hue:x', 'Attic', 'hue_sensor' FROM n
"""
PHASES = {"store.copying": "store.relaxing", "store.relaxing": "store.relaxed"}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "template.db"
    make_template(path, ROWS)
    return path


@pytest.fixture(scope="module")
def durations_s(tmp_path_factory: pytest.TempPathFactory, template: Path) -> dict[str, float]:
    """How long an upgrade takes after each of its journal events."""
    path = tmp_path_factory.mktemp("whole") / "readings.db"
    make_old_home(path, Age.C_WAL, ROWS, template)
    at_s = {}
    with _upgrading(path) as opener:
        assert opener.stdout is not None
        for line in opener.stdout:
            at_s[line.strip()] = time.perf_counter()
    return {event: at_s[after] - at_s[event] for event, after in PHASES.items()}


@pytest.mark.parametrize(("number", "age"), list(enumerate(KILLS)))
@pytest.mark.proof
def test_a_killed_upgrade_loses_nothing_and_is_done_at_the_next_start(
    tmp_path: Path, template: Path, durations_s: dict[str, float], number: int, age: Age
) -> None:
    path = tmp_path / "readings.db"
    make_old_home(path, age, ROWS, template)
    every = f"SELECT {', '.join(columns_of(age))} FROM readings WHERE id <= {ROWS} ORDER BY id"  # noqa: S608
    before = rows(path, every)
    event = list(PHASES)[number % 2]
    with _upgrading(path) as opener:
        assert opener.stdout is not None
        assert event in (line.strip() for line in opener.stdout)
        time.sleep(durations_s[event] * (number + 0.5) / len(KILLS))
        opener.kill()
    assert rows(path, every) == before
    ((version,),) = rows(path, "PRAGMA user_version")
    ((takes_nothing,),) = rows(path, "SELECT \"notnull\" FROM pragma_table_info('readings') WHERE cid = 3")
    assert (version, takes_nothing) in ((0, 1), (1, 1), (2, 0), (3, 0), (KNOWN_VERSION, 0))
    store = a_store(path)
    store.append(a_cycle())
    store.close()
    assert rows(path, every) == before
    assert rows(path, "PRAGMA user_version") == [(KNOWN_VERSION,)]
    assert rows(path, "SELECT max(id) FROM readings") == [(ROWS + 1,)]
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]
    assert not list(tmp_path.glob("*.copying*"))
    copies = list(tmp_path.glob("readings.db.before-*"))
    assert copies
    for copy in copies:
        assert rows(copy, every) == before


@pytest.mark.proof
@pytest.mark.parametrize("part", [0.2, 0.5, 0.8])
def test_a_killed_drop_of_indexes_is_done_at_the_next_start(tmp_path: Path, part: float) -> None:
    path, whole = tmp_path / "readings.db", tmp_path / "whole.db"
    a_home_of_format_3(path)
    changed(path, ROWS_OF_A_SENSOR)
    shutil.copy(path, whole)
    began_s = time.perf_counter()
    with _upgrading(whole) as opener:
        opener.communicate()
    length_s = time.perf_counter() - began_s
    before = rows(path, "SELECT * FROM readings ORDER BY id")
    with _upgrading(path) as opener:
        time.sleep(length_s * (0.5 + part / 2))  # the first half is the start of Python
        opener.kill()
    assert rows(path, "PRAGMA user_version") in ([(KNOWN_VERSION - 1,)], [(KNOWN_VERSION,)])
    assert rows(path, "SELECT * FROM readings ORDER BY id") == before
    store = a_store(path)
    store.open()
    store.close()
    assert rows(path, "PRAGMA user_version") == [(KNOWN_VERSION,)]
    assert rows(path, "SELECT * FROM readings ORDER BY id") == before
    assert not check(path, busy_timeout_ms=0)


def _upgrading(path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.support.store_process", "open", str(path)],
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        text=True,
    )
