"""The daily upkeep of a home whose collector is started every few minutes and ends."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from adapters.files.locks import SourceLocks, UpkeepLock, held_sources
from tests.acceptance.conftest import RunHere
from tests.support.deployments import Deployment

_SLOW = """
import sys, time
from adapters.sqlite.care import upkeep
from tests.support.collect_simulated import main, simulated_environment

def slow(path, *, busy_timeout_ms):
    open("at its check", "w").close()
    time.sleep(60)
    return ()

upkeep.check = slow
sys.exit(main(sys.argv[2:], environment=simulated_environment(sys.argv[1])))
"""


_AT = "2026-03-01T00:00:00+00:00"


def backups(deployment: Deployment) -> list[Path]:
    return sorted((deployment.folder / "data" / "backups").glob("*.db"))


def state(deployment: Deployment) -> dict[str, dict[str, object]]:
    kept = json.loads((deployment.folder / "data" / "state.json").read_text())
    assert isinstance(kept, dict)
    return kept


def test_once_runs_the_daily_check_and_backup_only_once(deployment: Deployment) -> None:
    for _ in range(3):
        assert deployment.run("collect", "--once").returncode == 0
    (backup,) = backups(deployment)
    with closing(sqlite3.connect(backup)) as copy:
        assert copy.execute("SELECT count(*) FROM readings").fetchone() == (8,)
    assert state(deployment)["upkeep.check"]["result"] == "ok"
    assert state(deployment).get("upkeep.running", {}) == {}


def test_once_copies_the_backup_to_the_second_disk(deployment: Deployment) -> None:
    second = deployment.folder / "second"
    with deployment.config_file.open("a") as config:
        config.write("backups: {copy_to: second}\n")
    assert deployment.run("collect", "--once").returncode == 0
    assert state(deployment)["upkeep.copy"]["result"] == "skipped"
    assert not second.exists()
    second.mkdir()
    _forget(deployment, "upkeep.copy")
    assert deployment.run("collect", "--once").returncode == 0
    (backup,), (copy,) = backups(deployment), second.iterdir()
    assert (copy.name, copy.read_bytes()) == (backup.name, backup.read_bytes())
    assert state(deployment)["upkeep.copy"]["file"] == str(copy)
    health = deployment.run("health", "--offline", "--only", "backups", "--json")
    assert json.loads(health.stdout)["checks"]["backups"][0]["status"] == "pass"


def test_a_budget_that_holds_no_backup_is_reported(deployment: Deployment) -> None:
    with deployment.config_file.open("a") as config:
        config.write("backups: {max_bytes: 1000}\n")
    assert deployment.run("collect", "--once").returncode == 0
    assert backups(deployment) == []
    assert state(deployment)["upkeep.backup"]["result"] == "skipped"
    health = deployment.run("health", "--offline", "--only", "backups")
    assert (health.returncode, "backups.max_bytes" in health.stdout) == (1, True)


def test_status_shows_backups_that_are_kept_for_their_rows(deployment: Deployment, run_here: RunHere) -> None:
    assert deployment.run("collect", "--once").returncode == 0
    _forget(
        deployment, "upkeep.backup", result="ok", at="2026-03-01T00:00:00+00:00", kept={"old.db": "a row"}
    )
    shown = run_here(deployment, "status")
    assert "the old backup old.db is kept: a row." in shown.stdout
    troubles = json.loads(run_here(deployment, "status", "--json").stdout)["troubles"]
    assert any("old.db is kept" in trouble for trouble in troubles)


def _forget(deployment: Deployment, key: str, **value: object) -> None:
    """Replace what the state has under the key."""
    path = deployment.folder / "data" / "state.json"
    path.write_text(json.dumps({**state(deployment), key: value}))


def test_upkeep_is_skipped_while_another_process_works(deployment: Deployment, run_here: RunHere) -> None:
    data = deployment.folder / "data"
    data.mkdir()
    stays, lock = SourceLocks(data / "locks"), UpkeepLock(data / "upkeep.lock")
    stays.acquire("amazon")
    assert run_here(deployment, "collect", "--once").returncode == 0
    stays.close()
    assert lock.acquire()
    assert run_here(deployment, "collect", "--once").returncode == 0
    lock.release()
    assert backups(deployment) == []
    assert run_here(deployment, "collect", "--once").returncode == 0
    assert len(backups(deployment)) == 1


def test_unscheduled_cycles_run_no_upkeep(deployment: Deployment, run_here: RunHere) -> None:
    assert run_here(deployment, "collect", "--cycles", "1").returncode == 0
    assert backups(deployment) == []


@pytest.fixture
def at_its_upkeep(deployment: Deployment) -> Iterator[subprocess.Popen[str]]:
    """A `collect --once` whose check takes a minute, from the moment when it is at it."""
    running = subprocess.Popen(
        [sys.executable, "-c", _SLOW, str(deployment.ca_file), "collect", "--once"],
        env=deployment.environment(),
        cwd=deployment.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert running.stdout is not None
    assert "8 readings" in running.stdout.readline(), "the cycle is told before"
    deadline = time.monotonic() + 50
    while not (deployment.folder / "at its check").exists() and time.monotonic() < deadline:
        assert running.poll() is None
        time.sleep(0.02)
    yield running
    running.kill()
    running.communicate()


def test_a_start_during_upkeep_is_not_delayed(
    deployment: Deployment, at_its_upkeep: subprocess.Popen[str]
) -> None:
    assert held_sources(deployment.folder / "data" / "locks") == ()
    assert deployment.run("collect", "--once").returncode == 0
    assert at_its_upkeep.poll() is None
    at_its_upkeep.send_signal(signal.SIGTERM)
    _, errors = at_its_upkeep.communicate(timeout=30)
    assert (at_its_upkeep.returncode, errors) == (0, "")
    assert "upkeep.check" not in state(deployment)
    assert deployment.run("collect", "--once").returncode == 0
    assert len(backups(deployment)) == 1
