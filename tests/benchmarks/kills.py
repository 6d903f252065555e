"""Kills the collector at random instants while it stores as fast as it can: ./run bench kills [--kills N].

Prints how many kills there were, what was acknowledged, and everything that is not as it must be afterwards.
Ends with 1 when there is anything.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from adapters.memory.runtime import MemoryClock
from adapters.simulator.home import SimulatedHome
from tests.support.builders import NOON
from tests.support.kills import a_killed_home, complaints, gaps

_KILLS_A_HOME = 50


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--kills", type=int, default=1000)
    kills: int = parser.parse_args().kills
    chance = random.Random(1)  # noqa: S311 - instants, not secrets
    counts, found = Counter[str](), []
    with SimulatedHome(clock=MemoryClock(NOON)).running() as simulated:
        for first in range(0, kills, _KILLS_A_HOME):
            with TemporaryDirectory() as folder, a_killed_home(Path(folder), simulated) as home:
                for number in range(first, min(first + _KILLS_A_HOME, kills)):
                    home.live_for(chance.uniform(0, 0.05 + 0.02 * (number % _KILLS_A_HOME)))
                    found += complaints(home)
                    counts["kills"] += 1
                found += [f"no word on {slot}" for slot in gaps(home)]
                counts["acknowledged"] += len(home.acknowledged())
                for cause, slots in home.rows("SELECT cause, count(*) FROM outcomes GROUP BY 1"):
                    counts[cause or "stored"] += slots
    sys.stdout.write(
        f"{dict(counts)}\n{len(found)} complaints\n{''.join(f'{one}{chr(10)}' for one in found)}"
    )
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
