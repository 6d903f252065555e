"""`homeclimate status` on homes that are well and homes that are not."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from contextlib import closing

import pytest

from adapters.files.locks import SourceLocks, held_sources
from adapters.files.state_file import FileState
from adapters.memory.runtime import MemoryJournal
from adapters.simulator.home import SimulatedHome
from tests.acceptance.conftest import RunHere
from tests.support.deployments import Deployment, with_amazon
from tests.support.terminal import at_a_terminal


@pytest.fixture
def collected(deployment: Deployment, run_here: RunHere) -> Deployment:
    assert run_here(deployment, "collect", "--once").returncode == 0
    return deployment


def told(done: subprocess.CompletedProcess[str]) -> dict[str, object]:
    said = json.loads(done.stdout)
    assert isinstance(said, dict)
    return said


@pytest.mark.parametrize("secrets", ["hue: {api_key: abc\n", None])
def test_status_and_backup_need_no_readable_secrets(
    collected: Deployment, run_here: RunHere, secrets: str | None
) -> None:
    collected.secrets_file.unlink()
    if secrets is None:
        collected.secrets_file.mkdir()
    else:
        collected.secrets_file.write_text(secrets)
    copy = collected.folder / "copy.db"
    for arguments in (("status",), ("backup", str(copy))):
        done = run_here(collected, *arguments)
        assert (done.returncode, done.stderr) == (0, "")
    assert copy.exists()


def test_status_shows_newest_values_ages_and_the_last_cycle(
    collected: Deployment, run_here: RunHere, simulated_home: SimulatedHome
) -> None:
    done = run_here(collected, "status")
    assert (done.returncode, done.stderr) == (0, "")
    assert "no collector is running" in done.stdout
    assert "hue: " in done.stdout
    assert done.stdout.count("°C") == len(simulated_home.sensors)
    said = told(run_here(collected, "status", "--json"))
    rows = collected.rows("SELECT device_id, temperature_celsius FROM readings ORDER BY device_id")
    devices = said["devices"]
    assert isinstance(devices, list)
    assert sorted((one["device_id"], one["values"]["temperature"]) for one in devices) == rows
    assert all(one["age_s"] >= 0 for one in devices)
    assert isinstance(said["sources"], list)
    (source,) = said["sources"]
    assert (source["state"], source["readings"]) == ("stored", len(rows))


def test_status_names_a_running_collector(collected: Deployment, run_here: RunHere) -> None:
    folder = collected.folder / "data" / "locks"
    locks = SourceLocks(folder)
    locks.acquire("hue:001788fffe0a1b2c")
    assert held_sources(folder) == ("hue:001788fffe0a1b2c",)
    assert "collecting now: hue:001788fffe0a1b2c" in run_here(collected, "status").stdout
    locks.close()
    assert held_sources(folder) == ()


def test_status_shows_the_spool_without_a_database(
    deployment: Deployment, run_here: RunHere, simulated_home: SimulatedHome
) -> None:
    deployment.database.mkdir(parents=True)
    run_here(deployment, "collect", "--once")
    done = run_here(deployment, "status")
    assert done.returncode == 1
    assert f"{len(simulated_home.sensors)} readings of 1 cycles wait" in done.stdout
    assert str(deployment.database) in done.stdout
    deployment.database.rmdir()


def test_status_begins_with_alert_file_and_incidents(collected: Deployment, run_here: RunHere) -> None:
    home = with_amazon(
        collected, url="https://127.0.0.1:9", refresh_token="Atnr|none", ca_file=collected.ca_file
    )
    alert = home.folder / "data" / "ALERT_TOKEN_REFRESH_NEEDED.txt"
    alert.write_text("sign in")
    state = FileState(collected.folder / "data" / "state.json", MemoryJournal())
    state.put("incidents", {"a": {"is_open": True, "title": "the disk is nearly full", "since": "12:00"}})
    first, second = run_here(collected, "status").stdout.splitlines()[:2]
    assert str(alert) in first
    assert second == "the disk is nearly full (since 12:00)"


def test_status_changes_no_file(collected: Deployment, run_here: RunHere) -> None:
    def content() -> dict[str, bytes]:
        return {
            str(path): path.read_bytes()
            for path in collected.folder.rglob("*")
            if path.is_file() and not path.name.endswith(("-shm", "-wal"))
        }

    before = content()
    run_here(collected, "status")
    assert content() == before


def test_status_reports_a_missing_database(deployment: Deployment, run_here: RunHere) -> None:
    done = run_here(deployment, "status")
    assert done.returncode == 1
    assert "no database at" in done.stdout
    assert not deployment.database.exists()


@pytest.mark.proof
def test_a_watched_status_leaves_the_terminal_as_it_was(collected: Deployment) -> None:
    with at_a_terminal(collected, "status", "--watch", "1") as terminal:
        terminal.expect(r"\x1b\[\?1049h")
        for _ in range(2):
            terminal.expect("again every 1 s; Ctrl-C ends")
        terminal.interrupt()
        assert terminal.wait() == 130
    assert "Traceback" not in terminal.output
    assert terminal.output.rstrip().endswith("\x1b[?1049l")


@pytest.mark.parametrize("options", [("--watch",), ("--watch", "5", "--json"), ("--watch", "0.5")])
def test_a_status_is_watched_only_on_a_terminal(
    deployment: Deployment, run_here: RunHere, options: tuple[str, ...]
) -> None:
    done = run_here(deployment, "status", *options)
    assert (done.returncode, done.stdout) == (64, "")
    assert "--watch" in done.stderr


def test_coverage_grades_a_home(collected: Deployment, run_here: RunHere) -> None:
    """Next to a process that collects; then a reading is gone that the ledger has."""
    locks = SourceLocks(collected.folder / "data" / "locks")
    locks.acquire("hue")
    kept = run_here(collected, "coverage", "--since", "24h", "--check", "--target", "100")
    locks.close()
    assert (kept.returncode, kept.stderr) == (0, "")
    assert "every device has at least 100 % of its readings" in kept.stdout
    ((device_id,),) = collected.rows("SELECT min(device_id) FROM readings")
    with closing(sqlite3.connect(collected.database)) as connection, connection:
        connection.execute("DELETE FROM readings WHERE device_id = ?", (device_id,))
    broken = run_here(collected, "coverage", "--check", "--target", "0")
    assert broken.returncode == 1
    assert f"{device_id}: a reading or a row of the ledger is no longer there" in broken.stdout
    found = told(run_here(collected, "coverage", "--json"))
    assert isinstance(found["home"], dict)
    assert (found["is_kept"], found["home"]["missing"]) == (False, {"unknown": 1})
    assert "--since is not in the past" in run_here(collected, "coverage", "--since", "2999-01-01").stderr


def test_coverage_reports_a_database_that_cannot_be_read(deployment: Deployment, run_here: RunHere) -> None:
    missing = run_here(deployment, "coverage")
    assert (missing.returncode, missing.stdout) == (1, "")
    assert "no database at" in missing.stderr
    deployment.database.parent.mkdir(exist_ok=True)
    deployment.database.write_bytes(b"no database" * 1000)
    damaged = run_here(deployment, "coverage", "--check")
    assert (damaged.returncode, damaged.stdout) == (1, "")
    assert str(deployment.database) in damaged.stderr
