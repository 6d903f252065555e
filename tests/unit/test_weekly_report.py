"""When the weekly report is due, and the figures in its mail."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from adapters.memory.runtime import MemoryClock
from adapters.memory.store import MemoryStore
from adapters.memory.stored_data import MemoryHistory, MemoryLedger, MemoryMeasurements
from domain.history.series import Span
from domain.upkeep import StepRecord, StepResult, is_report_due
from entrypoints.terminal.report_text import figures
from entrypoints.web.page_data import PageData
from tests.support.builders import NOON, a_collected, a_cycle, a_due, a_failed, a_reading, an_unread

BERLIN = ZoneInfo("Europe/Berlin")
STEP = timedelta(minutes=5)


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """A time of March 2026 in Berlin, as UTC. The 2nd, 23rd and 30th are Mondays. Summer from the 29th."""
    return datetime(2026, 3, day, hour, minute, tzinfo=BERLIN).astimezone(UTC)


@pytest.mark.parametrize(
    ("result", "last", "now", "is_due"),
    [
        pytest.param(StepResult.OK, at(23, 7), at(30, 6, 59), False, id="a minute before"),
        pytest.param(StepResult.OK, at(23, 7), at(30, 7), True, id="Monday at 7, in summer time"),
        pytest.param(StepResult.OK, at(30, 7), at(30, 7, 1), False, id="sent"),
        pytest.param(StepResult.OK, at(23, 7), at(31, 22), True, id="the machine was asleep"),
        pytest.param(StepResult.OK, at(2, 7), at(31, 22), True, id="it was off for weeks"),
        pytest.param(StepResult.SKIPPED, at(25, 12), at(29, 23), False, id="switched on in the week"),
        pytest.param(StepResult.SKIPPED, at(25, 12), at(30, 7), True, id="the first one"),
        pytest.param(StepResult.FAILED, at(30, 7), at(31, 6, 59), False, id="failed today"),
        pytest.param(StepResult.FAILED, at(30, 7), at(31, 7), True, id="failed yesterday"),
        pytest.param(StepResult.FAILED, at(31, 7), at(30, 7), True, id="failed, by a clock that was ahead"),
        pytest.param(StepResult.OK, at(30, 8), at(30, 7), False, id="the clock was set back by an hour"),
        pytest.param(StepResult.OK, at(30, 8) + timedelta(days=900), at(30, 7), True, id="years ahead"),
    ],
)
def test_report_is_due_once_a_week(result: StepResult, last: datetime, now: datetime, is_due: bool) -> None:
    assert is_report_due(StepRecord(at=last, result=result), now, BERLIN) is is_due


def a_home() -> MemoryStore:
    """Ten slots: the source failed in one, one device gave nothing in two, another is new since the sixth."""
    store = MemoryStore()
    for number in range(10):
        slot = NOON + number * STEP
        due = a_due(slot=slot)
        if number == 3:
            store.append(a_cycle(a_failed(due)))
            continue
        readings = [a_reading("hue:a", collected_at=slot, location="Hall\x1b[31m", temperature=20.0 + number)]
        if number not in (7, 8):
            readings.append(a_reading("hue:b", collected_at=slot, location="Kitchen", temperature=18.0))
        if number >= 5:
            readings.append(a_reading("hue:new", collected_at=slot, location="Attic", pm25=4.0))
        missing = (an_unread("hue:b"),) if number in (7, 8) else ()
        store.append(a_cycle(a_collected(*readings, due=due, unread=missing)))
    return store


SPAN = Span(since=NOON, until=NOON + 10 * STEP)


@pytest.mark.parametrize("is_simulated", [True, False])
def test_figures_are_plain_text(is_simulated: bool) -> None:
    store = a_home()
    data = PageData(
        history=MemoryHistory(store),
        ledger=MemoryLedger(store),
        measurements=MemoryMeasurements(store),
        clock=MemoryClock(SPAN.until),
        zone=BERLIN,
        interval=STEP,
        is_simulated=is_simulated,
        incidents=lambda: [{"text": "the battery of Kitchen is low"}],
        database=dict,
    )
    text = figures(data, SPAN, {"hue": STEP})
    assert text.startswith("2026-03-01 13:00 to 2026-03-01 13:50 (Europe/Berlin)\n")
    assert ("SIMULATED HOME" in text) is is_simulated
    assert "  Kitchen                            70.0 %\n" in text
    assert "  Kitchen                              18.0     18.0     18.0\n" in text
    assert "PM2.5, µg/m³                         lowest     mean  highest\n" in text
    assert "Open problems\n  the battery of Kitchen is low\n" in text
    assert "\x1b" not in text
