"""Readings and ledger with the settings of their devices applied."""

from __future__ import annotations

from datetime import UTC, timedelta

import pytest

from adapters.memory.device_settings import MemoryDeviceSettings
from adapters.memory.runtime import MemoryClock
from adapters.memory.store import MemoryStore
from adapters.memory.stored_data import MemoryHistory, MemoryLedger
from domain.device_settings import Setting
from domain.reading import Quantity
from domain.services.adjusted_readers import AdjustedHistory, AdjustedLedger, CurrentSettings, known_devices
from tests.support.builders import NOON, a_collected, a_cycle, a_reading, an_unread
from tests.support.device_settings import a_change, an_offset

TEMPERATURE = Quantity.TEMPERATURE
END = NOON + timedelta(hours=1)


@pytest.fixture
def log() -> MemoryDeviceSettings:
    return MemoryDeviceSettings()


@pytest.fixture
def settings(log: MemoryDeviceSettings) -> CurrentSettings:
    return CurrentSettings(log, MemoryClock(NOON))


@pytest.fixture
def store() -> MemoryStore:
    store = MemoryStore()
    readings = (
        a_reading("hue:a", temperature=20.1, location="Attic"),
        a_reading("hue:b", temperature=20.1, location="Bath"),
    )
    store.append(a_cycle(a_collected(*readings, unread=(an_unread("hue:quiet"),))))
    return store


@pytest.fixture
def history(store: MemoryStore, settings: CurrentSettings) -> AdjustedHistory:
    return AdjustedHistory(MemoryHistory(store), settings)


def test_every_value_of_a_device_has_its_offset(log: MemoryDeviceSettings, history: AdjustedHistory) -> None:
    log.add(an_offset(-1.3))
    assert [one.values[TEMPERATURE] for one in history.newest()] == [18.8, 20.1]
    assert history.series("hue:a", TEMPERATURE, NOON) == [(NOON, 18.8)]
    assert history.values("hue:a", NOON, END)[TEMPERATURE] == [(NOON, 18.8)]
    (hour,) = history.hours("hue:a", TEMPERATURE, NOON, END)
    (day,) = history.days("hue:a", TEMPERATURE, NOON, END, UTC)
    for part in (hour, day):
        assert (part.low, part.mean, part.high) == (18.8, 18.8, 18.8)
    assert history.series("hue:b", TEMPERATURE, NOON) == [(NOON, 20.1)]


def test_a_device_is_shown_under_its_newest_name(log: MemoryDeviceSettings, history: AdjustedHistory) -> None:
    log.add(a_change(Setting.NAME, "Study"))
    assert [one.location for one in history.newest()] == ["Bath", "Study"]


def test_an_ignored_device_is_left_out(
    log: MemoryDeviceSettings, history: AdjustedHistory, store: MemoryStore, settings: CurrentSettings
) -> None:
    ledger = AdjustedLedger(MemoryLedger(store), settings)
    for device_id in ("hue:A", "hue:quiet"):
        log.add(a_change(Setting.IGNORED, True, device_id=device_id))
    assert [one.device_id for one in history.newest()] == ["hue:b"]
    assert [one.device_id for one in ledger.devices()] == ["hue:b"]
    assert ledger.absences(NOON, END) == []
    assert [row.unread for row in ledger.rows(NOON, END)] == [{}]
    store.readings.clear()
    assert [one.device_id for one in ledger.unexplained(NOON, END)] == ["hue:b"]


def test_settings_are_read_again_after_a_second(log: MemoryDeviceSettings) -> None:
    clock = MemoryClock(NOON)
    settings = CurrentSettings(log, clock)
    assert settings().offsets == {}
    log.add(an_offset(-1.3))
    assert settings().offsets == {}
    clock.advance(1.0)
    assert settings().offsets == {"hue:a": {TEMPERATURE: -1.3}}


def test_every_device_is_known_with_its_settings(log: MemoryDeviceSettings, store: MemoryStore) -> None:
    log.add(a_change(Setting.NAME, "Study"))
    log.add(a_change(Setting.IGNORED, True, device_id="hue:b"))
    bath, study = known_devices(MemoryHistory(store), MemoryLedger(store), log.current())
    assert (bath.device_id, bath.source, bath.seen_at) == ("hue:b", "hue", NOON)
    assert bath.settings.is_ignored
    assert (study.device_id, study.name) == ("hue:a", "Study")
