"""Flip single bits of a database, and count what the check reports: ./run bench bit_flips [--flips 300]."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.support.damaged import Flip, a_home_with_checksums, dump, flip, is_reported


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flips", type=int, default=300)
    parser.add_argument("--cycles", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path, damaged = Path(folder) / "readings.db", Path(folder) / "damaged.db"
        a_home_with_checksums(path, given.cycles)
        sound, original, chance = dump(path), path.read_bytes(), random.Random(given.seed)  # noqa: S311 - repeatable
        assert sound is not None
        assert not is_reported(path)
        flips = [flip(original, sound, damaged, chance) for _ in range(given.flips)]
    judged = [one for one in flips if one.must_be_reported]
    silent = [one for one in judged if not one.reported]
    others = [one for one in flips if one.changed and not one.must_be_reported]
    unchanged = [one for one in flips if not one.changed]
    sys.stdout.write(
        f"file of {len(original)} bytes, {len(flips)} bits flipped, one at a time\n"
        f"changed a reading or a ledger row, or made one unreadable: {len(judged)}, of these reported: "
        f"{len(judged) - len(silent)}\n"
        f"changed a row of another table: {len(others)}, of these reported: {_reported(others)}\n"
        f"changed no row: {len(unchanged)}, of these reported (indexes, structure): {_reported(unchanged)}\n"
    )
    for one in others:
        tables = ", ".join(sorted(one.changed))
        sys.stdout.write(f"another table ({tables}): bit {one.bit} of the byte {one.offset}\n")
    for one in silent:
        sys.stdout.write(f"not reported: bit {one.bit} of the byte {one.offset}\n")
    return int(bool(silent))


def _reported(flips: Sequence[Flip]) -> int:
    return sum(one.reported for one in flips)


if __name__ == "__main__":
    sys.exit(main())
