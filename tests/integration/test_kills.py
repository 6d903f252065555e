"""The collector, killed at random instants: it goes on by itself, and nothing acknowledged is lost."""

from __future__ import annotations

import random
from pathlib import Path

from adapters.simulator.home import SimulatedHome
from tests.kills import a_killed_home, complaints, gaps

KILLS = 20


def test_a_collector_that_is_killed_again_and_again_loses_nothing_and_accounts_for_every_slot(
    tmp_path: Path, simulated_home: SimulatedHome
) -> None:
    chance = random.Random(7)  # noqa: S311 - instants, not secrets
    with a_killed_home(tmp_path, simulated_home) as home:
        for number in range(KILLS):
            home.live_for(chance.uniform(0, 0.05 + 0.02 * number))
            assert complaints(home) == [], number
        assert len(home.acknowledged()) > KILLS // 2
        assert gaps(home) == []
        causes = {cause for (cause,) in home.rows("SELECT cause FROM outcomes")}
        assert {"interrupted", "stopped"} <= causes
        assert len(list((home.deployment.folder / "logs").iterdir())) > 1, "the log was rolled meanwhile"
