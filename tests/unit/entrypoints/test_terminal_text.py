"""What commands print about cycles and readings."""

from __future__ import annotations

import attrs
import pytest

from domain.cycle import Cause, Cycle, NotStored, Spooled, Stored
from domain.reading import Quantity
from domain.times import local_time
from entrypoints.commands.setup.steps import reply_lines, show_devices
from entrypoints.terminal.cycle_text import as_object, by_hand_line, lines, schedule_line
from entrypoints.terminal.prompts import Prompts
from tests.support.builders import (
    NOON,
    a_collected,
    a_cycle,
    a_deferred,
    a_failed,
    a_reading,
    a_reply,
    an_unread,
)

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
    assert printed["format"] == 1
    assert (printed["stored"], printed["spooled"], printed["reason"]) == (False, False, "busy")
    assert collected["readings"][0]["values"] == {"temperature": 21.5}
    assert collected["readings"][0]["collected_at"] == NOON.isoformat()
    assert collected["unread"] == [{"device_id": "hue:2", "cause": "unreachable", "detail": "Attic"}]
    assert (failed["state"], failed["cause"]) == ("failed", "network")
    assert (deferred["state"], deferred["until"]) == ("deferred", NOON.isoformat())


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


def test_collector_begins_with_sources_intervals_and_the_next_cycle() -> None:
    assert schedule_line({"hue": 300, "amazon": 90}, NOON) == (
        "Collecting from hue every 5 min, amazon every 90 s. "
        "The present slot is read now unless it is stored; "
        f"the next cycle is at {local_time(NOON, seconds=True)}"
    )


@pytest.mark.parametrize(
    ("cycles", "begin"),
    [
        (1, "Collecting from hue, amazon: one cycle, now"),
        (3, "Collecting from hue, amazon: 3 cycles, 2 s apart; the first is now"),
    ],
)
def test_cycles_by_hand_begin_with_sources_and_number(cycles: int, begin: str) -> None:
    assert by_hand_line(["hue", "amazon"], cycles, 2.0) == begin


@pytest.mark.parametrize(
    ("device_ids", "heading"),
    [
        (("alexa:1", "alexa:2", "nest:1"), "It has 2 monitors and 1 thermostat:"),
        (("alexa:1",), "It has 1 monitor:"),
        (("nest:1", "nest:2"), "It has 0 monitors and 2 thermostats:\nNone?"),
    ],
)
def test_setup_counts_devices_by_their_kind(
    device_ids: tuple[str, ...], heading: str, capsys: pytest.CaptureFixture[str]
) -> None:
    reply = a_reply(a_reading(device_ids[0]), unread=map(an_unread, device_ids[1:]))
    kinds = {"alexa:": "monitor", "nest:": "thermostat"}
    show_devices(Prompts(), reply, found="It has", kinds=kinds, if_none="None?")
    shown = capsys.readouterr()
    assert [line for line in (shown.out + shown.err).splitlines() if not line.startswith("  ")] == (
        heading.splitlines()
    )
