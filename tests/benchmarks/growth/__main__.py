"""What a cycle takes as sensors and rows grow: ./run bench growth [--rows N ...] [--cycles N].

First homes of 50 to 1,000 sensors, then files of up to 20 million rows: 15 GB for a while, where temporary
files are kept (TMPDIR says where). `--rows` without a number leaves the second part out.
"""

from __future__ import annotations

import argparse

from tests.benchmarks.growth import by_rows, by_sensors


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--cycles", type=int, default=60)
    parser.add_argument("--rows", type=int, nargs="*", default=(1_000_000, 5_000_000, 20_000_000))
    given = parser.parse_args()
    by_sensors.measure(given.cycles)
    if given.rows:
        by_rows.measure(given.rows, given.cycles)


if __name__ == "__main__":
    main()
