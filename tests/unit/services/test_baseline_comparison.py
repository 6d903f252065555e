"""Baselines are made of measurements, kept, found and compared."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from adapters.memory.runtime import MemoryClock
from adapters.memory.store import MemoryStore
from adapters.memory.stored_data import MemoryBaselines, MemoryMeasurements
from domain.errors import BaselineExists, NothingMeasured
from domain.measurements import Baseline, Figure, Kind
from domain.services.baseline_comparison import BaselineComparison, Verdict, compare
from domain.times import local_time
from tests.support.baselines import a_baseline
from tests.support.builders import NOON, a_cycle, a_measurement

FIVE_MINUTES = timedelta(minutes=5)


class Home:
    """A home with measured cycles."""

    def __init__(self) -> None:
        self.clock = MemoryClock(NOON)
        self.store = MemoryStore()
        self.service = BaselineComparison(
            measurements=MemoryMeasurements(self.store), baselines=MemoryBaselines(), clock=self.clock
        )

    def collect(self, cycles: int, cycle_s: float, *, fails: bool = False) -> None:
        for _ in range(cycles):
            measured = a_measurement(self.clock.now(), cycle_s=cycle_s, succeeded=not fails)
            self.store.append(a_cycle(measurements=(measured,)))
            self.clock.advance(300)

    def measure(self, name: str = "a", minutes: int = 0, **circumstances: str) -> Baseline:
        costs = self.service.costs(NOON + timedelta(minutes=minutes))
        return self.service.baseline(name, costs, circumstances)


def test_baseline_capture_and_comparison() -> None:
    home = Home()
    home.collect(20, 1.0)
    before = home.measure("before", machine="a")
    home.service.save(before)
    assert before.samples[Figure(Kind.CYCLE_S, "hue")] == (1.0,) * 20
    assert (before.cycles, before.left_out, before.captured_at) == (20, 0, NOON + 20 * FIVE_MINUTES)
    assert (before.first_at, before.last_at) == (NOON, NOON + 19 * FIVE_MINUTES)
    home.collect(20, 1.5)
    comparison = compare(home.service.find("before"), home.measure("now", 100, machine="b"))
    (change,) = (one for one in comparison.changes if one.figure.kind is Kind.CYCLE_S)
    assert (change.verdict, change.change) == (Verdict.SLOWER, 0.5)
    assert comparison.differing == {"machine": ("a", "b")}


def test_incomplete_cycles_are_left_out() -> None:
    home = Home()
    home.collect(2, 1.0)
    home.collect(1, 1.0, fails=True)
    assert (home.measure().cycles, home.measure().left_out) == (2, 1)
    assert home.measure(minutes=5).cycles == 1


def test_without_a_complete_cycle_the_next_step_is_named() -> None:
    home = Home()
    with pytest.raises(
        NothingMeasured,
        match=rf"no complete cycle .*{re.escape(local_time(NOON, seconds=True))}\. .*--cycles N",
    ):
        home.measure()
    home.collect(2, 1.0, fails=True)
    with pytest.raises(NothingMeasured, match=r"and 2 were incomplete\. homeclimate status"):
        home.measure()
    home.collect(3, 1.0)
    home.store.append(a_cycle(measurements=(a_measurement(home.clock.now(), source="hue:2"),)))
    home.clock.advance(300)
    with pytest.raises(NothingMeasured, match=r"of these sources\. Measured were: hue, hue:2$"):
        home.service.costs(NOON, "amazon".__eq__)


def test_cycles_after_a_baseline_are_not_part_of_it() -> None:
    home = Home()
    home.collect(3, 2.0)
    before = home.measure()
    with pytest.raises(NothingMeasured):
        home.service.costs(before.ended_at)
    home.collect(1, 2.0)
    assert home.service.costs(before.ended_at).slots == (NOON + 3 * FIVE_MINUTES,)


def test_cycles_in_the_future_are_counted_apart() -> None:
    home = Home()
    assert home.service.costs_ahead().slots == ()
    home.collect(3, 1.0)
    home.clock.step_wall(-86_400)
    assert home.service.costs_ahead().slots[-1] == NOON + 2 * FIVE_MINUTES
    assert home.service.costs_ahead("amazon".__eq__).slots == ()
    home.clock.advance(2 * 86_400)
    assert home.service.costs_ahead().slots == ()


def test_a_missing_baseline_is_reported_with_those_that_there_are() -> None:
    service = Home().service
    for method in (service.find, service.remove):
        with pytest.raises(NothingMeasured, match=r"there is no baseline c\. Make one with homeclimate"):
            method("c")
    for name in ("a", "b"):
        service.save(a_baseline(name))
    with pytest.raises(NothingMeasured, match=r"there is no baseline c\. There are: a, b"):
        service.find("c")


def test_a_baseline_is_replaced_only_on_request() -> None:
    service = Home().service
    service.save(a_baseline("a"))
    with pytest.raises(BaselineExists):
        service.save(a_baseline("a"))
    service.save(a_baseline("a", machine="new"), replace=True)
    assert service.find("a").circumstances == {"machine": "new"}
    assert service.has("a")
    service.remove("a")
    assert (service.has("a"), list(service.all())) == (False, [])
