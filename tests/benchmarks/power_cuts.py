"""Power cuts at random instants of a recorded run: ./run bench power_cuts [--cuts N].

Prints how many cuts ended in which verdict, for the settings that the program has and, to compare, for
lesser ones. Ends with 1 when an acknowledged cycle was lost or a database is corrupt.
"""

from __future__ import annotations

import argparse
import sqlite3
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.support.power.cuts import tally
from tests.support.power.recording import record

_RUNS = 10  # recordings: the cuts of one are cuts into the same stream


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--cuts", type=int, default=10_000)
    cuts: int = parser.parse_args().cuts
    sys.stdout.write(f"SQLite {sqlite3.sqlite_version}\n")
    full = _tallied("FULL", cuts)
    for lesser in ("NORMAL", "OFF"):
        _tallied(lesser, cuts // 10)
    return int(set(full) != {"kept"})


def _tallied(synchronous: str, cuts: int) -> Counter[str]:
    verdicts, syncs = Counter[str](), 0
    for run in range(_RUNS):
        with tempfile.TemporaryDirectory() as folder:
            pages = (20, 40, 100, 1000)[run % 4]
            database = str(Path(folder) / "readings.db")
            recording = record(
                Path(folder), "tests.support.power.storing", database, "150", str(pages), synchronous
            )
        syncs += recording.syncs()
        verdicts += tally(recording, cuts // _RUNS, seed=run)
    counts = ", ".join(f"{verdict} {count}" for verdict, count in sorted(verdicts.items()))
    sys.stdout.write(
        f"synchronous={synchronous:<6}  {sum(verdicts.values()):6} cuts: {counts}; "
        f"{syncs / (_RUNS * 150):.2f} syncs a cycle with early checkpoints\n"
    )
    sys.stdout.flush()
    return verdicts


if __name__ == "__main__":
    sys.exit(main())
