"""`homeclimate backup` and `homeclimate restore`, as a person runs them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from adapters.files.locks import SourceLocks, UpkeepLock, held_sources
from adapters.memory.runtime import MemoryClock
from config.loading import load
from domain.errors import StoreError
from entrypoints.commands.restore import restored
from entrypoints.terminal.prompts import Person
from entrypoints.wiring.environment import World
from tests.acceptance.conftest import RunHere
from tests.support.builders import NOON, a_cycle
from tests.support.databases import a_store, changed, rows
from tests.support.deployments import Deployment, a_deployment
from tests.support.old_homes import Age, make_old_home

COUNT = "SELECT count(*) FROM readings"
_RESTORING_SLOWLY = """
import sys
from adapters.sqlite.care import restoring
from entrypoints.cli import main

copied = restoring.verified_copy

def slowly(*arguments, **options):
    made = copied(*arguments, **options)
    print("copied", flush=True)
    sys.stdin.readline()
    return made

restoring.verified_copy = slowly
sys.exit(main())
"""


@pytest.fixture
def home(tmp_path: Path) -> Deployment:
    """A home with one reading, that asks nobody."""
    home = a_deployment(
        tmp_path / "home",
        address="127.0.0.1",
        bridge_id="001788fffe000001",
        key="y",
        ca_file=tmp_path / "none.pem",
    )
    store = a_store(home.database)
    store.append(a_cycle())
    store.close()
    return home


@contextmanager
def _a_collector(home: Deployment) -> Iterator[None]:
    locks = SourceLocks(home.database.parent / "locks")
    locks.acquire("hue")
    try:
        yield
    finally:
        locks.close()


def test_a_backup_is_made_beside_a_collector_and_restored_later(
    home: Deployment, run_here: RunHere, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.db"
    with _a_collector(home):
        made = run_here(home, "backup", str(copy))
    assert (made.returncode, made.stderr) == (0, "")
    assert "copy.db: 0.1 MB, checked" in made.stdout
    changed(home.database, "DELETE FROM readings")
    back = run_here(home, "restore", str(copy), "--yes")
    assert (back.returncode, back.stderr) == (0, "")
    assert home.rows(COUNT) == [(1,)]
    (kept,) = home.database.parent.glob("readings.db.replaced-*")
    assert str(kept) in back.stdout
    assert rows(kept, COUNT) == [(0,)]


def test_values_that_are_not_what_was_stored_are_told_on_the_way_out_and_in(
    home: Deployment, run_here: RunHere, tmp_path: Path
) -> None:
    changed(home.database, "UPDATE readings SET temperature_celsius = 30")
    made = run_here(home, "backup", str(tmp_path / "copy.db"))
    assert (made.returncode, (tmp_path / "copy.db").exists()) == (1, True)
    back = run_here(home, "restore", str(tmp_path / "copy.db"), "--yes")
    assert back.returncode == 0
    for done in (made, back):
        assert "not what was stored" in done.stderr


def test_a_backup_does_not_overwrite(home: Deployment, run_here: RunHere, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("precious")
    done = run_here(home, "backup", str(tmp_path / "mine"))
    assert done.returncode == 64
    assert "there already" in done.stderr
    assert (tmp_path / "mine").read_text() == "precious"


def test_without_a_database_or_a_folder_there_is_no_backup(
    home: Deployment, run_here: RunHere, tmp_path: Path
) -> None:
    assert run_here(home, "backup", str(tmp_path / "nowhere" / "copy.db")).returncode == 64
    home.database.unlink()
    done = run_here(home, "backup", str(tmp_path / "copy.db"))
    assert done.returncode == 1
    assert "does not exist" in done.stderr
    assert not (tmp_path / "copy.db").exists()


def test_nothing_is_restored_while_a_collector_runs(
    home: Deployment, run_here: RunHere, tmp_path: Path
) -> None:
    run_here(home, "backup", str(tmp_path / "copy.db"))
    before = home.database.read_bytes()
    with _a_collector(home):
        done = run_here(home, "restore", str(tmp_path / "copy.db"), "--yes")
    assert done.returncode == 1
    assert "a collector holds hue" in done.stderr
    assert home.database.read_bytes() == before


def test_where_nobody_can_answer_nothing_is_restored_without_yes(
    home: Deployment, run_here: RunHere, tmp_path: Path
) -> None:
    run_here(home, "backup", str(tmp_path / "copy.db"))
    before = home.database.read_bytes()
    done = run_here(home, "restore", str(tmp_path / "copy.db"))
    assert (done.returncode, home.database.read_bytes()) == (64, before)
    assert "--yes" in done.stderr


@pytest.mark.parametrize("agrees", [True, False])
def test_a_person_is_asked_and_obeyed(
    home: Deployment, tmp_path: Path, agrees: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []

    class _Asked(Person):
        def agrees(self, question: str, *, default: bool) -> bool:
            asked.append(question)
            assert default is False
            return agrees

    make_old_home(tmp_path / "old.db", Age.A, 40)
    code = restored(tmp_path / "old.db", load(home.folder), World(clock=MemoryClock(NOON)), _Asked())
    assert (code, home.rows(COUNT)) == ((0, [(40,)]) if agrees else (1, [(1,)]))
    assert "40 readings, the newest of " in asked[0]


@pytest.mark.parametrize("source", ["hue", "amazon"])
def test_a_collector_that_starts_while_a_person_answers_ends_the_restoring(
    home: Deployment, tmp_path: Path, source: str
) -> None:
    locks = SourceLocks(home.database.parent / "locks")

    class _Slow(Person):
        def agrees(self, question: str, *, default: bool) -> bool:
            locks.acquire(source)  # of a source that is in the configuration, or was once
            return True

    make_old_home(tmp_path / "old.db", Age.A, 40)
    before = home.database.read_bytes()
    with pytest.raises(StoreError, match=f"{source} is held by process .* nothing is changed"):
        restored(tmp_path / "old.db", load(home.folder), World(clock=MemoryClock(NOON)), _Slow())
    assert home.database.read_bytes() == before
    locks.close()
    assert held_sources(home.database.parent / "locks") == ()


def test_nothing_is_restored_during_the_upkeep_of_another_process(
    home: Deployment, run_here: RunHere, tmp_path: Path
) -> None:
    run_here(home, "backup", str(tmp_path / "copy.db"))
    before = home.database.read_bytes()
    lock = UpkeepLock(home.database.parent / "upkeep.lock")
    assert lock.take()
    done = run_here(home, "restore", str(tmp_path / "copy.db"), "--yes")
    assert (done.returncode, home.database.read_bytes()) == (1, before)
    assert "daily upkeep" in done.stderr
    lock.let_go()
    assert run_here(home, "restore", str(tmp_path / "copy.db"), "--yes").returncode == 0
    assert lock.take(), "it is given back"
    lock.let_go()


@pytest.mark.proof
def test_a_collector_that_starts_during_the_replacement_is_refused_and_told_why(
    home: Deployment, tmp_path: Path
) -> None:
    make_old_home(tmp_path / "old.db", Age.A, 40)
    restoring = subprocess.Popen(
        [sys.executable, "-c", _RESTORING_SLOWLY, "restore", str(tmp_path / "old.db"), "--yes"],
        env=home.environment(),
        cwd=home.folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert restoring.stdin is not None
    assert restoring.stdout is not None
    try:
        assert restoring.stdout.readline() == "copied\n"
        for arguments in (("--once",), ("--source", "hue"), ()):
            done = home.run("collect", *arguments)
            assert done.returncode == 75
            assert f"hue is held by process {restoring.pid}, which is restoring a backup" in done.stderr
        assert home.rows(COUNT) == [(1,)]
        restoring.communicate("go on\n", timeout=20)
    finally:
        restoring.kill()
        restoring.communicate()
    assert (restoring.returncode, home.rows(COUNT)) == (0, [(40,)])
    assert home.run("collect", "--once").returncode == 2, "nobody holds it; the bridge does not answer"


@pytest.mark.parametrize("name", ["text.db", "songs.db", "nowhere.db"])
def test_what_is_no_backup_is_named_and_changes_nothing(
    home: Deployment, run_here: RunHere, tmp_path: Path, name: str
) -> None:
    (tmp_path / "text.db").write_text("temperature,location\n" * 400)
    changed(tmp_path / "songs.db", "CREATE TABLE songs (title)")
    before = home.database.read_bytes()
    done = run_here(home, "restore", str(tmp_path / name), "--yes")
    assert done.returncode == {"text.db": 1, "songs.db": 78, "nowhere.db": 64}[name]
    assert name in done.stderr
    assert home.database.read_bytes() == before
