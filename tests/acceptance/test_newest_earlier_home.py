"""The newest home of the earlier program goes on as it was: rooms, names and thermostats."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.runtime.clock import SystemClock
from adapters.simulator.amazon.endpoints import thermostat_appliance
from adapters.simulator.faults import NestThermostat
from adapters.simulator.home import SimulatedHome
from tests.acceptance.conftest import RunHere
from tests.support.databases import changed
from tests.support.deployments import Deployment, a_home_with_an_account, calm_seed
from tests.support.old_homes import AQM_DEVICE, HUE_DEVICES, Age, make_old_home

REGISTRY = "devices:\n  {}:\n    name: Typed\n"


@pytest.fixture
def home() -> Iterator[SimulatedHome]:
    with SimulatedHome(clock=SystemClock(), seed=calm_seed()).running() as home:
        home.alexa.faults.add(NestThermostat())
        yield home


@pytest.fixture
def deployment(tmp_path: Path, home: SimulatedHome) -> Deployment:
    """A home of age F whose devices are those of the simulated home."""
    deployment = a_home_with_an_account(tmp_path / "home", home)
    deployment.database.parent.mkdir()
    make_old_home(deployment.database, Age.F, 80)
    devices = {
        HUE_DEVICES[0]: home.sensors[0].device_id,
        HUE_DEVICES[1]: home.sensors[1].device_id,
        AQM_DEVICE: home.alexa.monitors[0].device_id,
        "nest:living": f"nest:{thermostat_appliance(calm_seed())}",
    }
    for old, new in devices.items():
        changed(deployment.database, f"UPDATE readings SET device_id = '{new}' WHERE device_id = '{old}'")  # noqa: S608
    changed(deployment.database, "UPDATE readings SET name = 'Mine' WHERE device_type = 'nest_thermostat'")
    registry = deployment.config_file.with_name("device_registry.yaml")
    registry.write_text(REGISTRY.format(home.sensors[0].device_id))
    return deployment


def test_rooms_names_and_thermostats_go_on(
    deployment: Deployment, home: SimulatedHome, run_here: RunHere
) -> None:
    select = "SELECT device_id, location, name, device_type FROM readings WHERE id {} 80"
    before = {device_id: location for device_id, location, *_ in deployment.rows(select.format("<="))}
    assert run_here(deployment, "collect", "--once").returncode == 0
    added = {row[0]: row[1:] for row in deployment.rows(select.format(">"))}
    known = added.keys() & before.keys()
    assert len(known) == 4
    assert {device_id: added[device_id][0] for device_id in known} == {one: before[one] for one in known}
    assert added[home.sensors[0].device_id][1] == "Typed"
    nest = f"nest:{thermostat_appliance(calm_seed())}"
    earlier = json.loads((deployment.database.parent / "state.json").read_text())["locations.earlier"]
    assert earlier.items() >= {one.lower(): before[one] for one in known}.items()
    assert added[nest][1:] == ("Mine", "nest_thermostat")
    assert added[home.sensors[2].device_id] == (home.sensors[2].name, None, "hue_sensor")
    assert "nest:" in deployment.rows("SELECT group_concat(device_id) FROM devices")[0][0]


@pytest.mark.proof
def test_rooms_stay_while_the_database_is_away(
    deployment: Deployment, home: SimulatedHome, run_here: RunHere
) -> None:
    assert run_here(deployment, "collect", "--once").returncode == 0
    before = {
        one: (location,) for one, location in deployment.rows("SELECT device_id, location FROM readings")
    }
    shutil.rmtree(deployment.database.parent / "backups")
    for file in deployment.database.parent.glob("readings.db*"):
        file.rename(deployment.folder / file.name)
    home.alexa.faults.clear()
    run_here(deployment, "collect", "--once")  # an interim database, without a row of the thermostat
    home.alexa.faults.add(NestThermostat())
    assert run_here(deployment, "collect", "--once", "--now").returncode == 0
    select = "SELECT DISTINCT location FROM readings WHERE device_id = ?"
    for device_id in (home.sensors[0].device_id, f"nest:{thermostat_appliance(calm_seed())}"):
        assert deployment.rows(select, device_id) == [before[device_id]]
