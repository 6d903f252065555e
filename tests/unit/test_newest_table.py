"""The table of newest values, as it is printed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from adapters.memory.store import MemoryHistory, MemoryStore
from entrypoints.terminal.status_text import show, sparkline
from tests.support.builders import NOON, a_collected, a_cycle, a_due, a_reading

HOUR = timedelta(hours=1)


def test_a_sparkline_rises_with_the_values() -> None:
    series = [(NOON + HOUR * number, float(number)) for number in range(8)]
    assert sparkline(series, NOON, NOON + 8 * HOUR, width=8) == "▁▂▃▄▅▆▇█"


def test_a_sparkline_takes_the_mean_of_a_column() -> None:
    series = [(NOON, 0.0), (NOON + HOUR, 10.0), (NOON + 2 * HOUR, 10.0), (NOON + 3 * HOUR, 10.0)]
    assert sparkline(series, NOON, NOON + 4 * HOUR, width=2) == "▁█"


def test_a_gap_stays_blank() -> None:
    series = [(NOON, 1.0), (NOON + 3 * HOUR, 2.0)]
    assert sparkline(series, NOON, NOON + 4 * HOUR, width=4) == "▁  █"


def test_a_value_that_never_changes_is_a_flat_line() -> None:
    series = [(NOON + HOUR * number, 20.0) for number in range(3)]
    assert sparkline(series, NOON, NOON + 3 * HOUR, width=3) == "▁▁▁"


def test_nothing_stored_is_an_empty_line() -> None:
    assert sparkline([], NOON, NOON + HOUR, width=3) == "   "


def test_the_table_shows_each_device_with_its_age_battery_and_range(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    store = MemoryStore()
    for number, temperature in enumerate((18.0, 21.25)):
        slot = NOON + number * HOUR
        reading = a_reading(
            "hue:1", temperature=temperature, location="Küche", collected_at=slot, battery_percent=80
        )
        store.append(a_cycle(a_collected(reading, due=a_due(slot=slot))))
    show(MemoryHistory(store), since=NOON, now=NOON + 2 * HOUR)
    heading, row = capsys.readouterr().out.splitlines()
    assert heading.split()[:5] == ["room", "now", "age", "battery", "min"]
    assert row.split()[:7] == ["Küche", "21.2", "°C", "60", "min", "80", "%"]
    assert row.rstrip().endswith("21.2")
