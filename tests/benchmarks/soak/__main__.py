"""Lets `collect` run in real time before a home in trouble: ./run bench soak [--minutes 20] [--seed 1].

An interval of 5 s, both sources, the simulated home in a process of its own. Prints what was counted on both
sides and what the kernel says of the process. Ends with 1 when a promise was broken, and says which.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks.soak.living import live
from tests.benchmarks.soak.verdict import complaints, figures

_CALM_S = 40.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with TemporaryDirectory() as folder:
        lived = live(
            Path(folder) / "home",
            length_s=max(60 * arguments.minutes, 3 * _CALM_S),
            calm_s=_CALM_S,
            seed=arguments.seed,
        )
        found = complaints(lived)
        for name, value in figures(lived).items():
            sys.stdout.write(f"{name}: {value}\n")
    sys.stdout.write(f"{len(found)} broken promises\n{''.join(f'{one}{chr(10)}' for one in found)}")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
