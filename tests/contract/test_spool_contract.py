"""The contract of spools."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.files.spool.file_spool import FileSpool
from adapters.memory.runtime import MemoryClock, MemoryJournal
from adapters.memory.spool import MemorySpool
from domain.cycle import Cause, CycleReport
from domain.errors import StoreBusy
from domain.progress import Waiting, WaitingSlots
from domain.reading import Quantity, fit_to_table
from ports.spool import Spool
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
from tests.support.spools import a_cycle_at, drained

LATER = NOON + timedelta(minutes=5)
RICH = a_cycle(
    a_collected(
        a_reading(
            location="Küche",
            values=dict.fromkeys(Quantity, 20.25),
            other_values={"range.12": 3.5},
            observed_at=NOON - timedelta(seconds=12, microseconds=345678),
            battery_percent=77,
            is_reachable=True,
            raw_response='{"odd": "\ud800"}',
        ),
        unread=(an_unread(detail="Attic"),),
        notes=("read as a whole",),
    ),
    a_failed(a_due("amazon"), Cause.CREDENTIALS, needs_person=True, unread=(an_unread("alexa:1"),)),
    a_deferred(a_due("hue:2"), until=LATER),
    missed=(a_missed(a_due(slot=NOON - timedelta(minutes=5)), unread=(an_unread(cause=Cause.STOPPED),)),),
)


def _in_file(folder: Path) -> Spool:
    spool = FileSpool(folder / "spool", clock=MemoryClock(NOON), journal=MemoryJournal())
    spool.prepare(is_data_there=True)
    return spool


MAKERS: dict[str, Callable[[Path], Spool]] = {"memory": lambda _: MemorySpool(), "file": _in_file}


@pytest.fixture(params=list(MAKERS))
def spool(request: pytest.FixtureRequest, tmp_path: Path) -> Spool:
    return MAKERS[request.param](tmp_path)


def test_added_cycle_is_drained_unchanged(spool: Spool) -> None:
    spool.add(RICH)
    assert drained(spool) == [RICH]


def test_cycles_are_drained_in_order(spool: Spool) -> None:
    cycles = [a_cycle_at(minute) for minute in (0, 5, 10)]
    for cycle in cycles:
        spool.add(cycle)
    assert drained(spool) == cycles


def test_taken_cycle_is_not_drained_again(spool: Spool) -> None:
    spool.add(a_cycle())
    drained(spool)
    assert drained(spool) == []
    spool.add(RICH)
    assert drained(spool) == [RICH]


def test_empty_spool_drains_nothing(spool: Spool) -> None:
    assert drained(spool) == []
    assert spool.waiting() == Waiting()


def test_error_while_draining_keeps_the_rest(spool: Spool) -> None:
    cycles = [a_cycle_at(minute) for minute in (0, 5, 10)]
    for cycle in cycles:
        spool.add(cycle)
    taken: list[CycleReport] = []

    def take(report: CycleReport) -> bool:
        if len(taken) == 1:
            raise StoreBusy("locked")
        taken.append(report)
        return True

    with pytest.raises(StoreBusy):
        spool.drain(take)
    assert taken == cycles[:1]
    assert spool.waiting().cycles == 2
    assert drained(spool) == cycles[1:]


def test_rejected_cycle_is_removed_from_the_queue(spool: Spool) -> None:
    poison, sound = a_cycle_at(0), a_cycle_at(5)
    spool.add(poison)
    spool.add(sound)
    assert spool.drain(lambda report: report != poison) == 1
    assert spool.waiting() == Waiting()


def test_waiting_counts_cycles_readings_and_slots(spool: Spool) -> None:
    spool.add(RICH)
    spool.add(a_cycle(a_failed(a_due(slot=LATER))))
    spool.add(a_cycle(a_collected(due=a_due("by hand", LATER + timedelta(seconds=7), scheduled=False))))
    waiting = spool.waiting()
    assert (waiting.cycles, waiting.readings) == (3, 2)
    assert waiting.by_source == {
        "hue": WaitingSlots({NOON - timedelta(minutes=5), NOON, LATER}, {NOON}),
        "amazon": WaitingSlots({NOON}),
        "hue:2": WaitingSlots({NOON}),
        "by hand": WaitingSlots(seconds={LATER + timedelta(seconds=7)}),
    }


def test_non_finite_value_is_drained_as_a_store_keeps_it(spool: Spool) -> None:
    odd = a_reading(values={Quantity.TEMPERATURE: math.nan, Quantity.PM25: math.inf, Quantity.VOC_INDEX: 3.0})
    spool.add(a_cycle(a_collected(odd)))
    ((reading,),) = [report.readings for report in drained(spool)]
    assert fit_to_table(reading) == fit_to_table(odd)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(
    texts=st.lists(st.text(st.characters(exclude_categories=[])), max_size=5), values=st.lists(st.floats())
)
@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_texts_and_numbers_are_drained_unchanged(
    make: Callable[[Path], Spool], tmp_path: Path, texts: list[str], values: list[float]
) -> None:
    spool = make(tmp_path)
    readings = [
        fit_to_table(a_reading(f"hue:{number}", other_values={str(number): value}))
        for number, value in enumerate(values)
    ]
    report = a_cycle(a_collected(*readings, notes=tuple(texts)))
    spool.add(report)
    assert drained(spool) == [report]
