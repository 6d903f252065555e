"""A simulated day with a fault every few hours: each reading is stored, or its absence explained."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from adapters.runtime.clock import SystemClock
from adapters.simulator.clock import MovedClock
from adapters.simulator.home import SimulatedHome
from config.loading import load
from domain.cycle import Cause
from entrypoints.wiring.collecting import collecting
from entrypoints.wiring.environment import Environment
from tests.support.builders import NOON
from tests.support.deployments import Deployment, a_deployment
from tests.support.simulated_day import run_day

# From which hour of the day on: what goes wrong, and what the ledger has to say of the source then.
_DAY: dict[int, tuple[str | None, str, str | None]] = {
    0: (None, "stored", None),
    2: ("kind=throttle retry_after=600", "failed", "throttled"),
    3: (None, "stored", None),
    5: ("kind=unavailable", "failed", "network"),
    6: ("kind=garbled path=/clip/v2/resource/temperature", "stored", None),
    8: ("kind=html", "failed", "garbled"),
    9: ("kind=reset", "failed", "network"),
    10: (None, "stored", None),
    13: ("kind=revoked", "failed", "credentials"),
    14: ("kind=half path=/clip/v2/resource/temperature", "failed", "network"),
    15: ("kind=redirect", "failed", "refused"),
    16: (None, "stored", None),
}


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Deployment, SimulatedHome]]:
    """The home after its day, which still knows the true values."""
    clock = MovedClock(SystemClock())
    clock.move_to(NOON)
    with SimulatedHome(clock=clock, seed=3).running() as home:
        bridge = home.bridge
        deployment = a_deployment(
            tmp_path_factory.mktemp("day") / "home",
            address=bridge.address,
            bridge_id=bridge.id,
            key=bridge.key,
            ca_file=bridge.ca_file,
        )
        # one attempt a cycle: retries would take real time, and are tested elsewhere
        deployment.config_file.write_text(deployment.config_file.read_text() + "    retry_attempts: 1\n")

        def trouble(number: int) -> None:
            if number % 12 == 0 and number // 12 in _DAY:
                bridge.faults.clear()
                if (fault := _DAY[number // 12][0]) is not None:
                    bridge.faults.add(fault)

        with collecting(load(deployment.folder), Environment(clock=clock, hue_roots=bridge.ca_file)) as now:
            asyncio.run(run_day(now, clock, before=trouble, after=lambda _: None))
        yield deployment, home


def test_each_slot_has_the_outcome_of_its_fault(
    day: tuple[Deployment, SimulatedHome],
) -> None:
    deployment, _ = day
    outcomes = deployment.rows("SELECT slot, state, cause, until FROM outcomes ORDER BY slot")
    assert len(outcomes) == 288
    deferring, failure = [], None
    for slot, state, cause, until in outcomes:
        if state == "deferred":
            deferring.append(cause)
            assert cause == failure, slot
            left = datetime.fromisoformat(until) - datetime.fromisoformat(slot)
            assert timedelta() < left <= timedelta(hours=1)
        else:
            failure = cause
            assert (state, cause) == _expected(datetime.fromisoformat(slot)), slot
    assert set(deferring) == {Cause.THROTTLED, Cause.CREDENTIALS}


def test_every_device_is_read_or_unread_in_every_slot(
    day: tuple[Deployment, SimulatedHome],
) -> None:
    deployment, home = day
    known: set[str] = set()
    for slot, unread in deployment.rows("SELECT slot, unread FROM outcomes ORDER BY slot"):
        silent = set(json.loads(unread or "{}"))
        rows = deployment.rows("SELECT device_id FROM readings WHERE timestamp = ?", slot)
        read = {device_id for (device_id,) in rows}
        known |= read
        assert known <= read | silent, slot
        assert not read & silent, slot
    assert known == {sensor.device_id for sensor in home.sensors}


def test_stored_values_are_those_of_the_bridge(day: tuple[Deployment, SimulatedHome]) -> None:
    deployment, home = day
    rows = deployment.rows("SELECT device_id, timestamp, temperature_celsius, observed_at FROM readings")
    assert len(rows) > 1000
    for device_id, timestamp, stored, observed_at in rows:
        asked_at = datetime.fromisoformat(timestamp) + timedelta(seconds=1)
        assert stored == pytest.approx(home.temperature(device_id, asked_at), abs=0.005)
        assert datetime.fromisoformat(observed_at) <= asked_at + timedelta(seconds=1)


def test_only_the_unreachable_sensor_is_unread(
    day: tuple[Deployment, SimulatedHome],
) -> None:
    deployment, home = day
    unreachable = [
        (device_id, datetime.fromisoformat(slot))
        for slot, unread in deployment.rows("SELECT slot, unread FROM outcomes WHERE state = 'stored'")
        for device_id, why in json.loads(unread or "{}").items()
        if (why[0] if isinstance(why, list) else why) == Cause.UNREACHABLE
    ]
    assert unreachable, "the simulated day has no sensor out of reach: take another seed"
    quarter = timedelta(minutes=15)
    for device_id, slot in unreachable:
        assert not all(home.is_reachable(device_id, at) for at in (slot, slot - quarter, slot - 2 * quarter))


def test_the_fallback_is_noted_in_the_ledger(day: tuple[Deployment, SimulatedHome]) -> None:
    deployment, _ = day
    noted = [slot for slot, notes in deployment.rows("SELECT slot, notes FROM outcomes") if notes]
    assert {datetime.fromisoformat(slot).hour - NOON.hour for slot in noted} == {6, 7}


def _expected(slot: datetime) -> tuple[str, str | None]:
    hours = (slot - NOON) // timedelta(hours=1)
    _, state, cause = _DAY[max(since for since in _DAY if since <= hours)]
    return state, cause
