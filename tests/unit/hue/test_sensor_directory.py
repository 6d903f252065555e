"""Requests of the sensor directory, and what it keeps of the replies."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

import pytest

from adapters.http.lenient_json import MAX_DEVICES
from adapters.hue.parsing import parse_temperatures
from adapters.hue.sensor_directory import SensorDirectory
from adapters.hue.sensors import Sensor
from adapters.memory.runtime import MemoryJournal
from adapters.memory.state import MemoryState
from domain.errors import SourceError, SourceGarbled, SourceThrottled, SourceUnavailable
from ports.state import State
from tests.support.builders import NOON
from tests.support.canned_bridge import CannedClient, a_canned_bridge, a_reply_of
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
        battery_percent=77,
        is_reachable=True,
        raw=at(NOON),
    )
    assert process.client.take_asked() == EVERYTHING
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
    "v1",
    [
        {"4": a_v1_temperature()},
        {"4": a_v1_temperature(config={"reachable": None}), **NAMED},
        {"4": a_v1_temperature(uniqueid=None), **NAMED},
        {"9": a_v1_temperature(), **NAMED},
        NAMED,
    ],
    ids=["no name", "no link", "no uniqueid", "another number", "no sensor"],
)
def test_v2_is_read_if_v1_is_incomplete(v1: Any) -> None:
    process = Process({V1: v1})
    sensor = process.sensor()
    assert process.client.asked == EVERYTHING
    assert (sensor.name, sensor.battery_percent, sensor.is_reachable) == ("Landing sensor", 77, True)


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
    process.client.replies |= {NAMES: an_envelope(a_v2_device("Attic")), POWER: an_envelope(a_v2_power(None))}
    process.client.take_asked()
    assert process.sensor(now=after(minutes=59)).name == "Landing sensor"
    sensor = process.sensor(now=after(minutes=60))
    assert (sensor.name, sensor.battery_percent) == ("Attic", None)
    assert process.client.take_asked() == EVERYTHING
    process.sensor(now=after(hours=-2))
    assert process.client.asked == EVERYTHING


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
    assert process.client.asked == EVERYTHING


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
    assert asked == {16: [LINKS], 32: [LINKS], 48: [LINKS], 64: EVERYTHING, 128: EVERYTHING}
    assert state.puts == 1
    process.directory.close()
    process.directory.close()
    assert state.puts == 2
    assert state.get("hue.directory")["links_at"] == after(minutes=128).isoformat()
    second = Process(state=state)
    second.read(at(NOON), now=after(minutes=130))
    assert second.client.asked == []


def test_only_links_of_sensors_are_saved() -> None:
    process = Process({LINKS: an_envelope(a_v2_link(), a_v2_link(owner={"rid": "a lamp"}))})
    process.directory.close()
    assert process.state.get("hue.directory") == {}, "an unused directory writes nothing"
    process.read()
    assert process.state.get("hue.directory")["links"] == {DEVICE: {"mac": MAC, "is_up": True}}


@pytest.mark.parametrize(
    "v1",
    [None, b"<html>", {}, {"4": a_v1_temperature(uniqueid=None)}, a_v1_error(1), a_reply_of(b"", status=403)],
    ids=["404", "page", "empty", "no uniqueid", "unauthorised", "403"],
)
def test_uniqueid_is_made_of_the_mac_if_v1_does_not_list_it(v1: Any) -> None:
    sensor = Process({V1: v1}).sensor()
    assert (sensor.uniqueid, sensor.name) == (UNIQUEID, "Landing sensor")


def test_guessed_uniqueid_is_replaced_by_the_real_one() -> None:
    first = Process({V1: None})
    first.sensor()
    first.client.take_asked()
    first.sensor(now=after(minutes=55))
    assert first.client.asked == []
    real = f"{MAC}-01-0402"
    listed = {"4": a_v1_temperature(uniqueid=real)}
    assert Process({V1: listed}, first.state).sensor().uniqueid == real
    first.client.replies[V1] = listed
    assert first.sensor(now=after(minutes=60)).uniqueid == real
    first.client.replies[V1] = None
    assert first.sensor(now=after(minutes=125)).uniqueid == real


@pytest.mark.parametrize("mac", [None, "none", MAC[:-1], f"{MAC}:00"])
def test_invalid_mac_makes_no_uniqueid(mac: Any) -> None:
    process = Process({V1: {}, LINKS: an_envelope(a_v2_link(mac_address=mac))})
    assert process.sensor().uniqueid is None


@pytest.mark.parametrize(
    ("error", "raised", "asked"),
    [
        (SourceUnavailable("no answer"), SourceUnavailable, [V1]),
        (SourceThrottled("busy"), SourceThrottled, [V1]),
        (a_v1_error(901), SourceUnavailable, EVERYTHING),  # v2 may be well, but v1 may answer next time
    ],
    ids=["unavailable", "throttled", "internal error"],
)
def test_uniqueid_is_not_guessed_after_a_passing_failure(
    error: Any, raised: type[SourceError], asked: list[str]
) -> None:
    process = Process({V1: error})
    with pytest.raises(raised):
        process.sensor()
    assert process.client.take_asked() == asked
    process.client.replies[V1] = REPLIES[V1]
    assert process.sensor().uniqueid == UNIQUEID


@pytest.mark.parametrize("error", [SourceUnavailable("no answer"), a_v1_error(901)], ids=["hang", "901"])
def test_uniqueid_is_guessed_if_v1_fails_for_good(error: Any) -> None:
    process = Process({V1: error})
    for _ in range(2):
        with pytest.raises(SourceUnavailable):
            process.sensor()
    assert process.sensor().uniqueid == UNIQUEID


def test_failed_details_are_recorded_and_the_rest_is_not_read() -> None:
    process = Process({NAMES: SourceUnavailable("the bridge is in trouble")})
    sensor = process.sensor()
    assert (sensor.uniqueid, sensor.name, sensor.battery_percent) == (UNIQUEID, "by v1", None)
    assert process.journal.events() == ("hue.directory",)
    assert process.client.asked == [V1, LINKS, NAMES]


@pytest.mark.parametrize("failing", [LINKS, NAMES, POWER])
def test_garbled_details_do_not_stop_the_others(failing: str) -> None:
    process = Process({failing: b"{"})
    sensor = process.sensor()
    assert process.client.asked == EVERYTHING
    assert sensor.uniqueid == UNIQUEID


def test_failure_to_identify_any_sensor_is_raised() -> None:
    process = Process(dict.fromkeys(EVERYTHING, b"{"))
    with pytest.raises(SourceGarbled, match="not JSON"):
        process.sensor()
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
    assert process.client.asked == EVERYTHING


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
    assert len(process.directory._asked_for) <= MAX_DEVICES + 200
