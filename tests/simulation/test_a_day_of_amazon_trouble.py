"""A simulated day of an Amazon account in trouble: all is there or explained, without a storm of sign-ins."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import attrs
import pytest

from adapters.runtime.clock import SystemClock
from adapters.simulator.clock import MovedClock
from adapters.simulator.home import SimulatedHome
from config.loading import load
from domain.cycle import Cause
from domain.reading import Quantity
from domain.services.alerting import FinishedCycle
from domain.services.continuous_collection import Timetable
from entrypoints.wiring.collecting import Collecting, collecting
from entrypoints.wiring.environment import Environment
from tests.support.builders import NOON
from tests.support.deployments import Deployment, a_deployment, with_amazon

_REFUSED = "kind=refused-token"
_ENDED = "access ended"  # what was given out is good for nothing from then on; what comes after it is
# From which hour on: what goes wrong, and what the ledger has to say of the source then.
_DAY: Mapping[int, tuple[str | None, str, str | None]] = {
    0: (None, "stored", None),
    2: ("kind=throttled-inside", "failed", "throttled"),
    3: (None, "stored", None),
    4: (_ENDED, "stored", None),
    5: ("kind=unavailable", "failed", "network"),
    6: ("kind=garbled path=/nexus/v1/graphql", "stored", None),
    7: ("kind=reset", "failed", "network"),
    9: ("kind=stale-token", "failed", "credentials"),
    11: (None, "stored", None),
    12: ("kind=forbidden", "failed", "refused"),
    13: ("kind=missing-features names=temperatureSensor", "stored", None),
    14: ("kind=stale-samples by=6h", "stored", None),
    15: ("kind=unreachable", "stored", None),
    16: ("kind=gone", "stored", None),
    17: (None, "stored", None),
    18: (_REFUSED, "failed", "credentials"),
    20: (None, "stored", None),
    22: ("kind=half", "failed", "network"),
}
_COLUMNS = {
    "temperature_celsius": Quantity.TEMPERATURE,
    "humidity_percent": Quantity.RELATIVE_HUMIDITY,
    "pm25_ugm3": Quantity.PM25,
    "pm10_ugm3": Quantity.PM10,
    "co_ppm": Quantity.CARBON_MONOXIDE,
    "voc_ppb": Quantity.VOC_INDEX,  # the earlier system's name of the index
    "iaq_score": Quantity.IAQ_SCORE,
}
_UNREAD = {15: "unreachable", 16: "not_listed"}
_MOST_REQUESTS = 6  # in one slot: both ways in, each tried once, and the data asked for again after each


@attrs.frozen
class Day:
    """The home after its day, and of each slot what the service was asked, and the alert file."""

    deployment: Deployment
    home: SimulatedHome
    asked: Mapping[int, tuple[str, ...]]
    notices: Mapping[int, str]

    def outcomes(self) -> list[tuple[int, str, str | None, dict[str, object]]]:
        """Hour, state, cause, and what was not read, of each slot."""
        rows = self.deployment.rows("SELECT slot, state, cause, unread FROM outcomes ORDER BY slot")
        return [
            (
                (datetime.fromisoformat(slot) - NOON) // timedelta(hours=1),
                state,
                cause,
                json.loads(unread or "{}"),
            )
            for slot, state, cause, unread in rows
        ]


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    clock = MovedClock(SystemClock())
    clock.move_to(NOON)
    with SimulatedHome(clock=clock, seed=3).running() as home:
        deployment = _home(tmp_path_factory.mktemp("day") / "home", home)
        environment = Environment(clock=clock, amazon_roots=home.alexa.ca_file)
        with collecting(load(deployment.folder), environment) as now:
            yield asyncio.run(_live(now, clock, home, deployment))


def _hours(slot: str) -> int:
    return (datetime.fromisoformat(slot) - NOON) // timedelta(hours=1)


def _hour_of(hour: int) -> int:
    return max(since for since in _DAY if since <= hour)


@pytest.mark.proof
def test_each_slot_has_the_outcome_that_what_went_wrong_must_have(day: Day) -> None:
    outcomes = day.outcomes()
    assert len(outcomes) == 288
    failure = None
    for number, (hour, state, cause, _) in enumerate(outcomes):
        if state == "deferred":
            assert cause == failure in (Cause.THROTTLED, Cause.CREDENTIALS), number
            continue
        failure = cause
        began = _hour_of(hour)
        if began == 18 and number == 18 * 12:  # one refusal is not believed yet
            assert (state, cause) == ("failed", "network")
            continue
        assert (state, cause) == _DAY[began][1:], number


@pytest.mark.parametrize("hour", [hour for hour, (fault, _, _) in _DAY.items() if fault is None])
def test_an_account_that_is_well_again_is_read_again_within_the_hour(day: Day, hour: int) -> None:
    states = [state for at, state, _, _ in day.outcomes() if at in (hour, hour + 1)]
    assert "stored" in states[:13]


def test_every_monitor_is_in_every_slot_read_or_unread_and_never_both(day: Day) -> None:
    known = {monitor.device_id for monitor in day.home.alexa.monitors}
    for slot, unread in day.deployment.rows("SELECT slot, unread FROM outcomes ORDER BY slot"):
        silent = set(json.loads(unread or "{}"))
        rows = day.deployment.rows("SELECT device_id FROM readings WHERE timestamp = ?", slot)
        read = {device_id for (device_id,) in rows}
        assert read | silent == known, slot
        assert not read & silent, slot


def test_a_monitor_that_was_not_read_is_so_for_the_cause_that_was_played(day: Day) -> None:
    for hour, state, _, unread in day.outcomes():
        if state == "stored":
            causes = {why[0] if isinstance(why, list) else why for why in unread.values()}
            assert causes == ({_UNREAD[hour]} if hour in _UNREAD else set()), hour


def test_every_stored_value_is_the_one_that_the_monitor_showed_with_its_own_time(day: Day) -> None:
    alexa = day.home.alexa
    monitors = {monitor.device_id: monitor for monitor in alexa.monitors}
    rows = day.deployment.rows(
        f"SELECT device_id, timestamp, observed_at, {', '.join(_COLUMNS)} FROM readings"  # noqa: S608 - from above
    )
    assert len(rows) > 250
    for device_id, timestamp, observed_at, *values in rows:
        monitor, slot = monitors[device_id], datetime.fromisoformat(timestamp)
        at = slot + timedelta(seconds=1)
        if _hour_of(_hours(timestamp)) == 14:
            at -= timedelta(hours=6)
        shown = {each: alexa.value(monitor.serial, each, at) for each in monitor.quantities}
        stored = {
            each: value for each, value in zip(_COLUMNS.values(), values, strict=True) if value is not None
        }
        if _hour_of(_hours(timestamp)) == 13:
            del shown[Quantity.TEMPERATURE]
        assert stored == {each: pytest.approx(value, abs=0.01) for each, value in shown.items()}, timestamp
        times = [alexa.observed_at(monitor.serial, each, at) for each in shown]
        if _hour_of(_hours(timestamp)) != 6:
            times = [max(times)]
        elif observed_at is None:
            continue  # the second interface tells the times of some values at most
        told = datetime.fromisoformat(observed_at)
        assert any(abs(told - one) < timedelta(milliseconds=1) for one in times), timestamp


def test_a_quantity_that_is_missing_costs_only_itself(day: Day) -> None:
    begin, end = (NOON + timedelta(hours=hour) for hour in (13, 14))
    rows = day.deployment.rows(
        "SELECT temperature_celsius, pm25_ugm3 FROM readings WHERE timestamp >= ? AND timestamp < ?",
        begin.isoformat(),
        end.isoformat(),
    )
    assert len(rows) == 36
    assert all(temperature is None and pm25 is not None for temperature, pm25 in rows)


def test_there_is_no_storm_of_sign_ins(day: Day) -> None:
    assert max(map(len, day.asked.values())) <= _MOST_REQUESTS
    refused = [asked for number, asked in day.asked.items() if 18 * 12 < number < 20 * 12]
    assert sum(asked.count("/auth/token") for asked in refused) <= 5
    forbidden = [asked for number, asked in day.asked.items() if 12 * 12 <= number < 13 * 12]
    assert sum(asked.count("/auth/token") for asked in forbidden) <= 2


def test_access_that_ended_costs_one_sign_in_and_no_reading(day: Day) -> None:
    asked = [day.asked[number] for number in range(4 * 12, 5 * 12)]
    assert asked[0].count("/auth/token") == 1
    assert [one.count("/auth/token") for one in asked[1:]] == [0] * 11


def test_a_refused_token_is_asked_about_twice_and_then_about_once_an_hour(day: Day) -> None:
    asked = [number for number in range(18 * 12, 21 * 12) if "/auth/token" in day.asked[number]]
    assert asked[:2] == [18 * 12, 18 * 12 + 1]
    assert all(11 <= later - earlier <= 15 for earlier, later in pairwise(asked[1:])), asked
    assert len(asked) == 4, "the last of them was answered, and its token is good for the rest of the hour"


def test_the_alert_file_stands_from_the_second_refusal_to_the_next_success(day: Day) -> None:
    read = {NOON + timedelta(minutes=5 * number): number for number in range(288)}
    rows = day.deployment.rows("SELECT slot FROM outcomes WHERE state = 'stored' ORDER BY slot")
    stored = [read[datetime.fromisoformat(slot)] for (slot,) in rows]
    well_again = min(number for number in stored if number > 18 * 12)
    progress = [number for number, notice in day.notices.items() if notice]
    assert progress == [number for number in range(288) if 18 * 12 < number < well_again]
    assert day.notices.keys() == day.asked.keys()
    for number in progress:
        assert "Since 2026-03-02 06:05 UTC" in day.notices[number]
        assert "setup --reauth amazon`" in day.notices[number]


def test_no_secret_is_in_any_file_but_the_secrets(day: Day) -> None:
    token = day.home.alexa.refresh_token.encode()
    holders = [
        path for path in day.deployment.folder.rglob("*") if path.is_file() and token in path.read_bytes()
    ]
    assert holders == [day.deployment.secrets_file]


async def _live(now: Collecting, clock: MovedClock, home: SimulatedHome, deployment: Deployment) -> Day:
    alexa, timetable = home.alexa, Timetable(now.collection)
    alert_file = deployment.folder / "data" / "ALERT_TOKEN_REFRESH_NEEDED.txt"
    asked: dict[int, tuple[str, ...]] = {}
    notices: dict[int, str] = {}
    for number in range(288):
        if number % 12 == 0 and number // 12 in _DAY:
            alexa.faults.clear()
            fault = _DAY[number // 12][0]
            if fault in (_REFUSED, _ENDED):
                alexa.end_access()
            if fault not in (None, _ENDED):
                alexa.faults.add(fault)
        clock.move_to(NOON + timedelta(minutes=5 * number, seconds=1))
        before = len(alexa.requests)
        planned = timetable.next_cycle(clock.now(), Cause.STOPPED)
        cycle = await now.collection.run(planned.dues, planned.missed, planned.progress)
        timetable.mark_run(planned)
        await now.alerting.after(FinishedCycle(cycle=cycle))
        asked[number] = tuple(request.path for request in alexa.requests[before:])
        notices[number] = alert_file.read_text() if alert_file.exists() else ""
    await now.collection.close()
    return Day(deployment, home, asked, notices)


def _home(folder: Path, home: SimulatedHome) -> Deployment:
    """One attempt a cycle, and the account alone: retries would take real time, and are tested elsewhere."""
    bridge, alexa = home.bridge, home.alexa
    deployment = with_amazon(
        a_deployment(
            folder, address=bridge.address, bridge_id=bridge.id, key=bridge.key, ca_file=bridge.ca_file
        ),
        url=alexa.url,
        refresh_token=alexa.refresh_token,
        ca_file=alexa.ca_file,
    )
    config = deployment.config_file.read_text()
    config = config.replace("  hue:\n    enabled: true", "  hue:\n    enabled: false")
    config = config.replace("interval_seconds: 300", "interval_seconds: 300\n  retry_attempts: 1")
    deployment.config_file.write_text(config)
    return deployment
