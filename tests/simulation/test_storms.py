"""Stormy days break no promise: with one seed for ever, with that of today, with those that found a fault."""

from __future__ import annotations

import json
import os

import pytest

from adapters.runtime.clock import SystemClock
from entrypoints.cli import main

_FIXED_SEED = 7


def seed_of_today() -> int:
    """Return the seed that the environment names, or else the present date (UTC)."""
    return int(os.environ.get("STORM_SEED") or f"{SystemClock().now():%Y%m%d}")


def broken_promises(capsys: pytest.CaptureFixture[str], *, days: float, seed: int) -> list[str]:
    """Simulate stormy days; return the promises that were broken, with what shows them again."""
    options = ["simulate", "--days", f"{days:g}", "--faults", "storm", "--seed", str(seed)]
    code = main([*options, "--json"])
    broken: list[str] = json.loads(capsys.readouterr().out)["broken"]
    assert code == bool(broken)
    return [f"{promise}: homeclimate {' '.join(options)}" for promise in broken]


@pytest.mark.parametrize(
    "seed",
    [
        pytest.param(5, id="a request is throttled for once and for longer at the same time"),
        pytest.param(6, id="a sensor is out of reach all the time", marks=pytest.mark.proof),
        pytest.param(53, id="two programs lock the database at the same time", marks=pytest.mark.proof),
    ],
)
def test_hours_of_a_storm_break_no_promise(capsys: pytest.CaptureFixture[str], seed: int) -> None:
    assert broken_promises(capsys, days=0.4, seed=seed) == []


@pytest.mark.proof
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("days", "seed"),
    [
        pytest.param(3, 11, id="a list of monitors follows readings of the second way"),
        pytest.param(2, 20, id="a person signs in anew just after an access token was made"),
        pytest.param(5, 1, id="a machine sleeps while its clock is wrong"),
    ],
)
def test_days_of_a_storm_break_no_promise(capsys: pytest.CaptureFixture[str], days: float, seed: int) -> None:
    assert broken_promises(capsys, days=days, seed=seed) == []


@pytest.mark.proof
@pytest.mark.timeout(600)
def test_a_stormy_week_breaks_no_promise(capsys: pytest.CaptureFixture[str]) -> None:
    assert broken_promises(capsys, days=7, seed=_FIXED_SEED) == []


@pytest.mark.proof
@pytest.mark.timeout(600)
def test_a_week_of_the_storm_of_today_breaks_no_promise(capsys: pytest.CaptureFixture[str]) -> None:
    assert broken_promises(capsys, days=7, seed=seed_of_today()) == []
