"""Ours against what a user would pick instead, on the same work, in one run; writes RESULTS.md.

Usage: ./run bench peers [--cycles N] [--starts N] [--output FILE]
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.peers.contestants import ALONE, ENTRIES, PHUE_ALONE, Entry
from tests.peers.environments import Environment, NotInstalled
from tests.peers.figures import Figures
from tests.peers.results import page
from tests.peers.rounds import a_field, costs_of
from tests.peers.starts import start_times
from tests.peers.syncs import syncs_a_cycle

RESULTS = Path(__file__).with_name("RESULTS.md")
_NEEDED = ("script", "ours")


def main() -> None:
    """Measure, write the page and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cycles", type=int, default=600)
    parser.add_argument("--starts", type=int, default=21)
    parser.add_argument("--output", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    entries, versions, absent = _installed()
    with a_field() as field:
        figures = Figures(
            costs=costs_of(field, entries, arguments.cycles),
            syncs={
                entry.name: syncs_a_cycle(field, entry)
                for entry in entries
                if entry not in (ALONE, PHUE_ALONE)
            },
            starts=start_times(field, arguments.starts),
        )
    text = page(figures, versions, absent)
    arguments.output.write_text(text)
    print(text)


def _installed() -> tuple[Sequence[Entry], Mapping[str, Mapping[str, str]], Mapping[str, str]]:
    """Who can take part, what is installed for them, and why the others cannot."""
    versions: dict[str, Mapping[str, str]] = {}
    absent: dict[str, str] = {}
    for name in dict.fromkeys(entry.environment for entry in ENTRIES):
        environment = Environment(name)
        try:
            environment.make()
            versions[name] = environment.versions()
        except NotInstalled as error:
            if name in _NEEDED:
                raise
            absent[name] = str(error)
    return [entry for entry in ENTRIES if entry.environment in versions], versions, absent


if __name__ == "__main__":
    main()
