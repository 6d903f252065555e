"""The collector, killed at random instants: it goes on by itself, and nothing acknowledged is lost."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from adapters.simulator.home import SimulatedHome
from tests.support.kills import KilledHome, a_killed_home, complaints, gaps

KILLS = 20


def has_seen_everything(home: KilledHome) -> bool:
    """Whether cycles were acknowledged, and lives ended both within a cycle and between two."""
    if not home.slots():
        return False
    causes = {cause for (cause,) in home.rows("SELECT cause FROM outcomes")}
    return len(home.acknowledged()) > KILLS // 2 and {"interrupted", "stopped"} <= causes


@pytest.mark.proof
def test_a_killed_collector_loses_no_reading_and_no_slot(
    tmp_path: Path, simulated_home: SimulatedHome
) -> None:
    chance = random.Random(7)  # noqa: S311 - instants, not secrets
    with a_killed_home(tmp_path, simulated_home) as home:
        number = 0
        # on a slow machine most of the first lives end before their first cycle: then there are more of them
        while number < KILLS or (number < 3 * KILLS and not has_seen_everything(home)):
            home.live_for(chance.uniform(0, 0.1 + 0.03 * number))
            assert complaints(home) == [], number
            number += 1
        assert has_seen_everything(home)
        assert gaps(home) == []
        assert len(list((home.deployment.folder / "logs").iterdir())) > 1, "the log was rolled meanwhile"
