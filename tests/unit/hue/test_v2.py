"""What is read out of the v2 API's resources."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.hue.api_v2 import Link, Temperature, batteries_of, links_of, names_of, temperatures_of
from tests.support.hue_replies import (
    DEVICE,
    MAC,
    RESOURCE,
    a_v2_device,
    a_v2_link,
    a_v2_power,
    a_v2_temperature,
    an_envelope,
)


def the_temperature(item: Any) -> Temperature:
    [temperature] = temperatures_of(an_envelope(item))
    return temperature


def test_a_resource_is_read_as_it_is() -> None:
    item = a_v2_temperature()
    assert the_temperature(item) == Temperature(
        id=RESOURCE,
        id_v1="/sensors/4",
        owner=DEVICE,
        temperature=21.43,
        changed=datetime(2026, 3, 1, 11, 57, 21, 698_000, tzinfo=UTC),
        is_enabled=True,
        raw=item,
    )


def test_older_firmware_has_only_the_field_that_is_now_deprecated() -> None:
    temperature = the_temperature(
        a_v2_temperature() | {"temperature": {"temperature": 18.9, "temperature_valid": True}}
    )
    assert (temperature.temperature, temperature.changed) == (18.9, None)


def test_the_newer_field_is_believed_first() -> None:
    newer = {"changed": "2026-03-01T11:57:21Z", "temperature": 19.0}
    item = a_v2_temperature(temperature={"temperature": 18.0, "temperature_report": newer})
    assert the_temperature(item).temperature == 19.0


@pytest.mark.parametrize("report", [None, {}, [], "none", {"temperature": None}, {"temperature": True}])
def test_the_older_field_stands_in_for_a_newer_one_without_a_number(report: Any) -> None:
    item = a_v2_temperature(temperature={"temperature": 18.0, "temperature_report": report})
    assert the_temperature(item).temperature == 18.0


def test_a_temperature_that_the_bridge_calls_invalid_is_none() -> None:
    assert the_temperature(a_v2_temperature(temperature={"temperature_valid": False})).temperature is None


@pytest.mark.parametrize(
    "nothing", [None, [], "none", 7, {}, {"temperature": None, "temperature_report": None}]
)
def test_a_resource_without_a_number_has_no_temperature(nothing: Any) -> None:
    assert the_temperature({**a_v2_temperature(), "temperature": nothing}).temperature is None


@pytest.mark.parametrize("changed", [None, "none", "", 7, "2026-13-01T00:00:00Z"])
def test_a_temperature_of_an_unknown_instant_is_still_one(changed: Any) -> None:
    report = {"temperature": 21.43, "changed": changed}
    temperature = the_temperature(a_v2_temperature(temperature={"temperature_report": report}))
    assert (temperature.temperature, temperature.changed) == (21.43, None)


@pytest.mark.parametrize(("enabled", "counts"), [(False, False), (True, True), (None, True), ("no", True)])
def test_only_a_plain_no_switches_a_sensor_off(enabled: Any, counts: bool) -> None:
    assert the_temperature(a_v2_temperature(enabled=enabled)).is_enabled is counts


@pytest.mark.parametrize("item", [None, [], "x", 7, {}, {"id": None}, {"id": 7}, {"id": ""}], ids=str)
def test_a_resource_without_an_id_is_passed_over(item: Any) -> None:
    assert temperatures_of(an_envelope(item)) == ()


def test_a_resource_with_nothing_but_an_id_is_a_sensor_without_a_value() -> None:
    assert the_temperature({"id": RESOURCE}) == Temperature(
        id=RESOURCE,
        id_v1=None,
        owner="",
        temperature=None,
        changed=None,
        is_enabled=True,
        raw={"id": RESOURCE},
    )


@pytest.mark.parametrize("content", [None, [], {}, {"data": None}, {"data": {}}, "x", 7], ids=str)
def test_what_is_no_envelope_holds_nothing(content: Any) -> None:
    for parse in (temperatures_of, names_of, batteries_of, links_of):
        assert not parse(content)


def test_names_go_by_device() -> None:
    assert names_of(an_envelope(a_v2_device("Attic"))) == {DEVICE: "Attic"}


@pytest.mark.parametrize(
    "item", [{}, {"id": DEVICE}, a_v2_device(metadata=None), a_v2_device(""), 7], ids=str
)
def test_a_device_without_a_name_is_passed_over(item: Any) -> None:
    assert names_of(an_envelope(item)) == {}


def test_charges_go_by_device() -> None:
    assert batteries_of(an_envelope(a_v2_power(77))) == {DEVICE: 77}


@pytest.mark.parametrize("level", [None, True, "77", 101, -1, 7.5])
def test_a_charge_that_is_no_percentage_is_passed_over(level: Any) -> None:
    assert batteries_of(an_envelope(a_v2_power(level))) == {}


@pytest.mark.parametrize(
    ("status", "is_up"),
    [
        ("connected", True),
        ("unidirectional_incoming", True),
        ("disconnected", False),
        ("connectivity_issue", False),
        ("pending_discovery", None),
        (None, None),
        (7, None),
    ],
)
def test_a_link_is_up_down_or_not_known(status: Any, is_up: bool | None) -> None:
    assert links_of(an_envelope(a_v2_link(status))) == {DEVICE: Link(mac=MAC, is_up=is_up)}


@pytest.mark.parametrize("owner", [None, {}, [], "x", {"rid": None}, {"rid": ""}])
def test_what_belongs_to_nobody_is_passed_over(owner: Any) -> None:
    assert links_of(an_envelope(a_v2_link(owner=owner))) == {}
    assert batteries_of(an_envelope(a_v2_power(owner=owner))) == {}
