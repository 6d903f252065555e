"""Turns single bits of a database, and counts what the check reports: ./run bench bit_flips [--flips 300]."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from pathlib import Path

from tests.support.damaged import a_home_with_checksums, dump, flip, is_reported


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
    changed = [one for one in flips if one.changed_rows]
    silent = [one for one in changed if not one.reported]
    others = sum(one.reported for one in flips if not one.changed_rows)
    sys.stdout.write(
        f"file of {len(original)} bytes, {len(flips)} bits turned, one at a time\n"
        f"changed a row or put one out of reach: {len(changed)}, of these reported: "
        f"{len(changed) - len(silent)}\n"
        f"changed no row: {len(flips) - len(changed)}, of these reported (indexes, structure): {others}\n"
    )
    for one in silent:
        sys.stdout.write(f"not reported: bit {one.bit} of the byte {one.offset}\n")
    return int(bool(silent))


if __name__ == "__main__":
    sys.exit(main())
