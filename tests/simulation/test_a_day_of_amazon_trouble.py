"""A simulated day of an Amazon account in trouble: every reading is there or explained."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import attrs
import pytest

from adapters.runtime.clock import SystemClock
from adapters.simulator.clock import MovedClock
from adapters.simulator.home import SimulatedHome
from config.loading import load
from domain.reading import Quantity
from domain.times import local_time
from entrypoints.wiring.collecting import collecting
from entrypoints.wiring.environment import Environment
from tests.support.builders import NOON
from tests.support.deployments import Deployment, a_home_with_an_account
from tests.support.simulated_day import SLOTS, run_day

REFUSED_TOKEN, ACCESS_ENDED = "kind=refused-token", "access ended"
# From which hour on: what goes wrong, and the outcome that the ledger must have then.
DAY: Mapping[int, tuple[str | None, str, str | None]] = {
    0: (None, "stored", None),
    2: ("kind=throttled-inside", "failed", "throttled"),
    3: (None, "stored", None),
    4: (ACCESS_ENDED, "stored", None),
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
    18: (REFUSED_TOKEN, "failed", "credentials"),
    20: (None, "stored", None),
    22: ("kind=half", "failed", "network"),
}
UNREAD = {15: {"unreachable"}, 16: {"not_listed"}}
COLUMNS = {
    "temperature_celsius": Quantity.TEMPERATURE,
    "humidity_percent": Quantity.RELATIVE_HUMIDITY,
    "pm25_ugm3": Quantity.PM25,
    "pm10_ugm3": Quantity.PM10,
    "co_ppm": Quantity.CARBON_MONOXIDE,
    "voc_ppb": Quantity.VOC_INDEX,  # the earlier system's name of the index
    "iaq_score": Quantity.IAQ_SCORE,
}


@attrs.frozen(kw_only=True)
class Slot:
    """A slot's outcome, the requests of its cycle, and the alert file after it."""

    number: int
    state: str
    cause: str | None
    unread: Mapping[str, list[str] | str]
    asked: tuple[str, ...]
    alert: str

    @property
    def began(self) -> int:
        """The hour at which what goes wrong now began."""
        return max(hour for hour in DAY if hour <= self.number // 12)

    @property
    def token_requests(self) -> int:
        return self.asked.count("/auth/token")


@attrs.frozen
class Day:
    deployment: Deployment
    home: SimulatedHome
    slots: list[Slot]


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    clock = MovedClock(SystemClock())
    clock.move_to(NOON)
    with SimulatedHome(clock=clock, seed=3).running() as home:
        deployment = a_home_with_an_account(tmp_path_factory.mktemp("day") / "home", home)
        config = deployment.config_file.read_text()
        config = config.replace("  hue:\n    enabled: true", "  hue:\n    enabled: false")
        # one attempt a cycle: retries would take real time, and are tested elsewhere
        config = config.replace("interval_seconds: 300", "interval_seconds: 300\n  retry_attempts: 1")
        deployment.config_file.write_text(config)
        alert_file = deployment.folder / "data" / "ALERT_TOKEN_REFRESH_NEEDED.txt"
        alexa, asked, alerts = home.alexa, [0], list[str]()

        def trouble(number: int) -> None:
            if number % 12 == 0 and number // 12 in DAY:
                fault = DAY[number // 12][0]
                alexa.faults.clear()
                if fault in (REFUSED_TOKEN, ACCESS_ENDED):
                    alexa.account.end_access()
                if fault not in (None, ACCESS_ENDED):
                    alexa.faults.add(fault)

        def note(number: int) -> None:
            asked.append(len(alexa.requests))
            alerts.append(alert_file.read_text() if alert_file.exists() else "")

        with collecting(load(deployment.folder), Environment(clock=clock, amazon_roots=alexa.ca_file)) as now:
            asyncio.run(run_day(now, clock, before=trouble, after=note))
        rows = deployment.rows("SELECT slot, state, cause, unread FROM outcomes ORDER BY slot")
        assert [datetime.fromisoformat(slot) for slot, *_ in rows] == [
            NOON + timedelta(minutes=5 * number) for number in range(SLOTS)
        ]
        slots = [
            Slot(
                number=number,
                state=state,
                cause=cause,
                unread=json.loads(unread or "{}"),
                asked=tuple(request.path for request in alexa.requests[slice(*asked[number : number + 2])]),
                alert=alerts[number],
            )
            for number, (_, state, cause, unread) in enumerate(rows)
        ]
        yield Day(deployment, home, slots)


@pytest.mark.proof
def test_each_slot_has_the_outcome_of_what_went_wrong(day: Day) -> None:
    failure = None
    for slot in day.slots:
        if slot.state == "deferred":
            assert slot.cause == failure in ("throttled", "credentials"), slot
            continue
        failure = slot.cause
        is_first_refusal = slot.number == 18 * 12  # which is not believed yet
        expected = ("failed", "network") if is_first_refusal else DAY[slot.began][1:]
        assert (slot.state, slot.cause) == expected, slot


def test_an_account_that_is_well_again_is_read_within_the_hour(day: Day) -> None:
    for hour in (hour for hour, (fault, *_) in DAY.items() if fault is None):
        states = [slot.state for slot in day.slots[hour * 12 : hour * 12 + 13]]
        assert "stored" in states, hour


def test_every_monitor_is_read_or_unread_in_every_slot(day: Day) -> None:
    known = {monitor.device_id for monitor in day.home.alexa.monitors}
    read: dict[str, set[str]] = {}
    for device_id, timestamp in day.deployment.rows("SELECT device_id, timestamp FROM all_readings"):
        read.setdefault(timestamp, set()).add(device_id)
    for slot in day.slots:
        silent = slot.unread.keys()
        readings = read.get((NOON + timedelta(minutes=5 * slot.number)).isoformat(), set())
        assert (readings | silent, readings & silent) == (known, set()), slot
        if slot.state == "stored":
            causes = {why[0] if isinstance(why, list) else why for why in slot.unread.values()}
            assert causes == UNREAD.get(slot.began, set()), slot


def test_every_stored_value_is_the_shown_one_with_its_own_time(day: Day) -> None:
    alexa = day.home.alexa
    monitors = {monitor.device_id: monitor for monitor in alexa.monitors}
    rows = day.deployment.rows(
        f"SELECT device_id, timestamp, observed_at, {', '.join(COLUMNS)} FROM all_readings"  # noqa: S608 - from above
    )
    assert len(rows) > 250
    without_temperature = 0
    for device_id, timestamp, observed_at, *columns in rows:
        serial, slot = monitors[device_id].serial, datetime.fromisoformat(timestamp)
        began = day.slots[(slot - NOON) // timedelta(minutes=5)].began
        at = slot + timedelta(seconds=1) - timedelta(hours=6 if began == 14 else 0)
        shown = {each: alexa.value(serial, each, at) for each in monitors[device_id].quantities}
        if began == 13:
            del shown[Quantity.TEMPERATURE]
            without_temperature += 1
        stored = {
            each: value for each, value in zip(COLUMNS.values(), columns, strict=True) if value is not None
        }
        assert stored == {each: pytest.approx(value, abs=0.01) for each, value in shown.items()}, timestamp
        times = [alexa.observed_at(serial, each, at) for each in shown]
        if began != 6:
            times = [max(times)]
        elif observed_at is None:
            continue  # the second interface gives the times of some values at most
        observed = datetime.fromisoformat(observed_at)
        assert any(abs(observed - one) < timedelta(milliseconds=1) for one in times), timestamp
    assert without_temperature == 36


def test_there_is_no_storm_of_sign_ins(day: Day) -> None:
    # both kinds of headers, each renewed once, and the data asked for again after each
    assert max(len(slot.asked) for slot in day.slots) <= 6
    assert sum(slot.token_requests for slot in day.slots if slot.began == 12) <= 2
    ended = [slot.token_requests for slot in day.slots if slot.began == 4]
    assert ended == [1] + [0] * 11


def test_a_refused_token_is_tried_twice_and_then_hourly(day: Day) -> None:
    asked = [slot.number for slot in day.slots[18 * 12 : 21 * 12] if slot.token_requests]
    assert asked[:2] == [18 * 12, 18 * 12 + 1]
    assert all(11 <= later - earlier <= 15 for earlier, later in pairwise(asked[1:])), asked
    assert len(asked) == 4, "the last one was accepted, and its token is valid for the rest of the hour"


def test_the_alert_file_exists_from_the_second_refusal_to_the_next_success(day: Day) -> None:
    read_again = next(slot.number for slot in day.slots[18 * 12 :] if slot.state == "stored")
    with_alert = [slot for slot in day.slots if slot.alert]
    assert [slot.number for slot in with_alert] == list(range(18 * 12 + 1, read_again))
    for slot in with_alert:
        assert f"Since {local_time(datetime(2026, 3, 2, 6, 5, tzinfo=UTC))}" in slot.alert
        assert "setup --reauth amazon" in slot.alert
