"""Requests of the sensor directory, and what it keeps of the replies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

import pytest

from adapters.http.lenient_json import MAX_DEVICES
from adapters.hue.bridge import Bridge
from adapters.hue.errors import Unidentified
from adapters.hue.http import Reply, Request
from adapters.hue.parsing import parse_temperatures
from adapters.hue.sensor_directory import SensorDirectory
from adapters.hue.sensors import Sensor
from adapters.memory.runtime import MemoryClock, MemoryJournal
from adapters.memory.state import MemoryState
from domain.errors import SourceThrottled, SourceUnavailable
from ports.meter import Tally
from ports.state import State
from tests.support.builders import NOON
from tests.support.canned_bridge import KEY, CannedClient, a_canned_bridge, a_reply_of
from tests.support.hue_bench import CountingState
from tests.support.hue_replies import (
    DEVICE,
    MAC,
    RESOURCE,
    UNIQUEID,
    a_v1_error,
    a_v1_presence,
    a_v1_temperature,
    a_v2_device,
    a_v2_link,
    a_v2_power,
    a_v2_temperature,
    an_envelope,
)

V1, LINKS, NAMES, POWER = (
    "hue.v1/sensors",
    "hue.v2/zigbee_connectivity",
    "hue.v2/device",
    "hue.v2/device_power",
)
EVERYTHING = [V1, LINKS, NAMES, POWER]
NAMED = {"5": a_v1_presence("Landing")}  # with it, one v1 read is enough
REPLIES: dict[str, Any] = {
    V1: {"4": a_v1_temperature(name="by v1")},
    LINKS: an_envelope(a_v2_link()),
    NAMES: an_envelope(a_v2_device("Landing sensor")),
    POWER: an_envelope(a_v2_power(77)),
}


class Process:
    """A directory with a state, in front of a bridge whose replies can be changed."""

    def __init__(self, replies: Mapping[str, Any] = MappingProxyType({}), state: State | None = None) -> None:
        self.state = MemoryState() if state is None else state
        self.client = CannedClient({**REPLIES, **replies})
        self.journal = MemoryJournal()
        self.directory = SensorDirectory(state=self.state, key="hue.directory", journal=self.journal)

    def read(self, *items: dict[str, Any], now: datetime = NOON) -> tuple[Sensor, ...]:
        listed = parse_temperatures(an_envelope(*(items or (at(now),))))
        self.directory.join(listed)
        due = self.directory.due(listed, now)
        if due is not None:
            self.directory.update(due, listed, a_canned_bridge(self.client), now=now, deadline_s=10.0)
        return self.directory.join(listed)

    def sensor(self, item: dict[str, Any] | None = None, now: datetime = NOON) -> Sensor:
        [sensor] = self.read(*([item] if item else []), now=now)
        return sensor

    def asked_by_minute(self, *minutes: int) -> dict[int, list[str]]:
        """What is asked at which minute while the sensor is quiet since noon."""
        self.client.take_asked()
        asked = {}
        for minute in minutes:
            self.read(at(NOON), now=after(minutes=minute))
            asked[minute] = self.client.take_asked()
        return {minute: operations for minute, operations in asked.items() if operations}


def at(changed: datetime, **changes: Any) -> dict[str, Any]:
    """The sensor, with a value that came then."""
    report = {"changed": changed.isoformat(), "temperature": 21.43}
    return a_v2_temperature(temperature={"temperature_report": report}, **changes)


def after(**times: float) -> datetime:
    return NOON + timedelta(**times)


def test_details_of_an_unknown_sensor_are_read_once() -> None:
    process = Process()
    assert process.sensor() == Sensor(
        where="/sensors/4",
        resource_id=RESOURCE,
        owner=DEVICE,
        uniqueid=UNIQUEID,
        name="Landing sensor",
        temperature=21.43,
        observed_at=NOON,
        battery_percent=83,
        is_reachable=True,
        raw=at(NOON),
    )
    assert process.client.take_asked() == [V1, NAMES]
    process.sensor(now=after(minutes=5))
    assert process.client.asked == []


def test_one_v1_read_is_enough_if_it_names_every_sensor() -> None:
    process = Process({V1: {"4": a_v1_temperature(), **NAMED}})
    sensor = process.sensor()
    assert (sensor.uniqueid, sensor.name) == (UNIQUEID, "Landing")
    assert (sensor.battery_percent, sensor.is_reachable) == (83, True)
    lost = a_v1_temperature(config={"reachable": False, "battery": 4})
    process.client.replies[V1] = {"4": lost, "5": a_v1_presence("Attic")}
    sensor = process.sensor(now=after(minutes=60))
    assert process.client.asked == [V1, V1]
    assert (sensor.name, sensor.battery_percent, sensor.is_reachable) == ("Attic", 4, False)


@pytest.mark.parametrize(
    ("v1", "asked", "known"),
    [
        ({"4": a_v1_temperature()}, [NAMES], ("Landing sensor", 83, True)),
        ({"4": a_v1_temperature(config={"reachable": None}), **NAMED}, [LINKS], ("Landing", 83, True)),
        ({"4": a_v1_temperature(config={"battery": None}), **NAMED}, [POWER], ("Landing", 77, True)),
        ({"4": a_v1_temperature(uniqueid=None), **NAMED}, EVERYTHING[1:], ("Landing sensor", 77, True)),
        ({"9": a_v1_temperature(), **NAMED}, EVERYTHING[1:], ("Landing sensor", 77, True)),
        (NAMED, EVERYTHING[1:], ("Landing sensor", 77, True)),
    ],
    ids=["no name", "no link", "no battery", "no uniqueid", "another number", "no sensor"],
)
def test_v2_is_read_for_what_v1_leaves_open(v1: Any, asked: list[str], known: Any) -> None:
    process = Process({V1: v1})
    sensor = process.sensor()
    assert process.client.asked == [V1, *asked]
    assert (sensor.name, sensor.battery_percent, sensor.is_reachable) == known


@pytest.mark.parametrize("trouble", [None, b"{", SourceUnavailable("no answer"), an_envelope()], ids=str)
def test_what_v1_knows_is_used_sensor_by_sensor(trouble: Any) -> None:
    """One sensor has no name, battery or link in v1, and v2 fails: the other keeps its own."""
    other = "00:17:88:01:0f:0f:0f:0f"
    bare = a_v1_temperature(uniqueid=f"{other}-02-0402", config={"battery": None, "reachable": None})
    process = Process(
        {
            V1: {"4": a_v1_temperature(config={"battery": 4, "reachable": False}), "8": bare, **NAMED},
            **dict.fromkeys((LINKS, NAMES, POWER), trouble),
        }
    )
    sensors = process.read(at(NOON), at(NOON, id="n", id_v1="/sensors/8", owner={"rid": "n"}))
    assert [(one.name, one.battery_percent, one.is_reachable) for one in sensors] == [
        ("Landing", 4, False),
        ("Hue temperature sensor 1", None, None),
    ]
    assert process.client.asked == EVERYTHING


def test_link_and_battery_of_v1_outlive_a_read_of_the_links() -> None:
    """A sensor that v2 lists neither in `device_power` nor in `zigbee_connectivity`."""
    v1 = {"4": a_v1_temperature(config={"battery": 4, "reachable": False}), **NAMED}
    process = Process({V1: v1, LINKS: an_envelope(), POWER: an_envelope()})
    process.read(at(NOON))
    sensor = process.sensor(at(NOON), now=after(minutes=20))
    assert process.client.asked == [V1, LINKS]
    assert (sensor.battery_percent, sensor.is_reachable) == (4, False)
    reporting = process.sensor(at(after(minutes=24)), now=after(minutes=25))
    assert reporting.is_reachable is None, "it would be silent until the next read of v1"


def test_v2_is_read_if_v1_does_not_list_every_sensor() -> None:
    process = Process({V1: {"4": a_v1_temperature(), **NAMED}})
    process.read(at(NOON), at(NOON, id="of v2 alone", id_v1=None, owner={"rid": "another"}))
    assert process.client.asked == EVERYTHING


@pytest.mark.parametrize("v1", [REPLIES[V1], {"4": a_v1_temperature(), **NAMED}], ids=["v2", "v1"])
def test_next_process_has_the_saved_details(v1: Any) -> None:
    first = Process({V1: v1})
    known = first.sensor()
    second = Process(state=first.state)
    assert second.sensor() == known
    assert second.client.asked == []


def test_details_are_read_hourly_also_if_the_clock_is_set_back() -> None:
    process = Process()
    process.sensor()
    process.client.replies |= {
        V1: {"4": a_v1_temperature(config={"battery": None})},
        NAMES: an_envelope(a_v2_device("Attic")),
        POWER: an_envelope(a_v2_power(None)),
    }
    process.client.take_asked()
    assert process.sensor(now=after(minutes=59)).name == "Landing sensor"
    sensor = process.sensor(now=after(minutes=60))
    assert (sensor.name, sensor.battery_percent) == ("Attic", None)
    assert process.client.take_asked() == [V1, NAMES, POWER]
    process.sensor(now=after(hours=-2))
    assert process.client.asked == [V1, NAMES, POWER]


def test_details_of_a_new_sensor_are_read_at_once() -> None:
    process = Process()
    process.sensor()
    process.client.take_asked()
    other = "00:17:88:01:0f:0f:0f:0f"
    process.client.replies |= {
        V1: {**REPLIES[V1], "8": a_v1_temperature(uniqueid=f"{other}-02-0402")},
        LINKS: an_envelope(a_v2_link(), a_v2_link(owner={"rid": "new"}, mac_address=other)),
    }
    new = at(NOON, id="n", id_v1="/sensors/8", owner={"rid": "new"})
    assert [sensor.uniqueid for sensor in process.read(at(NOON), new)] == [UNIQUEID, f"{other}-02-0402"]
    assert process.client.asked == [V1, NAMES]


def test_links_are_read_every_15_minutes_while_a_sensor_is_quiet() -> None:
    process = Process({V1: {"4": a_v1_temperature(), **NAMED}})
    process.sensor()
    asked = process.asked_by_minute(*range(5, 65, 5))
    assert asked == {20: [LINKS], 35: [LINKS], 50: [LINKS], 60: [V1]}


def test_lost_sensor_is_unreachable_until_its_next_report() -> None:
    process = Process()
    process.sensor()
    process.client.replies[LINKS] = an_envelope(a_v2_link("connectivity_issue"))
    assert process.sensor(at(NOON), now=after(minutes=20)).is_reachable is False
    assert Process(state=process.state).sensor(at(NOON), now=after(minutes=21)).is_reachable is False
    process.client.replies[LINKS] = REPLIES[LINKS]
    assert process.sensor(at(NOON), now=after(minutes=25)).is_reachable is False
    process.client.take_asked()
    assert process.sensor(at(after(minutes=28)), now=after(minutes=30)).is_reachable is True
    assert process.client.asked == [LINKS]


def test_times_of_reads_alone_are_written_only_at_the_end() -> None:
    state = CountingState()
    process = Process(state=state)
    process.read(at(NOON))
    asked = process.asked_by_minute(16, 32, 48, 64, 128)
    details = [V1, NAMES]
    assert asked == {16: [LINKS], 32: [LINKS], 48: [LINKS], 64: details, 128: details}
    assert state.puts == 1
    process.directory.close()
    process.directory.close()
    assert state.puts == 2
    assert state.get("hue.directory")["links_at"] == after(minutes=128).isoformat()
    second = Process(state=state)
    second.read(at(NOON), now=after(minutes=130))
    assert second.client.asked == []


def test_only_links_of_sensors_are_saved() -> None:
    process = Process({V1: {}, LINKS: an_envelope(a_v2_link(), a_v2_link(owner={"rid": "a lamp"}))})
    process.directory.close()
    assert process.state.get("hue.directory") == {}, "an unused directory writes nothing"
    process.read()
    assert process.state.get("hue.directory")["links"] == {DEVICE: {"mac": MAC, "is_up": True}}


@pytest.mark.parametrize(
    "v1",
    [
        *(None, b"<html>", {}, {"4": a_v1_temperature(uniqueid=None)}, a_v1_error(1), a_v1_error(901)),
        *(a_reply_of(b"", status=403), SourceUnavailable("no answer"), SourceThrottled("busy")),
    ],
    ids=["404", "page", "empty", "no uniqueid", "unauthorised", "901", "403", "hang", "429"],
)
def test_uniqueid_is_made_of_the_mac_if_v1_does_not_list_it(v1: Any) -> None:
    """At once: the readings of a new home would be lost for as long as v1 fails."""
    process = Process({V1: v1})
    assert process.sensor().uniqueid == UNIQUEID
    process.client.take_asked()
    assert process.sensor(now=after(minutes=55)).uniqueid == UNIQUEID
    assert process.client.take_asked() in ([], [LINKS])  # the sensor has been quiet since noon
    assert Process(state=process.state).sensor(now=after(minutes=56)).uniqueid == UNIQUEID
    process.sensor(now=after(minutes=61))
    assert process.client.asked[0] == V1


def test_guessed_uniqueid_is_replaced_by_the_real_one() -> None:
    first = Process({V1: None})
    first.sensor()
    first.client.take_asked()
    first.sensor(now=after(minutes=55))
    assert first.client.asked == []
    real = f"{MAC}-01-0402"
    listed = {"4": a_v1_temperature(uniqueid=real)}
    first.client.replies[V1] = listed
    assert first.sensor(now=after(minutes=60)).uniqueid == real
    first.client.replies[V1] = None
    assert first.sensor(now=after(minutes=125)).uniqueid == real


@pytest.mark.parametrize("mac", [None, "none", MAC[:-1], f"{MAC}:00"])
def test_invalid_mac_makes_no_uniqueid(mac: Any) -> None:
    process = Process({V1: {}, LINKS: an_envelope(a_v2_link(mac_address=mac))})
    assert process.sensor().uniqueid is None


def test_sensor_without_an_identity_is_asked_for_every_quarter_of_an_hour() -> None:
    process = Process()
    process.read()
    unknown = at(NOON, id="n", id_v1=None, owner={"rid": "n"})
    asked = {}
    for minute in (5, 10, 15, 20, 25, 35, 40):
        process.client.take_asked()
        process.read(at(after(minutes=minute)), unknown, now=after(minutes=minute))
        asked[minute] = process.client.take_asked()
    assert [minute for minute, operations in asked.items() if V1 in operations] == [5, 20, 35]


def test_failed_details_are_recorded_and_the_rest_is_read() -> None:
    process = Process({V1: {}, NAMES: SourceUnavailable("the bridge is in trouble")})
    sensor = process.sensor()
    assert (sensor.uniqueid, sensor.name, sensor.battery_percent) == (UNIQUEID, "", 77)
    assert process.journal.events() == ("hue.directory",)
    assert process.client.asked == EVERYTHING


def test_throttled_details_are_left_except_for_the_identity() -> None:
    process = Process({V1: SourceThrottled("busy")})
    assert process.sensor().uniqueid == UNIQUEID
    assert process.client.take_asked() == [V1, LINKS]
    known = Process({V1: {"4": a_v1_temperature()}})
    known.sensor()
    known.client.replies[V1] = SourceThrottled("busy")
    known.client.take_asked()
    sensor = known.sensor(now=after(minutes=61))
    assert known.client.asked == [V1]
    assert (sensor.name, sensor.battery_percent, sensor.is_reachable) == ("Landing sensor", 83, True)


def test_lost_sensor_that_reports_again_is_not_kept_silent_by_its_link() -> None:
    """The link was read as down, and cannot be read since."""
    process = Process({V1: {}, LINKS: an_envelope(a_v2_link("connectivity_issue"))})
    assert process.sensor().is_reachable is False
    process.client.replies[LINKS] = a_reply_of(b"", status=500)
    asked = []
    for minute in range(5, 30, 5):
        process.client.take_asked()
        sensor = process.sensor(at(after(minutes=minute)), now=after(minutes=minute))
        asked.append(len(process.client.take_asked()))
        assert sensor.is_reachable is None
    assert asked == [1, 0, 0, 1, 0], "not asked again in every cycle"
    process.directory.close()
    later = Process({LINKS: a_reply_of(b"", status=500)}, process.state)
    assert later.sensor(at(after(minutes=30)), now=after(minutes=30)).is_reachable is None
    process.client.replies[LINKS] = REPLIES[LINKS]
    assert process.sensor(at(after(minutes=35)), now=after(minutes=36)).is_reachable is True


@pytest.mark.parametrize("failing", [LINKS, NAMES, POWER])
def test_garbled_details_do_not_stop_the_others(failing: str) -> None:
    nothing_but_its_id = {**a_v1_temperature(), "config": {}}
    process = Process({V1: {"4": nothing_but_its_id}, failing: b"{"})
    sensor = process.sensor()
    assert process.client.asked == EVERYTHING
    assert sensor.uniqueid == UNIQUEID


def test_failure_to_identify_any_sensor_is_raised() -> None:
    process = Process(dict.fromkeys(EVERYTHING, b"{"))
    for _ in range(2):
        with pytest.raises(Unidentified, match="not which sensors they belong to: not JSON"):
            process.sensor()
    process.client.replies |= dict.fromkeys(EVERYTHING, SourceThrottled("busy", retry_after_s=7))
    with pytest.raises(SourceThrottled, match="busy") as throttled:
        process.sensor()
    assert throttled.value.retry_after_s == 7
    # a home without sensors has nothing to identify
    process.directory.update("details", (), a_canned_bridge(process.client), now=NOON, deadline_s=10.0)


@pytest.mark.parametrize(
    "saved",
    [
        {"uniqueids": [], "names": 7, "batteries": None, "links": "x", "details_at": "yesterday"},
        {"uniqueids": {RESOURCE: 7}, "names": {DEVICE: []}, "batteries": {DEVICE: "1"}, "links": {DEVICE: 7}},
    ],
    ids=str,
)
def test_damaged_state_counts_as_empty(saved: dict[str, Any]) -> None:
    state = MemoryState()
    state.put("hue.directory", saved)
    process = Process(state=state)
    assert process.sensor().uniqueid == UNIQUEID
    assert process.client.asked == [V1, NAMES]


def test_ids_of_former_sensors_do_not_pile_up() -> None:
    process = Process({LINKS: an_envelope(), POWER: an_envelope()})
    for turn in range(3):
        ids = range(turn * 600, turn * 600 + 600)
        process.client.replies |= {
            V1: {str(n): a_v1_temperature(uniqueid=f"{n:08}") for n in ids},
            NAMES: an_envelope(*(a_v2_device(f"room {n}", id=f"device-{n}") for n in ids)),
        }
        sensors = process.read(
            *(at(NOON, id=f"new-{n}", id_v1=f"/sensors/{n}", owner={"rid": f"device-{n}"}) for n in ids)
        )
        assert [(each.uniqueid, each.name) for each in sensors] == [(f"{n:08}", f"room {n}") for n in ids]
        saved: Any = process.state.get("hue.directory")
        assert max(len(saved["uniqueids"]), len(saved["names"])) <= MAX_DEVICES + 600


def test_unidentified_ids_do_not_pile_up() -> None:
    process = Process({V1: {}, LINKS: an_envelope()})
    for turn in range(3):
        process.read(*(at(NOON, id=f"{turn}-{n}", id_v1=None) for n in range(600)))
    assert len(process.directory._guesses) <= MAX_DEVICES + 200


class HangingClient(CannedClient):
    """Every request hangs until its deadline, by the bridge's clock."""

    def __init__(self) -> None:
        super().__init__({})
        self.clock = MemoryClock(NOON)
        self.ended_s: list[float] = []

    def _exchange(self, request: Request, method: str, deadline_s: float, tally: Tally) -> Reply:
        self.clock.advance(deadline_s - self.clock.elapsed_s())
        self.ended_s.append(self.clock.elapsed_s())
        raise SourceUnavailable("no complete answer")


@pytest.mark.parametrize(
    ("deadline_s", "ended_s"), [(100.0, [4.0, 8.0, 10.0, 10.0]), (5.0, [4.0, 5.0, 5.0, 5.0])]
)
def test_optional_reads_have_a_budget_of_their_own(deadline_s: float, ended_s: list[float]) -> None:
    client = HangingClient()
    bridge = Bridge(client=client, api_key=KEY, clock=client.clock)
    directory, listed = Process().directory, parse_temperatures(an_envelope(at(NOON)))
    with pytest.raises(Unidentified):
        directory.update("details", listed, bridge, now=NOON, deadline_s=deadline_s)
    assert client.ended_s == ended_s


def test_late_timer_of_an_optional_read_does_not_end_the_next_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    timers: list[Callable[[], None]] = []

    class LateTimer:
        """Fires when its read has ended, as one does that could not be cancelled in time."""

        def __init__(self, _seconds: float, function: Callable[[], None]) -> None:
            timers.append(function)

        def start(self) -> None: ...
        def cancel(self) -> None: ...

    monkeypatch.setattr("threading.Timer", LateTimer)
    client = CannedClient({})
    interrupts: list[int] = []
    monkeypatch.setattr(client, "interrupt", lambda: interrupts.append(1))
    bridge = a_canned_bridge(client)
    with bridge.optional_read(10.0):
        timers[0]()
    assert interrupts == [1]
    timers[0]()
    assert interrupts == [1]
