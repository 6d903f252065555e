"""What settings of devices do to readings, and which values they take."""

from __future__ import annotations

import math

import pytest

from domain.device_settings import (
    Device,
    DeviceSettings,
    check_name,
    check_offset,
    find_devices,
)
from domain.history.series import Summary
from domain.reading import Quantity, Range
from tests.support.builders import NOON, a_reading

COLDER = DeviceSettings(offsets={Quantity.TEMPERATURE: -1.3})
INDOORS = {Quantity.TEMPERATURE: Range(least=0, most=40)}


def test_an_offset_leaves_no_dust_and_other_quantities_alone() -> None:
    reading = COLDER.adjusted(a_reading(temperature=20.1, pm25=4.0))
    assert reading.values == {Quantity.TEMPERATURE: 18.8, Quantity.PM25: 4.0}


def test_a_value_that_no_column_takes_is_adjusted_too() -> None:
    reading = a_reading(other_values={"temperature": 61.2, "pressure": 1013.0})
    assert COLDER.adjusted(reading).other_values == {"temperature": 59.9, "pressure": 1013.0}


def test_low_mean_and_high_of_an_hour_are_adjusted() -> None:
    hour = COLDER.adjusted_summary(
        Quantity.TEMPERATURE, Summary(at=NOON, low=20.1, high=22.1, total=63.3, count=3)
    )
    assert (hour.low, hour.high, round(hour.mean, 9), hour.count) == (18.8, 20.8, 19.8, 3)


@pytest.mark.parametrize(
    ("settings", "temperature", "is_anomalous"),
    [
        (DeviceSettings(), -25.0, True),
        (DeviceSettings(), 21.0, False),
        (DeviceSettings(is_outdoor=True), -25.0, False),
        (DeviceSettings(plausible={Quantity.TEMPERATURE: Range(least=-10, most=8)}), 21.0, True),
        (DeviceSettings(plausible={Quantity.TEMPERATURE: Range(least=-10, most=8)}), -5.0, False),
        (
            DeviceSettings(is_outdoor=True, plausible={Quantity.TEMPERATURE: Range(least=-30, most=45)}),
            -35.0,
            True,
        ),
        (DeviceSettings(offsets={Quantity.TEMPERATURE: -5.0}), 41.0, False),
        (DeviceSettings(offsets={Quantity.TEMPERATURE: -5.0}), 4.0, True),
    ],
)
def test_what_is_anomalous_depends_on_the_device(
    settings: DeviceSettings, temperature: float, is_anomalous: bool
) -> None:
    reading = a_reading(temperature=temperature)
    flagged = settings.flagged(reading, INDOORS)
    assert flagged.is_anomalous is is_anomalous
    assert flagged.values == reading.values


@pytest.mark.parametrize("offset", [math.nan, math.inf, 20.1, -20.1])
def test_an_offset_that_no_sensor_needs_is_refused(offset: float) -> None:
    with pytest.raises(ValueError, match="between -20 and 20"):
        check_offset(Quantity.TEMPERATURE, offset)
    assert check_offset(Quantity.TEMPERATURE, -20.0) == -20.0


@pytest.mark.parametrize(
    ("text", "name"),
    [("  Living \t room ", "Living room"), ("Ku\u0308che", "K\u00fcche"), ("x" * 60, "x" * 60)],
)
def test_a_name_is_kept_as_it_looks(text: str, name: str) -> None:
    assert check_name(text) == name


@pytest.mark.parametrize("text", ["", "  ", "a\x1b[2J", "a\u202eb", "x" * 61, "a\x00"])
def test_a_name_that_cannot_be_shown_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="1 to 60 printable characters"):
        check_name(text)


def _device(device_id: str, name: str) -> Device:
    return Device(
        device_id=device_id, name=name, kind="", source=None, seen_at=None, settings=DeviceSettings()
    )


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("HUE:AA-1", ["hue:aa-1"]),
        ("kitchen", ["hue:aa-1"]),
        ("aa-1", ["hue:aa-1", "hue:aa-12"]),
        ("aa-12", ["hue:aa-12"]),
        ("cell", ["hue:bb"]),
        (" Hall ", ["hue:cc", "hue:dd"]),
        ("attic", []),
        (" ", []),
    ],
)
def test_a_device_is_found_by_id_name_or_part(text: str, found: list[str]) -> None:
    devices = [
        _device("hue:aa-1", "Kitchen"),
        _device("hue:aa-12", "Kitchen window"),
        _device("hue:bb", "Cellar"),
        _device("hue:cc", "Hall"),
        _device("hue:dd", "Hall"),
    ]
    assert [one.device_id for one in find_devices(text, devices)] == found
