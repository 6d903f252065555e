"""Measurements become figures: a number a cycle, each of a source or of the sources of a cycle."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from domain.measurements import (
    ATTEMPT,
    READ,
    Figure,
    Kind,
    Operation,
    ReadCost,
    costs_of,
    read_cost,
)
from tests.support.builders import NOON, a_due, a_measurement

FIVE_MINUTES = timedelta(minutes=5)


def measured(minute: int = 0, source: str = "hue", **changes: Any) -> ReadCost:
    fields = {"source": source, "cycle_s": 0.4, "commit_s": 0.004, "cpu_s": 0.002, "payload_bytes": 900}
    return a_measurement(NOON + timedelta(minutes=minute), **(fields | changes))


def failed(minute: int, source: str = "hue") -> ReadCost:
    return a_measurement(NOON + timedelta(minutes=minute), source=source, succeeded=False)


def test_the_operations_of_a_source_are_summed_up() -> None:
    def operation(name: str, source: str = "hue", **changes: Any) -> Operation:
        return Operation(operation=name, source=source, duration_s=0.5, **changes)

    measurement = read_cost(
        a_due(),
        [
            operation("hue.v2/temperature", wire_bytes=300, payload_bytes=900, succeeded=False),
            operation(ATTEMPT, succeeded=False),
            operation("amazon.graphql", "amazon", wire_bytes=7),
            operation("hue.v1/sensors", wire_bytes=30, payload_bytes=90),
            operation(ATTEMPT),
            operation(READ, strategy="v1"),
        ],
        succeeded=True,
    )
    assert measurement == ReadCost(
        slot=NOON,
        source="hue",
        strategy="v1",
        duration_s=0.5,
        attempts=2,
        wire_bytes=330,
        payload_bytes=990,
        succeeded=True,
    )
    deferred = read_cost(a_due(), [], succeeded=False)
    assert (deferred.attempts, deferred.duration_s, deferred.succeeded) == (0, 0, False)


def test_every_cost_of_a_cycle_is_a_figure_of_its_source() -> None:
    costs = costs_of([measured(5, cycle_s=0.5, attempts=2), measured(0)])
    assert costs.samples == {
        Figure(Kind.CYCLE_S, "hue"): (0.4, 0.5),
        Figure(Kind.CPU_S, "hue"): (0.002, 0.002),
        Figure(Kind.COMMIT_S, "hue"): (0.004, 0.004),
        Figure(Kind.READ_S, "hue"): (0.25, 0.25),
        Figure(Kind.ATTEMPTS, "hue"): (1.0, 2.0),
        Figure(Kind.WIRE_BYTES, "hue"): (300.0, 300.0),
        Figure(Kind.PAYLOAD_BYTES, "hue"): (900.0, 900.0),
    }
    assert list(costs.samples) == [Figure(kind, "hue") for kind in Kind]
    assert (costs.slots, costs.left_out) == ((NOON, NOON + FIVE_MINUTES), 0)


def test_an_incomplete_cycle_is_counted_and_left_out() -> None:
    costs = costs_of([measured(0), measured(0, "amazon"), measured(5), failed(5, "amazon"), failed(10)])
    assert len(costs.samples[Figure(Kind.CYCLE_S, "amazon+hue")]) == 1
    assert costs.samples[Figure(Kind.READ_S, "hue")] == (0.25, 0.25)
    assert costs.samples[Figure(Kind.READ_S, "amazon")] == (0.25,)
    assert (len(costs.slots), costs.left_out) == (1, 2)


def test_cycles_of_other_sources_are_figures_of_their_own() -> None:
    costs = costs_of([measured(0), measured(0, "amazon", wire_bytes=50), measured(5, cycle_s=0.3)])
    assert costs.samples[Figure(Kind.CYCLE_S, "amazon+hue")] == (0.4,)
    assert costs.samples[Figure(Kind.CYCLE_S, "hue")] == (0.3,)
    assert costs.samples[Figure(Kind.WIRE_BYTES, "amazon")] == (50.0,)
    assert costs.samples[Figure(Kind.WIRE_BYTES, "hue")] == (300.0, 300.0)


def test_unwanted_sources_do_not_count() -> None:
    both = [measured(0), measured(0, "amazon"), measured(10, "amazon")]
    costs = costs_of([*both, measured(5), failed(15)], is_wanted="hue".__eq__)
    assert {figure.of for figure in costs.samples} == {"hue"}
    assert len(costs.samples[Figure(Kind.READ_S, "hue")]) == 2
    assert len(costs.samples[Figure(Kind.CYCLE_S, "hue")]) == 1, "the other one read amazon too"
    assert (len(costs.slots), costs.left_out) == (2, 1)


def test_a_cycle_without_figures_of_its_own_still_counts_its_reads() -> None:
    costs = costs_of([measured(0, cycle_s=None, commit_s=None, cpu_s=None), measured(5)])
    assert len(costs.samples[Figure(Kind.CYCLE_S, "hue")]) == 1
    assert len(costs.samples[Figure(Kind.READ_S, "hue")]) == len(costs.slots) == 2


@pytest.mark.parametrize("measurements", [[], [failed(0)]])
def test_without_a_complete_cycle_there_is_nothing(measurements: list[ReadCost]) -> None:
    costs = costs_of(measurements)
    assert (costs.samples, costs.slots) == ({}, ())


def test_successful_reads_name_their_strategy() -> None:
    costs = costs_of(
        [measured(0, strategy="v2"), failed(5), measured(10, strategy="v1"), measured(10, "amazon")]
    )
    assert costs.strategies == {"hue": ("v2", "v1"), "amazon": ("",)}
