"""Baselines are made of what was measured, kept, found and compared."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from adapters.memory.runtime import MemoryClock, MemoryJournal
from adapters.memory.source import MemorySource
from adapters.memory.store import MemoryBaselines, MemoryMeasurements, MemoryStore
from domain.cycle import SourceReply
from domain.errors import BaselineExists, NothingMeasured, SourceUnavailable
from domain.measurements import Figure, Kind
from domain.services.baseline_comparison import Ahead, Baselining, Verdict
from domain.services.collection_cycle import SourcePlan
from tests.support.baselines import a_baseline
from tests.support.builders import NOON, a_due, a_reply
from tests.support.collecting import a_collection


class Home:
    """A home whose bridge takes as long as it is told to."""

    def __init__(self) -> None:
        self.clock = MemoryClock(NOON)
        self.store = MemoryStore()
        self.baselines = MemoryBaselines()
        self.baselining = Baselining(
            measurements=MemoryMeasurements(self.store),
            baselines=self.baselines,
            clock=self.clock,
            pick=random.Random(1).randrange,  # noqa: S311 - chance that is the same each time
        )

    async def collect(self, cycles: int, read_s: float, *, fails: bool = False) -> None:
        clock = self.clock

        class Slow(MemorySource):
            async def read(self, slot: object, deadline_s: float) -> SourceReply:
                await clock.sleep(read_s)
                return await super().read(NOON, deadline_s)

        reply = [SourceUnavailable("down")] * 3 if fails else [a_reply()]
        source = Slow("hue", reply * cycles)
        plan = SourcePlan(source=source, interval_s=300)
        collection = a_collection([plan], clock=clock, journal=MemoryJournal(), store=self.store)
        for _ in range(cycles):
            await collection.run([a_due("hue", clock.now())])
            clock.advance(300)
        await collection.close()


async def test_baseline_capture_and_comparison() -> None:
    home = Home()
    await home.collect(20, 1.0)
    before = home.baselining.measured("before", NOON, circumstances={"machine": "a"})
    home.baselining.keep(before)
    assert before.samples[Figure(Kind.CYCLE_S, "hue")] == (1.0,) * 20
    assert (before.cycles, before.left_out, before.first_at) == (20, 0, NOON)
    later = home.clock.now()
    await home.collect(20, 1.5)
    after = home.baselining.measured("now", later, circumstances={"machine": "b"})
    comparison = home.baselining.compared(home.baselining.kept("before"), after)
    changes = {change.figure: change for change in comparison.changes}
    assert changes[Figure(Kind.CYCLE_S, "hue")].verdict is Verdict.SLOWER
    assert changes[Figure(Kind.READ_S, "hue")].change == pytest.approx(0.5)
    assert changes[Figure(Kind.ATTEMPTS, "hue")].verdict is Verdict.NO_DIFFERENCE_SHOWN
    assert comparison.differing == {"machine": ("a", "b")}


async def test_only_what_was_measured_since_then_counts() -> None:
    home = Home()
    await home.collect(3, 1.0)
    assert home.baselining.measured("a", NOON + timedelta(minutes=5), circumstances={}).cycles == 2


async def test_sources_that_are_not_wanted_do_not_count() -> None:
    home = Home()
    await home.collect(3, 1.0)
    with pytest.raises(NothingMeasured):
        home.baselining.measured("a", NOON, circumstances={}, is_wanted="amazon".__eq__)


async def test_without_a_whole_cycle_the_next_step_is_named() -> None:
    home = Home()
    with pytest.raises(NothingMeasured, match=r"no whole cycle .*2026-03-01 12:00:00 UTC\. .*--cycles N"):
        home.baselining.measured("a", NOON, circumstances={})
    await home.collect(2, 1.0, fails=True)
    with pytest.raises(NothingMeasured, match=r"and 2 that were not whole: homeclimate status"):
        home.baselining.measured("a", NOON, circumstances={})


def test_a_name_that_there_is_not_is_told_with_those_that_there_are() -> None:
    home = Home()
    with pytest.raises(NothingMeasured, match="there is no baseline c; there is none yet"):
        home.baselining.kept("c")
    for name in ("a", "b"):
        home.baselining.keep(a_baseline(name))
    with pytest.raises(NothingMeasured, match="there is no baseline c; there are: a, b"):
        home.baselining.kept("c")


def test_a_baseline_that_is_there_is_replaced_only_when_asked() -> None:
    home = Home()
    home.baselining.keep(a_baseline("a"))
    with pytest.raises(BaselineExists):
        home.baselining.keep(a_baseline("a"))
    home.baselining.keep(a_baseline("a", machine="new"), replacing=True)
    assert home.baselining.kept("a").circumstances == {"machine": "new"}
    home.baselining.remove("a")
    assert list(home.baselining.every()) == []
    with pytest.raises(NothingMeasured, match="there is no baseline a; there is none yet"):
        home.baselining.remove("a")


async def test_what_began_after_the_end_of_a_baseline_shares_no_cycle_with_it() -> None:
    home = Home()
    await home.collect(3, 2.0)
    before = home.baselining.measured("a", NOON, circumstances={})
    with pytest.raises(NothingMeasured):
        home.baselining.measured("b", before.ended_at, circumstances={})
    later = home.clock.now()
    await home.collect(1, 2.0)
    after = home.baselining.measured("b", before.ended_at, circumstances={})
    assert (after.first_at, {len(values) for values in after.samples.values()}) == (later, {1})


async def test_what_bears_a_time_that_is_still_to_come_is_counted_apart() -> None:
    home = Home()
    assert home.baselining.ahead() is None
    await home.collect(3, 1.0)
    last = home.clock.now() - timedelta(seconds=301)
    home.clock.step_wall(-86_400)
    assert home.baselining.ahead() == Ahead(cycles=3, last_at=last)
    assert home.baselining.ahead("amazon".__eq__) is None
    home.clock.advance(2 * 86_400)
    assert home.baselining.ahead() is None


async def test_what_the_measurements_show_takes_the_place_of_what_is_taken_for_granted() -> None:
    home = Home()
    await home.collect(3, 1.0)
    baseline = home.baselining.measured(
        "a",
        NOON,
        circumstances={"machine": "a", "reads": "unknown"},
        shown=lambda costs: {"reads": str(len(costs.strategies["hue"])), "first": f"{costs.first_at:%H:%M}"},
    )
    assert baseline.circumstances == {"machine": "a", "reads": "3", "first": "12:00"}
