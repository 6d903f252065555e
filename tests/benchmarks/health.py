"""Asks a well home how it is, again and again, and what one start costs: ./run bench health [--looks 1000].

Prints the false alarms, with which it ends with 1, and the time of `health --offline` beside that of
`python -c pass`, taken in turn in one run.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import statistics
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from entrypoints.commands import health
from tests.support.sick_homes import SickHome, well_home

_STARTS = 15


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--looks", type=int, default=1000)
    looks: int = parser.parse_args().looks
    with TemporaryDirectory() as folder, well_home(Path(folder) / "home") as home:
        codes = Counter(_look(home) for _ in range(looks))
        for code, count in codes.items():
            sys.stdout.write(f"{count} looks at a well home: exit {code}\n")
        _tell_starts(home)
    return int(set(codes) != {0})


def _look(home: SickHome) -> int:
    with contextlib.redirect_stdout(io.StringIO()):
        return health.run(["--brief", "--home", str(home.deployment.folder)], environment=home.environment)


def _tell_starts(home: SickHome) -> None:
    arguments = ["-m", "entrypoints.commands.health", "--offline", "--home", str(home.deployment.folder)]
    of_nothing, of_health = [], []
    for _ in range(_STARTS):
        of_nothing.append(_start_s(home, "-c", "pass"))
        of_health.append(_start_s(home, *arguments))
    for name, found in (("python -c pass", of_nothing), ("health --offline", of_health)):
        sys.stdout.write(
            f"{name}: best {1000 * min(found):.0f} ms, median {1000 * statistics.median(found):.0f} ms\n"
        )
    sys.stdout.write(f"ratio of the best: {min(of_health) / min(of_nothing):.1f}\n")


def _start_s(home: SickHome, *arguments: str) -> float:
    began_s = time.perf_counter()
    subprocess.run(
        [sys.executable, *arguments],
        env=home.deployment.environment(),
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return time.perf_counter() - began_s


if __name__ == "__main__":
    sys.exit(main())
