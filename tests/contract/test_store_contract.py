"""The promises of every store."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.memory.runtime import MemoryClock, MemoryJournal
from adapters.memory.store import MemoryStore
from adapters.memory.stored_data import MemoryHistory, MemoryLedger
from adapters.sqlite.history.ledger import SqliteLedger
from adapters.sqlite.history.queries import SqliteHistory
from adapters.sqlite.store import SqliteStore
from domain.cycle import Cause, Collected, CycleReport, Deferred, Failed, LedgerEntry, Missed, Outcome
from domain.gaps import ROWS_AT_ONCE
from domain.progress import SourceProgress
from domain.reading import Quantity, Reading
from domain.schedule import Due
from ports.store import Store
from ports.stored_data import History, Ledger
from tests.support.builders import (
    NOON,
    a_collected,
    a_cycle,
    a_deferred,
    a_due,
    a_failed,
    a_missed,
    a_reading,
    an_unread,
)

LATER = NOON + timedelta(minutes=5)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@attrs.frozen
class Kept:
    """A store, and what reads it."""

    store: Store
    history: History
    ledger: Ledger


def _in_memory(_: Path) -> Kept:
    store = MemoryStore(MemoryClock(NOON))
    return Kept(store, MemoryHistory(store), MemoryLedger(store))


def _in_sqlite(folder: Path) -> Kept:
    path = folder / "readings.db"
    store = SqliteStore(path, journal=MemoryJournal(), clock=MemoryClock(NOON))
    return Kept(store, SqliteHistory(path), SqliteLedger(path))


MAKERS: dict[str, Callable[[Path], Kept]] = {"memory": _in_memory, "sqlite": _in_sqlite}


@pytest.fixture(params=list(MAKERS))
def make(request: pytest.FixtureRequest) -> Callable[[Path], Kept]:
    return MAKERS[request.param]


@pytest.fixture
def kept(make: Callable[[Path], Kept], tmp_path: Path) -> Iterator[Kept]:
    kept = make(tmp_path)
    yield kept
    kept.store.close()


def test_a_stored_reading_is_read_back_equal(kept: Kept) -> None:
    reading = a_reading(
        location="Küche",
        observed_at=NOON - timedelta(seconds=12, microseconds=345678),
        values=dict.fromkeys(Quantity, 20.25),
        other_values={"light_level": 12.5},
        battery_percent=77,
        is_reachable=True,
        is_anomalous=True,
        raw_response='{"temperature": 2025, "où": "ici"}',
    )
    kept.store.append(a_cycle(a_collected(reading)))
    assert kept.history.newest() == [reading]


def test_a_minimal_reading_is_read_back_equal(kept: Kept) -> None:
    reading = a_reading()
    kept.store.append(a_cycle(a_collected(reading)))
    assert kept.history.newest() == [reading]


def test_a_stored_reading_is_not_overwritten(kept: Kept) -> None:
    kept.store.append(a_cycle(a_collected(a_reading(temperature=20.0))))
    kept.store.append(a_cycle(a_collected(a_reading(temperature=30.0))))
    assert [reading.values for reading in kept.history.newest()] == [{Quantity.TEMPERATURE: 20.0}]


def test_a_late_report_adds_its_devices(kept: Kept) -> None:
    kept.store.append(a_cycle(a_collected(a_reading("hue:a"))))
    kept.store.append(a_cycle(a_collected(a_reading("hue:b"))))
    assert [reading.device_id for reading in kept.history.newest()] == ["hue:a", "hue:b"]


def test_a_refused_value_does_not_lose_the_row(kept: Kept) -> None:
    kept.store.append(a_cycle(a_collected(a_reading(temperature=20.0, relative_humidity=104.0))))
    (reading,) = kept.history.newest()
    assert reading.values == {Quantity.TEMPERATURE: 20.0}
    assert reading.other_values == {"relative_humidity": 104.0}
    assert reading.is_anomalous


def test_nan_does_not_lose_the_row(kept: Kept) -> None:
    kept.store.append(a_cycle(a_collected(a_reading(temperature=20.0, pm25=math.nan))))
    (reading,) = kept.history.newest()
    assert (reading.values, reading.is_anomalous) == ({Quantity.TEMPERATURE: 20.0}, True)


@pytest.mark.parametrize("values", [{Quantity.PM25: 3.0, Quantity.RELATIVE_HUMIDITY: 40.0}, {}])
def test_a_reading_without_a_temperature_is_stored_like_any_other(
    kept: Kept, values: dict[Quantity, float]
) -> None:
    without = a_reading("hue:a", values=values)
    kept.store.append(a_cycle(a_collected(without, a_reading("hue:b"))))
    assert kept.history.newest() == [without, a_reading("hue:b")]
    assert kept.history.series("hue:a", Quantity.TEMPERATURE, NOON) == []
    assert len(kept.history.series("hue:a", Quantity.PM25, NOON)) == len(values) // 2
    assert kept.store.progress("hue", NOON).expected == {"hue:a", "hue:b"}


def test_a_refused_temperature_loses_no_row(kept: Kept) -> None:
    kept.store.append(a_cycle(a_collected(a_reading("hue:a", temperature=61.0), a_reading("hue:b"))))
    in_the_sun, other = kept.history.newest()
    assert (in_the_sun.values, in_the_sun.other_values) == ({}, {"temperature": 61.0})
    assert (in_the_sun.is_anomalous, other.is_anomalous) == (True, False)


def test_an_unknown_source_has_no_progress(kept: Kept) -> None:
    assert kept.store.progress("hue", NOON) == SourceProgress()


def test_progress_is_the_newest_slot(kept: Kept) -> None:
    kept.store.append(a_cycle(a_collected(), a_failed(a_due("amazon"))))
    kept.store.append(a_cycle(a_failed(a_due(slot=LATER))))
    progress = kept.store.progress("hue", LATER)
    assert (progress.last_slot, progress.is_stored) == (LATER, False)
    assert kept.store.progress("amazon", LATER) == SourceProgress(last_slot=NOON)


def test_late_reports_do_not_move_progress_back(kept: Kept) -> None:
    kept.store.append(a_cycle(a_collected(a_reading(collected_at=LATER), due=a_due(slot=LATER))))
    kept.store.append(a_cycle(a_collected()))
    progress = kept.store.progress("hue", LATER)
    assert (progress.last_slot, progress.is_stored) == (LATER, True)


@pytest.mark.parametrize("outcome", [a_failed(), a_deferred()])
def test_a_stored_outcome_replaces_one_that_is_not(kept: Kept, outcome: Outcome) -> None:
    kept.store.append(a_cycle(outcome))
    assert not kept.store.progress("hue", NOON).is_stored
    kept.store.append(a_cycle(a_collected()))
    assert kept.store.progress("hue", NOON).is_stored


def test_a_stored_outcome_replaces_a_missed_slot(kept: Kept) -> None:
    kept.store.append(a_cycle(a_failed(a_due("amazon")), missed=(a_missed(),)))
    assert kept.store.progress("hue", NOON) == SourceProgress(), "it had no cycle"
    kept.store.append(a_cycle(a_collected()))
    assert kept.store.progress("hue", NOON).is_stored


@pytest.mark.parametrize("later", [a_failed(), a_deferred(), a_missed()])
def test_a_stored_outcome_is_never_replaced(kept: Kept, later: LedgerEntry) -> None:
    kept.store.append(a_cycle(a_collected()))
    kept.store.append(
        a_cycle(a_failed(a_due("amazon")), missed=(later,)) if isinstance(later, Missed) else a_cycle(later)
    )
    assert kept.store.progress("hue", NOON).is_stored


def test_a_manual_cycle_does_not_count_as_a_slot(kept: Kept) -> None:
    kept.store.append(a_cycle(a_collected(due=a_due(scheduled=False))))
    progress = kept.store.progress("hue", NOON)
    assert (progress.last_slot, progress.is_stored) == (None, False)


@pytest.mark.parametrize("first_is_scheduled", [True, False])
def test_a_slot_that_a_manual_cycle_shares_counts_as_stored(kept: Kept, first_is_scheduled: bool) -> None:
    first: Outcome = a_failed() if first_is_scheduled else a_collected(due=a_due(scheduled=False))
    kept.store.append(a_cycle(first))
    kept.store.append(a_cycle(a_collected(due=a_due(scheduled=not first_is_scheduled))))
    assert kept.store.progress("hue", NOON).is_stored


def test_a_device_is_expected_from_its_first_reading_on(kept: Kept) -> None:
    kept.store.append(a_cycle(a_collected(a_reading("hue:a"), unread=(an_unread("hue:never-read"),))))
    assert kept.store.progress("hue", LATER).expected == {"hue:a"}
    assert kept.store.progress("amazon", LATER).expected == frozenset()


def test_a_device_is_expected_for_a_day_after_it_was_listed(kept: Kept) -> None:
    kept.store.append(a_cycle(a_collected(a_reading("hue:a"))))
    assert kept.store.progress("hue", NOON + DAY - timedelta(seconds=1)).expected == {"hue:a"}
    assert kept.store.progress("hue", NOON + DAY).expected == frozenset()


@pytest.mark.parametrize(
    ("cause", "is_expected"), [(Cause.UNREACHABLE, True), (Cause.NO_VALUE, True), (Cause.NOT_LISTED, False)]
)
def test_a_device_that_is_listed_without_a_value_stays_expected(
    kept: Kept, cause: Cause, is_expected: bool
) -> None:
    kept.store.append(a_cycle(a_collected(a_reading("hue:a"))))
    kept.store.append(_a_cycle_without("hue:a", cause))
    assert (kept.store.progress("hue", NOON + DAY).expected == {"hue:a"}) is is_expected


def test_a_source_that_fails_lists_nothing(kept: Kept) -> None:
    kept.store.append(a_cycle(a_collected(a_reading("hue:a"))))
    failed = a_failed(a_due(slot=LATER), unread=(an_unread("hue:a", Cause.NETWORK),))
    kept.store.append(a_cycle(failed))
    assert kept.store.progress("hue", NOON + DAY).expected == frozenset()


FAR = NOON + timedelta(days=4000)


def test_slots_of_a_wrong_clock_are_separate(kept: Kept) -> None:
    for slot in (NOON, LATER + 2 * HOUR, FAR, FAR + HOUR):
        kept.store.append(a_cycle(a_collected(due=a_due(slot=slot))))
    kept.store.append(a_cycle(a_failed(a_due(slot=LATER))))
    progress = kept.store.progress("hue", NOON)
    assert (progress.last_slot, progress.is_stored, progress.ahead) == (LATER, True, FAR + HOUR)
    progress = kept.store.progress("hue", LATER)
    assert progress.last_slot == LATER + 2 * HOUR, "exactly two hours ahead is no fault"
    assert kept.store.progress("hue", FAR).ahead is None
    assert kept.store.progress("amazon", NOON) == SourceProgress()


def test_a_device_read_in_the_future_is_expected_for_a_day_from_now(kept: Kept) -> None:
    kept.store.append(a_cycle(a_collected(a_reading("hue:a"), a_reading("hue:b"), due=a_due(slot=FAR))))
    assert kept.store.progress("hue", NOON).expected == {"hue:a", "hue:b"}
    without = Collected(
        due=a_due(), readings=(a_reading("hue:a"),), unread=(an_unread("hue:b", Cause.NOT_LISTED),)
    )
    kept.store.append(a_cycle(without))
    almost = NOON + DAY - timedelta(minutes=1)
    assert kept.store.progress("hue", almost).expected == {"hue:a", "hue:b"}
    assert kept.store.progress("hue", NOON + DAY).expected == frozenset()
    kept.store.append(a_cycle(a_collected(a_reading("hue:a"), due=a_due(slot=LATER))))
    assert kept.store.progress("hue", NOON + DAY).expected == {"hue:a"}


def test_closing_twice_is_closing_once(kept: Kept) -> None:
    kept.store.append(a_cycle())
    kept.store.close()
    kept.store.close()
    assert len(kept.history.newest()) == 1


def test_an_unpaired_surrogate_loses_nothing(kept: Kept) -> None:
    reading = a_reading(location="attic \ud83c", raw_response='"\ud83c"')
    failed = a_failed(a_due("amazon"), detail="\udcff", unread=(an_unread("alexa:\ud83c"),))
    kept.store.append(a_cycle(a_collected(reading, notes=("\ud83c",)), failed))
    assert len(kept.history.newest()) == 1


def _a_cycle_without(device_id: str, cause: Cause) -> CycleReport:
    """A later cycle in which the device has no reading and another one has."""
    due = a_due(slot=LATER)
    another = a_reading("hue:b", collected_at=LATER)
    collected = Collected(due=due, readings=(), unread=(an_unread(device_id, cause),))
    return a_cycle(collected, a_collected(another, due=a_due("other", slot=LATER)))


# Laws, over generated reports: few sources, slots and devices, so that they meet each other often.

_slots = st.integers(0, 3).map(lambda number: NOON + timedelta(minutes=5 * number))
_dues = st.builds(
    Due,
    source=st.sampled_from(["hue", "amazon"]),
    slot=_slots,
    interval_s=st.just(300),
    scheduled=st.booleans(),
)
_values = st.dictionaries(
    st.sampled_from(list(Quantity)), st.floats(allow_infinity=False, allow_nan=False), max_size=4
)
_causes = st.sampled_from(list(Cause))
_unread = st.lists(st.builds(an_unread, st.sampled_from(["hue:0", "hue:1"]), _causes), max_size=2).map(tuple)


@st.composite
def _collecteds(draw: st.DrawFn) -> Collected:
    due = draw(_dues)
    numbers = draw(st.lists(st.integers(0, 2), max_size=3, unique=True))
    readings = tuple(
        a_reading(
            f"{due.source}:{number}",
            collected_at=due.slot,
            location=draw(st.text(max_size=5)),
            values=draw(_values),
        )
        for number in numbers
    )
    return Collected(due=due, readings=readings, unread=draw(_unread))


_outcomes = st.one_of(
    _collecteds(),
    st.builds(Failed, due=_dues, cause=_causes, detail=st.text(max_size=5), unread=_unread),
    st.builds(Deferred, due=_dues, cause=_causes, until=_slots, unread=_unread),
)
_reports = st.builds(
    CycleReport,
    outcomes=st.lists(_outcomes, max_size=3).map(tuple),
    missed=st.lists(st.builds(Missed, due=_dues, cause=_causes, unread=_unread), max_size=2).map(tuple),
)
_few = settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None)


@_few
@given(reports=st.lists(_reports, max_size=4), again=st.integers(0, 3))
def test_storing_a_report_twice_is_storing_it_once(
    make: Callable[[Path], Kept],
    tmp_path_factory: pytest.TempPathFactory,
    reports: list[CycleReport],
    again: int,
) -> None:
    once, twice = make(tmp_path_factory.mktemp("once")), make(tmp_path_factory.mktemp("twice"))
    for number, report in enumerate(reports):
        once.store.append(report)
        twice.store.append(report)
        if number == again:
            twice.store.append(report)
    assert _what_it_holds(once) == _what_it_holds(twice)


@_few
@given(reports=st.lists(_reports, max_size=4))
def test_every_store_holds_the_same_after_the_same_reports(
    tmp_path_factory: pytest.TempPathFactory, reports: list[CycleReport]
) -> None:
    held = []
    for make in MAKERS.values():
        kept = make(tmp_path_factory.mktemp("same"))
        for report in reports:
            kept.store.append(report)
        held.append(_what_it_holds(kept))
    assert all(one == held[0] for one in held)


def _what_it_holds(
    kept: Kept,
) -> tuple[list[Reading], list[list[tuple[datetime, float]]], list[SourceProgress]]:
    progress = [kept.store.progress(source, NOON) for source in ("hue", "amazon")]
    newest = list(kept.history.newest())
    series = [
        list(kept.history.series(reading.device_id, quantity, NOON))
        for reading in newest
        for quantity in (Quantity.TEMPERATURE, Quantity.PM25)
    ]
    kept.store.close()
    return newest, series, progress


def _stored(report: CycleReport) -> list[tuple[list[str], tuple[str, ...], tuple[str, ...]]]:
    return [
        ([reading.device_id for reading in outcome.readings], outcome.already_stored, outcome.notes)
        for outcome in report.outcomes
        if isinstance(outcome, Collected)
    ]


@pytest.mark.parametrize(
    ("earlier", "stored"),
    [
        ((), (["hue:a", "hue:b"], (), ())),
        (("hue:a",), (["hue:b"], ("hue:a",), ("1 reading was stored already",))),
        (("HUE:A", "hue:B"), ([], ("hue:a", "hue:b"), ("2 readings were stored already",))),
    ],
)
@pytest.mark.parametrize("source", ["hue", "another"])
def test_append_returns_what_it_has_stored(
    kept: Kept,
    earlier: tuple[str, ...],
    stored: tuple[list[str], tuple[str, ...], tuple[str, ...]],
    source: str,
) -> None:
    if earlier:
        kept.store.append(a_cycle(a_collected(*map(a_reading, earlier), due=a_due(source))))
    report = kept.store.append(a_cycle(a_collected(a_reading("hue:a"), a_reading("hue:b"))))
    assert _stored(report) == [stored]
    assert len(kept.history.newest()) == 2


def test_device_ids_are_compared_without_case(kept: Kept) -> None:
    kept.store.append(a_cycle(a_collected(a_reading("hue:a"))))
    report = kept.store.append(a_cycle(a_collected(a_reading("HUE:A"), due=a_due("another"))))
    assert _stored(report) == [([], ("HUE:A",), ("1 reading was stored already",))]


def test_of_two_sources_in_one_report_the_first_stores(kept: Kept) -> None:
    both = a_cycle(a_collected(), a_collected(a_reading(temperature=1.0), due=a_due("another")))
    first, second = _stored(kept.store.append(both))
    assert (len(first[0]), second) == (1, ([], (a_reading().device_id,), ("1 reading was stored already",)))


def test_a_device_at_another_instant_is_another_reading(kept: Kept) -> None:
    kept.store.append(a_cycle(a_collected(a_reading("hue:a"))))
    later = a_collected(a_reading("hue:a", collected_at=LATER), due=a_due(slot=LATER))
    assert _stored(kept.store.append(a_cycle(later))) == [(["hue:a"], (), ())]


def test_an_instant_is_used_by_a_reading_or_a_ledger_row_of_the_source(kept: Kept) -> None:
    at_noon, later = a_collected(due=a_due(scheduled=False)), a_failed(a_due("another", LATER))
    kept.store.append(a_cycle(at_noon, later))
    used = [
        (source, slot)
        for source in ("hue", "another")
        for slot in (NOON, LATER)
        if kept.store.is_used(source, slot)
    ]
    assert used == [("hue", NOON), ("another", NOON), ("another", LATER)]


def _slots_of(kept: Kept, since: datetime, until: datetime) -> dict[str, int]:
    (record,) = kept.ledger.records(since, until)
    return dict(record.slots)


@pytest.mark.parametrize("minutes", [15, 60 * 24 * 60 - 5])
def test_slots_without_a_row_get_one_in_portions(kept: Kept, minutes: int) -> None:
    begin = NOON - timedelta(minutes=minutes)
    kept.store.append(a_cycle(a_collected(a_reading(collected_at=begin), due=a_due(slot=begin))))
    missing = minutes // 5 - 1
    written = [0]
    while written[-1] < missing:  # a report without a slot carries on too
        kept.store.append(a_cycle(a_failed(a_due())) if len(written) == 1 else CycleReport(outcomes=()))
        written.append(_slots_of(kept, begin, NOON).get("missed", 0))
        assert 0 < written[-1] - written[-2] <= ROWS_AT_ONCE
    kept.store.append(CycleReport(outcomes=()))
    assert _slots_of(kept, begin, NOON) == {"stored": 1, "missed": missing, "failed": 1}


def test_a_late_report_takes_the_place_of_a_missed_slot(kept: Kept) -> None:
    kept.store.append(a_cycle(a_collected(a_reading(collected_at=NOON - HOUR), due=a_due(slot=NOON - HOUR))))
    kept.store.append(a_cycle())
    late = NOON - HOUR / 2
    assert _slots_of(kept, NOON - HOUR, NOON) == {"stored": 2, "missed": 11}
    kept.store.append(a_cycle(a_collected(a_reading(collected_at=late), due=a_due(slot=late))))
    assert _slots_of(kept, NOON - HOUR, NOON) == {"stored": 3, "missed": 10}


def test_rows_that_come_before_the_first_one_leave_no_slot_without_a_row(kept: Kept) -> None:
    kept.store.append(a_cycle())
    kept.store.append(a_cycle(a_failed(a_due(slot=NOON - HOUR))))
    kept.store.append(a_cycle(a_failed(a_due(slot=NOON + HOUR))))
    slots = _slots_of(kept, NOON - HOUR, NOON + HOUR)
    assert slots == {"stored": 1, "failed": 2, "missed": 22}


def test_each_source_has_its_own_slots(kept: Kept) -> None:
    hourly = a_due("amazon", NOON - HOUR, interval_s=3600)
    kept.store.append(a_cycle(a_failed(a_due(slot=NOON - HOUR)), a_failed(hourly)))
    kept.store.append(a_cycle(a_failed(), a_failed(a_due("amazon", interval_s=600))))
    amazon, hue = kept.ledger.records(NOON - HOUR, NOON)
    assert (amazon.slots, hue.slots) == ({"failed": 2, "missed": 5}, {"failed": 2, "missed": 11})
