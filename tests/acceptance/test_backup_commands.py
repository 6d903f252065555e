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
from entrypoints.commands.database import restore_backup
from entrypoints.terminal.prompts import Prompts
from entrypoints.wiring.environment import Environment
from entrypoints.wiring.home import Home, home_of
from tests.acceptance.conftest import RunHere
from tests.support.builders import NOON, a_cycle
from tests.support.databases import a_store, changed, rows
from tests.support.deployments import Deployment, an_offline_home
from tests.support.old_homes import Age, make_old_home

COUNT = "SELECT count(*) FROM readings"
_RESTORING_SLOWLY = """
import contextlib, sys
from adapters.sqlite.backup import restoring
from entrypoints.cli import main

copied = restoring.verified_copy

@contextlib.contextmanager
def slowly(*arguments, **options):
    with copied(*arguments, **options) as made:
        print("copied", flush=True)
        sys.stdin.readline()
        yield made

restoring.verified_copy = slowly
sys.exit(main())
"""


_BACKING_UP_SLOWLY = """
import sys
from adapters.sqlite.backup import backups
from entrypoints.cli import main

def endless(*arguments, **options):
    print("copied", flush=True)
    sys.stdin.read()

backups.check = endless
sys.exit(main())
"""


@pytest.fixture
def home(tmp_path: Path) -> Deployment:
    """A home with one reading, that asks nobody."""
    home = an_offline_home(tmp_path / "home")
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


def _home(deployment: Deployment) -> Home:
    return home_of(load(deployment.folder), Environment(clock=MemoryClock(NOON)))


def test_a_backup_made_while_collecting_can_be_restored(
    home: Deployment, run_here: RunHere, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.db"
    with _a_collector(home):
        made = run_here(home, "backup", str(copy))
    assert (made.returncode, made.stderr) == (0, "")
    assert "copy.db: 0.1 MB, verified" in made.stdout
    changed(home.database, "DELETE FROM readings")
    back = run_here(home, "restore", str(copy), "--yes")
    assert (back.returncode, back.stderr) == (0, "")
    assert home.rows(COUNT) == [(1,)]
    (kept,) = home.database.parent.glob("readings.db.replaced-*")
    assert str(kept) in back.stdout
    assert rows(kept, COUNT) == [(0,)]


def test_changed_values_are_reported_by_backup_and_restore(
    home: Deployment, run_here: RunHere, tmp_path: Path
) -> None:
    changed(home.database, "UPDATE readings SET temperature_celsius = 30")
    made = run_here(home, "backup", str(tmp_path / "copy.db"))
    assert (made.returncode, (tmp_path / "copy.db").exists()) == (1, True)
    back = run_here(home, "restore", str(tmp_path / "copy.db"), "--yes")
    assert back.returncode == 0
    for done in (made, back):
        assert "not what was stored" in done.stderr


def test_what_a_killed_backup_left_is_removed_by_the_next(
    home: Deployment, run_here: RunHere, tmp_path: Path
) -> None:
    folder = tmp_path / "stick"
    folder.mkdir()
    killed = subprocess.Popen(
        [sys.executable, "-c", _BACKING_UP_SLOWLY, "backup", str(folder / "monday.db")],
        env=home.environment(),
        cwd=home.folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert killed.stdout is not None
    assert killed.stdout.readline() == b"copied\n"
    assert run_here(home, "backup", str(folder / "tuesday.db")).returncode == 0
    assert {path.name for path in folder.iterdir()} == {
        "tuesday.db",
        "monday.db.making",
        "monday.db.making.lock",
    }
    killed.kill()
    killed.communicate(timeout=30)
    assert run_here(home, "backup", str(folder / "wednesday.db")).returncode == 0
    assert {path.name for path in folder.iterdir()} == {"tuesday.db", "wednesday.db"}


def test_a_backup_overwrites_no_file(home: Deployment, run_here: RunHere, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("precious")
    done = run_here(home, "backup", str(tmp_path / "mine"))
    assert done.returncode == 64
    assert "exists already" in done.stderr
    assert (tmp_path / "mine").read_text() == "precious"


def test_a_backup_needs_a_database_and_a_folder(home: Deployment, run_here: RunHere, tmp_path: Path) -> None:
    assert run_here(home, "backup", str(tmp_path / "nowhere" / "copy.db")).returncode == 64
    home.database.unlink()
    done = run_here(home, "backup", str(tmp_path / "copy.db"))
    assert done.returncode == 1
    assert "does not exist" in done.stderr
    assert not (tmp_path / "copy.db").exists()


def test_restore_is_refused_while_a_collector_runs(
    home: Deployment, run_here: RunHere, tmp_path: Path
) -> None:
    run_here(home, "backup", str(tmp_path / "copy.db"))
    before = home.database.read_bytes()
    with _a_collector(home):
        done = run_here(home, "restore", str(tmp_path / "copy.db"), "--yes")
    assert done.returncode == 1
    assert "a collector holds hue" in done.stderr
    assert home.database.read_bytes() == before


def test_restore_without_a_terminal_needs_yes(home: Deployment, run_here: RunHere, tmp_path: Path) -> None:
    run_here(home, "backup", str(tmp_path / "copy.db"))
    before = home.database.read_bytes()
    done = run_here(home, "restore", str(tmp_path / "copy.db"))
    assert (done.returncode, home.database.read_bytes()) == (64, before)
    assert "--yes" in done.stderr


@pytest.mark.parametrize("agrees", [True, False])
def test_restore_asks_and_follows_the_answer(
    home: Deployment, tmp_path: Path, agrees: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []

    class _Asked(Prompts):
        def confirm(self, question: str, *, default: bool) -> bool:
            asked.append(question)
            assert default is False
            return agrees

    make_old_home(tmp_path / "old.db", Age.A, 40)
    code = restore_backup(tmp_path / "old.db", _home(home), _Asked())
    assert (code, home.rows(COUNT)) == ((0, [(40,)]) if agrees else (1, [(1,)]))
    assert "40 readings, the newest of " in asked[0]


@pytest.mark.parametrize("source", ["hue", "amazon"])
def test_a_collector_started_during_the_question_ends_restore(
    home: Deployment, tmp_path: Path, source: str
) -> None:
    locks = SourceLocks(home.database.parent / "locks")

    class _Slow(Prompts):
        def confirm(self, question: str, *, default: bool) -> bool:
            locks.acquire(source)  # of a source that is in the configuration, or was once
            return True

    make_old_home(tmp_path / "old.db", Age.A, 40)
    before = home.database.read_bytes()
    with pytest.raises(StoreError, match=f"{source} is held by process .* nothing is changed"):
        restore_backup(tmp_path / "old.db", _home(home), _Slow())
    assert home.database.read_bytes() == before
    locks.close()
    assert held_sources(home.database.parent / "locks") == ()


def test_restore_is_refused_during_upkeep(home: Deployment, run_here: RunHere, tmp_path: Path) -> None:
    run_here(home, "backup", str(tmp_path / "copy.db"))
    before = home.database.read_bytes()
    lock = UpkeepLock(home.database.parent / "upkeep.lock")
    assert lock.acquire()
    done = run_here(home, "restore", str(tmp_path / "copy.db"), "--yes")
    assert (done.returncode, home.database.read_bytes()) == (1, before)
    assert "daily upkeep" in done.stderr
    lock.release()
    assert run_here(home, "restore", str(tmp_path / "copy.db"), "--yes").returncode == 0
    assert lock.acquire(), "it is given back"
    lock.release()


@pytest.mark.proof
def test_a_collector_started_during_restore_is_refused(home: Deployment, tmp_path: Path) -> None:
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
        restoring.communicate("go on\n", timeout=50)
    finally:
        restoring.kill()
        restoring.communicate()
    assert (restoring.returncode, home.rows(COUNT)) == (0, [(40,)])
    assert home.run("collect", "--once").returncode == 2, "nobody holds it; the bridge does not answer"


@pytest.mark.parametrize("name", ["text.db", "songs.db", "nowhere.db"])
def test_a_file_that_is_no_backup_is_refused(
    home: Deployment, run_here: RunHere, tmp_path: Path, name: str
) -> None:
    (tmp_path / "text.db").write_text("temperature,location\n" * 400)
    changed(tmp_path / "songs.db", "CREATE TABLE songs (title)")
    before = home.database.read_bytes()
    done = run_here(home, "restore", str(tmp_path / name), "--yes")
    assert done.returncode == {"text.db": 1, "songs.db": 78, "nowhere.db": 64}[name]
    assert name in done.stderr
    assert home.database.read_bytes() == before
