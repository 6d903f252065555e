"""Bounds on replies that are valid JSON, and larger than any home's."""

from __future__ import annotations

import json
from typing import Any

import pytest

from adapters.amazon.cookies import LONGEST_VALUE, is_header_text, sendable
from adapters.amazon.monitors import merge_mentions, monitors_of_appliances, monitors_of_endpoints
from adapters.amazon.states import samples_of_endpoints
from adapters.http.lenient_json import MAX_DEVICES, MAX_NAME_LENGTH
from adapters.hue.api_v1 import sensors_of
from adapters.hue.api_v2 import batteries_of, links_of, names_of, temperatures_of
from adapters.hue.known import Known
from adapters.hue.sensor_directory import Directory
from adapters.memory.runtime import MemoryJournal
from adapters.memory.spool import MemoryState
from domain.errors import SourceGarbled
from tests.support.alexa_stand_in import Device
from tests.support.builders import NOON
from tests.support.canned_alexa import discovered, listed, states
from tests.support.canned_bridge import CannedSession, a_canned_bridge
from tests.support.hue_replies import (
    UNIQUEID,
    a_v1_presence,
    a_v1_temperature,
    a_v2_device,
    a_v2_link,
    a_v2_power,
    a_v2_temperature,
    an_envelope,
)

LONG = "x" * 3_000_000


def many_v1(count: int) -> dict[str, Any]:
    return {str(number): a_v1_temperature(uniqueid=f"{number:08}") for number in range(count)}


def many_devices(count: int) -> list[Device]:
    return [Device(entity=f"entity-{number}", serial=f"SERIAL{number}") for number in range(count)]


def test_v1_reply_with_too_many_sensors_is_rejected() -> None:
    assert len(sensors_of(many_v1(MAX_DEVICES))) == MAX_DEVICES
    with pytest.raises(SourceGarbled, match="more than 1,000 temperature sensors"):
        sensors_of(many_v1(MAX_DEVICES + 1))


@pytest.mark.parametrize(
    ("read", "item"),
    [
        (temperatures_of, a_v2_temperature),
        (names_of, a_v2_device),
        (batteries_of, a_v2_power),
        (links_of, a_v2_link),
    ],
    ids=lambda value: value.__name__,
)
def test_v2_reply_with_too_many_devices_is_rejected(read: Any, item: Any) -> None:
    assert len(read(an_envelope(*[item()] * MAX_DEVICES))) > 0
    with pytest.raises(SourceGarbled, match="more than 1,000 devices"):
        read(an_envelope(*[item()] * (MAX_DEVICES + 1)))


def test_account_with_too_many_monitors_is_rejected() -> None:
    for count in (MAX_DEVICES, MAX_DEVICES + 1):
        devices = many_devices(count)
        both = (*monitors_of_appliances(discovered(*devices)), *monitors_of_endpoints(listed(*devices)))
        if count <= MAX_DEVICES:
            assert len(merge_mentions(both)) == count
        else:
            with pytest.raises(SourceGarbled, match="more than 1,000 monitors"):
                merge_mentions(both)


def test_sensor_names_are_cut_and_long_identifiers_rejected() -> None:
    (sensor,) = sensors_of({"4": a_v1_temperature(name=LONG)})
    assert sensor.name == "x" * MAX_NAME_LENGTH
    (sensor,) = sensors_of({"4": a_v1_temperature(), "5": a_v1_presence(LONG)})
    assert (sensor.uniqueid, sensor.name) == (UNIQUEID, "x" * MAX_NAME_LENGTH)
    (sensor,) = sensors_of({"4": a_v1_temperature(uniqueid=LONG)})
    assert sensor.uniqueid is None
    assert temperatures_of(an_envelope(a_v2_temperature(id=LONG))) == ()
    assert names_of(an_envelope(a_v2_device(LONG))).popitem()[1] == "x" * MAX_NAME_LENGTH
    owner = {"owner": {"rid": LONG}}
    assert not batteries_of(an_envelope(a_v2_power(**owner)))
    assert not links_of(an_envelope(a_v2_link(**owner)))


def test_monitor_names_and_ranges_are_bounded() -> None:
    (monitor,) = monitors_of_appliances(discovered(Device(name=LONG)))
    assert monitor.name == "x" * MAX_NAME_LENGTH
    (monitor,) = monitors_of_endpoints(listed(Device(name=LONG)))
    assert monitor.name == "x" * MAX_NAME_LENGTH
    assert not list(monitors_of_appliances(discovered(Device(entity=LONG))))
    assert not list(monitors_of_endpoints(listed(Device(entity=LONG))))
    appliance = Device().appliance()
    appliance["capabilities"] = [
        {
            "instance": str(number),
            "resources": {"friendlyNames": [{"value": {"assetId": "Alexa.AirQuality.Humidity"}}]},
        }
        for number in range(5000)
    ]
    (monitor,) = monitors_of_appliances({"data": {"endpoints": {"items": [{"legacyAppliance": appliance}]}}})
    assert len(monitor.assets) == 100


def test_unnamed_values_of_a_monitor_are_bounded() -> None:
    device = Device(ranges={str(number): 1.0 for number in range(100, 5000)})
    (monitor,) = monitors_of_endpoints(listed(device))
    (samples,) = samples_of_endpoints(states(device), [monitor]).values()
    assert len(samples.others) == 100
    assert set(samples.left_out) == {"more than 100 values without a name"}


def test_long_tokens_and_too_many_cookies_are_rejected() -> None:
    assert is_header_text("a" * LONGEST_VALUE)
    assert not is_header_text("a" * (LONGEST_VALUE + 1))
    assert len(sendable({f"name-{number}": "value" for number in range(100_000)})) == 200


def test_sensor_directory_does_not_grow_with_new_ids() -> None:
    state = MemoryState()
    directory = Directory(state=state, key="hue.directory", journal=MemoryJournal())
    for turn in range(4):
        ids = range(turn * 600, turn * 600 + 600)
        answers = {
            "hue.v1/sensors": {str(n): a_v1_temperature(uniqueid=f"{n:08}") for n in ids},
            "hue.v2/zigbee_connectivity": an_envelope(),
            "hue.v2/device": an_envelope(*(a_v2_device(f"room {n}", id=f"device-{n}") for n in ids)),
            "hue.v2/device_power": an_envelope(),
        }
        temperatures = temperatures_of(
            an_envelope(
                *(
                    a_v2_temperature(id=f"new-{n}", id_v1=f"/sensors/{n}", owner={"rid": f"device-{n}"})
                    for n in ids
                )
            )
        )
        found = directory.sensors(
            temperatures, a_canned_bridge(CannedSession(answers)), now=NOON, deadline_s=10.0
        )
        assert [sensor.uniqueid for sensor in found] == [f"{n:08}" for n in ids]
        assert {sensor.name for sensor in found} == {f"room {n}" for n in ids}
        kept = state.get("hue.directory")
        assert [len(kept[part]) for part in ("uniqueids", "names")] in ([600, 600], [1200, 1200]), turn  # type: ignore[arg-type]
    assert len(json.dumps(kept)) < 200_000


def test_failed_lookups_do_not_pile_up() -> None:
    known = Known(asked_for={f"new-{n}" for n in range(MAX_DEVICES + 1)}, guessed={"new-7"})
    known.forget_surplus({"new-7", "new-8"}, set())
    assert (known.asked_for, known.guessed) == ({"new-7", "new-8"}, {"new-7"})
