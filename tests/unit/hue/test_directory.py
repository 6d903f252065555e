"""What the directory asks the bridge for, and what it makes of the answers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

import pytest

from adapters.hue.api_v2 import temperatures_of
from adapters.hue.sensor_directory import Directory
from adapters.hue.sensors import Sensor
from adapters.memory.runtime import MemoryJournal
from adapters.memory.spool import MemoryState
from domain.errors import SourceGarbled, SourceUnavailable
from ports.state import State
from tests.support.builders import NOON
from tests.support.canned_bridge import CannedSession, a_canned_bridge
from tests.support.hue_replies import (
    DEVICE,
    MAC,
    RESOURCE,
    UNIQUEID,
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
OWNERS_NAME = {"5": a_v1_presence("Landing")}  # with it, v1 leaves nothing open
ANSWERS: dict[str, Any] = {
    V1: {"4": a_v1_temperature(name="by v1")},
    LINKS: an_envelope(a_v2_link()),
    NAMES: an_envelope(a_v2_device("Landing sensor")),
    POWER: an_envelope(a_v2_power(77)),
}


class Process:
    """A directory with a state, in front of a bridge that can be changed."""

    def __init__(self, answers: Mapping[str, Any] = MappingProxyType({}), state: State | None = None) -> None:
        self.state = MemoryState() if state is None else state
        self.session = CannedSession({**ANSWERS, **answers})
        self.journal = MemoryJournal()
        self.directory = Directory(state=self.state, key="hue.directory", journal=self.journal)

    def sensors(self, *items: dict[str, Any], now: datetime = NOON) -> tuple[Sensor, ...]:
        temperatures = temperatures_of(an_envelope(*(items or (at(now),))))
        bridge = a_canned_bridge(self.session)
        return self.directory.sensors(temperatures, bridge, now=now, deadline_s=10.0)

    def sensor(self, item: dict[str, Any] | None = None, now: datetime = NOON) -> Sensor:
        [sensor] = self.sensors(*([item] if item else []), now=now)
        return sensor

    def asked(self) -> list[str]:
        """What was asked since the last call."""
        asked, self.session.asked = self.session.asked, []
        return asked


def at(changed: datetime, **changes: Any) -> dict[str, Any]:
    """The sensor, with a value that came then."""
    report = {"changed": changed.isoformat(), "temperature": 21.43}
    return a_v2_temperature(temperature={"temperature_report": report}, **changes)


def after(**times: float) -> datetime:
    return NOON + timedelta(**times)


def test_a_stranger_is_asked_about_once() -> None:
    process = Process()
    assert process.sensor() == Sensor(
        where="/sensors/4",
        uniqueid=UNIQUEID,
        name="Landing sensor",
        temperature=21.43,
        observed_at=NOON,
        battery_percent=77,
        is_reachable=True,
        is_on=True,
        raw=at(NOON),
    )
    assert process.asked() == EVERYTHING
    process.sensor(now=after(minutes=5))
    assert process.asked() == []


def test_what_v1_tells_of_every_sensor_is_not_asked_of_v2() -> None:
    process = Process({V1: {"4": a_v1_temperature(), **OWNERS_NAME}})
    sensor = process.sensor()
    assert process.asked() == [V1]
    assert (sensor.uniqueid, sensor.name) == (UNIQUEID, "Landing")
    assert (sensor.battery_percent, sensor.is_reachable) == (83, True)
    lost = a_v1_temperature(config={"reachable": False, "battery": 4})
    process.session.answers[V1] = {"4": lost, "5": a_v1_presence("Attic")}
    sensor = process.sensor(now=after(minutes=60))
    assert process.asked() == [V1]
    assert (sensor.name, sensor.battery_percent, sensor.is_reachable) == ("Attic", 4, False)


def test_links_that_v1_told_are_as_good_as_those_of_v2() -> None:
    process = Process({V1: {"4": a_v1_temperature(), **OWNERS_NAME}})
    process.sensor()
    process.asked()
    asked = {}
    for minutes in range(5, 65, 5):
        process.sensor(at(NOON), now=after(minutes=minutes))
        asked[minutes] = process.asked()
    told = {minutes: operations for minutes, operations in asked.items() if operations}
    assert told == {20: [LINKS], 35: [LINKS], 50: [LINKS], 60: [V1]}


def test_another_process_knows_what_v1_told() -> None:
    first = Process({V1: {"4": a_v1_temperature(), **OWNERS_NAME}})
    second = Process(state=first.state)
    assert first.sensor() == second.sensor()
    assert second.asked() == []


@pytest.mark.parametrize(
    "v1",
    [
        {"4": a_v1_temperature()},
        {"4": a_v1_temperature(config={"reachable": None}), **OWNERS_NAME},
        {"4": a_v1_temperature(config={}, state={}) | {"config": {"on": True}}, **OWNERS_NAME},
        {"4": a_v1_temperature(uniqueid=None), **OWNERS_NAME},
        {"9": a_v1_temperature(), **OWNERS_NAME},
        OWNERS_NAME,
    ],
    ids=["owner's name", "null link", "no link", "identity", "number", "sensor"],
)
def test_what_v1_leaves_open_is_asked_of_v2(v1: Any) -> None:
    process = Process({V1: v1})
    sensor = process.sensor()
    assert process.asked() == EVERYTHING
    assert (sensor.name, sensor.battery_percent, sensor.is_reachable) == ("Landing sensor", 77, True)


def test_one_sensor_of_which_v1_leaves_something_open_is_reason_enough_to_ask_v2() -> None:
    process = Process({V1: {"4": a_v1_temperature(), **OWNERS_NAME}})
    process.sensors(at(NOON), at(NOON, id="of v2 alone", id_v1=None, owner={"rid": "another"}))
    assert process.asked() == EVERYTHING


def test_another_process_knows_what_the_first_one_learned() -> None:
    first = Process()
    first.sensor()
    second = Process(state=first.state)
    assert second.sensor() == first.sensor()
    assert second.asked() == []


def test_what_changes_rarely_is_asked_hourly() -> None:
    process = Process()
    process.sensor()
    process.session.answers |= {NAMES: an_envelope(a_v2_device("Attic")), POWER: an_envelope(a_v2_power(12))}
    process.asked()
    assert process.sensor(now=after(minutes=59)).name == "Landing sensor"
    sensor = process.sensor(now=after(minutes=60))
    assert (sensor.name, sensor.battery_percent) == ("Attic", 12)
    assert process.asked() == EVERYTHING


def test_a_clock_that_was_set_back_does_not_stop_the_asking() -> None:
    process = Process()
    process.sensor()
    process.asked()
    process.sensor(now=after(hours=-2))
    assert process.asked() == EVERYTHING


def test_a_charge_that_the_bridge_no_longer_knows_is_forgotten() -> None:
    process = Process()
    process.sensor()
    process.session.answers[POWER] = an_envelope(a_v2_power(None))
    assert process.sensor(now=after(hours=1)).battery_percent is None


def test_a_new_sensor_is_asked_about_at_once() -> None:
    process = Process()
    process.sensor()
    process.asked()
    other_mac = "00:17:88:01:0f:0f:0f:0f"
    process.session.answers |= {
        V1: {**ANSWERS[V1], "8": a_v1_temperature(uniqueid=f"{other_mac}-02-0402")},
        LINKS: an_envelope(a_v2_link(), a_v2_link(owner={"rid": "new"}, mac_address=other_mac)),
    }
    new = at(NOON, id="n", id_v1="/sensors/8", owner={"rid": "new"})
    assert [sensor.uniqueid for sensor in process.sensors(at(NOON), new)] == [
        UNIQUEID,
        f"{other_mac}-02-0402",
    ]
    assert process.asked() == EVERYTHING


def test_a_quiet_sensor_has_its_link_looked_at_every_quarter_of_an_hour() -> None:
    process = Process()
    process.sensor()
    process.asked()
    asked = {}
    for minutes in range(5, 55, 5):
        process.sensor(at(NOON), now=after(minutes=minutes))
        asked[minutes] = process.asked()
    assert {minutes for minutes, operations in asked.items() if operations} == {20, 35, 50}
    assert asked[20] == [LINKS]


def test_a_sensor_that_the_bridge_has_lost_is_unreachable_and_counts_again_with_its_next_report() -> None:
    process = Process()
    process.sensor()
    process.session.answers[LINKS] = an_envelope(a_v2_link("connectivity_issue"))
    assert process.sensor(at(NOON), now=after(minutes=20)).is_reachable is False
    process.session.answers[LINKS] = ANSWERS[LINKS]
    assert process.sensor(at(NOON), now=after(minutes=25)).is_reachable is False
    process.asked()
    assert process.sensor(at(after(minutes=28)), now=after(minutes=30)).is_reachable is True
    assert process.asked() == [LINKS]


def test_asking_that_tells_nothing_new_is_written_at_the_end_alone() -> None:
    class CountingState(MemoryState):
        puts = 0

        def put(self, key: str, value: Any) -> None:
            self.puts += 1
            super().put(key, value)

    state = CountingState()
    process = Process(state=state)
    process.sensors(at(NOON))
    assert state.puts == 1
    for minutes in (16, 32, 48, 64, 128):
        process.sensors(at(NOON), now=after(minutes=minutes))
    asked = process.asked()
    assert (asked.count(LINKS), asked.count(POWER)) == (6, 3)
    assert state.puts == 1
    process.directory.close()
    process.directory.close()
    assert state.puts == 2
    assert state.get("hue.directory")["links_at"] == after(minutes=128).isoformat()
    assert state.get("hue.directory")["details_at"] == after(minutes=128).isoformat()


def test_links_of_what_is_no_sensor_are_not_remembered() -> None:
    lamp = {**a_v2_link(), "owner": {"rid": "a lamp", "rtype": "device"}}
    process = Process({LINKS: an_envelope(a_v2_link(), lamp)})
    process.sensors()
    links = process.state.get("hue.directory")["links"]
    assert isinstance(links, dict)
    assert list(links) == [DEVICE]


def test_a_link_that_is_lost_is_written_at_once() -> None:
    process = Process()
    process.sensors(at(NOON))
    process.session.answers[LINKS] = an_envelope(a_v2_link("connectivity_issue"))
    process.sensors(at(NOON), now=after(minutes=16))
    assert Process(state=process.state).sensor(at(NOON), now=after(minutes=17)).is_reachable is False


def test_a_directory_that_was_never_asked_writes_nothing() -> None:
    process = Process()
    process.directory.close()
    assert process.state.get("hue.directory") == {}


def test_another_process_knows_when_the_links_were_looked_at() -> None:
    first = Process()
    first.sensor()
    first.sensor(at(NOON), now=after(minutes=20))
    first.directory.close()
    second = Process(state=first.state)
    second.sensor(at(NOON), now=after(minutes=25))
    assert second.asked() == []


@pytest.mark.parametrize("v1", [None, b"<html>", {}, {"4": a_v1_temperature(uniqueid=None)}], ids=str)
def test_where_v1_does_not_tell_the_identity_is_made_of_the_device_s_address(v1: Any) -> None:
    assert Process({V1: v1}).sensor().uniqueid == UNIQUEID


def test_an_identity_that_was_guessed_is_asked_for_again_in_an_hour_and_in_the_next_process() -> None:
    first = Process({V1: None})
    first.sensor()
    first.asked()
    first.sensor(now=after(minutes=55))
    assert first.asked() == []
    real = f"{MAC}-01-0402"
    heard = {"4": a_v1_temperature(uniqueid=real)}
    assert Process({V1: heard}, first.state).sensor().uniqueid == real
    first.session.answers[V1] = heard
    assert first.sensor(now=after(minutes=60)).uniqueid == real
    first.session.answers[V1] = None
    assert first.sensor(now=after(minutes=125)).uniqueid == real


@pytest.mark.parametrize("mac", [None, "", "none", MAC[:-1], f"{MAC}:00", 7])
def test_what_is_no_device_s_address_makes_no_identity(mac: Any) -> None:
    process = Process({V1: {}, LINKS: an_envelope(a_v2_link(mac_address=mac))})
    assert process.sensor().uniqueid is None


def test_no_identity_is_guessed_while_the_bridge_is_only_in_trouble() -> None:
    process = Process({V1: SourceUnavailable("the bridge is in trouble")})
    with pytest.raises(SourceUnavailable):
        process.sensor()
    assert process.asked() == [V1]
    process.session.answers[V1] = ANSWERS[V1]
    assert process.sensor().uniqueid == UNIQUEID


def test_trouble_with_the_details_costs_no_reading_and_is_told() -> None:
    process = Process({NAMES: SourceUnavailable("the bridge is in trouble")})
    sensor = process.sensor()
    assert (sensor.uniqueid, sensor.name, sensor.battery_percent) == (UNIQUEID, "by v1", None)
    assert process.journal.events() == ("hue.directory",)


def test_one_resource_that_makes_no_sense_does_not_keep_the_others_from_being_read() -> None:
    process = Process({LINKS: b"{"})
    sensor = process.sensor()
    assert (sensor.uniqueid, sensor.is_reachable, sensor.name) == (UNIQUEID, None, "Landing sensor")


def test_a_bridge_that_tells_of_no_sensor_who_it_is_has_failed() -> None:
    process = Process({V1: b"{", LINKS: b"{", NAMES: b"{"})
    with pytest.raises(SourceGarbled):
        process.sensor()


def test_a_bridge_without_sensors_is_not_in_trouble() -> None:
    process = Process({V1: b"{", LINKS: b"{", NAMES: b"{", POWER: b"{"})
    bridge = a_canned_bridge(process.session)
    assert process.directory.sensors([], bridge, now=NOON, deadline_s=10.0) == ()


@pytest.mark.parametrize(
    "kept",
    [
        {"uniqueids": [], "names": 7, "batteries": None, "links": "x", "details_at": "yesterday"},
        {"uniqueids": {RESOURCE: 7}, "names": {DEVICE: []}, "batteries": {DEVICE: "1"}, "links": {DEVICE: 7}},
    ],
    ids=str,
)
def test_a_damaged_memory_is_none(kept: dict[str, Any]) -> None:
    state = MemoryState()
    state.put("hue.directory", kept)
    process = Process(state=state)
    assert process.sensor().uniqueid == UNIQUEID
    assert process.asked() == EVERYTHING
