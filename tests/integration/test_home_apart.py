"""The simulated home in a process of its own, and the clock that it shares."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from adapters.memory.runtime import MemoryClock
from adapters.shared_clock import FollowingClock, LeadingClock
from entrypoints.wiring.collecting import simulated_apart
from tests.support.builders import NOON


def test_who_follows_sees_the_wall_that_the_leader_moves(tmp_path: Path) -> None:
    real = MemoryClock(NOON)
    leader = LeadingClock(real, tmp_path / "clock")
    follower = FollowingClock(real, tmp_path / "clock")
    leader.move_to(NOON - timedelta(days=7))
    assert follower.now() == leader.now() == NOON - timedelta(days=7)
    real.advance(60)
    assert follower.now() == NOON - timedelta(days=7) + timedelta(minutes=1)
    leader.move_back()
    assert follower.now() == real.now()


def test_a_clock_is_not_moved_to_a_naive_instant(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="aware"):
        LeadingClock(MemoryClock(NOON), tmp_path / "clock").move_to(datetime(2026, 1, 1))  # noqa: DTZ001


async def test_stopwatch_and_waiting_are_the_real_ones(tmp_path: Path) -> None:
    real = MemoryClock(NOON)
    leader = LeadingClock(real, tmp_path / "clock")
    leader.move_to(NOON - timedelta(days=7))
    await leader.sleep(5)
    assert leader.elapsed_s() == real.elapsed_s() == 5


def test_the_home_lives_by_the_clock_of_the_process_that_started_it_and_obeys() -> None:
    with simulated_apart(seed=1) as (home, clock):
        clock.move_to(datetime(2026, 1, 1, 4, tzinfo=UTC))
        found = home.whereabouts
        assert len(found.monitors) == 3
        home.order("bridge", "kind=revoked")
        home.order("alexa", "end-access")
        home.order("bridge", "unplug")
        with pytest.raises(RuntimeError, match="has ended"):
            home.order("cellar", "flood")


def test_the_home_ends_when_nobody_gives_orders_any_more(tmp_path: Path) -> None:
    LeadingClock(MemoryClock(NOON), tmp_path / "clock")
    done = subprocess.run(
        [sys.executable, "-m", "entrypoints.commands.simulated_home", "1", str(tmp_path / "clock")],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "bridge_address" in done.stdout
