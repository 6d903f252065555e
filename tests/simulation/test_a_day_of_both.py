"""A day of both collectors at once, with small troubles every half an hour: nothing is lost."""

from __future__ import annotations

import asyncio
import gc
import json
import re
import sqlite3
import threading
import warnings
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import attrs
import pytest

from adapters.runtime.clock import SystemClock
from adapters.simulator.clock import MovedClock
from adapters.simulator.home import SimulatedHome
from config.loading import load
from domain.cycle import Cause
from domain.services.continuous_collection import Timetable
from domain.services.cycle_storage import STORE_BUDGET_S
from entrypoints.wiring.collecting import Collecting, collecting
from entrypoints.wiring.environment import Environment
from tests.support.builders import NOON
from tests.support.deployments import Deployment, a_deployment, with_amazon

SLOTS = 288
LOG_BYTES = 65_536  # a file of the log: small, so that it is rolled within the day
BRIDGE_TROUBLES = ("reset", "unavailable", "throttle retry_after=2", "half")
ALEXA_TROUBLES = ("throttled-inside", "reset path=/nexus/*", "throttle retry_after=2 path=/nexus/*")
LOCKED_AT = (100, 200)  # slots at which another program holds the database


class DayClock(MovedClock):
    """Its waits between attempts are over at once, and whoever holds something may let go in them."""

    held: sqlite3.Connection | None = None

    async def sleep(self, seconds: float) -> None:
        if seconds >= STORE_BUDGET_S:
            await super().sleep(seconds)
        elif self.held is not None:
            self.held.close()
            self.held = None


pytestmark = pytest.mark.proof


@attrs.frozen
class Day:
    """The home after its day, how often it was troubled, and the process's threads and files in each slot."""

    deployment: Deployment
    home: SimulatedHome
    troubles: int
    threads: list[int]
    files: list[int]

    def log(self) -> list[Path]:
        return list((self.deployment.folder / "logs").iterdir())


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    with warnings.catch_warnings():  # what other tests left unclosed would stand in the log of this day
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
    clock = DayClock(SystemClock())
    clock.move_to(NOON)
    with SimulatedHome(clock=clock, seed=3).running() as home:
        deployment = _home(tmp_path_factory.mktemp("day") / "home", home)
        environment = Environment(clock=clock, hue_roots=home.bridge.ca_file, amazon_roots=home.alexa.ca_file)
        with collecting(load(deployment.folder), environment) as both:
            yield asyncio.run(_live(both, clock, home, deployment))


def test_24_hour_continuous_operation(day: Day) -> None:
    outcomes = day.deployment.rows(
        "SELECT source, state, count(*), sum(readings) FROM outcomes GROUP BY 1, 2"
    )
    assert [(source, state, count) for source, state, count, _ in outcomes] == [
        ("amazon", "stored", SLOTS),
        ("hue", "stored", SLOTS),
    ]
    ((stored,),) = day.deployment.rows("SELECT count(*) FROM readings")
    assert stored == sum(readings for *_, readings in outcomes)
    assert not list((day.deployment.folder / "data").glob("spool/*.jsonl"))
    assert day.deployment.rows("PRAGMA integrity_check") == [("ok",)]
    log = "".join(path.read_text() for path in day.log())
    assert not re.findall(r" (?:ERROR|CRITICAL) .*", log)
    assert not (day.deployment.folder / "data" / "ALERT_TOKEN_REFRESH_NEEDED.txt").exists()


def test_every_device_is_in_every_slot_with_the_true_value_or_out_of_reach(day: Day) -> None:
    devices = {
        "hue": {sensor.device_id for sensor in day.home.sensors},
        "amazon": {monitor.device_id for monitor in day.home.alexa.monitors},
    }
    for source, slot, unread in day.deployment.rows("SELECT source, slot, unread FROM outcomes"):
        silent = json.loads(unread or "{}")
        rows = day.deployment.rows(
            "SELECT device_id, temperature_celsius FROM readings WHERE timestamp = ?", slot
        )
        read = {device: celsius for device, celsius in rows if device in devices[source]}
        assert read.keys() | silent.keys() == devices[source], slot
        assert not read.keys() & silent.keys(), slot
        assert {why[0] if isinstance(why, list) else why for why in silent.values()} <= {Cause.UNREACHABLE}
        if source == "hue":
            at = datetime.fromisoformat(slot) + timedelta(seconds=1)
            assert read == {
                device: pytest.approx(day.home.temperature(device, at), abs=0.005) for device in read
            }


def test_every_repeated_attempt_is_in_the_log_which_is_rolled_and_keeps_its_bound(day: Day) -> None:
    log = "".join(path.read_text() for path in day.log())
    assert len(re.findall(r" retry_recovered ", log)) == day.troubles
    assert len(re.findall(r" retry_gave_up ", log)) == 0
    assert 2 <= len(day.log()) <= 6
    assert sum(path.stat().st_size for path in day.log()) <= 6 * LOG_BYTES


def test_the_process_has_no_more_in_the_last_hour_than_it_had_in_the_first_half_of_the_day(day: Day) -> None:
    for counted in (day.threads, day.files):
        assert min(counted[-12:]) <= max(
            counted[: SLOTS // 2]
        )  # a thread that is about to end counts nothing


async def _live(both: Collecting, clock: DayClock, home: SimulatedHome, deployment: Deployment) -> Day:
    timetable, troubles = Timetable(both.collection), 0
    threads: list[int] = []
    files: list[int] = []
    for number in range(SLOTS):
        troubles += _trouble(home, number)
        clock.move_to(NOON + timedelta(minutes=5 * number, seconds=1))
        if number in LOCKED_AT:
            clock.held = _locked(deployment)
            troubles += 1
        planned = timetable.next_cycle(clock.now(), Cause.STOPPED)
        await both.collection.run(planned.dues, planned.missed, planned.progress)
        timetable.mark_run(planned)
        assert clock.held is None
        threads.append(threading.active_count())
        files.append(_open_files())
    await both.collection.close()
    return Day(deployment, home, troubles, threads, files)


def _open_files() -> int:
    return sum(1 for _ in Path("/dev/fd").iterdir())


def _trouble(home: SimulatedHome, number: int) -> int:
    """Every half an hour one of the two services fails once, now this and now that."""
    if number % 6 != 3:
        return 0
    planned = number // 6
    if planned % 2:
        home.alexa.faults.add(f"count=1 kind={ALEXA_TROUBLES[planned // 2 % len(ALEXA_TROUBLES)]}")
    else:
        kind = BRIDGE_TROUBLES[planned // 2 % len(BRIDGE_TROUBLES)]
        home.bridge.faults.add(f"path=/clip/v2/resource/temperature count=1 kind={kind}")
    return 1


def _locked(deployment: Deployment) -> sqlite3.Connection:
    """Another program that holds the database: whoever closes it lets go."""
    other = sqlite3.connect(deployment.database, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN EXCLUSIVE")
    return other


def _home(folder: Path, home: SimulatedHome) -> Deployment:
    bridge, alexa = home.bridge, home.alexa
    deployment = with_amazon(
        a_deployment(
            folder, address=bridge.address, bridge_id=bridge.id, key=bridge.key, ca_file=bridge.ca_file
        ),
        url=alexa.url,
        refresh_token=alexa.refresh_token,
        ca_file=alexa.ca_file,
    )
    config = deployment.config_file
    config.write_text(f"logging: {{max_bytes: {LOG_BYTES}}}\n" + config.read_text())
    return deployment
