"""The figures of the bench against other clients: what they are counted from, and what a target says."""

from __future__ import annotations

import pytest

from tests.peers.contestants import ALONE, FLOOR, OURS, PHUE, PHUE_ALONE
from tests.peers.figures import Figures, Target, quantile, targets
from tests.peers.results import page
from tests.peers.starts import BARE, HEALTH, IMPORTS, ONCE, VERSION

SMALL, LARGE = ["temperature"], ["temperature", "device", "device_power"]


def cost(wall_ms: float, cpu_ms: float = 1.0, asked: list[str] = SMALL) -> dict[str, object]:
    return {"wall_s": wall_ms / 1000, "cpu_s": cpu_ms / 1000, "resident": 30_000_000, "asked": asked}


def some_figures(*, syncs: float | None = 1.0) -> Figures:
    return Figures(
        costs={
            FLOOR.name: [cost(2.0), cost(2.0, asked=LARGE)],
            OURS.name: [cost(3.0, cpu_ms=1.5), cost(8.0, cpu_ms=2.5, asked=LARGE)],
            PHUE.name: [cost(50.0), cost(60.0)],
            PHUE_ALONE.name: [cost(30.0), cost(30.0)],
            ALONE.name: [cost(1.0), cost(5.0, asked=LARGE)],
        },
        syncs={OURS.name: syncs},
        starts={BARE: [0.02], IMPORTS: [0.1], VERSION: [0.08], HEALTH: [0.25], ONCE: [0.15]},
    )


def test_the_network_is_taken_off_by_the_same_requests_alone() -> None:
    figures = some_figures()
    assert figures.above_network_s(OURS.name, 0.99) == pytest.approx(0.003)
    assert figures.above_network_s(PHUE.name, 0.99) == pytest.approx(0.030)


def test_of_who_asks_once_no_more_than_one_request_is_taken_off() -> None:
    figures = some_figures()
    for share in (0.5, 0.99):
        assert figures.above_network_s(FLOOR.name, share) == pytest.approx(0.001)


def test_a_cycle_that_asks_once_is_one_in_which_nothing_but_temperatures_was_asked_for() -> None:
    figures = some_figures()
    assert figures.wall_s(OURS.name) == [0.003, 0.008]
    assert figures.wall_s(OURS.name, asking_once=True) == [0.003]
    assert figures.cpu_s(OURS.name, asking_once=True) == pytest.approx(0.0015)


def test_cpu_is_the_mean_of_all_cycles() -> None:
    assert some_figures().cpu_s(OURS.name) == pytest.approx(0.002)


@pytest.mark.parametrize(("share", "expected"), [(0.0, 1), (0.5, 51), (0.99, 100), (1.0, 100)])
def test_a_quantile_is_one_of_the_values(share: float, expected: int) -> None:
    assert quantile(list(range(100, 0, -1)), share) == expected


def test_a_target_is_met_up_to_its_border() -> None:
    assert Target(what="a", found=1.3, most=1.3, unit="x").is_met
    assert not Target(what="a", found=1.31, most=1.3, unit="x").is_met


def test_what_a_start_may_take_comes_from_the_same_run() -> None:
    found = {target.what: target for target in targets(some_figures())}
    assert found[VERSION].found == pytest.approx(80)
    assert found[VERSION].most == pytest.approx(2 * 20 + 30)
    assert not found[VERSION].is_met
    assert next(target.is_met for what, target in found.items() if what.startswith(ONCE))


def test_syncs_that_nobody_could_count_are_no_target_that_was_met() -> None:
    assert not [target for target in targets(some_figures(syncs=None)) if "syncs" in target.what]


def test_the_page_says_who_is_left_out_and_which_target_is_missed() -> None:
    text = page(some_figures(), {"ours": {"requests": "2.34.2"}}, {"aiohue": "no such version"})
    assert "aiohue could not be installed here, and is left out: no such version" in text
    assert text.count("**missed**") == 5
    assert text.count("| met |") == 3
