"""Which of an account's devices are Amazon's air quality monitors, by both forms of discovery."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
import pytest

from adapters.amazon.alexa import Alexa
from adapters.amazon.monitors import (
    Monitor,
    MonitorDirectory,
    merge_mentions,
    monitors_of_appliances,
    monitors_of_endpoints,
)
from adapters.files.state_file import FileState
from adapters.memory.runtime import MemoryClock, MemoryJournal
from adapters.memory.state import MemoryState
from ports.state import State
from tests.support.alexa_stand_in import Device
from tests.support.builders import NOON
from tests.support.canned_alexa import discovered, listed

KITCHEN = Device()
BEDROOM = Device(entity="5c7d3f2e-0000-4000-8000-00000000000b", serial="GAJ23005314600J4", name="Bedroom")
SERIAL = "GAJ23005314600J1"
HOME_OF_NOVEMBER = Path(__file__).parents[2] / "fixtures" / "home_2026_11"


def appliance(device: Device = KITCHEN, **changes: Any) -> dict[str, Any]:
    return {"data": {"endpoints": {"items": [{"legacyAppliance": device.appliance() | changes}]}}}


def endpoint(device: Device = KITCHEN, **changes: Any) -> dict[str, Any]:
    return {"data": {"listEndpoints": {"endpoints": [device.listed() | changes]}}}


class CannedDiscovery(Alexa):
    """An account whose two forms of discovery reply with these."""

    def __init__(
        self, appliances: Any, endpoints: Any, credential: str = "mine", account: str = "site"
    ) -> None:
        self.replies, self.asked = (appliances, endpoints), list[int]()
        self._credential, self._account = credential, account

    @property
    def account(self) -> str:
        return self._account

    @property
    def credential(self) -> str:
        return self._credential

    async def appliances(self, deadline_s: float) -> Any:
        self.asked.append(0)
        return self.replies[0]

    async def endpoints(self, deadline_s: float) -> Any:
        self.asked.append(1)
        return self.replies[1]


def a_directory(
    account: CannedDiscovery,
    state: State | None = None,
    journal: MemoryJournal | None = None,
    clock: MemoryClock | None = None,
) -> MonitorDirectory:
    return MonitorDirectory(
        alexa=account,
        state=state or MemoryState(),
        clock=clock or MemoryClock(NOON),
        journal=journal or MemoryJournal(),
    )


def test_the_older_form_tells_identities_and_meanings_of_ranges() -> None:
    kitchen, bedroom = monitors_of_appliances(discovered(KITCHEN, BEDROOM))
    assert kitchen.device_id == "alexa:GAJ23005314600H3"
    assert (kitchen.endpoint_id, kitchen.entity_id) == (KITCHEN.endpoint, KITCHEN.entity)
    assert kitchen.assets["4"] == "Alexa.AirQuality.Humidity"
    assert kitchen.assets["7"] == ""  # its name is text in some language
    assert (bedroom.name, bedroom.serial) == ("Bedroom", "GAJ23005314600J4")


def test_the_newer_form_tells_identities() -> None:
    (monitor,) = monitors_of_endpoints(listed(KITCHEN))
    assert monitor == Monitor(
        endpoint_id=KITCHEN.endpoint, entity_id=KITCHEN.entity, serial=KITCHEN.serial, name=KITCHEN.name
    )
    (monitor,) = monitors_of_endpoints(endpoint(serialNumber="GAJ7777", legacyIdentifiers=None))
    assert (monitor.serial, monitor.entity_id) == ("GAJ7777", KITCHEN.entity)


@pytest.mark.parametrize(
    "changes", [{"applianceTypes": ["LIGHT"]}, {"applianceTypes": None}, {"entityId": ""}]
)
def test_an_appliance_that_is_not_a_monitor_is_skipped(changes: dict[str, Any]) -> None:
    assert list(monitors_of_appliances(appliance(**changes))) == []


@pytest.mark.parametrize(
    "changes",
    [{"displayCategories": {"primary": {"value": "LIGHT"}}}, {"displayCategories": None}, {"id": None}],
)
def test_an_endpoint_that_is_not_a_monitor_is_skipped(changes: dict[str, Any]) -> None:
    assert list(monitors_of_endpoints(endpoint(**changes))) == []


@pytest.mark.parametrize("is_text", [False, True])
@pytest.mark.parametrize("is_list", [False, True])
def test_identifiers_may_be_one_or_many_also_as_json_in_a_string(is_list: bool, is_text: bool) -> None:
    one = {"dmsDeviceSerialNumber": SERIAL, "dmsDeviceTypeId": "AEZME1X38KDRA"}
    identifiers: Any = [one] if is_list else one
    written = json.dumps(identifiers) if is_text else identifiers
    (monitor,) = monitors_of_appliances(appliance(alexaDeviceIdentifierList=written))
    assert (monitor.serial, monitor.device_type) == (SERIAL, "AEZME1X38KDRA")


@pytest.mark.parametrize("broken", ["{", "null", 7, [7]])
def test_identifiers_that_cannot_be_read_name_nothing(broken: Any) -> None:
    (monitor,) = monitors_of_appliances(appliance(alexaDeviceIdentifierList=broken))
    assert (monitor.serial, monitor.device_type) == (None, None)


@pytest.mark.parametrize("serial", ["", "a b", "x" * 65, "../../etc", None])
def test_without_a_possible_serial_the_entity_is_the_identity(serial: str | None) -> None:
    (monitor,) = monitors_of_endpoints(endpoint(serialNumber={"value": {"text": serial}}))
    assert (monitor.serial, monitor.device_id) == (None, f"alexa:{KITCHEN.entity}")


def test_mentions_of_one_monitor_are_merged() -> None:
    nameless = attrs.evolve(KITCHEN, serial=None)
    both = [*monitors_of_appliances(discovered(nameless)), *monitors_of_endpoints(listed(KITCHEN))]
    (monitor,) = merge_mentions(both)
    assert (monitor.serial, monitor.assets["6"]) == (KITCHEN.serial, "Alexa.AirQuality.ParticulateMatter")


@pytest.mark.parametrize(
    "content", [None, 7, [], {}, {"data": None}, {"data": {"endpoints": {"items": [None, 1]}}}]
)
def test_a_reply_of_another_shape_has_no_monitors(content: Any) -> None:
    assert list(monitors_of_appliances(content)) == []
    assert list(monitors_of_endpoints(content)) == []


TYPE_IN = {
    "ours": [{"dmsDeviceSerialNumber": SERIAL, "dmsDeviceTypeId": "AEZME1X38KDRA"}],
    "another": [{"dmsDeviceSerialNumber": SERIAL, "dmsDeviceTypeId": "A3OTHER"}],
    "unknown": [{"dmsDeviceSerialNumber": SERIAL}],
}
NEWER_FORM = {
    "ours": {"dmsIdentifier": {"deviceType": {"value": {"text": "AEZME1X38KDRA"}}}},
    "another": {"dmsIdentifier": {"deviceType": {"value": {"text": "A3OTHER"}}}},
    "unknown": {"dmsIdentifier": None},
}


@pytest.mark.parametrize(
    ("older", "newer", "description", "is_recorded"),
    [
        ("ours", "unknown", "Luftqualität", True),
        ("unknown", "ours", "Luftqualität", True),
        ("another", "another", "Amazon Indoor Air Quality Monitor", False),
        ("unknown", "another", "Amazon Indoor Air Quality Monitor", False),
        ("unknown", "unknown", "Works with Amazon Alexa", False),
    ],
)
async def test_only_amazons_device_type_is_recorded(
    older: str, newer: str, description: str, is_recorded: bool
) -> None:
    account = CannedDiscovery(
        appliance(alexaDeviceIdentifierList=TYPE_IN[older], friendlyDescription=description),
        endpoint(legacyIdentifiers=NEWER_FORM[newer]),
    )
    journal = MemoryJournal()
    monitors = await a_directory(account, journal=journal).monitors(1.0)
    assert [one.serial for one in monitors] == [SERIAL] * is_recorded
    assert account.asked == ([0] if older == "ours" else [0, 1])
    kind = "unknown" if newer == "unknown" else "A3OTHER"
    assert [each.fields["detail"] for each in journal.records] == [
        f"Kitchen is not recorded: it is not known to be a monitor of Amazon's own (device type {kind})"
    ] * (not is_recorded)


async def test_a_monitor_that_is_not_recorded_is_noted_once() -> None:
    state, clock = MemoryState(), MemoryClock(NOON)
    account = CannedDiscovery(appliance(alexaDeviceIdentifierList=None), endpoint(legacyIdentifiers=None))
    notes = []
    for _ in range(3):  # processes, a day apart
        directory = a_directory(account, state, clock=clock)
        await directory.monitors(1.0)
        notes += [directory.take_notes(), directory.take_notes()]
        clock.advance(25 * 3600)
    assert [len(each) for each in notes] == [1, 0, 0, 0, 0, 0]
    assert account.asked == [0, 1] * 3
    account.replies = (discovered(BEDROOM), listed(BEDROOM))
    directory = a_directory(account, state, clock=clock)
    assert [one.name for one in await directory.monitors(1.0)] == ["Bedroom"]
    assert directory.take_notes() == ()


async def test_a_monitor_that_was_known_by_its_type_stays_known_without_one() -> None:
    clock = MemoryClock(NOON)
    account = CannedDiscovery(discovered(KITCHEN, BEDROOM), listed(KITCHEN))
    directory = a_directory(account, clock=clock)
    await directory.monitors(1.0)
    bare = {"legacyIdentifiers": {"dmsIdentifier": None, "chrsIdentifier": {"entityId": KITCHEN.entity}}}
    both = {"endpoints": [KITCHEN.listed() | bare, BEDROOM.listed()]}
    account.replies = ({"data": {"endpoints": {"items": []}}}, {"data": {"listEndpoints": both}})
    clock.advance(25 * 3600)
    found = await directory.refresh(1.0, is_missed=False)
    assert [one.name for one in found or ()] == ["Kitchen", "Bedroom"]
    assert directory.take_notes() == ()
    strangers = {"endpoints": [KITCHEN.listed() | {"legacyIdentifiers": NEWER_FORM["another"]}]}
    account.replies = ({"data": {"endpoints": {"items": []}}}, {"data": {"listEndpoints": strangers}})
    clock.advance(3600)
    assert await directory.refresh(1.0, is_missed=True) == ()


def test_the_serial_is_that_of_the_monitor_and_not_of_another_identifier() -> None:
    echo = {"dmsDeviceSerialNumber": "G090XX", "dmsDeviceTypeId": "A32DOYMUN6DTXA"}
    ours = {"dmsDeviceSerialNumber": SERIAL, "dmsDeviceTypeId": "AEZME1X38KDRA"}
    for identifiers in ([echo, ours], [ours, echo]):
        (monitor,) = monitors_of_appliances(appliance(alexaDeviceIdentifierList=identifiers))
        assert (monitor.serial, monitor.device_type) == (SERIAL, "AEZME1X38KDRA")


@pytest.mark.parametrize("is_first", [True, False])
async def test_a_monitor_listed_twice_is_ours_if_either_mention_says_so(is_first: bool) -> None:
    ours, bare = KITCHEN.appliance(), KITCHEN.appliance() | {"alexaDeviceIdentifierList": None}
    pair = [ours, bare] if is_first else [bare, ours]
    content = {"data": {"endpoints": {"items": [{"legacyAppliance": one} for one in pair]}}}
    account = CannedDiscovery(content, {})
    assert [one.serial for one in await a_directory(account).monitors(1.0)] == [KITCHEN.serial]
    assert account.asked == [0]


async def test_monitors_are_remembered_for_the_credential_they_were_found_with() -> None:
    state, account = MemoryState(), CannedDiscovery(discovered(KITCHEN), listed(KITCHEN))
    found = await a_directory(account, state).monitors(1.0)
    assert await a_directory(account, state).monitors(1.0) == found
    assert account.asked == [0]
    before = state.get("amazon.monitors")
    for marks in ({"credential": "another"}, {"account": "another"}):
        state.put("amazon.monitors", before)
        other = CannedDiscovery(discovered(BEDROOM), listed(BEDROOM), **marks)
        assert [one.name for one in await a_directory(other, state).monitors(1.0)] == ["Bedroom"]
        assert other.asked == [0]


async def test_monitors_of_an_existing_home_are_known(tmp_path: Path) -> None:
    """Its state names no credential."""
    shutil.copy(HOME_OF_NOVEMBER / "data" / "state.json", tmp_path)
    state = FileState(tmp_path / "state.json", MemoryJournal())
    clock = MemoryClock(datetime(2026, 11, 29, 23, 0, tzinfo=UTC))
    account = CannedDiscovery({}, {})
    monitors = await a_directory(account, state, clock=clock).monitors(1.0)
    assert [one.serial for one in monitors] == ["GAJ2270E9D2703DA", "GAJ2EF8AE4C2508B", "GAJ24CEE4C3BE037"]
    assert monitors[0].assets["6"] == "Alexa.AirQuality.ParticulateMatter"
    assert account.asked == []


async def test_a_known_serial_is_kept_when_discovery_lacks_it() -> None:
    clock = MemoryClock(NOON)
    account = CannedDiscovery(discovered(KITCHEN), {})
    directory = a_directory(account, clock=clock)
    await directory.monitors(1.0)
    identifiers = [{"dmsDeviceTypeId": "AEZME1X38KDRA"}]
    account.replies = (appliance(alexaDeviceIdentifierList=identifiers), {})
    clock.advance(25 * 3600)
    found = await directory.refresh(1.0, is_missed=False)
    assert [one.serial for one in found or ()] == [KITCHEN.serial]
