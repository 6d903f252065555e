"""A home with a bridge and an Amazon account, collected by one process or, as some homes do it, by two."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from adapters.runtime.clock import SystemClock
from adapters.simulator.home import SimulatedHome
from tests.support.deployments import Deployment, a_home_with_an_account, calm_seed

SOURCES = ("hue", "amazon")


@pytest.fixture
def home() -> Iterator[SimulatedHome]:
    """A home that lives now, as the program does: the times of samples must fit."""
    with SimulatedHome(clock=SystemClock(), seed=calm_seed()).running() as home:
        yield home


@pytest.fixture
def deployment(tmp_path: Path, home: SimulatedHome) -> Deployment:
    return a_home_with_an_account(tmp_path / "home", home)


def device_ids(home: SimulatedHome) -> tuple[set[str], set[str]]:
    """Those of the sensors and those of the monitors."""
    return {each.device_id for each in home.sensors}, {each.device_id for each in home.alexa.monitors}


def also_set(deployment: Deployment, line: str) -> None:
    """Set one more key of collectors.amazon_aqm, which stands last in the file."""
    with deployment.config_file.open("a") as config:
        config.write(f"    {line}\n")


def told(deployment: Deployment) -> str:
    """Everything that the program wrote beside its secrets and its state."""
    return "".join(file.read_text() for file in (deployment.folder / "logs").iterdir())


def test_one_process_stores_both_sources(deployment: Deployment, home: SimulatedHome) -> None:
    done = deployment.run("collect", "--once", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    sensors, monitors = device_ids(home)
    outcomes = {outcome["source"]: outcome for outcome in json.loads(done.stdout)["outcomes"]}
    for source, devices in zip(SOURCES, (sensors, monitors), strict=True):
        parts = outcomes[source]["readings"] + outcomes[source]["unread"]
        assert {part["device_id"] for part in parts} == devices
    rows = deployment.rows(
        "SELECT device_id, temperature_celsius, humidity_percent, pm25_ugm3, co2_ppm, battery_level"
        " FROM readings WHERE device_type = 'alexa_aqm'"
    )
    assert rows
    for device_id, celsius, humidity, pm25, co2, battery in rows:
        assert device_id in monitors
        assert None not in (celsius, humidity, pm25)
        assert (co2, battery) == (None, None)


def test_stored_air_values_have_the_services_times(deployment: Deployment, home: SimulatedHome) -> None:
    deployment.run("collect", "--once", "--source", "amazon")
    now = SystemClock().now()
    # a sample that came while the test ran is as right as the one before it
    shown = {
        (monitor.device_id, home.alexa.observed_at(monitor.serial, quantity, at).replace(microsecond=0))
        for monitor in home.alexa.monitors
        for quantity in monitor.quantities
        for at in (now, now - timedelta(minutes=5))
    }
    rows = deployment.rows("SELECT device_id, observed_at FROM readings")
    assert rows
    for device_id, observed_at in rows:
        assert (device_id, datetime.fromisoformat(observed_at).replace(microsecond=0)) in shown


@pytest.mark.proof
def test_two_processes_share_a_home_without_false_gaps(deployment: Deployment, home: SimulatedHome) -> None:
    running = [
        deployment.start("collect", "--source", source, "--cycles", "4", "--every", "1") for source in SOURCES
    ]
    ends = [process.communicate(timeout=50) for process in running]
    assert [process.returncode for process in running] == [0, 0], ends
    assert [errors for _, errors in ends] == ["", ""]
    cycles = deployment.rows("SELECT source, state, count(*) FROM outcomes GROUP BY source, state")
    assert sorted(cycles) == [("amazon", "stored", 4), ("hue", "stored", 4)]
    sensors, monitors = device_ids(home)
    kinds = ("hue_sensor", "alexa_aqm")
    for source, kind, devices in zip(SOURCES, kinds, (sensors, monitors), strict=True):
        unread = [
            device
            for (silent,) in deployment.rows(
                "SELECT unread FROM outcomes WHERE source = ? AND unread IS NOT NULL", source
            )
            for device in json.loads(silent)
        ]
        assert set(unread) <= devices
        [(stored,)] = deployment.rows("SELECT count(*) FROM readings WHERE device_type = ?", kind)
        assert stored + len(unread) == 4 * len(devices)
    assert deployment.rows("PRAGMA integrity_check") == [("ok",)]


def test_each_source_has_the_slots_of_its_own_interval(deployment: Deployment) -> None:
    also_set(deployment, "collection_interval: 420")
    for source in SOURCES:
        assert deployment.run("collect", "--once", "--source", source).returncode == 0
    scheduled = deployment.rows("SELECT source, slot, interval_s FROM outcomes WHERE scheduled = 1")
    assert {source: interval_s for source, _, interval_s in scheduled} == {"hue": 300, "amazon": 420}
    for _, slot, interval_s in scheduled:
        assert datetime.fromisoformat(slot).timestamp() % interval_s == 0


def test_a_second_collector_of_an_account_is_refused(deployment: Deployment) -> None:
    first = deployment.start("collect", "--source", "amazon")
    first.stdout.readline()
    assert deployment.run("collect", "--once", "--source", "amazon").returncode == 75
    assert deployment.run("collect", "--once", "--source", "hue").returncode == 0
    first.terminate()
    first.communicate(timeout=50)
    assert first.returncode == 0


def test_the_state_file_with_the_token_is_private(deployment: Deployment, home: SimulatedHome) -> None:
    deployment.run("collect", "--once", "--source", "amazon", "-v")
    state_file = deployment.folder / "data" / "state.json"
    access_token = json.loads(state_file.read_text())["amazon.access_token"]["value"]
    assert state_file.stat().st_mode & 0o777 == 0o600
    assert access_token not in told(deployment)
    assert home.alexa.refresh_token not in state_file.read_text()


def test_missing_credentials_are_named_and_the_other_source_collected(
    deployment: Deployment,
) -> None:
    secrets = deployment.secrets_file.read_text()
    deployment.secrets_file.write_text(secrets[: secrets.index("amazon_aqm:")])
    done = deployment.run("collect", "--once")
    assert done.returncode == 1
    assert "amazon_aqm.refresh_token" in done.stderr
    assert "homeclimate setup amazon" in done.stdout
