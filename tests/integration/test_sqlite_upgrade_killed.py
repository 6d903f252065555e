"""However an upgrade is cut off, every row is there, and the next start goes on by itself."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.builders import a_cycle
from tests.databases import a_store, rows
from tests.old_homes import Age, columns_of, make_old_home, make_template

CHECKOUT = Path(__file__).parents[2]
ROWS = 6000
KILLS = (*Age, Age.A, Age.C_WAL)
PHASES = {"store.copying": "store.relaxing", "store.relaxing": "store.relaxed"}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "template.db"
    make_template(path, ROWS)
    return path


@pytest.fixture(scope="module")
def durations_s(tmp_path_factory: pytest.TempPathFactory, template: Path) -> dict[str, float]:
    """How long an upgrade takes from a word of its on."""
    path = tmp_path_factory.mktemp("whole") / "readings.db"
    make_old_home(path, Age.C_WAL, ROWS, template)
    at_s = {}
    with _upgrading(path) as opener:
        assert opener.stdout is not None
        for line in opener.stdout:
            at_s[line.strip()] = time.perf_counter()
    return {word: at_s[after] - at_s[word] for word, after in PHASES.items()}


@pytest.mark.parametrize(("number", "age"), list(enumerate(KILLS)))
def test_an_upgrade_that_is_killed_costs_nothing_and_is_done_at_the_next_start(
    tmp_path: Path, template: Path, durations_s: dict[str, float], number: int, age: Age
) -> None:
    path = tmp_path / "readings.db"
    make_old_home(path, age, ROWS, template)
    every = f"SELECT {', '.join(columns_of(age))} FROM readings WHERE id <= {ROWS} ORDER BY id"  # noqa: S608
    before = rows(path, every)
    word = list(PHASES)[number % 2]
    with _upgrading(path) as opener:
        assert opener.stdout is not None
        assert word in (line.strip() for line in opener.stdout)
        time.sleep(durations_s[word] * (number + 0.5) / len(KILLS))
        opener.kill()
    assert rows(path, every) == before
    ((version,),) = rows(path, "PRAGMA user_version")
    ((takes_nothing,),) = rows(path, "SELECT \"notnull\" FROM pragma_table_info('readings') WHERE cid = 3")
    assert (version, takes_nothing) in ((0, 1), (1, 1), (2, 0))
    store = a_store(path)
    store.append(a_cycle())
    store.close()
    assert rows(path, every) == before
    assert rows(path, "PRAGMA user_version") == [(3,)]
    assert rows(path, "SELECT max(id) FROM readings") == [(ROWS + 1,)]
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]
    assert not list(tmp_path.glob("*.copying*"))
    copies = list(tmp_path.glob("readings.db.before-*"))
    assert copies
    for copy in copies:
        assert rows(copy, every) == before


def _upgrading(path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.opener", str(path)], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True
    )
