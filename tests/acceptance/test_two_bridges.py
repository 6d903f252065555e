"""A sensor that two bridges list, as after a move from one to the other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from adapters.runtime.clock import SystemClock
from adapters.simulator.home import SimulatedHome
from adapters.simulator.hue.model import BSB002, BSB002_SECOND
from adapters.simulator.hue.service import SimulatedBridge
from tests.support.config_homes import write_home
from tests.support.deployments import Deployment, calm_seed

OLD = 15.0


@pytest.fixture
def home() -> Iterator[SimulatedHome]:
    models = (BSB002, BSB002_SECOND)
    with SimulatedHome(clock=SystemClock(), seed=calm_seed(), bridges=models).running() as running:
        yield running


def a_home(folder: Path, *bridges: SimulatedBridge, read: str) -> Deployment:
    listed = "".join(f'\n      - {{id: {one.id}, address: "{one.address}"}}' for one in bridges)
    keys = "".join(f"\n    - {{id: {one.id}, api_key: {one.key}}}" for one in bridges)
    config = f"collectors:\n  hue:\n    read: {read}\n    bridges:{listed}\n"
    write_home(folder, config, f"hue:\n  bridges:{keys}\n")
    return Deployment(folder=folder, ca_file=bridges[0].ca_file)


def keep_old_entry(bridge: SimulatedBridge, own: str, moved: str, when: datetime | None) -> None:
    """Let a sensor of the bridge be one that was moved away, with its last value."""
    own_id, moved_id = own.removeprefix("hue:"), moved.removeprefix("hue:")
    v2_id = bridge.v2_id(own)
    time = "null" if when is None else f'"{when:%Y-%m-%dT%H:%M:%S}"'
    for field, value, where in (
        ("lastupdated", time, own_id),
        ("temperature", str(round(OLD * 100)), own_id),
        ("uniqueid", f'"{moved_id}"', own_id),
    ):
        bridge.faults.add(f"path=/api/***/sensors kind=overwrite field={field} where={where} value='{value}'")
    time = time.replace('"', 'Z"')[1:] if when else time
    for field, value in (("changed", time), ("temperature", str(OLD))):
        bridge.faults.add(f"path=/clip kind=overwrite field={field} where={v2_id} value='{value}'")


@pytest.mark.parametrize("old_is_first", [True, False], ids=["old first", "old last"])
@pytest.mark.parametrize("read", ["auto", "v1"])
@pytest.mark.parametrize("age", [timedelta(days=90), timedelta(hours=2), None], ids=str)
def test_newest_observation_of_two_bridges_is_stored_and_counted(
    home: SimulatedHome,
    tmp_path: Path,
    old_is_first: bool,
    read: str,
    age: timedelta | None,
) -> None:
    new, old = home.bridges
    here = {one.device_id for one in home.sensors}
    of_new = {one.device_id for one in new.sensors}
    moved, kept = min(of_new), min(here - of_new)
    now = SystemClock().now()
    keep_old_entry(old, kept, moved, None if age is None else now - age)
    deployment = a_home(tmp_path / "home", *((old, new) if old_is_first else (new, old)), read=read)
    done = deployment.run("collect", "--once", "--json")
    assert done.returncode == 0, done.stderr
    outcomes = {one["source"]: one for one in json.loads(done.stdout)["outcomes"]}
    rows = deployment.rows("SELECT device_id, temperature_celsius FROM readings")
    assert len(rows) == len({device for device, _ in rows}) == len(here) - 1
    assert abs(dict(rows)[moved] - home.temperature(moved, now)) < 0.5
    assert dict(rows)[moved] != OLD
    counted = dict(deployment.rows("SELECT source, readings FROM outcomes"))
    assert counted == {f"hue:{new.id}": len(of_new), f"hue:{old.id}": len(here - of_new) - 1}
    assert counted == {source: len(one["readings"]) for source, one in outcomes.items()}
    (note,) = outcomes[f"hue:{old.id}"]["notes"]
    assert note.startswith(f"the reading of {moved} ")
    assert note.endswith(f"is taken from hue:{new.id}")
    assert [one["unread"] for one in outcomes.values()] == [[], []]
