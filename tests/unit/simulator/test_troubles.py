"""What goes wrong in a simulation."""

from __future__ import annotations

from itertools import pairwise

import pytest

from adapters.simulator.faults import parse_fault
from adapters.simulator.simulation.effects import Fault
from adapters.simulator.simulation.troubles import KINDS, troubles


@pytest.mark.parametrize("faults", ["ordinary", "storm", *KINDS])
def test_a_seed_names_the_same_troubles(faults: str) -> None:
    found = troubles(faults, days=30, seed=5)
    assert found == troubles(faults, days=30, seed=5) != troubles(faults, days=30, seed=6)


def test_none_is_none() -> None:
    assert troubles("none", days=366, seed=1) == ()


@pytest.mark.parametrize("name", KINDS)
def test_the_last_hours_are_calm_and_one_kind_does_not_overlap(name: str) -> None:
    found = troubles(name, days=30, seed=5)
    assert {trouble.name for trouble in found} == {name}
    assert found[-1].ends_s <= 30 * 86_400 - 3 * 3600
    assert all(one.ends_s <= two.begins_s for one, two in pairwise(found))


@pytest.mark.parametrize("name", KINDS)
def test_every_fault_can_be_parsed(name: str) -> None:
    for effect in KINDS[name].effects:
        if isinstance(effect, Fault):
            parse_fault(f"for=1s kind={effect.spec}")
