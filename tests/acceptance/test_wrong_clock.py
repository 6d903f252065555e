"""A computer whose clock jumped to 2038 and was put right, or is set back while a collector runs."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from adapters.memory.runtime import MemoryClock, MemoryJournal
from adapters.runtime.clock import SystemClock
from adapters.simulator.clock import MovedClock
from adapters.sqlite.store import SqliteStore
from tests.acceptance.conftest import RunHere
from tests.support.builders import a_collected, a_cycle, a_due, a_reading
from tests.support.databases import changed
from tests.support.deployments import Deployment

WRONG = datetime(2038, 1, 19, 3, 10, tzinfo=UTC)


def collect_in_2038(deployment: Deployment) -> None:
    """Store what a collector would while the clock is wrong."""
    (device_id,) = deployment.rows("SELECT min(device_id) FROM readings")[0]
    store = SqliteStore(deployment.database, journal=MemoryJournal(), clock=MemoryClock(WRONG))
    reading = a_reading(device_id, collected_at=WRONG, temperature=49.0)
    store.append(a_cycle(a_collected(reading, due=a_due("hue", WRONG))))
    store.close()


def test_gaps_are_explained_and_the_clock_is_reported_once(deployment: Deployment, run_here: RunHere) -> None:
    assert run_here(deployment, "collect", "--once").returncode == 0
    stopped_for_20_minutes = (
        "UPDATE {} SET {} = replace(strftime('%Y-%m-%dT%H:%M:%S', {}, '-20 minutes'), ' ', 'T') || '+00:00'"
    )
    changed(deployment.database, stopped_for_20_minutes.format("outcomes", "slot", "slot"))
    changed(deployment.database, stopped_for_20_minutes.format("readings", "timestamp", "timestamp"))
    collect_in_2038(deployment)
    for _ in range(2):
        done = run_here(deployment, "collect", "--once")
        assert (done.returncode, done.stderr) == (0, "")
    missed = deployment.rows("SELECT cause, count(*) FROM outcomes WHERE state = 'missed' GROUP BY cause")
    assert missed in ([("stopped", 3)], [("stopped", 4)]), "four when a slot has ended meanwhile"
    log = (deployment.folder / "logs" / "homeclimate.log").read_text()
    incidents = [line for line in log.splitlines() if "topic=clock_stepped" in line]
    assert [line.count("incident.opened") for line in incidents] == [1, 0], "opened, and closed"
    status = run_here(deployment, "status")
    assert "hue has a slot of 2038-01-19 03:10" in status.stdout
    assert "49.0" not in status.stdout
    report = json.loads(run_here(deployment, "status", "--json").stdout)
    assert report["sources"][0]["ahead"] == WRONG.isoformat()
    assert report["sources"][0]["slot"] < "2038"
    assert all(device["collected_at"] < "2038" for device in report["devices"])


@pytest.mark.proof
@pytest.mark.parametrize("back", [timedelta(minutes=10), timedelta(hours=3)])
def test_a_collector_whose_clock_is_set_back_collects_on(
    deployment: Deployment, tmp_path: Path, back: timedelta
) -> None:
    environment = {**deployment.environment(), "SIMULATED_CLOCK": str(tmp_path / "clock")}
    clock = MovedClock(SystemClock(), tmp_path / "clock")
    running = subprocess.Popen(
        deployment.command("collect", "--json"),
        env={**environment, "SIMULATED_RATE": "10"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert running.stdout is not None
        cycles = [json.loads(running.stdout.readline())]
        clock.move_to(clock.now() - back)
        cycles.append(json.loads(running.stdout.readline()))
        health = subprocess.run(
            deployment.command("health", "--offline", "--only", "clock"),
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        running.terminate()
        assert running.wait() == 0
    finally:
        running.kill()
        running.communicate()
    ((first,), (second,)) = (cycle["outcomes"] for cycle in cycles)
    moved = datetime.fromisoformat(first["slot"]) - datetime.fromisoformat(second["slot"])
    assert abs(moved - back) <= timedelta(minutes=5, seconds=10)
    acknowledged = sum(
        len(outcome.get("readings", ())) for outcome in (first, second)
    )  # a slow read has none
    assert deployment.rows("SELECT count(*) FROM readings") == [(acknowledged,)]
    assert health.returncode == 1, health.stdout + health.stderr
    log = (deployment.folder / "logs" / "homeclimate.log").read_text()
    assert log.count("CRITICAL clock.stepped") == 1
    assert "it was set back by" in log
