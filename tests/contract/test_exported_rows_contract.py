"""The promises of every source of exported rows."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from adapters.memory.stored_data import MemoryExportedRows
from adapters.sqlite.history.exporting import SqliteExportedRows
from domain.history.export import Selection
from domain.reading import Quantity
from ports.store import Store
from ports.stored_data import ExportedRows
from tests.support.builders import NOON, a_reading
from tests.support.stored_pairs import keep, pair_fixture

LATER = NOON + timedelta(minutes=5)

Pair = tuple[Store, ExportedRows]
pair = pair_fixture(MemoryExportedRows, SqliteExportedRows)


def _cells(exported: ExportedRows, selection: Selection, *columns: str) -> list[tuple[object, ...]]:
    places = [list(selection.columns).index(column) for column in columns]
    return [tuple(row[place] for place in places) for row in exported.rows(selection)]


def test_a_row_has_a_cell_for_each_column(pair: Pair) -> None:
    store, exported = pair
    keep(
        store,
        a_reading(
            "hue:a",
            location="Attic",
            observed_at=NOON - timedelta(seconds=40),
            battery_percent=80,
            is_reachable=True,
            temperature=61.2,
            relative_humidity=40.5,
        ),
    )
    (row,) = exported.rows(Selection())
    cells = dict(zip(Selection().columns, row, strict=True))
    assert json.loads(str(cells.pop("other_values"))) == {"temperature": 61.2}
    assert {name: cell for name, cell in cells.items() if cell is not None} == {
        "collected_at": "2026-03-01T12:00:00+00:00",
        "device_id": "hue:a",
        "location": "Attic",
        "device_type": "hue_sensor",
        "relative_humidity": 40.5,
        "battery_percent": 80,
        "is_reachable": 1,
        "is_anomalous": 1,
        "observed_at": "2026-03-01T11:59:20+00:00",
    }


def test_rows_are_in_the_order_of_time(pair: Pair) -> None:
    store, exported = pair
    just_after = NOON + timedelta(microseconds=1)
    keep(store, *(a_reading(collected_at=at) for at in (LATER, just_after, NOON)))
    assert [at for (at,) in _cells(exported, Selection(), "collected_at")] == [
        at.isoformat() for at in (NOON, just_after, LATER)
    ]


def test_readings_without_a_temperature_stand_among_the_others(pair: Pair) -> None:
    store, exported = pair
    slots = [NOON + number * timedelta(minutes=5) for number in range(4)]
    values = [{Quantity.TEMPERATURE: 21.0}, {Quantity.PM25: 3.0}] * 2
    keep(store, *(a_reading(collected_at=at, values=one) for at, one in zip(slots, values, strict=True)))
    keep(store, a_reading("alexa:b", location="Hall", pm25=4.0))
    selection = Selection(device_ids=(a_reading().device_id,))
    assert _cells(exported, selection, "collected_at", "temperature", "pm25") == [
        (slot.isoformat(), one.get(Quantity.TEMPERATURE), one.get(Quantity.PM25))
        for slot, one in zip(slots, values, strict=True)
    ]
    assert (exported.count(Selection()), exported.count(selection)) == (5, 4)
    assert exported.devices() == {a_reading().device_id: "Living room", "alexa:b": "Hall"}
    assert _cells(exported, Selection(quantities=(Quantity.PM25,)), "pm25") == [(4.0,), (3.0,), (3.0,)]


def test_rows_begin_at_since_and_end_before_until(pair: Pair) -> None:
    store, exported = pair
    slots = [NOON + number * timedelta(minutes=5) for number in range(4)]
    keep(store, *(a_reading(collected_at=at) for at in slots))
    selection = Selection(since=slots[1], until=slots[3])
    assert _cells(exported, selection, "collected_at") == [(at.isoformat(),) for at in slots[1:3]]
    assert exported.count(selection) >= 2
    assert exported.count(Selection()) == 4


@pytest.mark.parametrize("device_ids", [("hue:a",), ("hue:a", "hue:c")])
def test_only_the_selected_devices(pair: Pair, device_ids: tuple[str, ...]) -> None:
    store, exported = pair
    keep(store, *(a_reading(one, collected_at=at) for at in (NOON, LATER) for one in ("hue:a", "hue:b")))
    keep(store, a_reading("hue:c", collected_at=LATER))
    found = _cells(exported, Selection(device_ids=device_ids), "device_id")
    assert [one for (one,) in found] == ["hue:a", *device_ids]


def test_only_rows_with_a_selected_quantity(pair: Pair) -> None:
    store, exported = pair
    keep(
        store,
        a_reading("alexa:a", temperature=20.0, pm25=3.0),
        a_reading("hue:b", temperature=21.0),
        a_reading("hue:hot", temperature=61.2),
    )
    wanted = Selection(quantities=(Quantity.PM25,))
    assert _cells(exported, wanted, "device_id", "pm25") == [("alexa:a", 3.0)]
    wanted = Selection(quantities=(Quantity.TEMPERATURE,))
    assert _cells(exported, wanted, "device_id") == [("alexa:a",), ("hue:b",), ("hue:hot",)]


def test_devices_have_their_last_location(pair: Pair) -> None:
    store, exported = pair
    keep(store, a_reading("hue:a", location="Old"), a_reading("hue:b", location="Hall"))
    keep(store, a_reading("hue:a", location="New", collected_at=LATER))
    assert exported.devices() == {"hue:a": "New", "hue:b": "Hall"}


def test_devices_that_are_left_out(pair: Pair) -> None:
    store, exported = pair
    keep(store, a_reading("hue:a"), a_reading("hue:b"))
    selection = Selection(without=("hue:a",))
    assert _cells(exported, selection, "device_id") == [("hue:b",)]
    assert exported.count(selection) == 1
