"""A day of both sources at once, with a small trouble every half an hour: nothing is lost."""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
import threading
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
from domain.services.cycle_storage import STORE_BUDGET_S
from entrypoints.wiring.collecting import collecting
from entrypoints.wiring.environment import Environment
from tests.support.builders import NOON
from tests.support.deployments import Deployment, a_home_with_an_account, drop_cut_connections
from tests.support.simulated_day import SLOTS, run_day

LOG_BYTES = 65_536  # small, so that the log is rotated within the day
BRIDGE_TROUBLES = ("reset", "unavailable", "throttle retry_after=2", "half")
ALEXA_TROUBLES = ("throttled-inside", "reset path=/nexus/*", "throttle retry_after=2 path=/nexus/*")
LOCKED_AT = (100, 200)  # slots at which another program locks the database

pytestmark = pytest.mark.proof


class DayClock(MovedClock):
    """Ends waits between attempts at once, and releases the lock on the database in them."""

    lock: sqlite3.Connection | None = None

    async def sleep(self, seconds: float) -> None:
        if seconds >= STORE_BUDGET_S:
            await super().sleep(seconds)
        elif self.lock is not None:
            self.lock.close()
            self.lock = None


@attrs.frozen
class Day:
    """The home after its day, the number of troubles, and the process's threads and files in each slot."""

    deployment: Deployment
    home: SimulatedHome
    troubles: int
    threads: list[int]
    files: list[int]

    def log(self) -> list[Path]:
        return list((self.deployment.folder / "logs").iterdir())

    def log_of(self, event: str) -> list[str]:
        """Return the lines of the log with that event."""
        return [line for path in self.log() for line in path.read_text().splitlines() if f" {event} " in line]


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    drop_cut_connections()  # else what other tests left unclosed would be in this day's log
    clock = DayClock(SystemClock())
    clock.move_to(NOON)
    with SimulatedHome(clock=clock, seed=3).running() as home:
        deployment = a_home_with_an_account(tmp_path_factory.mktemp("day") / "home", home)
        config = deployment.config_file
        config.write_text(f"logging: {{max_bytes: {LOG_BYTES}}}\n" + config.read_text())
        troubles, threads, files = list[int](), list[int](), list[int]()

        def trouble(number: int) -> None:
            if number in LOCKED_AT:
                clock.lock = sqlite3.connect(
                    deployment.database, isolation_level=None, check_same_thread=False
                )
                clock.lock.execute("BEGIN EXCLUSIVE")
            elif number % 6 != 3:
                return
            elif (turn := number // 6) % 2:
                kind = ALEXA_TROUBLES[turn // 2 % len(ALEXA_TROUBLES)]
                home.alexa.faults.add(f"count=1 kind={kind}")
            else:
                kind = BRIDGE_TROUBLES[turn // 2 % len(BRIDGE_TROUBLES)]
                home.bridge.faults.add(f"path=/clip/v2/resource/temperature count=1 kind={kind}")
            troubles.append(number)

        def count(number: int) -> None:
            assert clock.lock is None
            threads.append(threading.active_count())
            files.append(sum(1 for _ in Path("/dev/fd").iterdir()))

        environment = Environment(clock=clock, hue_roots=home.bridge.ca_file, amazon_roots=home.alexa.ca_file)
        with collecting(load(deployment.folder), environment) as both:
            asyncio.run(run_day(both, clock, before=trouble, after=count))
            yield Day(deployment, home, len(troubles), threads, files)


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


def test_every_device_has_its_true_value_or_is_unreachable_in_every_slot(day: Day) -> None:
    devices = {
        "hue": {sensor.device_id for sensor in day.home.sensors},
        "amazon": {monitor.device_id for monitor in day.home.alexa.monitors},
    }
    celsius: dict[str, dict[str, float]] = {}
    for device, timestamp, value in day.deployment.rows(
        "SELECT device_id, timestamp, temperature_celsius FROM readings"
    ):
        celsius.setdefault(timestamp, {})[device] = value
    for source, slot, unread in day.deployment.rows("SELECT source, slot, unread FROM outcomes"):
        silent = json.loads(unread or "{}")
        read = {device: value for device, value in celsius[slot].items() if device in devices[source]}
        assert (read.keys() | silent.keys(), read.keys() & silent.keys()) == (devices[source], set()), slot
        assert {why[0] if isinstance(why, list) else why for why in silent.values()} <= {Cause.UNREACHABLE}
        if source == "hue":
            at = datetime.fromisoformat(slot) + timedelta(seconds=1)
            assert read == {
                device: pytest.approx(day.home.temperature(device, at), abs=0.005) for device in read
            }


def test_every_retry_is_in_the_log_which_is_rotated_within_its_bound(day: Day) -> None:
    ((mended_at_once,),) = day.deployment.rows(  # a reset: the second interface is asked in the same attempt
        "SELECT count(*) FROM outcomes WHERE notes LIKE '%through the second interface%'"
    )
    assert mended_at_once == len(day.log_of("amazon.fallback"))
    assert len(day.log_of("retry_recovered")) + mended_at_once == day.troubles
    assert not day.log_of("retry_gave_up")
    assert 2 <= len(day.log()) <= 6
    assert sum(path.stat().st_size for path in day.log()) <= 6 * LOG_BYTES


def test_threads_and_files_do_not_grow_over_the_day(day: Day) -> None:
    for counted in (day.threads, day.files):
        assert min(counted[-12:]) <= max(counted[: SLOTS // 2])  # a thread that is about to end counts too
