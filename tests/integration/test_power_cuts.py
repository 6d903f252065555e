"""Power cuts at random instants of a recorded run: what was acknowledged is there, once and whole."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from pathlib import Path

import pytest

from tests.support.power.cuts import tally
from tests.support.power.disk import Disk
from tests.support.power.events import Named, Renamed, Resized, Synced, SyncedFolder, Wrote
from tests.support.power.recording import Recording, record

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")

CYCLES = 90
CHECKPOINT_PAGES = 40  # some of a cycle's pages reach the database every few cycles


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """A store from its making on: cycles, checkpoints, a clean end and a new start."""
    return _recorded(tmp_path_factory.mktemp("stored"), "FULL")


def test_a_power_cut_loses_no_cycle_that_was_stored(stored: Recording) -> None:
    assert tally(stored, 250, seed=1) == Counter(kept=250)


def test_a_power_cut_leaves_no_half_made_database(tmp_path: Path) -> None:
    made = _recorded(tmp_path, "FULL", cycles=2)
    assert tally(made, 50, seed=2) == Counter(kept=50)


@pytest.mark.proof
def test_the_cuts_show_that_synchronous_normal_loses_cycles(tmp_path: Path) -> None:
    assert tally(_recorded(tmp_path, "NORMAL", cycles=40), 40, seed=3)["lost"] > 4


@pytest.mark.proof
def test_the_cuts_show_that_no_sync_corrupts(tmp_path: Path) -> None:
    assert tally(_recorded(tmp_path, "OFF", cycles=40), 40, seed=4)["corrupt"] > 4


def test_a_cycle_needs_little_more_than_one_sync(tmp_path: Path) -> None:
    """With the settings that a home has, a thousand of them."""
    database = str(tmp_path / "readings.db")
    recording = record(
        tmp_path, "tests.support.power.storing", database, "1000", "1000", "FULL", is_content_wanted=False
    )
    assert recording.syncs() <= 1300


def test_the_simulated_disk_keeps_only_what_is_synced() -> None:
    disk = Disk({"a": b"old" * 1000})
    disk.happen(Wrote(0, 0, b"new" * 1000))
    chance = random.Random(5)  # noqa: S311 - a seed must give the same cuts again
    left = {disk.after_cut(chance)["a"] for _ in range(100)}
    assert {b"old" * 1000, b"new" * 1000} < left
    disk.happen(Synced(0))
    disk.happen(Resized(0, 3))
    assert {disk.after_cut(chance)["a"] for _ in range(50)} == {b"new", b"new" * 1000}


def test_the_simulated_disk_keeps_names_of_synced_folders() -> None:
    disk = Disk({"a": b"old"})
    disk.happen(Named("a.new", 1))
    disk.happen(Wrote(1, 0, b"new"))
    disk.happen(Synced(1))
    disk.happen(Renamed("a.new", "a"))
    chance = random.Random(6)  # noqa: S311 - a seed must give the same cuts again
    assert {disk.after_cut(chance)["a"] for _ in range(50)} == {b"old", b"new"}
    disk.happen(SyncedFolder(""))
    assert [disk.after_cut(chance) for _ in range(20)] == [{"a": b"new"}] * 20


def _recorded(folder: Path, synchronous: str, *, cycles: int = CYCLES) -> Recording:
    database, pages = str(folder / "readings.db"), str(CHECKPOINT_PAGES)
    return record(folder, "tests.support.power.storing", database, str(cycles), pages, synchronous)
