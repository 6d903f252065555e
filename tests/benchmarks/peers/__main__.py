"""A cycle of ours against what a user would pick instead, in turn, on the same work.

Usage: ./run bench peers [--rounds N] [--starts N] [--output FILE]
       ./run bench peers --short    the floor script and ours only; prints the ratio, and writes no file
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.benchmarks.peers.contestants import ENTRIES, FLOOR, OURS, Entry
from tests.benchmarks.peers.environments import Environment, NotInstalled
from tests.benchmarks.peers.measuring import count_syncs, measure_cycles, simulated_field, time_starts
from tests.benchmarks.peers.results import Figures, cycle_table, page

RESULTS = Path(__file__).parents[1] / "RESULTS.md"
_SHORT_ROUNDS, _SHORT_SYNC_ROUNDS = 150, 96


def main() -> None:
    """Measure, print, and write the page unless the run is a short one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, help="cycles of each contestant")
    parser.add_argument("--starts", type=int, default=21, help="starts of each command")
    parser.add_argument("--short", action="store_true", help="floor script and ours only, no starts")
    parser.add_argument("--output", type=Path, default=RESULTS)
    given = parser.parse_args()
    entries, versions, absent = _install([FLOOR, OURS] if given.short else ENTRIES)
    rounds = given.rounds or (_SHORT_ROUNDS if given.short else 600)
    with simulated_field() as field:
        costs = measure_cycles(field, entries, rounds)
        syncs = {
            entry.name: count_syncs(field, entry, _SHORT_SYNC_ROUNDS if given.short else 288)
            for entry in entries
        }
        starts = {} if given.short else time_starts(field, given.starts)
    figures = Figures(costs=costs, syncs=syncs, starts=starts)
    if given.short:
        print("\n".join(cycle_table(figures)))
        return
    text = page(figures, versions, absent)
    given.output.write_text(text)
    print(text)


def _install(
    entries: Sequence[Entry],
) -> tuple[Sequence[Entry], Mapping[str, Mapping[str, str]], Mapping[str, str]]:
    """Return who can take part, what is installed for them, and why the others cannot."""
    versions: dict[str, Mapping[str, str]] = {}
    absent: dict[str, str] = {}
    for name in dict.fromkeys(entry.environment for entry in entries):
        environment = Environment(name)
        try:
            environment.make()
            versions[name] = environment.versions()
        except NotInstalled as error:
            if name in (FLOOR.environment, OURS.environment):
                raise
            absent[name] = str(error)
    return [entry for entry in entries if entry.environment in versions], versions, absent


if __name__ == "__main__":
    main()
