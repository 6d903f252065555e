"""What the page shows of a home: words on cards, reasons of silences, the last cycle."""

from __future__ import annotations

from datetime import UTC, timedelta

import attrs
import pytest

from adapters.memory.device_settings import MemoryDeviceSettings
from adapters.memory.runtime import MemoryClock
from adapters.memory.store import MemoryStore
from adapters.memory.stored_data import MemoryHistory, MemoryLedger, MemoryMeasurements
from domain.device_settings import DeviceSettings, Setting, SettingsByDevice
from domain.history.series import Span
from domain.measurements import ReadCost
from domain.reading import Quantity
from domain.services.adjusted_readers import AdjustedHistory, AdjustedLedger, CurrentSettings
from entrypoints.web.page_data import PageData
from tests.support.builders import NOON, a_collected, a_cycle, a_due, a_failed, a_reading, an_unread
from tests.support.device_settings import a_change, an_offset

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def page_data(store: MemoryStore) -> PageData:
    return PageData(
        history=MemoryHistory(store),
        ledger=MemoryLedger(store),
        measurements=MemoryMeasurements(store),
        clock=MemoryClock(NOON + MINUTE),
        zone=UTC,
        interval=5 * MINUTE,
        is_simulated=False,
        incidents=list,
        database=dict,
    )


def air_at(store: MemoryStore, hours_ago: float, **values: float) -> None:
    slot = NOON - hours_ago * HOUR
    measured = {Quantity(name): value for name, value in values.items()}
    store.append(
        a_cycle(a_collected(a_reading("a", collected_at=slot, values=measured), due=a_due(slot=slot)))
    )


def words_of(store: MemoryStore, quantity: Quantity) -> str:
    data = page_data(store)
    (card,) = data.build(data.span("24h"))["rooms"]
    return str(next(value["words"] for value in card["values"] if value["quantity"] == quantity))


@pytest.mark.parametrize(("hours", "words"), [(17, "no 24 h mean yet"), (20, "moderate, 24 h mean 20")])
def test_pm25_has_the_class_of_its_day(hours: int, words: str) -> None:
    store = MemoryStore()
    for ago in range(hours, 0, -1):
        air_at(store, ago, pm25=20.0)
    assert words_of(store, Quantity.PM25) == words


def test_voc_index_is_compared_with_what_is_usual() -> None:
    store = MemoryStore()
    for ago in range(60, 0, -1):
        air_at(store, ago, voc_index=float(ago % 10))
    air_at(store, 0, voc_index=40.0)
    assert words_of(store, Quantity.VOC_INDEX) == "higher than usual here (1 to 9)"
    data = page_data(store)
    (chart,) = data.build(data.span("6h"))["charts"]
    assert chart["usual"] == (1.0, 9.0)


def test_each_source_has_its_own_interval() -> None:
    """Readings every quarter of an hour are no breaks, and their device is not stale after 40 minutes."""
    store = MemoryStore()
    for minutes in (85, 70, 55, 40):
        slot = NOON - minutes * MINUTE
        due = a_due("amazon", slot=slot, interval_s=900)
        store.append(a_cycle(a_collected(a_reading("a", collected_at=slot), due=due)))
    data = attrs.evolve(page_data(store), intervals={"amazon": 15 * MINUTE})
    content = data.build(data.span("6h"))
    (chart,) = content["charts"]
    assert chart["series"][0]["means"] == [21.5] * 4
    assert (chart["interval"], content["interval"]) == (900, 900)
    assert not content["rooms"][0]["is_stale"]


def test_strip_has_the_share_of_each_cell() -> None:
    store = MemoryStore()
    for minutes in range(360, -5, -5):
        due = a_due(slot=NOON - minutes * MINUTE)
        is_missing = minutes in (60, 55)
        outcome = a_failed(due) if is_missing else a_collected(a_reading("a", collected_at=due.slot), due=due)
        store.append(a_cycle(outcome))
    data = page_data(store)
    source, device = data.build(Span(since=NOON - 4 * HOUR, until=NOON))["strips"]
    cells = 96 / 4  # in an hour
    assert source["cells"] == device["cells"]
    lost = [number for number, share in enumerate(source["cells"]) if share < 1]
    assert lost == list(range(round(3 * cells), round(3 * cells) + 4))  # 10 minutes, in cells of 2.5
    assert {source["cells"][number] for number in lost} == {0.0}


def test_rooms_are_in_the_order_of_their_names_and_those_outdoors_last() -> None:
    store = MemoryStore()
    readings = [a_reading(name, location=name) for name in ("balcony", "Kitchen", "attic")]
    store.append(a_cycle(a_collected(*readings, due=a_due(slot=NOON))))
    settings = SettingsByDevice({"balcony": DeviceSettings(is_outdoor=True)})
    data = attrs.evolve(page_data(store), settings=lambda: settings)
    content = data.build(data.span("6h"))
    assert [(room["name"], room["is_outdoor"]) for room in content["rooms"]] == [
        ("attic", False),
        ("Kitchen", False),
        ("balcony", True),
    ]
    assert [strip["name"] for strip in content["strips"][1:]] == ["attic", "Kitchen", "balcony"]


def test_implausible_values_are_marked_among_readings_and_not_in_means() -> None:
    store = MemoryStore()
    for minutes in (10, 5):
        slot = NOON - minutes * MINUTE
        reading = a_reading("a", collected_at=slot, temperature=20.0, is_anomalous=minutes == 5)
        store.append(a_cycle(a_collected(reading, due=a_due(slot=slot))))
    data = page_data(store)
    series = [data.build(data.span(name))["charts"][0]["series"][0] for name in ("6h", "30d")]
    assert [one.get("anomalies") for one in series] == [[(NOON - 5 * MINUTE).timestamp()], None]


def test_trend_needs_most_of_an_hour() -> None:
    store = MemoryStore()
    for minutes, celsius in ((60, 19.0), (30, 20.0), (0, 20.5)):
        slot = NOON - minutes * MINUTE
        readings = [a_reading("a", collected_at=slot, temperature=celsius)]
        readings += [a_reading("b", collected_at=slot, temperature=celsius)] if minutes < 60 else []
        store.append(a_cycle(a_collected(*readings, due=a_due(slot=slot))))
    data = page_data(store)
    assert [card["values"][0]["change"] for card in data.build(data.span("6h"))["rooms"]] == [1.5, None]


def test_silence_has_its_reason_and_the_last_cycle_its_counts() -> None:
    store = MemoryStore()
    for minutes in range(60, -5, -5):
        slot = NOON - minutes * MINUTE
        readings = [a_reading("a", collected_at=slot)]
        readings += [a_reading("b", collected_at=slot)] if minutes == 60 else []
        unread = () if minutes == 60 else (an_unread("b"),)
        store.append(a_cycle(a_collected(*readings, due=a_due(slot=slot), unread=unread)))
    store.measurements[NOON, "hue"] = ReadCost(slot=NOON, source="hue", duration_s=0.84)
    data = page_data(store)
    content = data.build(data.span("6h"))
    assert {card["device"]: card["reason"] for card in content["rooms"] if card["is_stale"]} == {
        "b": "the sensor could not be reached"
    }
    assert content["last_cycle"] == {"slot": NOON.timestamp(), "readings": 1, "expected": 2, "seconds": 0.8}
    assert content["database"]["since"] == (NOON - HOUR).timestamp()


def test_failed_cycle_expected_the_devices_of_its_source() -> None:
    store = MemoryStore()
    before = NOON - 5 * MINUTE
    store.append(a_cycle(a_collected(a_reading("a", collected_at=before), due=a_due(slot=before))))
    store.append(a_cycle(a_failed(a_due(slot=NOON), detail="timed out")))
    data = page_data(store)
    content = data.build(data.span("6h"))
    assert content["last_cycle"] == {"slot": NOON.timestamp(), "readings": 0, "expected": 1, "seconds": None}


def test_charts_that_lack_readings_say_so() -> None:
    class Behind(MemoryHistory):
        def backlog(self) -> int:
            return 300_000

    store = MemoryStore()
    air_at(store, 0, pm25=1.0)
    data = attrs.evolve(page_data(store), history=Behind(store))
    found = {
        name: [one["text"] for one in data.build(data.span(name))["incidents"]] for name in ("30d", "1y")
    }
    assert found == {
        "30d": [],
        "1y": ["these charts lack the newest 300,000 readings, which are not summed up yet"],
    }


def test_a_year_of_a_source_that_is_away_is_in_its_strip() -> None:
    store = MemoryStore()
    air_at(store, 24 * 300, pm25=1.0)
    data = page_data(store)
    content = data.build(data.span("1y"))
    source, device = content["strips"]
    assert source["cells"] == device["cells"]
    assert set(source["cells"][-75:]) == {0.0}
    assert len(content["gaps"]) == 1


def test_nothing_is_expected_of_a_device_that_has_left() -> None:
    store = MemoryStore()
    for minutes in range(480, -5, -5):
        due = a_due(slot=NOON - minutes * MINUTE)
        devices = ("a", "b") if minutes > 240 else ("a",)
        readings = [a_reading(device, collected_at=due.slot) for device in devices]
        store.append(a_cycle(a_failed(due) if minutes == 60 else a_collected(*readings, due=due)))
    data = page_data(store)
    content = data.build(Span(since=NOON - 8 * HOUR, until=NOON))
    assert [room["reason"] for room in content["rooms"]] == ["", "its source no longer lists it"]
    _, present, left = content["strips"]
    assert present["cells"].count(None) == 0
    assert left["cells"] == [1.0] * 48 + [None] * 48
    assert (present["share"], left["share"]) == (round(1 - 5 / 480, 4), 1.0)
    whole, present, _ = data.build(Span(since=NOON - 30 * 24 * HOUR, until=NOON))["strips"]
    assert whole["share"] == present["share"] == round(1 - 5 / 480, 4)


def test_offsets_and_names_reach_cards_and_charts_and_are_marked() -> None:
    store, log = MemoryStore(), MemoryDeviceSettings()
    store.append(a_cycle(a_collected(a_reading("hue:a", temperature=20.1), a_reading("hue:b"))))
    for change in (
        an_offset(-1.3),
        a_change(Setting.NAME, "Study"),
        a_change(Setting.IGNORED, True, device_id="hue:b"),
    ):
        log.add(change)
    settings = CurrentSettings(log, MemoryClock(NOON))
    data = attrs.evolve(
        page_data(store),
        history=AdjustedHistory(MemoryHistory(store), settings),
        ledger=AdjustedLedger(MemoryLedger(store), settings),
        settings=settings,
    )
    for name in ("6h", "30d", "all"):
        content = data.build(data.span(name))
        (room,), (chart,) = content["rooms"], content["charts"]
        (series,) = chart["series"]
        assert (room["name"], room["values"][0]["value"], room["offsets"]) == (
            "Study",
            18.8,
            {Quantity.TEMPERATURE: -1.3},
        )
        for values in ("means", "lows", "highs"):
            assert [one for one in series.get(values, [18.8]) if one is not None] == [18.8], name
        assert [strip["name"] for strip in content["strips"] if not strip["is_source"]] == ["Study"]
