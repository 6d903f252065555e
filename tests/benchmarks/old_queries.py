"""Whether old queries are as fast after the upgrade: ./run bench old_queries [--rows N].

For each age of database, each query runs in turn on the file as it was and on the file after a first cycle;
what is printed are the medians and their ratio. It ends with 1 when a ratio passes the limit.
"""

from __future__ import annotations

import argparse
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from tests.support.builders import a_cycle
from tests.support.databases import a_store
from tests.support.old_homes import Age, make_old_home
from tests.support.old_queries import old_queries

LIMIT = 1.5
ROUNDS = 31


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rows", type=int, default=100_000)
    rows: int = parser.parse_args().rows
    worst = 0.0
    for age in Age:
        with tempfile.TemporaryDirectory() as folder:
            worst = max(worst, _compare(Path(folder), age, rows))
    sys.stdout.write(f"the worst ratio is {worst:.2f}; the limit is {LIMIT}\n")
    return int(worst > LIMIT)


def _compare(folder: Path, age: Age, rows: int) -> float:
    before, after = folder / "before.db", folder / "readings.db"
    make_old_home(after, age, rows)
    shutil.copy(after, before)
    store = a_store(after)
    store.append(a_cycle())
    store.close()
    ratios = []
    for name, sql in old_queries(age).items():
        medians = _medians({"before": before, "after": after}, sql)
        ratios.append(medians["after"] / medians["before"])
        sys.stdout.write(
            f"{age:<26} {name:<18} {medians['before'] * 1000:9.3f} ms  {medians['after'] * 1000:9.3f} ms"
            f"  ratio {ratios[-1]:.2f}\n"
        )
        sys.stdout.flush()
    return max(ratios)


def _medians(files: Mapping[str, Path], sql: str) -> dict[str, float]:
    """In turn, so that whatever else the machine does falls on both."""
    connections = {name: sqlite3.connect(path) for name, path in files.items()}
    durations: dict[str, list[float]] = {name: [] for name in files}
    for number in range(ROUNDS + 1):
        for name in files if number % 2 else reversed(list(files)):
            began_s = time.perf_counter()
            connections[name].execute(sql).fetchall()
            if number:  # the first round only warms up
                durations[name].append(time.perf_counter() - began_s)
    for connection in connections.values():
        connection.close()
    return {name: statistics.median(some) for name, some in durations.items()}


if __name__ == "__main__":
    sys.exit(main())
