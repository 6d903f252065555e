"""What the terminal and scripts are told of a cycle."""

from __future__ import annotations

import json

from domain.cycle import Cause, NotStored, Spooled, Stored
from entrypoints.terminal.cycle_text import as_json, lines
from tests.support.builders import NOON, a_collected, a_cycle, a_deferred, a_failed, a_reading, an_unread


def test_a_source_that_answered_is_a_line_with_the_number_of_its_readings() -> None:
    (line,) = lines(Stored(report=a_cycle(a_collected(a_reading("hue:1"), a_reading("hue:2")))))
    assert "  hue  2 readings" in line


def test_silent_devices_are_counted_by_cause() -> None:
    unread = (
        an_unread("hue:1", Cause.UNREACHABLE),
        an_unread("hue:2", Cause.UNREACHABLE),
        an_unread("hue:3", Cause.NO_VALUE),
    )
    (line,) = lines(Stored(report=a_cycle(a_collected(a_reading("hue:4"), unread=unread))))
    assert line.endswith("1 reading, 3 silent (2 unreachable, 1 no value)")


def test_a_note_of_the_source_is_told() -> None:
    told = list(lines(Stored(report=a_cycle(a_collected(notes=("read the whole bridge",))))))
    assert told[1] == "  note: read the whole bridge"


def test_a_failure_is_told_with_cause_and_detail() -> None:
    (line,) = lines(Stored(report=a_cycle(a_failed(cause=Cause.REFUSED, detail="another bridge answers"))))
    assert line.endswith("FAILED (refused): another bridge answers")


def test_a_deferred_source_is_told_with_its_cause() -> None:
    (line,) = lines(Stored(report=a_cycle(a_deferred())))
    assert "left in peace until" in line
    assert "(throttled)" in line


def test_what_the_store_refused_is_told_and_where_it_waits() -> None:
    told = list(lines(NotStored(report=a_cycle(), reason="no room left in data/")))
    assert told[-1] == "  NOT STORED, and lost when this process ends before it can be: no room left in data/"
    told = list(lines(Spooled(report=a_cycle(), reason="busy")))
    assert told[-1] == "  SPOOLED, to be stored as soon as the database can be written to: busy"


def test_json_holds_readings_with_units_of_the_domain_and_every_cause() -> None:
    report = a_cycle(
        a_collected(a_reading("hue:1", temperature=21.5), unread=(an_unread("hue:2", detail="Attic"),)),
        a_failed(),
        a_deferred(),
    )
    told = json.loads(as_json(NotStored(report=report, reason="busy")))
    collected, failed, deferred = told["outcomes"]
    assert (told["stored"], told["spooled"], told["reason"]) == (False, False, "busy")
    assert collected["readings"][0]["values"] == {"temperature": 21.5}
    assert collected["readings"][0]["collected_at"] == NOON.isoformat()
    assert collected["unread"] == [{"device_id": "hue:2", "cause": "unreachable", "detail": "Attic"}]
    assert (failed["state"], failed["cause"]) == ("failed", "network")
    assert (deferred["state"], deferred["until"]) == ("deferred", NOON.isoformat())
