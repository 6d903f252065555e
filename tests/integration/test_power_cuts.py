"""Power cuts at random instants of a recorded run: what was acknowledged is there, once and whole."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest

from tests.support.power.cuts import tally
from tests.support.power.recording import Recording, record

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")

CYCLES = 90
CHECKPOINT_PAGES = 40  # some of a cycle's pages reach the database every few cycles


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """A store from its making on: cycles, checkpoints, a clean end and a new start."""
    return _recorded(tmp_path_factory.mktemp("stored"), "FULL")


def test_a_power_cut_loses_no_cycle_that_was_stored(stored: Recording) -> None:
    assert tally(stored, 60, seed=1) == Counter(kept=60)


def test_a_power_cut_leaves_no_half_made_database(tmp_path: Path) -> None:
    made = _recorded(tmp_path, "FULL", cycles=2)
    assert tally(made, 20, seed=2) == Counter(kept=20)


@pytest.mark.proof
def test_the_cuts_show_that_synchronous_normal_loses_cycles(tmp_path: Path) -> None:
    assert tally(_recorded(tmp_path, "NORMAL", cycles=40), 40, seed=3)["lost"] > 4


@pytest.mark.proof
def test_the_cuts_show_that_no_sync_corrupts(tmp_path: Path) -> None:
    assert tally(_recorded(tmp_path, "OFF", cycles=40), 40, seed=4)["corrupt"] > 4


@pytest.mark.proof
def test_a_cycle_needs_little_more_than_one_sync(tmp_path: Path) -> None:
    """With the settings that a home has, a thousand of them."""
    database = str(tmp_path / "readings.db")
    recording = record(
        tmp_path, "tests.support.power.storing", database, "1000", "1000", "FULL", is_content_wanted=False
    )
    assert recording.syncs() <= 1300


def _recorded(folder: Path, synchronous: str, *, cycles: int = CYCLES) -> Recording:
    database, pages = str(folder / "readings.db"), str(CHECKPOINT_PAGES)
    return record(folder, "tests.support.power.storing", database, str(cycles), pages, synchronous)
