"""Lets `collect` run in real time before a home in trouble: ./run bench soak [--hours 24 | --minutes 20].

An interval of 5 s, so that a day holds more cycles than a month has at the usual one; both sources, the
simulated home in a process of its own. Prints figures every ten minutes and broken promises at once, in the
end what was counted on both sides and what the kernel says of the process. Ends with 1 when a promise was
broken. Ctrl-C ends the troubles: a calm minute follows, then the verdict on what was seen; a second one gives
it at once.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks.soak.living import live

_CALM_S = 40.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--hours", type=float)
    length.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--home", type=Path, help="keep the home in this new folder")
    arguments = parser.parse_args()
    minutes = arguments.minutes if arguments.hours is None else 60 * arguments.hours
    with TemporaryDirectory() as folder:
        verdict = live(
            arguments.home or Path(folder) / "home",
            length_s=max(60 * minutes, 3 * _CALM_S),
            calm_s=_CALM_S,
            seed=arguments.seed,
            tell=_tell,
        )
    for name, value in verdict.figures().items():
        _tell(f"{name}: {value}")
    _tell(f"{verdict.broken} broken promises")
    return int(bool(verdict.broken))


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
