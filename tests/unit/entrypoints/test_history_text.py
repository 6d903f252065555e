"""The history of a room: points, gaps with their reasons, the plot, and days."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import attrs
import click
import pytest

from adapters.memory.runtime import MemoryClock
from adapters.memory.store import MemoryStore
from adapters.memory.stored_data import MemoryHistory, MemoryLedger
from domain.cycle import Cause, Missed
from domain.device_settings import matching_ids
from domain.history.coverage import SeriesGap
from domain.history.series import Resolution, Span, Summary
from domain.reading import Quantity
from domain.services.device_history import DeviceHistory, HistoryReader
from domain.times import format_length
from entrypoints.commands.options import parse_instant, parse_span
from entrypoints.commands.stored_data.history import choose_devices
from entrypoints.terminal.encoding import in_encoding
from entrypoints.terminal.stored_data.history_text import as_object, lines
from entrypoints.terminal.stored_data.plot import Plot
from tests.support.builders import NOON, a_collected, a_cycle, a_due, a_failed, a_missed, a_reading, an_unread

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
NASTY = "K\x1b]0;x\x07\x1b[2J\r\nhue: all is well"
INDIA = ZoneInfo("Asia/Kolkata")


def store_of(*states: str, interval: timedelta = 5 * MINUTE) -> MemoryStore:
    """A store with a slot for each state from noon on; `silent` is the first of its two devices."""
    store = MemoryStore()
    missed: list[Missed] = []
    for number, state in enumerate(states):
        due = a_due(slot=NOON + number * interval)
        at = due.slot
        match state:
            case "stored":
                readings = (
                    a_reading("hue:1", collected_at=at, temperature=20 + number / 2),
                    a_reading("hue:2", collected_at=at, temperature=18.0),
                )
                store.append(a_cycle(a_collected(*readings, due=due), missed=tuple(missed)))
                missed = []
            case "silent":
                other = a_reading("hue:2", collected_at=at, temperature=18.0)
                gone = an_unread("hue:1", Cause.UNREACHABLE, "Attic")
                store.append(a_cycle(a_collected(other, due=due, unread=(gone,))))
            case "other_silent":
                reading = a_reading("hue:1", collected_at=at, temperature=20.0)
                store.append(a_cycle(a_collected(reading, due=due, unread=(an_unread("hue:2"),))))
            case "failed":
                store.append(a_cycle(a_failed(due, detail="timed out")))
            case "missed":
                missed.append(a_missed(due, Cause.ASLEEP))
    return store


def read(store: MemoryStore, since: datetime, until: datetime, zone: ZoneInfo = INDIA) -> DeviceHistory:
    reader = HistoryReader(
        history=MemoryHistory(store),
        ledger=MemoryLedger(store),
        intervals={"hue": 5 * MINUTE},
        zone=zone,
    )
    newest = [one for one in MemoryHistory(store).newest() if one.device_id == "hue:1"]
    (found,) = reader.read(newest, Quantity.TEMPERATURE, Span(since=since, until=until), until)
    return found


def gaps(found: DeviceHistory) -> list[tuple[float, float, str]]:
    return [((gap.begin - NOON) / MINUTE, (gap.end - NOON) / MINUTE, gap.cause) for gap in found.gaps]


@pytest.mark.parametrize(
    ("states", "expected", "breaks"),
    [
        (["stored"] * 6, [], []),
        (["stored", "silent", "silent", "stored"], [(5, 15, "unreachable")], [0]),
        (["stored", "other_silent", "stored"], [], []),
        (["stored", "failed", "silent", "stored"], [(5, 10, "network"), (10, 15, "unreachable")], [0]),
        (["stored", "missed", "missed", "stored"], [(5, 15, "asleep")], [0]),
        (["stored", "stored", "nothing", "nothing", "nothing"], [(10, 25, "no_cycle")], []),
    ],
)
def test_a_gap_has_the_reason_of_the_ledger(
    states: Sequence[str], expected: list[tuple[float, float, str]], breaks: list[float]
) -> None:
    found = read(store_of(*states), NOON, NOON + len(states) * 5 * MINUTE)
    assert gaps(found) == expected
    assert [(at - NOON) / MINUTE for at in found.breaks] == breaks


def test_a_gap_without_a_cause_is_a_gap_all_the_same() -> None:
    store = store_of("stored", "stored", "stored", "stored")
    for number in (1, 2):
        del store.readings["hue:1", NOON + number * 5 * MINUTE]
    found = read(store, NOON, NOON + 20 * MINUTE)
    assert gaps(found) == [(5, 15, "")]
    assert ("1  2026-03-01 17:35 - 17:45 +05:30 (10 min): no cause is known") in texts(found)
    assert gaps(read(store, NOON + 2 * MINUTE, NOON + 20 * MINUTE)) == [(2, 15, "")]
    assert gaps(read(store, NOON + 11 * MINUTE, NOON + 20 * MINUTE)) == []


def test_a_long_time_is_read_from_hours_and_days() -> None:
    store = store_of(*["stored"] * 40, interval=DAY)
    hours = read(store, NOON, NOON + 40 * DAY)
    assert (hours.resolution, len(hours.points)) == (Resolution.HOUR, 40)
    year = read(store, NOON - 300 * DAY, NOON + 40 * DAY)
    assert (year.resolution, len(year.points), len(year.days)) == (Resolution.DAY, 40, 40)


def texts(found: DeviceHistory, width: int = 80) -> list[str]:
    return [line for line, _ in lines(found, INDIA, width)]


def test_days_are_those_of_the_zone() -> None:
    found = read(store_of("stored", "stored", "stored", interval=6 * HOUR), NOON, NOON + 13 * HOUR)
    assert [line.split() for line in texts(found)[-3:]] == [
        ["day", "min", "mean", "max", "readings"],
        ["Sun", "2026-03-01", "20.0", "20.2", "20.5", "2"],
        ["Mon", "2026-03-02", "21.0", "21.0", "21.0", "1"],
    ]
    days = as_object([found], INDIA)["devices"][0]["days"]
    assert [day["day"] for day in days] == ["2026-03-01", "2026-03-02"]


def test_many_days_are_shown_as_weeks() -> None:
    found = read(store_of(*["stored"] * 40, interval=DAY), NOON, NOON + 40 * DAY)
    assert any(line.startswith("week from") for line in texts(found))
    assert texts(found)[-1].startswith("Mon 2026-04-06")


def test_only_the_longest_gaps_are_listed() -> None:
    gaps_of_hours = [
        SeriesGap(
            source="hue",
            device_id=None,
            begin=NOON + number * HOUR,
            end=NOON + number * HOUR + (number + 1) * MINUTE,
            cause="network",
        )
        for number in range(11)
    ]
    found = read(store_of("stored", "stored"), NOON, NOON + 12 * HOUR)
    shown = "\n".join(texts(attrs.evolve(found, gaps=gaps_of_hours)))
    assert "and 2 shorter, together 3 min" in shown
    assert "9  2026-03-02 03:30 - 03:41 +05:30 (11 min): the source could not be reached" in shown


def a_plot(*values: float | None, step: timedelta = HOUR) -> Plot:
    """A plot of a value an hour; None is a gap."""
    points = [
        Summary(at=NOON + number * step, low=value, high=value, total=value, count=1)
        for number, value in enumerate(values)
        if value is not None
    ]
    breaks = frozenset(
        NOON + (number - 1) * step for number, value in enumerate(values) if number and value is None
    )
    span = Span(since=NOON, until=NOON + (len(values) - 1) * step)
    return Plot(points=points, breaks=breaks, span=span, zone=UTC, marks=[(NOON + 2 * step, "1")])


def test_a_line_is_interrupted_where_nothing_was_measured() -> None:
    whole = list(a_plot(20, 20, 20, 20, 20).lines(25, 4))
    broken = list(a_plot(20, 20, None, 20, 20).lines(25, 4))
    (drawn,) = [line for line in whole if "⣀" in line]
    assert drawn == "20.0 ┤" + "⣀" * 19
    (drawn,) = [line for line in broken if "⣀" in line]
    assert drawn == "20.0 ┤⣀⣀⣀⣀⣀         ⣀⣀⣀⣀⣀"


def test_a_plot_has_round_labels_times_and_marks_in_its_width() -> None:
    *_, axis, times, marks = shown = list(a_plot(*map(float, range(24))).lines(60, 10))
    assert shown[0].startswith("25 ┤")
    assert [line.split()[0] for line in shown if "┤" in line] == ["25", "20", "15", "10", "5", "0"]
    assert axis.count("┴") == len(times.replace(" Mar", "").split())
    assert times.split()[:2] == ["12:00", "18:00"]
    assert "02 Mar" in times
    assert marks.strip() == "1"
    assert max(map(len, shown)) <= 60


def test_a_plot_is_readable_in_ascii() -> None:
    shown = [in_encoding(line, "ascii") for line in a_plot(20, 21, 22, 23).lines(40, 6)]
    assert all(line.isascii() and len(line) <= 40 for line in shown)
    assert any("." in line[6:] or ":" in line[6:] for line in shown[:6])


@pytest.mark.parametrize("values", [(0.0,), (-3.0, -3.0), (0.0, 0.001), (0.0, 123_456.0)])
def test_any_values_can_be_plotted(values: tuple[float, ...]) -> None:
    shown = list(a_plot(*values, *values).lines(30, 5))
    assert len(shown) == 8
    assert any(ord(character) > 0x2800 for line in shown for character in line)


NAMES = {"hue:aa11bb": "Kitchen", "hue:bb22cc": "Kitchen", "alexa:G0": "Living room", "hue:cc33dd": "Bath"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("kitchen", ["hue:aa11bb", "hue:bb22cc"]),
        ("HUE:AA11BB", ["hue:aa11bb"]),
        ("  liv ", ["alexa:G0"]),
        ("hue", []),
        ("aa11bb", ["hue:aa11bb"]),
        ("", []),
    ],
)
def test_a_room_is_found_by_name_part_or_id(text: str, found: list[str]) -> None:
    assert list(matching_ids(text, NAMES)) == found


@pytest.mark.parametrize(
    ("room", "quantity", "message"),
    [
        ("", Quantity.TEMPERATURE, "name a room, or a part of its name. Rooms: attic, K\ufffd"),
        ("cellar", Quantity.TEMPERATURE, "there is no room or device 'cellar'. Rooms: attic, K\ufffd"),
        ("attic", Quantity.PM25, "attic does not measure pm25. Name one of temperature"),
    ],
)
def test_a_room_that_cannot_be_shown_is_named_with_what_can(
    room: str, quantity: Quantity, message: str
) -> None:
    newest = [a_reading("hue:1", location="attic"), a_reading("hue:2", location=NASTY)]
    with pytest.raises(click.UsageError) as caught:
        choose_devices(newest, room, quantity)
    assert caught.value.message.startswith(message)
    assert caught.value.message.isprintable()


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("90m", NOON - 90 * MINUTE),
        ("7d", NOON - 7 * DAY),
        ("2026-02-28", NOON - 36 * HOUR),
        ("2026-03-01 12:30 +01:00", NOON - 30 * MINUTE),
        ("2026-03-01 12:30:00 -0030", NOON + HOUR),
    ],
)
def test_times_are_read_as_they_are_printed(text: str, instant: datetime) -> None:
    assert parse_instant(text, MemoryClock(NOON)) == instant


@pytest.mark.parametrize(("since", "until"), [("2026-03-02", None), ("1h", "2h")])
def test_a_time_that_ends_before_it_begins_is_refused(since: str, until: str | None) -> None:
    with pytest.raises(click.UsageError, match="--since is not"):
        parse_span(since, until, MemoryClock(NOON))


@pytest.mark.parametrize("until", [None, "9999-12-31"])
def test_a_time_is_not_longer_than_readings_can_be(until: str | None) -> None:
    span = parse_span("0001-01-01", until, MemoryClock(NOON))
    assert (span.since.year, span.until) == (1970, NOON)


@pytest.mark.parametrize(
    ("length", "text"),
    [(35 * MINUTE, "35 min"), (130 * MINUTE, "2 h 10 min"), (3 * HOUR, "3 h"), (76 * HOUR, "3 d 4 h")],
)
def test_lengths_have_two_units_at_most(length: timedelta, text: str) -> None:
    assert format_length(length) == text
