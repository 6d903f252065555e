"""What every store does with the settings of devices when it stores a cycle, such as one from the spool."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import attrs
import pytest

from adapters.memory.device_settings import MemoryDeviceSettings
from adapters.memory.runtime import MemoryClock
from adapters.memory.store import MemoryStore
from adapters.memory.stored_data import MemoryHistory
from adapters.sqlite.history.queries import SqliteHistory
from domain.cycle import Collected
from domain.device_settings import Setting
from domain.errors import StoreError
from ports.store import Store
from ports.stored_data import DeviceSettingsLog, History
from tests.support.builders import NOON, a_collected, a_cycle, a_due, a_reading, an_unread
from tests.support.databases import a_store
from tests.support.device_settings import a_change, an_offset, sqlite_device_settings

MINUTE = timedelta(minutes=1)


@attrs.frozen
class Kept:
    store: Store
    history: History
    log: DeviceSettingsLog


@pytest.fixture(params=["memory", "sqlite"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kept]:
    path = tmp_path / "readings.db"
    if request.param == "memory":
        log = MemoryDeviceSettings()
        memory = MemoryStore(MemoryClock(NOON), log)
        yield Kept(memory, MemoryHistory(memory), log)
        return
    store = a_store(path)
    store.open()
    yield Kept(store, SqliteHistory(path), sqlite_device_settings(path))
    store.close()


def test_an_open_store_sees_each_change(kept: Kept) -> None:
    assert kept.store.settings().by_id == {}
    kept.log.add(an_offset(-1.3))
    kept.log.add(a_change(Setting.NAME, "Attic"))
    assert kept.store.settings() == kept.log.current()
    assert kept.store.settings().of("hue:a").name == "Attic"


def test_a_reading_is_stored_under_the_name_that_is_set(kept: Kept) -> None:
    kept.log.add(a_change(Setting.NAME, "Attic"))
    stored = kept.store.append(a_cycle(a_collected(a_reading("hue:A", location="Hue sensor 1"))))
    assert [one.location for one in stored.readings] == ["Attic"]
    assert [one.location for one in kept.history.newest()] == ["Attic"]


def test_slots_from_before_a_device_was_ignored_are_stored_and_later_ones_are_not(kept: Kept) -> None:
    kept.log.add(a_change(Setting.IGNORED, True, at=NOON + MINUTE))
    for slot in (NOON + 5 * MINUTE, NOON):
        both = (a_reading("hue:a", collected_at=slot), a_reading("hue:b", collected_at=slot))
        stored = kept.store.append(a_cycle(a_collected(*both, due=a_due(slot=slot))))
        (outcome,) = stored.outcomes
        assert isinstance(outcome, Collected)
        assert outcome.already_stored == ()
    assert [(one.device_id, one.collected_at) for one in kept.history.newest()] == [
        ("hue:a", NOON),
        ("hue:b", NOON + 5 * MINUTE),
    ]


def test_an_ignored_device_is_not_expected_until_it_is_read_again(kept: Kept) -> None:
    kept.store.append(a_cycle(a_collected(a_reading("hue:a"), a_reading("hue:b"))))
    kept.log.add(a_change(Setting.IGNORED, True, at=NOON + MINUTE))
    assert kept.store.progress("hue", NOON + 5 * MINUTE).expected == {"hue:b"}
    slot = NOON + 5 * MINUTE
    left = a_collected(
        a_reading("hue:b", collected_at=slot), due=a_due(slot=slot), unread=(an_unread("hue:a"),)
    )
    (outcome,) = kept.store.append(a_cycle(left)).outcomes
    assert outcome.unread == ()
    kept.log.add(a_change(Setting.IGNORED, None, at=NOON + 6 * MINUTE))
    assert kept.store.progress("hue", NOON + 10 * MINUTE).expected == {"hue:a", "hue:b"}


def test_a_store_that_is_not_open_has_no_settings_to_give(tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        a_store(tmp_path / "readings.db").settings()
