"""Measurements become costs of cycles: a number a cycle, each with the source that it belongs to."""

from __future__ import annotations

from datetime import timedelta

import pytest

from domain.measurements import Figure, Kind, Measurement, costs_of
from tests.support.builders import NOON


def measured(
    operation: str,
    source: str,
    at_s: float,
    duration_s: float = 0.1,
    *,
    wire: int = 0,
    payload: int = 0,
    succeeded: bool = True,
) -> Measurement:
    return Measurement(
        operation=operation,
        source=source,
        began_at=NOON + timedelta(seconds=at_s),
        duration_s=duration_s,
        wire_bytes=wire,
        payload_bytes=payload,
        succeeded=succeeded,
    )


def a_cycle_of(
    at_s: float, *, whole_s: float = 0.4, read_s: float = 0.3, ends_well: bool = True
) -> list[Measurement]:
    """As a meter hands them over: in the order in which they ended."""
    return [
        measured("hue.v2/temperature", "hue", at_s + 0.02, wire=300, payload=900),
        measured("source.attempt", "hue", at_s + 0.01),
        measured("source.read", "hue", at_s + 0.01, read_s, succeeded=ends_well),
        measured("store.append", "hue", at_s + 0.3, 0.004),
        measured("cycle", "hue", at_s, whole_s, succeeded=ends_well),
        measured("cycle.cpu", "hue", at_s, 0.002, succeeded=ends_well),
    ]


def test_every_cost_of_a_cycle_is_a_figure_of_its_source() -> None:
    costs = costs_of([*a_cycle_of(0), *a_cycle_of(300, whole_s=0.5)])
    assert costs.samples == {
        Figure(Kind.CYCLE_S, "hue"): (0.4, 0.5),
        Figure(Kind.CPU_S, "hue"): (0.002, 0.002),
        Figure(Kind.COMMIT_S, "hue"): (0.004, 0.004),
        Figure(Kind.READ_S, "hue"): (0.3, 0.3),
        Figure(Kind.ATTEMPTS, "hue"): (1.0, 1.0),
        Figure(Kind.WIRE_BYTES, "hue"): (300.0, 300.0),
        Figure(Kind.PAYLOAD_BYTES, "hue"): (900.0, 900.0),
    }
    assert (costs.cycles, costs.left_out) == (2, 0)
    assert (costs.first_at, costs.last_at) == (NOON, NOON + timedelta(seconds=300))


def test_bytes_and_attempts_belong_to_the_read_that_they_were_needed_for() -> None:
    extra = [
        measured("source.attempt", "hue", 300.05, succeeded=False),
        measured("hue.v2/device", "hue", 300.06, wire=5000, payload=40_000, succeeded=False),
    ]
    costs = costs_of([*a_cycle_of(0), *a_cycle_of(300), *extra, *a_cycle_of(600)])
    assert costs.samples[Figure(Kind.ATTEMPTS, "hue")] == (1.0, 2.0, 1.0)
    assert costs.samples[Figure(Kind.WIRE_BYTES, "hue")] == (300.0, 5300.0, 300.0)
    assert costs.samples[Figure(Kind.PAYLOAD_BYTES, "hue")] == (900.0, 40_900.0, 900.0)


def test_a_cycle_that_was_not_whole_is_counted_and_left_out() -> None:
    costs = costs_of([*a_cycle_of(0), *a_cycle_of(300, whole_s=18.0, read_s=17.9, ends_well=False)])
    assert costs.samples[Figure(Kind.CYCLE_S, "hue")] == (0.4,)
    assert costs.samples[Figure(Kind.READ_S, "hue")] == (0.3,)
    assert costs.samples[Figure(Kind.ATTEMPTS, "hue")] == (1.0,)
    assert (costs.cycles, costs.left_out) == (1, 1)


def test_sources_and_cycles_of_another_make_stay_apart() -> None:
    amazon = [measured("source.read", "amazon", 0.01, 2.0), measured("amazon.query", "amazon", 0.02, wire=50)]
    both = [measured("cycle", "amazon+hue", 0, 2.1), *amazon, *a_cycle_of(0)[:3]]
    alone = a_cycle_of(300)
    costs = costs_of([*both, *alone])
    assert costs.samples[Figure(Kind.CYCLE_S, "amazon+hue")] == (2.1,)
    assert costs.samples[Figure(Kind.CYCLE_S, "hue")] == (0.4,)
    assert costs.samples[Figure(Kind.READ_S, "amazon")] == (2.0,)
    assert costs.samples[Figure(Kind.WIRE_BYTES, "amazon")] == (50.0,)
    assert costs.samples[Figure(Kind.WIRE_BYTES, "hue")] == (300.0, 300.0)


def test_what_other_sources_did_meanwhile_is_left_out_where_it_is_not_wanted() -> None:
    of_both = [measured("cycle", "amazon+hue", 0, 2.1), measured("source.read", "amazon", 0.01, 2.0)]
    costs = costs_of([*of_both, *a_cycle_of(300)], is_wanted="hue".__eq__)
    assert {figure.of for figure in costs.samples} == {"hue"}
    assert costs.cycles == 1


def test_a_home_that_never_measured_whole_cycles_has_its_reads_counted() -> None:
    costs = costs_of([measured("source.read", "hue", at_s) for at_s in (0, 300, 600)])
    assert costs.samples[Figure(Kind.READ_S, "hue")] == (0.1, 0.1, 0.1)
    assert costs.cycles == 3


def test_a_source_that_is_mostly_asked_together_with_others_counts_all_of_its_reads() -> None:
    of_both = [measured("cycle", "amazon+hue", 0, 2.1), *a_cycle_of(0)[:3]]
    failed = [measured("source.read", "hue", 600, succeeded=False)]
    costs = costs_of([*of_both, *a_cycle_of(300), *failed], is_wanted="hue".__eq__)
    assert (costs.cycles, costs.left_out) == (2, 1)
    assert costs.first_at == NOON + timedelta(seconds=0.01)


@pytest.mark.parametrize("measurements", [[], [measured("hue.v2/temperature", "hue", 5, wire=10)]])
def test_without_a_whole_cycle_there_is_nothing(measurements: list[Measurement]) -> None:
    costs = costs_of(measurements)
    assert (costs.samples, costs.cycles, costs.first_at, costs.last_at) == ({}, 0, None, None)


def test_what_was_asked_is_told_of_each_read_that_did_well() -> None:
    other = measured("amazon.graphql", "amazon", 900.2)
    asked = costs_of(
        [
            *a_cycle_of(0),
            measured("hue.v1/sensors", "hue", 0.1, succeeded=False),
            *a_cycle_of(300),
            measured("hue.v1/sensors", "hue", 300.1),
            *a_cycle_of(600, ends_well=False),
            *a_cycle_of(900),
            measured("source.read", "amazon", 900.1),
            other,
        ]
    ).asked
    temperature = frozenset({"hue.v2/temperature", "source.attempt"})
    assert asked == {
        "hue": (temperature, temperature | {"hue.v1/sensors"}, temperature),
        "amazon": (frozenset({"amazon.graphql"}),),
    }
