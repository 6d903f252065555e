"""Ruin pages of a database one by one, and salvage the rest: ./run bench damaged_pages [--pages 500]."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from pathlib import Path

from tests.support.damaged import KINDS, RuinedHome


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=500)
    parser.add_argument("--cycles", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    chance = random.Random(given.seed)  # noqa: S311 - a seed must give the same pages again
    with tempfile.TemporaryDirectory() as folder:
        home = RuinedHome(Path(folder), given.cycles)
        ruins = [
            home.ruin(chance.randrange(1, home.pages + 1), KINDS[number % 3], chance)
            for number in range(given.pages)
        ]
    used = [ruin for ruin in ruins if not ruin.is_free]
    silent = [ruin for ruin in used if not ruin.reported]
    sound, saved = sum(ruin.sound for ruin in ruins), sum(ruin.saved for ruin in ruins)
    altered = [ruin for ruin in ruins if ruin.altered]
    unnamed = [ruin for ruin in altered if not ruin.doubts]
    worst = min(ruins, key=lambda ruin: ruin.saved / ruin.sound)
    sys.stdout.write(
        f"{len(ruins)} pages of {home.pages} ruined, one at a time; {len(used)} of them in use\n"
        f"noticed, of those in use: {len(used) - len(silent)}\n"
        f"readings on sound pages: {sound}, saved {saved} ({saved / sound:.4%}); worst page {worst.page} "
        f"({worst.kind}): {worst.saved} of {worst.sound}\n"
        f"merged although altered: {sum(ruin.altered for ruin in ruins)}, on {len(altered)} pages; named: "
        f"{len(altered) - len(unnamed)}\n"
    )
    for ruin in silent:
        sys.stdout.write(f"not noticed: page {ruin.page}, {ruin.kind}\n")
    return int(bool(silent or unnamed) or saved < 0.99 * sound)


if __name__ == "__main__":
    sys.exit(main())
