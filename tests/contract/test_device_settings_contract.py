"""The promises of every log of device settings."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from adapters.memory.device_settings import MemoryDeviceSettings
from domain.device_settings import DeviceSettings, Setting, SettingChange
from domain.reading import Quantity, Range
from ports.stored_data import DeviceSettingsLog
from tests.support.builders import NOON
from tests.support.databases import a_store
from tests.support.device_settings import a_change, an_offset, sqlite_device_settings

MINUTE = timedelta(minutes=1)


@pytest.fixture(params=["memory", "sqlite"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> DeviceSettingsLog:
    if request.param == "memory":
        return MemoryDeviceSettings()
    store = a_store(tmp_path / "readings.db")
    store.open()
    store.close()
    return sqlite_device_settings(tmp_path / "readings.db")


def test_a_new_home_has_no_settings(log: DeviceSettingsLog) -> None:
    assert log.current().by_id == {}
    assert list(log.changes()) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (a_change(Setting.NAME, "K\u00fcche"), DeviceSettings(name="K\u00fcche")),
        (a_change(Setting.NAME, "21"), DeviceSettings(name="21")),
        (an_offset(-1.3), DeviceSettings(offsets={Quantity.TEMPERATURE: -1.3})),
        (an_offset(-2.0), DeviceSettings(offsets={Quantity.TEMPERATURE: -2.0})),
        (a_change(Setting.OUTDOOR, True), DeviceSettings(is_outdoor=True)),
        (a_change(Setting.IGNORED, True), DeviceSettings(ignored_since=NOON)),
        (
            a_change(Setting.PLAUSIBLE, Range(least=0, most=3.5), quantity=Quantity.PM25),
            DeviceSettings(plausible={Quantity.PM25: Range(least=0, most=3.5)}),
        ),
    ],
)
def test_each_setting_takes_effect(
    log: DeviceSettingsLog, change: SettingChange, expected: DeviceSettings
) -> None:
    assert log.add(change) == change
    assert log.changes() == [change]
    assert log.current().of("HUE:A") == expected


def test_the_newest_change_is_in_effect_and_all_are_kept(log: DeviceSettingsLog) -> None:
    changes = [an_offset(-1.0), an_offset(-1.5, at=NOON + MINUTE), an_offset(None, at=NOON + 2 * MINUTE)]
    for change in changes[:2]:
        log.add(change)
    assert log.current().of("hue:a").offsets == {Quantity.TEMPERATURE: -1.5}
    log.add(changes[2])
    assert log.current().of("hue:a") == DeviceSettings()
    assert log.changes() == changes


def test_a_change_with_the_clock_set_back_is_the_newest(log: DeviceSettingsLog) -> None:
    log.add(an_offset(-1.0))
    kept = log.add(an_offset(-2.0, at=NOON - MINUTE))
    assert kept.at > NOON
    assert log.current().of("hue:a").offsets == {Quantity.TEMPERATURE: -2.0}


def test_settings_and_quantities_of_a_device_are_separate(log: DeviceSettingsLog) -> None:
    log.add(an_offset(-1.0))
    log.add(an_offset(5.0, quantity=Quantity.RELATIVE_HUMIDITY))
    log.add(a_change(Setting.NAME, "Attic"))
    log.add(an_offset(2.0, device_id="hue:b"))
    assert log.current().of("hue:a") == DeviceSettings(
        name="Attic", offsets={Quantity.TEMPERATURE: -1.0, Quantity.RELATIVE_HUMIDITY: 5.0}
    )
    assert log.current().of("hue:b").offsets == {Quantity.TEMPERATURE: 2.0}
