"""The daily upkeep of a home whose collector is started every few minutes and ends."""

from __future__ import annotations

import json
import shutil
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
from tests.support.namespaces import in_mounts, small_disk

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


@pytest.mark.proof
@pytest.mark.parametrize("is_deleted", [False, True])
def test_on_a_full_disk_old_backups_make_room_if_their_rows_are_stored(
    deployment: Deployment, is_deleted: bool
) -> None:
    assert deployment.run("collect", "--once").returncode == 0
    data, kept = deployment.folder / "data", deployment.folder / "kept"
    (newest,) = backups(deployment)
    old = [newest.with_name(f"readings-202601{day}T000000Z.db") for day in range(10, 18)]
    for path in old:
        shutil.copy(newest, path)
    if is_deleted:
        with closing(sqlite3.connect(deployment.database, isolation_level=None)) as connection:
            connection.execute("DELETE FROM readings")
            connection.execute("DELETE FROM checksums")
    _forget(deployment, "upkeep.backup")
    free_kb = f"$(df --output=avail -k {data} | tail -1)"
    ballast = f"dd if=/dev/zero of={data}/ballast bs=1k count=$(({free_kb} - 600)) 2>/dev/null"
    command = in_mounts(
        f"{small_disk(data, '8m')}\n{ballast}",
        deployment.command("collect", "--once"),
        f"mkdir {kept}; cp -a {data}/backups {data}/state.json {kept}",
    )
    done = subprocess.run(
        command,
        env=deployment.environment(),
        cwd=deployment.folder,
        capture_output=True,
        check=False,
        timeout=50,
    )
    assert done.returncode == 0, done.stderr
    saved = json.loads((kept / "state.json").read_text())["upkeep.backup"]
    left = {path.name for path in (kept / "backups").iterdir()}
    if is_deleted:
        assert (saved["result"], left) == ("skipped", {path.name for path in (*old, newest)})
    else:
        assert saved["result"] == "ok"
        assert Path(saved["file"]).name in left
        assert len(left) < len(old)


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


@pytest.mark.proof
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
