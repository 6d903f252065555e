"""Feeds whole cycles with spoiled replies: ./run bench any_input [--examples 20000] [--seed N].

Prints how many replies were tried of each endpoint and what the cycles became. Ends with 1 when a law broke.
"""

from __future__ import annotations

import argparse
import secrets
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import HealthCheck, Verbosity, given, seed, settings
from hypothesis import strategies as st

from tests.support.bad_input import Spoiling, spoiling
from tests.support.spoiled_wire import cases, odd_numbers, single_reads

_EXAMPLES_A_HOME = 500

Law = Callable[[Any], object]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--examples", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=secrets.randbits(32))
    given_ = parser.parse_args()
    tried, became, broken = Counter[str](), Counter[str](), []
    began_s = time.monotonic()
    for number, first in enumerate(range(0, given_.examples, _EXAMPLES_A_HOME)):
        examples = min(_EXAMPLES_A_HOME, given_.examples - first)
        with TemporaryDirectory() as folder, spoiling(Path(folder)) as home:
            broken += _run(home, examples, given_.seed + number)
            tried.update(home.tried)
            became.update(home.became)
    _print(tried, became, given_.seed, time.monotonic() - began_s)
    for complaint in broken:
        sys.stdout.write(f"BROKEN: {complaint}\n")
    return int(bool(broken))


def _run(home: Spoiling, examples: int, number: int) -> list[str]:
    """What broke: each law is tried with its share of the examples."""
    broken = []
    counted = examples // 5
    laws: Sequence[tuple[Law, st.SearchStrategy[Any], int]] = (
        (home.cycle, cases(), examples - 2 * counted),
        (home.cycle_counting, odd_numbers(), counted),
        (lambda read: home.read(*read), single_reads(), counted),
    )
    for law, strategy, share in laws:
        try:
            _try(law, strategy, share, number)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what was looked for
            broken.append(f"seed {number}: {type(error).__name__}: {error}"[:2000])
    return broken


def _try(law: Law, strategy: st.SearchStrategy[Any], examples: int, number: int) -> None:
    @seed(number)
    @settings(
        max_examples=max(examples, 1),
        deadline=None,
        database=None,
        verbosity=Verbosity.quiet,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def holds(case: Any) -> None:
        law(case)

    holds()


def _print(tried: Counter[str], became: Counter[str], number: int, took_s: float) -> None:
    sys.stdout.write(f"seed {number}, {sum(tried.values()):,} spoiled replies, {took_s:.0f} s\n")
    for counts in (tried, became):
        sys.stdout.write("".join(f"{count:>8,}  {name}\n" for name, count in sorted(counts.items())))


if __name__ == "__main__":
    sys.exit(main())
