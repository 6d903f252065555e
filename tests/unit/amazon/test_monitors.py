"""Which of an account's devices are air quality monitors, by both forms of discovery."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from adapters.amazon.monitors import Monitor, joined, monitors_of_appliances, monitors_of_endpoints
from tests.support.alexa_stand_in import Device
from tests.support.canned_alexa import discovered, listed

KITCHEN = Device()
BEDROOM = Device(entity="5c7d3f2e-0000-4000-8000-00000000000b", serial="GAJ23005314600J4", name="Bedroom")


def appliance(device: Device, **changes: Any) -> dict[str, Any]:
    return {"data": {"endpoints": {"items": [{"legacyAppliance": device.appliance() | changes}]}}}


def endpoint(device: Device, **changes: Any) -> dict[str, Any]:
    return {"data": {"listEndpoints": {"endpoints": [device.listed() | changes]}}}


def test_the_older_form_tells_who_they_are_and_what_their_ranges_mean() -> None:
    kitchen, bedroom = monitors_of_appliances(discovered(KITCHEN, BEDROOM))
    assert kitchen.device_id == "alexa:GAJ23005314600H3"
    assert (kitchen.endpoint_id, kitchen.entity_id) == (KITCHEN.endpoint, KITCHEN.entity)
    assert kitchen.assets["4"] == "Alexa.AirQuality.Humidity"
    assert "7" not in kitchen.assets  # its name is a text in somebody's language
    assert (bedroom.name, bedroom.serial) == ("Bedroom", "GAJ23005314600J4")


def test_the_newer_form_tells_who_they_are() -> None:
    assert list(monitors_of_endpoints(listed(KITCHEN))) == [
        Monitor(
            endpoint_id=KITCHEN.endpoint, entity_id=KITCHEN.entity, serial=KITCHEN.serial, name=KITCHEN.name
        )
    ]


def test_a_serial_number_may_stand_bare() -> None:
    (monitor,) = monitors_of_endpoints(endpoint(KITCHEN, serialNumber="GAJ7777"))
    assert monitor.serial == "GAJ7777"


def test_without_an_entity_the_endpoint_tells_it() -> None:
    (monitor,) = monitors_of_endpoints(endpoint(KITCHEN, legacyIdentifiers=None))
    assert monitor.entity_id == KITCHEN.entity


@pytest.mark.parametrize(
    "changes",
    [
        {"applianceTypes": ["LIGHT"]},
        {"applianceTypes": None},
        {"entityId": ""},
        {"friendlyDescription": "Somebody else's sensor", "alexaDeviceIdentifierList": None},
    ],
)
def test_an_appliance_that_is_no_monitor_of_amazons_is_passed_over(changes: dict[str, Any]) -> None:
    assert list(monitors_of_appliances(appliance(KITCHEN, **changes))) == []


def test_amazon_in_the_description_is_enough_where_the_device_type_is_not_told() -> None:
    alone = {"dmsDeviceSerialNumber": "GAJ23005314600J1"}
    described = {"friendlyDescription": "Amazon Luftqualitätsmonitor", "alexaDeviceIdentifierList": [alone]}
    (monitor,) = monitors_of_appliances(appliance(KITCHEN, **described))
    assert monitor.serial == "GAJ23005314600J1"


def test_an_identifier_may_stand_alone_instead_of_in_a_list() -> None:
    alone = {"dmsDeviceSerialNumber": "GAJ23005314600J1"}
    (monitor,) = monitors_of_appliances(appliance(KITCHEN, alexaDeviceIdentifierList=alone))
    assert monitor.serial == "GAJ23005314600J1"


def test_the_device_type_is_enough_where_the_description_is_in_another_language() -> None:
    (monitor,) = monitors_of_appliances(appliance(KITCHEN, friendlyDescription="Luftqualität"))
    assert monitor.serial == KITCHEN.serial


@pytest.mark.parametrize(
    "changes",
    [
        {"displayCategories": {"primary": {"value": "LIGHT"}}},
        {"displayCategories": None},
        {"id": None},
        {"legacyIdentifiers": {"dmsIdentifier": {"deviceType": {"value": {"text": "ANOTHER"}}}}},
    ],
)
def test_an_endpoint_that_is_no_monitor_of_amazons_is_passed_over(changes: dict[str, Any]) -> None:
    assert list(monitors_of_endpoints(endpoint(KITCHEN, **changes))) == []


@pytest.mark.parametrize("serial", ["", "a b", "x" * 65, "../../etc", None])
def test_a_serial_number_that_cannot_be_one_is_none(serial: str | None) -> None:
    (monitor,) = monitors_of_endpoints(endpoint(KITCHEN, serialNumber={"value": {"text": serial}}))
    assert (monitor.serial, monitor.device_id, monitor.label) == (None, None, "Kitchen")


def test_what_two_forms_tell_of_one_monitor_is_joined() -> None:
    nameless = attrs.evolve(KITCHEN, serial=None)
    both = [*monitors_of_appliances(discovered(nameless)), *monitors_of_endpoints(listed(KITCHEN))]
    (monitor,) = joined(both)
    assert (monitor.serial, monitor.assets["6"]) == (KITCHEN.serial, "Alexa.AirQuality.ParticulateMatter")


@pytest.mark.parametrize(
    "content", [None, 7, [], {}, {"data": None}, {"data": {"endpoints": {"items": [None, 1]}}}]
)
def test_an_answer_of_another_shape_has_no_monitors(content: Any) -> None:
    assert list(monitors_of_appliances(content)) == []
    assert list(monitors_of_endpoints(content)) == []
