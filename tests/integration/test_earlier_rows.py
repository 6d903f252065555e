"""What rows of the earlier program say of a device stays: its location, and its name."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.sqlite.history.earlier import earlier_locations, has_thermostats
from adapters.sqlite.history.queries import SqliteHistory
from adapters.sqlite.rows.names import TypedNames
from adapters.sqlite.schema import CREATE_DEVICE_SETTINGS
from config.device_registry import RegistryNames
from domain.errors import StoreError, StoreMissing
from domain.reading import DeviceKind, Reading, ThermostatMode
from tests.support.builders import NOON, a_collected, a_cycle, a_due, a_reading
from tests.support.databases import a_store, changed, rows
from tests.support.old_homes import HUE_DEVICES, Age, make_old_home

NAMES = "SELECT device_id, name FROM all_readings WHERE timestamp >= '2026-' ORDER BY timestamp, device_id"
DEVICE = HUE_DEVICES[1]
REGISTRY = """\
_comment: Device registry - edit device names as needed
devices:
  {device}:
    name: {name}
    location: Utility
    first_seen: '2025-11-21 22:38:30'
  alexa:NONE:
    name: null
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "readings.db"
    make_old_home(path, Age.F, 400)
    return path


def _store(path: Path, *readings: Reading, typed: TypedNames = dict) -> None:
    store = a_store(path, typed_names=typed)
    for reading in readings:
        store.append(a_cycle(a_collected(reading, due=a_due(slot=reading.collected_at))))
    store.close()


def _later(number: int, device_id: str = DEVICE, **changes: object) -> Reading:
    return a_reading(device_id, collected_at=NOON + number * timedelta(minutes=5), **changes)


@pytest.mark.parametrize("age", Age)
def test_location_of_a_known_device_stays_before_and_after_the_upgrade(tmp_path: Path, age: Age) -> None:
    path = tmp_path / "old.db"
    make_old_home(path, age, 100)
    before = earlier_locations(path)
    assert before[DEVICE] == "寝室"
    _store(path, _later(0, location=before[DEVICE]), _later(0, "hue:new"))
    after = earlier_locations(path)
    assert after == before
    assert "hue:new" not in after


def test_device_whose_rows_are_split_already_has_no_earlier_location(path: Path) -> None:
    _store(path, _later(0, location="Bedroom"))
    assert DEVICE not in earlier_locations(path)
    assert HUE_DEVICES[2] in earlier_locations(path)


def test_name_that_rename_has_given_to_the_rows_is_no_earlier_location(path: Path) -> None:
    changed(
        path,
        CREATE_DEVICE_SETTINGS,
        f"INSERT INTO device_settings VALUES ('{DEVICE.upper()}', 'name', '2026-01-01T00:00:00+00:00', "  # noqa: S608
        "'\"Study\"')",
        f"INSERT INTO device_settings VALUES ('{DEVICE.upper()}', 'name', '2026-01-02T00:00:00+00:00', NULL)",  # noqa: S608
        f"UPDATE readings SET location = 'Study' WHERE device_id IN ('{DEVICE}', '{HUE_DEVICES[2]}')",  # noqa: S608
    )
    earlier = earlier_locations(path)
    assert (earlier.get(DEVICE), earlier[HUE_DEVICES[2]]) == (None, "Study")


def test_missing_or_broken_database_raises(tmp_path: Path) -> None:
    for ask in (earlier_locations, has_thermostats):
        with pytest.raises(StoreMissing):
            ask(tmp_path / "none.db")
    (tmp_path / "broken.db").write_bytes(b"no database" * 1000)
    with pytest.raises(StoreError):
        earlier_locations(tmp_path / "broken.db")


def test_rows_of_a_thermostat_are_found_and_new_ones_have_its_mode(path: Path) -> None:
    assert has_thermostats(path)
    nest = _later(0, "nest:x", kind=DeviceKind.NEST_THERMOSTAT, thermostat_mode=ThermostatMode.HEATING)
    _store(path, nest)
    select = (
        "SELECT device_type, temperature_celsius, thermostat_mode FROM readings WHERE device_id = 'nest:x'"
    )
    assert rows(path, select) == [("nest_thermostat", 21.5, "heating")]
    assert nest in SqliteHistory(path).newest()
    changed(path, "DELETE FROM readings WHERE device_id LIKE 'nest:%'")
    assert not has_thermostats(path)


def test_name_column_is_filled(path: Path) -> None:
    typed: dict[str, str] = {}
    changed(path, f"UPDATE readings SET name = 'Fenster' WHERE device_id = '{DEVICE}'")  # noqa: S608
    store = a_store(path, typed_names=lambda: typed)
    for number, names in enumerate(({}, {DEVICE: "Typed"}, {})):
        typed.clear()
        typed.update(names)
        reading = _later(number) if number else _later(number, relative_humidity=40.0)  # in both tables
        store.append(a_cycle(a_collected(reading, due=a_due(slot=reading.collected_at))))
    new = _later(3, "hue:new")
    store.append(a_cycle(a_collected(new, due=a_due("amazon", slot=new.collected_at))))
    store.close()
    assert [name for _, name in rows(path, NAMES)] == ["Fenster", "Typed", "Typed", None]


def test_name_that_was_set_wins_over_a_typed_one(path: Path) -> None:
    _store(path, _later(0))
    changed(
        path,
        "CREATE TABLE device_settings (device_id TEXT NOT NULL, setting TEXT NOT NULL, "
        "changed_at TEXT NOT NULL, value TEXT, PRIMARY KEY (device_id, setting, changed_at)) WITHOUT ROWID",
        "INSERT INTO device_settings "
        "SELECT DISTINCT device_id, 'name', '2026-01-01T00:00:00+00:00', '\"Hall\"' FROM readings",
    )
    _store(path, _later(1), typed=lambda: {DEVICE: "Typed"})
    assert rows(path, NAMES)[-1] == (DEVICE, "Hall")


@pytest.mark.parametrize("is_restarted", [False, True])
def test_name_that_was_set_ends_with_its_setting(path: Path, *, is_restarted: bool) -> None:
    insert = f"INSERT INTO device_settings VALUES ('{DEVICE}', 'name', '2026-01-0{{}}T00:00:00+00:00', {{}})"  # noqa: S608
    changed(path, f"UPDATE readings SET name = 'Fenster' WHERE device_id = '{DEVICE}'")  # noqa: S608
    store = a_store(path)
    for number, statements in enumerate(
        ((CREATE_DEVICE_SETTINGS, insert.format(1, "'\"Study\"'")), (insert.format(2, "NULL"),))
    ):
        changed(path, *statements)
        if is_restarted:
            store.close()
            store = a_store(path)
        reading = _later(number)
        store.append(a_cycle(a_collected(reading, due=a_due(slot=reading.collected_at))))
    store.close()
    assert [name for _, name in rows(path, NAMES)] == ["Study", "Fenster"]


@pytest.mark.parametrize("age", [Age.C_WAL, Age.E0])
def test_homes_without_the_column_get_none(tmp_path: Path, age: Age) -> None:
    path = tmp_path / "old.db"
    make_old_home(path, age, 10)
    _store(path, _later(0), typed=lambda: {DEVICE: "Typed"})
    assert "name" not in {row[1] for row in rows(path, "PRAGMA table_info(readings)")}


def _registry(tmp_path: Path, text: str) -> Mapping[str, str]:
    (tmp_path / "device_registry.yaml").write_text(text)
    return RegistryNames(tmp_path / "device_registry.yaml")()


def test_names_of_the_registry_are_by_device(tmp_path: Path) -> None:
    assert _registry(tmp_path, REGISTRY.format(device=DEVICE.upper(), name="Kitchen  ")) == {
        DEVICE: "Kitchen"
    }
    assert _registry(tmp_path, REGISTRY.format(device=DEVICE, name=r'"a\x1b[2Jb"')) == {DEVICE: "a\ufffd[2Jb"}


@pytest.mark.parametrize("text", ["", "devices: [1]", "devices: {a: 5, b: {name: [1]}}", "- a", "devices:"])
def test_registry_of_another_shape_has_no_names(tmp_path: Path, text: str) -> None:
    assert _registry(tmp_path, text) == {}


def test_edited_registry_counts_at_once_and_a_broken_one_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "device_registry.yaml"
    names = RegistryNames(file)
    assert names() == {}
    for name, text in (("A", REGISTRY), ("Beta", REGISTRY), ("Beta", "devices: {")):
        file.write_text(text.replace("{device}", DEVICE).replace("{name}", name))
        assert names() == {DEVICE: name}
    file.unlink()
    assert names() == {}
