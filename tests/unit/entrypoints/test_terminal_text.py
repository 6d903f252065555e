"""What commands print about cycles, readings and the status of a home."""

from __future__ import annotations

from datetime import timedelta

import attrs
import pytest

from adapters.memory.store import MemoryHistory, MemoryStore
from domain.cycle import Cause, Cycle, NotStored, Spooled, Stored
from domain.progress import Waiting
from domain.reading import Quantity
from entrypoints.commands.setup.steps import reply_lines
from entrypoints.terminal.cycle_text import as_object, format_age, lines
from entrypoints.terminal.status_text import Status, show, sparkline
from entrypoints.terminal.status_text import as_object as status_object
from entrypoints.terminal.status_text import lines as status_lines
from tests.support.builders import (
    NOON,
    a_collected,
    a_cycle,
    a_deferred,
    a_due,
    a_failed,
    a_reading,
    a_reply,
    an_unread,
)

HOUR = timedelta(hours=1)
UNREAD = (
    an_unread("hue:1", Cause.UNREACHABLE),
    an_unread("hue:2", Cause.UNREACHABLE),
    an_unread("hue:3", Cause.NO_VALUE),
)


@pytest.mark.parametrize(
    ("cycle", "last_line"),
    [
        (Stored(report=a_cycle(a_collected(a_reading("hue:1"), a_reading("hue:2")))), "  hue  2 readings"),
        (
            Stored(report=a_cycle(a_collected(a_reading("hue:4"), unread=UNREAD))),
            "1 reading, 3 silent (2 unreachable, 1 no value)",
        ),
        (Stored(report=a_cycle(a_collected(notes=("read by v1",)))), "  note: read by v1"),
        (
            Stored(report=a_cycle(a_failed(cause=Cause.REFUSED, detail="another bridge answers"))),
            "FAILED (refused): another bridge answers",
        ),
        (Stored(report=a_cycle(a_deferred())), "(throttled)"),
        (
            NotStored(report=a_cycle(), reason="no room left"),
            "  NOT STORED, and lost when this process ends before it can be: no room left",
        ),
        (
            Spooled(report=a_cycle(), reason="busy", place="data/spool"),
            "  SPOOLED in data/spool, to be stored as soon as the database can be written to: busy",
        ),
    ],
)
def test_cycle_lines_name_readings_causes_and_where_they_are_kept(cycle: Cycle, last_line: str) -> None:
    assert list(lines(cycle))[-1].endswith(last_line)


def test_cycle_json_has_values_times_and_causes() -> None:
    report = a_cycle(
        a_collected(a_reading("hue:1", temperature=21.5), unread=(an_unread("hue:2", detail="Attic"),)),
        a_failed(),
        a_deferred(),
    )
    printed = as_object(NotStored(report=report, reason="busy"))
    collected, failed, deferred = printed["outcomes"]
    assert (printed["stored"], printed["spooled"], printed["reason"]) == (False, False, "busy")
    assert collected["readings"][0]["values"] == {"temperature": 21.5}
    assert collected["readings"][0]["collected_at"] == NOON.isoformat()
    assert collected["unread"] == [{"device_id": "hue:2", "cause": "unreachable", "detail": "Attic"}]
    assert (failed["state"], failed["cause"]) == ("failed", "network")
    assert (deferred["state"], deferred["until"]) == ("deferred", NOON.isoformat())


@pytest.mark.parametrize(
    ("minutes", "text"), [(0.5, "now"), (119, "119 min"), (120, "2 h"), (2879, "47 h"), (2880, "2 d")]
)
def test_age_is_given_in_one_unit(minutes: float, text: str) -> None:
    assert format_age(timedelta(minutes=minutes)) == text


def test_setup_lists_rooms_in_order_with_values_causes_and_notes() -> None:
    air = {Quantity.TEMPERATURE: 20.0, Quantity.RELATIVE_HUMIDITY: 41.2, Quantity.PM25: 3.0}
    reply = a_reply(
        a_reading("alexa:1", location="Hall", values=air),
        a_reading("hue:1", location="Attic", temperature=-3.0, battery_percent=80),
        notes=("a remark",),
    )
    unread = (an_unread("hue:3", Cause.SWITCHED_OFF, "Cellar"), an_unread("hue:4"))
    assert list(reply_lines(attrs.evolve(reply, unread=unread))) == [
        "  Attic    -3.0 °C   battery 80 %",
        "  Cellar  silent (switched off)",
        "  Hall     20.0 °C   41 % humidity   PM2.5 3 µg/m³",
        "  hue:4   silent (unreachable)",
        "  note: a remark",
    ]


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
def test_status_shows_the_age_of_the_observation(
    observed: timedelta | None, age: str, capsys: pytest.CaptureFixture[str]
) -> None:
    observed_at = None if observed is None else NOON + observed
    reading = a_reading(collected_at=NOON, observed_at=observed_at, temperature=21.5, pm25=3.0)
    status = Status(
        now=NOON + HOUR,
        readings=(reading,),
        waiting=Waiting(),
        incidents={},
        state={},
        alert_file=None,
        collectors=(),
    )
    assert f"  {age}  21.5 °C" in list(status_lines(status))[-1]
    (device,) = status_object(status)["devices"]
    number, unit = age.split()
    assert device["age_s"] == int(number) * {"min": 60, "d": 86_400}[unit] + (3600 if unit == "d" else 0)
    store = MemoryStore()
    store.append(a_cycle(a_collected(reading)))
    show(MemoryHistory(store), since=NOON - HOUR, now=NOON + HOUR)
    assert capsys.readouterr().out.count(age) == 2


def test_newest_table_shows_age_battery_and_range(
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
