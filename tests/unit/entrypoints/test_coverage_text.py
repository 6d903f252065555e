"""How complete a home's readings are: devices, gaps, what is lost, the table at every width, the verdict."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import attrs
import pytest
from rich.cells import cell_len

from adapters.memory.store import MemoryStore
from adapters.memory.stored_data import MemoryHistory, MemoryLedger
from domain.cycle import Cause, Collected, Missed
from domain.history.coverage import Coverage, is_lost
from domain.history.series import Span
from domain.services.home_coverage import HomeCoverage, home_coverage
from entrypoints.terminal.encoding import in_encoding
from entrypoints.terminal.stored_data.coverage_text import CoverageReport, as_object, lines, share_text
from tests.support.builders import (
    NOON,
    a_collected,
    a_cycle,
    a_due,
    a_failed,
    a_missed,
    a_reading,
    an_unread,
)

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SLOT = 5 * MINUTE
INDIA = ZoneInfo("Asia/Kolkata")
HUE = {"hue": SLOT}


def covered(
    store: MemoryStore,
    until: datetime = NOON + HOUR,
    *,
    since: datetime = NOON,
    intervals: dict[str, timedelta] = HUE,
    waiting: AbstractSet[datetime] = frozenset(),
) -> HomeCoverage:
    span = Span(since=since, until=until)
    ledger = MemoryLedger(store)
    newest = {one.device_id: one.collected_at for one in MemoryHistory(store).newest(until)}
    records = ledger.records(since, until)
    return home_coverage(ledger, records, span, intervals, newest, {"hue": waiting})


def a_store(*causes: str, devices: int = 2, name: str = "") -> MemoryStore:
    """A store with a slot for each cause from noon on; "" is a stored one without a gap.

    hue:1 is missing in a slot that is "unreachable" or "silent": the first is recorded, the second is not.
    """
    store = MemoryStore()
    missed: list[Missed] = []
    for number, cause in enumerate(causes):
        due = a_due(slot=NOON + number * SLOT)
        if cause in ("stopped", "asleep", "not_stored"):
            missed.append(a_missed(due, Cause(cause)))
            continue
        if cause in ("", "unreachable", "silent"):
            ids = [f"hue:{one + 1}" for one in range(bool(cause), devices)]
            readings = [
                a_reading(one, collected_at=due.slot, location=f"{name}Room {one[-1]}") for one in ids
            ]
            unread = (an_unread("hue:1"),) if cause == "unreachable" else ()
            store.append(a_cycle(a_collected(*readings, due=due, unread=unread), missed=tuple(missed)))
        else:
            failed = a_failed(due, Cause(cause), detail="timed out")
            store.append(a_cycle(failed, missed=tuple(missed)))
        missed = []
    return store


def a_report(
    store: MemoryStore, until: datetime = NOON + HOUR, *, target: float = 0.95, **changes: Any
) -> CoverageReport:
    since = changes.pop("since", NOON)
    return CoverageReport(
        found=covered(store, until, since=since, **changes),
        span=Span(since=since, until=until),
        target=target,
        names={one.device_id: one.location for one in MemoryHistory(store).newest()},
    )


def texts(report: CoverageReport, width: int = 80) -> list[str]:
    return [line for line, _ in lines(report, INDIA, width)]


@pytest.mark.parametrize(
    "cause", ["stopped", "interrupted", "overrun", "internal", "not_stored", "out_of_range", "no_cycle"]
)
def test_a_gap_of_the_collector_is_a_loss(cause: str) -> None:
    assert is_lost(cause)
    assert Coverage(expected=9, missing={cause: 2, "network": 3}).lost == 2


@pytest.mark.parametrize(
    "cause",
    ["unreachable", "stale", "not_listed", "network", "throttled", "credentials", "asleep", "waiting"],
)
def test_a_reading_that_was_not_handed_over_is_no_loss(cause: str) -> None:
    assert not is_lost(cause)


@pytest.mark.parametrize("cause", ["", "unknown", "a word of a later version"])
def test_a_gap_without_a_known_cause_is_a_loss(cause: str) -> None:
    assert is_lost(cause)


def test_coverage_is_the_share_of_expected_readings() -> None:
    store = MemoryStore()
    at = [NOON + number * 5 * MINUTE for number in range(4)]
    first, second = a_reading("hue:1", collected_at=at[0]), a_reading("hue:2", collected_at=at[0])
    store.append(a_cycle(a_collected(first, second, due=a_due(slot=at[0]))))
    store.append(a_cycle(a_failed(a_due(slot=at[1]))))
    silent = a_collected(
        a_reading("hue:1", collected_at=at[2]),
        due=a_due(slot=at[2]),
        unread=(an_unread("hue:2", Cause.UNREACHABLE),),
    )
    store.append(a_cycle(silent))
    last = [a_reading(f"hue:{number}", collected_at=at[3]) for number in (1, 2, 3)]
    store.append(a_cycle(a_collected(*last, due=a_due(slot=at[3]))))
    found = covered(store, at[3] + 11 * MINUTE)
    assert found.devices == {
        "hue:1": Coverage(expected=6, missing={"network": 1, "no_cycle": 2}),
        "hue:2": Coverage(expected=6, missing={"network": 1, "unreachable": 1, "no_cycle": 2}),
        "hue:3": Coverage(expected=3, missing={"no_cycle": 2}),
    }
    assert found.sources["hue"].stored == 3 + 2 + 1
    assert share_text(found.devices["hue:1"]) == "50.0 %"


def test_nothing_is_expected_of_a_device_that_has_left() -> None:
    store = MemoryStore()
    old, slot = NOON - 9 * DAY, NOON + 5 * MINUTE
    store.append(a_cycle(a_collected(a_reading("hue:1", collected_at=old), due=a_due(slot=old))))
    store.append(a_cycle(a_collected(a_reading("hue:2", collected_at=slot), due=a_due(slot=slot))))
    assert "hue:1" not in covered(store, slot + MINUTE).devices


def test_a_device_is_expected_until_it_leaves() -> None:
    store = MemoryStore()
    for number in range(12):
        slot = NOON + number * 5 * MINUTE
        readings = [a_reading("hue:1", collected_at=slot)]
        readings += [a_reading("hue:2", collected_at=slot)] if number < 3 else []
        unread = (an_unread("hue:2", Cause.NOT_LISTED),) if number in (3, 4) else ()
        due = a_due(slot=slot)
        store.append(
            a_cycle(a_failed(due) if number == 8 else a_collected(*readings, due=due, unread=unread))
        )
    assert covered(store).devices == {
        "hue:1": Coverage(expected=12, missing={"network": 1}),
        "hue:2": Coverage(expected=5, missing={"not_listed": 2}),
    }


@pytest.mark.parametrize(
    ("expected", "missing", "text"), [(0, 0, ""), (288, 0, "100 %"), (2_000, 1, "99.9 %"), (3, 3, "0.0 %")]
)
def test_all_is_said_only_if_nothing_is_missing(expected: int, missing: int, text: str) -> None:
    assert share_text(Coverage(expected=expected, missing={"network": missing})) == text


def test_a_reading_that_is_no_longer_there_is_lost() -> None:
    store = a_store("", "", "")
    del store.readings["hue:1", NOON + SLOT]
    found = covered(store, NOON + 3 * SLOT)
    assert found.devices["hue:1"] == Coverage(expected=3, missing={"unknown": 1})
    assert (found.total.lost, found.below(0.0)) == (1, ["hue:1"])


def test_a_slot_without_a_row_is_lost() -> None:
    store = a_store("", "", "")
    del store.ledger["hue", NOON + SLOT]
    found = covered(store, NOON + 3 * SLOT)
    assert found.devices["hue:1"] == Coverage(expected=3, missing={"unknown": 1})
    assert [(gap.begin, gap.device_id, gap.cause) for gap in found.gaps] == [(NOON + SLOT, None, "unknown")]


def test_a_device_that_came_back_was_not_listed() -> None:
    found = covered(a_store("", "silent", "silent", ""), NOON + 4 * SLOT)
    assert found.devices["hue:1"] == Coverage(expected=4, missing={"not_listed": 2})


def test_cycles_in_the_spool_are_not_lost() -> None:
    at = [NOON + number * SLOT for number in range(6)]
    found = covered(a_store("", ""), at[5], waiting={at[2], at[3]})
    assert found.devices["hue:1"].missing == {"waiting": 2, "no_cycle": 1}
    assert [(gap.begin, gap.end, gap.cause) for gap in found.gaps] == [
        (at[2], at[4], "waiting"),
        (at[4], at[5], "no_cycle"),
    ]


def test_a_gap_of_a_source_stands_for_its_devices() -> None:
    found = covered(a_store("", "network", "network", "unreachable", "stopped", ""), NOON + 6 * SLOT)
    assert [
        ((gap.begin - NOON) / SLOT, (gap.end - NOON) / SLOT, gap.device_id, gap.cause) for gap in found.gaps
    ] == [
        (1, 3, None, "network"),
        (3, 4, "hue:1", "unreachable"),
        (4, 5, None, "stopped"),
    ]


def test_gaps_lie_within_the_time_in_which_a_device_is_expected() -> None:
    """The source failed before its first reading, and the span ends within a gap."""
    store = a_store("network", "network", "", "unreachable", "unreachable", "")
    (gap,) = covered(store, NOON + 4 * SLOT + MINUTE).gaps
    assert (gap.begin, gap.end) == (NOON + 3 * SLOT, NOON + 4 * SLOT + MINUTE)


def test_a_device_is_expected_from_its_first_reading_on() -> None:
    store = a_store("", "", "", devices=1)
    later = covered(store, NOON + 3 * SLOT, since=NOON - DAY)
    assert later.devices["hue:1"] == Coverage(expected=3, missing={})
    assert later.spans["hue:1"].since == NOON
    assert "expected from its first reading on, 2026-03-01 17:30 +05:30: Room 1" in texts(
        a_report(store, NOON + 3 * SLOT, since=NOON - DAY)
    )
    within_a_slot = covered(store, NOON + 3 * SLOT, since=NOON - 4 * MINUTE)
    assert within_a_slot.spans["hue:1"].since == NOON - 4 * MINUTE
    assert covered(store, NOON - HOUR, since=NOON - DAY).devices == {}


def test_a_device_that_left_has_a_line() -> None:
    store = a_store("", "unreachable", *["silent"] * 10)
    report = a_report(store)
    assert report.found.devices["hue:1"] == Coverage(expected=2, missing={"unreachable": 1})
    assert "left the home, expected until 2026-03-01 17:40 +05:30: Room 1" in texts(report)


@pytest.mark.parametrize(
    ("causes", "target", "is_kept"),
    [
        (["", "", "", ""], 1.0, True),
        (["", "network", "", ""], 0.75, True),
        (["", "network", "", ""], 0.76, False),
        (["", "stopped", "", ""], 0.0, False),
        ([], 0.0, False),
    ],
)
def test_a_home_is_kept_if_nothing_is_lost_and_no_device_is_below_the_target(
    causes: list[str], target: float, is_kept: bool
) -> None:
    assert a_report(a_store(*causes), NOON + 4 * SLOT, target=target).is_kept is is_kept


def test_a_source_that_never_stored_a_reading_is_not_kept() -> None:
    report = a_report(a_store("", ""), NOON + 2 * SLOT, intervals={**HUE, "amazon": SLOT})
    assert not report.is_kept
    assert "Amazon account: no reading has been stored yet" in texts(report)


def test_a_home_without_a_reading_says_so() -> None:
    report = a_report(MemoryStore())
    assert texts(report)[-2:] == [
        "Hue bridge: no reading has been stored yet",
        "no readings are expected in this time: there is nothing to grade",
    ]
    assert as_object(report)["home"] == {
        "expected": 0,
        "stored": 0,
        "lost": 0,
        "missing": {},
        "share": None,
    }


def test_a_time_without_an_expected_reading_is_not_kept() -> None:
    assert not a_report(a_store("", ""), NOON - HOUR, since=NOON - DAY).is_kept


def test_the_report_has_devices_gaps_and_the_verdict() -> None:
    store = a_store("", "network", "unreachable", "stopped", "", "")
    assert texts(a_report(store, NOON + 6 * SLOT)) == [
        "2026-03-01 17:30 - 18:00 +05:30",
        "room      stored  readings  expected  not received  lost",
        "Room 1    50.0 %         3         6             2     1",
        "Room 2    66.6 %         4         6             1     1",
        "the home  58.3 %         7        12             3     2",
        "",
        "lost because of the collector itself",
        "  2026-03-01 17:45 - 17:50 +05:30 (5 min)  Hue bridge: the program was not running",
        "",
        "not received",
        "  2026-03-01 17:35 - 17:40 +05:30 (5 min)  Hue bridge: the source could not be reached (timed out)",
        "  2026-03-01 17:40 - 17:45 +05:30 (5 min)  Room 1: the sensor could not be reached",
        "",
        "2 readings are lost because of the collector itself: 2 (the program was not running)",
        "below the target of 95 %: Room 1 (50.0 %), Room 2 (66.6 %)",
    ]
    assert texts(a_report(a_store("", ""), NOON + 2 * SLOT))[-2:] == [
        "nothing is lost because of the collector itself",
        "every device has at least 95 % of its readings",
    ]


def test_a_gap_of_seconds_has_seconds() -> None:
    found = covered(a_store("", "network", ""), NOON + SLOT + 20 * SECOND)
    report = attrs.evolve(a_report(a_store("", "")), found=found)
    assert (
        "  2026-03-01 17:35:00 +05:30 (20 s)  Hue bridge: the source could not be reached (timed out)"
        in texts(report)
    )


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize(
    "name", ["", "A living room with a very long name, up to the roof, ", "居間の温度計と湿度計"]
)
def test_the_table_fits_the_width(width: int, name: str) -> None:
    table = texts(a_report(a_store("", "", name=name)), width)[1:5]
    assert len({line.split()[-1] for line in table}) > 1
    assert all(cell_len(line) <= width for line in table)
    assert all("%" in line for line in table[1:])


def test_names_are_shown_in_the_encoding_of_the_terminal() -> None:
    shown = [in_encoding(line, "ascii") for line in texts(a_report(a_store("", "", name="Küche ")))]
    assert any(line.startswith("Kuche Room 1") for line in shown)


@pytest.mark.parametrize(
    ("width", "heading"),
    [
        (60, "room stored readings expected not received lost"),
        (55, "room stored readings not received lost"),
        (45, "room stored not received lost"),
        (30, "room stored lost"),
    ],
)
def test_columns_are_left_out_one_by_one(width: int, heading: str) -> None:
    assert texts(a_report(a_store("", "")), width)[1].split() == heading.split()


def test_devices_are_sorted_by_name_and_have_their_id_without_one() -> None:
    report = attrs.evolve(a_report(a_store("", "", "", devices=3)), names={"hue:3": "attic", "hue:1": "Bath"})
    assert [line.split()[0] for line in texts(report)[2:5]] == ["attic", "Bath", "hue:2"]
    assert texts(report)[-1].endswith(
        "below the target of 95 %: attic (25.0 %), Bath (25.0 %), hue:2 (25.0 %)"
    )


def test_devices_that_came_or_left_together_share_a_line() -> None:
    store = a_store("", "", devices=2)
    at = NOON + 20 * SLOT
    store.append(a_cycle(a_collected(a_reading("hue:3", collected_at=at), due=a_due(slot=at))))
    shown = texts(a_report(store, at + MINUTE, since=NOON - HOUR))
    assert "expected from its first reading on, 2026-03-01 17:30 +05:30: Room 1, Room 2" in shown


def test_causes_of_losses_are_listed_by_their_number() -> None:
    report = a_report(a_store("", "not_stored", "stopped", "stopped", "", devices=1), NOON + 5 * SLOT)
    assert texts(report)[-2] == (
        "3 readings are lost because of the collector itself: 2 (the program was not running), "
        "1 (the readings could not be stored)"
    )
    one = a_report(a_store("", "stopped", "", devices=1), NOON + 3 * SLOT)
    assert texts(one)[-2].startswith("1 reading is lost because of the collector itself: 1 (")


def test_a_simulated_home_is_called_so_and_waiting_readings_are_counted() -> None:
    report = attrs.evolve(a_report(a_store("", "")), is_simulated=True, waiting=1234)
    shown = texts(report)
    assert shown[0] == "the readings are those of a simulated home"
    assert "1,234 readings wait in the spool, and are not counted as stored yet" in shown


def test_other_sources_and_devices_that_left_do_not_hide_the_rest() -> None:
    """hue:0 is of a source that the home no longer has, hue:1 left long ago; both come first by their id."""
    store = a_store("", "network", "", devices=3)
    old = NOON - 9 * DAY
    removed = a_collected(a_reading("hue:0", collected_at=NOON), due=a_due("gone", NOON))
    store.append(a_cycle(removed))
    store.append(a_cycle(a_failed(a_due("gone", NOON + SLOT))))
    del store.readings["hue:1", NOON], store.readings["hue:1", NOON + 2 * SLOT]
    for number in (0, 2):
        entry = store.ledger["hue", NOON + number * SLOT]
        assert isinstance(entry, Collected)
        store.ledger["hue", NOON + number * SLOT] = attrs.evolve(entry, readings=entry.readings[1:])
    left = a_reading("hue:1", collected_at=old)
    store.append(a_cycle(a_collected(left, due=a_due(slot=old))))
    found = covered(store, NOON + 3 * SLOT)
    assert found.devices == dict.fromkeys(("hue:2", "hue:3"), Coverage(expected=3, missing={"network": 1}))
    assert found.silent == []


def test_a_source_that_only_failed_in_the_time_is_not_silent() -> None:
    store = a_store("", "network", "network")
    found = covered(store, NOON + 3 * SLOT, since=NOON + SLOT)
    assert found.devices["hue:1"] == Coverage(expected=2, missing={"network": 2})
    assert found.silent == []
    assert texts(a_report(store, NOON + 3 * SLOT, since=NOON + SLOT))[-1].startswith("below the target")


def test_a_source_that_answers_without_a_device_is_not_silent() -> None:
    store = a_store("", "")
    empty = Collected(due=a_due("amazon", NOON), readings=())
    store.append(a_cycle(empty))
    found = covered(store, NOON + 2 * SLOT, intervals={**HUE, "amazon": SLOT, "never": SLOT})
    assert found.silent == ["never"]


def test_the_object_has_each_device_and_gap() -> None:
    found = as_object(a_report(a_store("", "stopped", "unreachable", ""), NOON + 4 * SLOT, target=0.5))
    assert (found["format"], found["target_percent"], found["is_kept"]) == (1, 50.0, False)
    assert (
        found["sources"]["hue"]
        == found["home"]
        == {
            "expected": 8,
            "stored": 5,
            "lost": 2,
            "missing": {"stopped": 2, "unreachable": 1},
            "share": 0.625,
        }
    )
    assert (found["since"], found["until"]) == (NOON.isoformat(), (NOON + 4 * SLOT).isoformat())
    assert (found["is_simulated"], found["waiting"], found["silent"]) == (False, 0, [])
    first, second = found["devices"]
    assert first == {
        "device_id": "hue:1",
        "location": "Room 1",
        "source": "hue",
        "since": NOON.isoformat(),
        "until": (NOON + 4 * SLOT).isoformat(),
        "is_kept": False,
        "coverage": {
            "expected": 4,
            "stored": 2,
            "lost": 1,
            "missing": {"stopped": 1, "unreachable": 1},
            "share": 0.5,
        },
    }
    assert second["device_id"] == "hue:2"
    gap = {
        "source": "hue",
        "device_id": None,
        "begin": (NOON + SLOT).isoformat(),
        "end": (NOON + 2 * SLOT).isoformat(),
        "cause": "stopped",
        "detail": "",
        "is_lost": True,
    }
    later = {"begin": gap["end"], "end": (NOON + 3 * SLOT).isoformat(), "cause": "unreachable"}
    assert found["gaps"] == [gap, {**gap, **later, "device_id": "hue:1", "is_lost": False}]
    kept = as_object(a_report(a_store("", ""), NOON + 2 * SLOT))
    assert [one["is_kept"] for one in kept["devices"]] == [True, True]
