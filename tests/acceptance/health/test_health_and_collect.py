"""A healthy home is one that `collect` stores in: both look at the same files, as the user who runs them."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest

from tests.support.sick_homes import SickHome, copied

OTHER = 65534
BOUND_BY_MODES = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search")


@attrs.frozen
class UserHome:
    """A copy of a home, used by a process that is bound by file modes."""

    home: SickHome
    folder: Path

    def files(self) -> set[str]:
        """Return all files and folders below data, logs and state."""
        tops = [self.folder / name for name in ("data", "logs", "state")]
        return {str(path.relative_to(self.folder)) for top in tops for path in (top, *top.rglob("*"))}

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        deployment = attrs.evolve(self.home.deployment, folder=self.folder)
        return subprocess.run(
            [*BOUND_BY_MODES, *deployment.command(*command)],
            env=deployment.environment(),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def rows(self) -> int:
        deployment = attrs.evolve(self.home.deployment, folder=self.folder)
        if not deployment.database.is_file():  # SQLite waits for a pipe
            return 0
        try:
            return int(deployment.rows("SELECT count(*) FROM readings")[0][0])
        except sqlite3.Error:
            return 0


@pytest.fixture
def make_home(well: SickHome, tmp_path: Path) -> Callable[[], UserHome]:
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("files of another user can be made by root alone, and root must be bound by modes then")
    numbers = iter(range(1000))

    def make() -> UserHome:
        folder = tmp_path / str(next(numbers))
        return UserHome(copied(well, folder), folder)

    return make


def of_another_user(path: Path) -> None:
    path.chmod(0o755 if path.is_dir() else 0o600)
    os.chown(path, OTHER, OTHER)


def read_only(path: Path) -> None:
    path.chmod(0o555 if path.is_dir() else 0o444)


def removed(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()


def pipe(path: Path) -> None:
    removed(path)
    os.mkfifo(path, 0o600)


def folder(path: Path) -> None:
    removed(path)
    path.mkdir()


def link_to_nothing(path: Path) -> None:
    removed(path)
    path.symlink_to(path.parent / "away" / path.name)


def link_to_itself(path: Path) -> None:
    removed(path)
    path.symlink_to(path.name)


def link_elsewhere(path: Path) -> None:
    elsewhere = path.parents[1] / f"elsewhere-{path.name}"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)
    of_another_user(elsewhere)


NAMES = (
    "data",
    "data/backups",
    "data/locks",
    "data/locks/amazon.lock",
    "data/locks/hue.lock",
    "data/readings.db",
    "data/readings.db.lock",
    "data/spool",
    "data/spool/lock",
    "data/spool/reserve",
    "data/state.json",
    "data/state.json.lock",
    "data/upkeep.lock",
    "logs",
    "logs/homeclimate.log",
    "state",
    "state/home.json",
    "state/locks",
    "state/locks/amazon.lock",
    "state/locks/hue.lock",
    "state/spool",
    "state/spool/lock",
    "state/spool/reserve",
)
FAULTS = (of_another_user, read_only, removed, pipe, folder, link_to_nothing, link_to_itself, link_elsewhere)
# In these, each fault takes a way of its own. The others get one fault each; all pairs with WHOLE_TABLES=1.
EVERY_FAULT = ("data/readings.db", "data/locks/hue.lock")
PAIRS = [
    (name, fault)
    for at, name in enumerate(NAMES)
    for number, fault in enumerate(FAULTS)
    if "WHOLE_TABLES" in os.environ or name in EVERY_FAULT or number == at % len(FAULTS)
]


def check(home: UserHome, name: str, fault: Callable[[Path], None]) -> str | None:
    """Return what is wrong: `health` passes, and `collect` stores nothing, hangs or gives a traceback."""
    fault(home.folder / name)
    before = home.rows()
    health = home.run("health", "--offline")
    collect = home.run("collect", "--cycles", "1")
    is_stored = collect.returncode == 0 and "SPOOLED" not in collect.stdout and home.rows() > before
    said = health.stdout + health.stderr + collect.stdout + collect.stderr
    if "Traceback" in said or "internal error" in said or "check itself failed" in said:
        return f"{name} {fault.__name__}: {said}"
    if health.returncode == 0 and not is_stored:
        return f"{name} {fault.__name__}: healthy, but {collect.returncode} {collect.stdout} {collect.stderr}"
    return None


@pytest.mark.proof
def test_healthy_home_is_stored_in(make_home: Callable[[], UserHome]) -> None:
    home = make_home()
    before = home.rows()
    health = home.run("health", "--offline")
    assert health.returncode == 0, health.stdout
    assert home.run("collect", "--cycles", "1").returncode == 0
    assert home.rows() > before


@pytest.mark.parametrize(
    ("name", "component"), [("data/locks/hue.lock", "locks"), ("logs/homeclimate.log", "logs")]
)
def test_file_of_another_user_is_a_failure(
    make_home: Callable[[], UserHome], name: str, component: str
) -> None:
    home = make_home()
    of_another_user(home.folder / name)
    done = home.run("health", "--offline", "--only", component)
    assert (done.returncode > 0, str(home.folder / name) in done.stdout) == (True, True), done.stdout


def test_every_file_of_a_home_has_its_cases(make_home: Callable[[], UserHome]) -> None:
    others = ("data/backups/", "data/readings.db-")
    assert {name for name in make_home().files() if not name.startswith(others)} == set(NAMES)


@pytest.mark.proof
@pytest.mark.parametrize(("name", "fault"), PAIRS)
def test_home_in_which_nothing_is_stored_is_not_healthy(
    make_home: Callable[[], UserHome], name: str, fault: Callable[[Path], None]
) -> None:
    assert check(make_home(), name, fault) is None


def opened_by(home: SickHome, notes: Path, *command: str) -> set[tuple[str, Path]]:
    deployment = home.deployment
    subprocess.run(
        [sys.executable, "-m", "tests.support.opened_files", notes, deployment.ca_file, *command],
        env=deployment.environment(),
        cwd=home.folder,
        capture_output=True,
        timeout=60,
        check=True,
    )
    lines = [line.partition(" ") for line in notes.read_text().splitlines()]
    return {(kind, Path(name)) for kind, _, name in lines if Path(name).is_relative_to(home.folder)}


@pytest.mark.proof
def test_health_opens_every_file_that_a_collector_writes(home: SickHome, tmp_path: Path) -> None:
    opened_by(home, tmp_path / "first", "collect", "--cycles", "1")  # the marker notes where the copy is
    collected = opened_by(home, tmp_path / "collect", "collect", "--cycles", "1")
    checked = opened_by(home, tmp_path / "health", "health", "--offline")
    written = {path for kind, path in collected if kind in ("write", "database") and path.exists()}
    assert len(written) > 7
    assert written - {path for kind, path in checked if kind in ("write", "database")} == set()
    made_in = {path.parent for kind, path in collected if kind == "write" and not path.exists()}
    assert made_in - {path for kind, path in checked if kind == "make"} == set()
