"""What is seen of a collector from outside, and which growth breaks a promise."""

from __future__ import annotations

import pytest

from adapters.simulator.simulation.bounds import ProcessUse, Taken, Usage

MB = 1_000_000


def a_usage(*, memory_mb: int = 80, descriptors: int = 19, threads: int = 2) -> Usage:
    return Usage(memory_bytes=memory_mb * MB, descriptors=descriptors, threads=threads)


def test_a_look_at_this_process_sees_a_file_that_is_opened() -> None:
    before = Usage.now()
    with open(__file__):  # noqa: PTH123 - only the descriptor counts
        assert Usage.now().descriptors == before.descriptors + 1
    assert before.memory_bytes > MB
    assert before.threads >= 1


def test_the_growth_is_that_of_the_middle_of_a_quarter() -> None:
    assert Taken.of([1, 1, 9, 3, 3, 9, 9, 3, 3, 4, 9, 4]) == Taken(largest=9, growth=3)


@pytest.mark.parametrize(
    ("last", "broken"),
    [
        (a_usage(), ""),
        (a_usage(descriptors=21), ""),
        (a_usage(descriptors=22), "3 more descriptors were open"),
        (a_usage(threads=9), "7 more threads ran"),
        (a_usage(memory_mb=80 + 40 + 7), ""),
        (a_usage(memory_mb=80 + 40 + 8), "memory grew by 48,000,000 bytes, more than 47,000,000"),
    ],
)
def test_what_grew_until_the_end_breaks_a_promise(last: Usage, broken: str) -> None:
    use = ProcessUse.of([a_usage()] * 30 + [last] * 10)
    assert "; ".join(use.broken(days=7)).startswith(broken)
    assert bool(broken) == any(use.broken(days=7))
