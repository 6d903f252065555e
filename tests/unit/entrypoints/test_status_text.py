"""The status of a home: tables at every width, sources, problems, and the object for scripts."""

from __future__ import annotations

import io
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from adapters.memory.store import MemoryStore
from adapters.memory.stored_data import MemoryHistory, MemoryLedger
from domain.history.coverage import Coverage
from domain.history.series import Span
from domain.progress import Waiting
from domain.reading import Quantity
from domain.services.home_coverage import HomeCoverage, home_coverage
from domain.times import format_age, local_span, local_time
from entrypoints.terminal.output import Look
from entrypoints.terminal.stored_data.newest_table import Newest, NewestTables, newest_of, sparkline
from entrypoints.terminal.stored_data.status_text import Status, as_object, lines
from entrypoints.terminal.watching import View
from tests.support.builders import NOON, a_collected, a_cycle, a_due, a_failed, a_reading, an_unread

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
NASTY = "K\x1b]0;x\x07\x1b[2J\r\nhue: all is well"
AIR = {
    Quantity.TEMPERATURE: 21.5,
    Quantity.RELATIVE_HUMIDITY: 41.0,
    Quantity.PM25: 3.0,
    Quantity.PM10: 4.0,
    Quantity.CARBON_MONOXIDE: 0.5,
    Quantity.VOC_INDEX: 40.0,
    Quantity.IAQ_SCORE: 79.0,
}


def a_device(location: str = "Kitchen", device_id: str = "hue:1", **changes: Any) -> Newest:
    """A device with two temperatures of the last day."""
    points = [(NOON - 20 * HOUR, 18.0), (NOON - 2 * HOUR, 22.0)]
    fields = {"temperature": 21.25, "battery_percent": 80, "observed_at": NOON - HOUR} | changes
    return Newest(
        reading=a_reading(device_id, location=location, **fields),
        temperatures=points,
        coverage=Coverage(expected=288, missing={"unreachable": 8}),
    )


def table(*devices: Newest, width: int = 120, now: datetime = NOON) -> list[str]:
    tables = NewestTables(devices=devices, since=now - DAY, now=now, interval=5 * MINUTE)
    return [line for line, _ in tables.lines(width)]


LONG = "Living Room Air Quality Monitor"


@pytest.mark.parametrize(
    ("width", "location", "headings"),
    [
        (120, LONG, "room now age battery stored min last 24 h max"),
        (80, LONG, "room now age battery min last 24 h max"),
        (80, "Kitchen", "room now age battery stored min last 24 h max"),
        (60, "Kitchen", "room now age battery min last 24 h max"),
        (60, LONG, "room now age last 24 h"),
        (45, LONG, "room now"),
        (30, LONG, "room now"),
    ],
)
def test_columns_are_left_out_before_names_are_cut(width: int, location: str, headings: str) -> None:
    heading, row = table(a_device(location), width=width)
    assert heading.split() == headings.split()
    assert max(cell_len(heading), cell_len(row)) <= width
    assert location in row or (width == 30 and row.startswith("Living Room Air Qual… "))


@pytest.mark.parametrize(
    ("width", "headings"),
    [
        (120, "age humidity PM2.5 PM10 CO VOC score"),
        (80, "age humidity PM2.5 PM10 CO VOC score"),
        (60, "humidity PM2.5 CO VOC"),
    ],
)
def test_air_has_headings_with_units(width: int, headings: str) -> None:
    *_, names, units, row = table(a_device(LONG, values=AIR), width=width)
    assert [*names.split(), *units.split()] == [word for word in headings.split() if word != "age"] + [
        "room",
        *(["age"] if "age" in headings else []),
        "%",
        *_units(headings),
    ]
    assert row.startswith(LONG)
    assert row.split()[-1] in ("79", "40")
    assert max(map(cell_len, (names, units, row))) <= width


def _units(headings: str) -> list[str]:
    known = {"PM2.5": "µg/m³", "PM10": "µg/m³", "CO": "ppm"}
    return [known[word] for word in headings.split() if word in known]


def test_rows_have_age_battery_range_and_are_sorted_without_case() -> None:
    _, first, second = table(a_device("kitchen"), a_device("Attic", "hue:2", battery_percent=None))
    assert first.split()[:6] == ["Attic", "21.2", "°C", "60", "min", "97.2"]
    assert second.split()[:8] == ["kitchen", "21.2", "°C", "60", "min", "80", "%", "97.2"]
    assert second.split()[9] == "18.0"
    assert second.endswith("22.0")


def test_numbers_in_names_are_sorted_by_their_value() -> None:
    names = ("room 10", "Room 2", "hall", "\u0663\u00b2")
    rows = table(*(a_device(name, f"hue:{name}") for name in names))[1:]
    assert [row.split("  ")[0] for row in rows] == ["hall", "Room 2", "room 10", "\u0663\u00b2"]


def test_a_stale_device_is_marked_and_dimmed() -> None:
    tables = NewestTables(
        devices=(a_device("Attic", collected_at=NOON - 31 * MINUTE), a_device("Hall", "hue:2")),
        since=NOON - DAY,
        now=NOON,
        interval=5 * MINUTE,
    )
    _, (stale, dimmed), (current, plain), (legend, _) = tables.lines(80)
    assert (stale[:8], dimmed) == ("!  Attic", Look.DIM)
    assert (current[:8], plain) == ("   Hall ", Look.PLAIN)
    assert legend.startswith("! no longer current")


def test_no_name_controls_the_terminal() -> None:
    shown = "\n".join(table(a_device(NASTY), a_device("a\u202eb\u2028c", "hue:2"), width=60))
    assert "K\ufffd]0;x\ufffd\ufffd[2J\ufffd\ufffdhue: all is well" in shown
    assert "a\ufffdb\ufffdc" in shown


def test_the_table_is_aligned_in_any_encoding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), "ascii"))
    shown = table(a_device("Küche 居間"), a_device("Hall", "hue:2", values=AIR), width=60)
    assert all(line.isascii() and len(line) <= 60 for line in shown)
    assert "21.2 degC" in shown[2]
    assert "ug/m3" in shown[5]
    assert shown[1].endswith("22.0")
    assert len(shown[1]) == len(shown[2])


@pytest.mark.parametrize(
    ("observed", "age"),
    [
        (timedelta(), "60 min"),
        (timedelta(minutes=-50), "110 min"),
        (timedelta(days=-90), "90 d"),
        (timedelta(minutes=58), "2 min"),
        (timedelta(hours=2), "60 min"),  # in the future: only the slot is known
        (None, "60 min"),
    ],
)
def test_the_age_is_that_of_the_observation(observed: timedelta | None, age: str) -> None:
    observed_at = None if observed is None else NOON + observed
    device = a_device(collected_at=NOON, observed_at=observed_at, values=AIR)
    assert "\n".join(table(device, now=NOON + HOUR)).count(f" {age} ") == 2
    (printed,) = as_object(a_status(device, now=NOON + HOUR))["devices"]
    number, unit = age.split()
    assert printed["age_s"] == int(number) * {"min": 60, "d": 86_400}[unit] + (3600 if unit == "d" else 0)


@pytest.mark.parametrize(
    ("minutes", "text"), [(0.5, "now"), (119, "119 min"), (120, "2 h"), (2879, "47 h"), (2880, "2 d")]
)
def test_age_is_given_in_one_unit(minutes: float, text: str) -> None:
    assert format_age(timedelta(minutes=minutes)) == text


def test_times_are_local_with_the_offset() -> None:
    india = datetime.fromisoformat("2026-03-01T00:00+05:30").tzinfo
    assert local_time(NOON, india) == "2026-03-01 17:30 +05:30"
    assert local_time(NOON, india, seconds=True) == "2026-03-01 17:30:00 +05:30"
    assert local_span(NOON, NOON + HOUR, india) == "2026-03-01 17:30 - 18:30 +05:30"
    assert local_span(NOON, NOON + 12 * HOUR, UTC) == "2026-03-01 12:00 - 2026-03-02 00:00 +00:00"


@pytest.mark.parametrize(
    ("values", "hours", "bars"),
    [
        ([0, 1, 2, 3, 4, 5, 6, 7], 8, "▁▂▃▄▅▆▇█"),
        ([1, None, None, 2], 4, "▁  █"),
        ([20, 20, 20], 3, "▁▁▁"),
        ([], 3, "   "),
    ],
)
def test_sparkline_shows_rise_gap_and_constant(values: list[float | None], hours: int, bars: str) -> None:
    series = [(NOON + HOUR * number, value) for number, value in enumerate(values) if value is not None]
    assert sparkline(series, NOON, NOON + hours * HOUR, width=hours) == bars


def test_sparkline_draws_the_mean_of_each_column() -> None:
    series = [(NOON + HOUR * number, value) for number, value in enumerate((0.0, 10.0, 10.0, 10.0))]
    assert sparkline(series, NOON, NOON + 4 * HOUR, width=2) == "▁█"


def a_status(*devices: Newest, now: datetime = NOON, **changes: Any) -> Status:
    fields: dict[str, Any] = {"incidents": {}, "state": {}, "alert_file": None, "collectors": ()} | changes
    return Status(now=now, since=now - DAY, interval=5 * MINUTE, devices=devices, waiting=Waiting(), **fields)


def test_an_incident_is_named_with_its_room_and_local_time() -> None:
    incident = {
        "is_open": True,
        "title": "no readings from the device hue:1",
        "subject": "hue:1",
        "since": NOON.isoformat(),
    }
    first, _ = next(lines(a_status(a_device(NASTY), incidents={"a": incident}), 80))
    assert first == f"no readings from the device {NASTY} (since {local_time(NOON)})"


def test_a_simulated_home_is_called_so() -> None:
    status = a_status(a_device(), is_simulated=True)
    assert next(lines(status, 80)) == ("the readings are those of a simulated home", Look.BOLD)
    assert as_object(status)["is_simulated"] is True


def covered(store: MemoryStore, until: datetime = NOON + HOUR) -> HomeCoverage:
    span = Span(since=NOON, until=until)
    ledger = MemoryLedger(store)
    newest = {one.device_id: one.collected_at for one in MemoryHistory(store).newest()}
    records = ledger.records(span.since, until)
    return home_coverage(ledger, records, span, {"hue": 5 * MINUTE}, newest)


def test_sources_have_their_last_cycle_coverage_and_causes() -> None:
    store = MemoryStore()
    reading = a_reading("hue:1", location="Attic")
    store.append(a_cycle(a_collected(reading, unread=(an_unread("hue:2"),))))
    store.append(
        a_cycle(
            a_collected(
                a_reading("hue:2", location="Cellar", collected_at=NOON + 5 * MINUTE),
                a_reading("hue:1", location="Attic", collected_at=NOON + 5 * MINUTE),
                due=a_due(slot=NOON + 5 * MINUTE),
            )
        )
    )
    store.append(a_cycle(a_failed(a_due(slot=NOON + 10 * MINUTE), detail="timed out")))
    now = NOON + 11 * MINUTE
    found = covered(store, now)
    status = a_status(
        *newest_of(MemoryHistory(store), NOON, now),
        now=now,
        records=MemoryLedger(store).records(NOON, now),
        coverage=found.sources,
        source_of=found.source_of,
    )
    at = local_time(NOON + 10 * MINUTE)
    assert [line for line, _ in lines(status, 120)][-3:] == [
        f"hue: failed: the source could not be reached (timed out), at {at}; 60.0 % of the last 24 h stored",
        "  missing: 2 (the source could not be reached)",
        "  a retry solved 0 % of temporary errors",
    ]
    assert as_object(status)["sources"][0]["coverage"] == {
        "expected": 5,
        "stored": 3,
        "lost": 0,
        "missing": {"network": 2},
        "share": 0.6,
    }


def test_a_watched_status_fits_the_terminal() -> None:
    file = io.StringIO()
    status = a_status(a_device(LONG), collectors=("hue:001788fffe0a1b2c",) * 4)
    Console(file=file, width=60).print(View(lambda width: lines(status, width)))
    assert LONG in file.getvalue()
    assert max(cell_len(line) for line in file.getvalue().split("\n")) <= 60
