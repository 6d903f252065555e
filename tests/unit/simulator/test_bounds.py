"""What is seen of a collector from outside, and which growth breaks a promise."""

from __future__ import annotations

import platform
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from adapters.simulator.simulation.bounds import ProcessUse, Taken, Usage, Watch
from tests.support.builders import NOON

MB = 1_000_000


def a_usage(*, memory_mb: int = 80, descriptors: int = 19, threads: int = 2) -> Usage:
    return Usage(memory_bytes=memory_mb * MB, descriptors=descriptors, threads=threads)


def test_a_look_at_this_process_sees_a_file_that_is_opened() -> None:
    before = Usage.now()
    with open(__file__):  # noqa: PTH123 - only the descriptor counts
        assert Usage.now().descriptors == before.descriptors + 1
    assert before.memory_bytes > MB
    assert before.threads >= 1


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other allocators do not say what is free")
def test_memory_that_the_allocator_keeps_free_does_not_count() -> None:
    before = Usage.now().memory_bytes
    many = [bytes(1000) for _ in range(50_000)]
    last = bytes(1000)  # above them, so that the system does not get them back
    during = Usage.now().memory_bytes
    del many
    assert during - before > 40 * MB
    assert Usage.now().memory_bytes - before < 10 * MB
    assert last


def test_the_growth_is_that_of_the_middle_of_a_quarter() -> None:
    assert Taken.of([1, 1, 9, 3, 3, 9, 9, 3, 3, 4, 9, 4]) == Taken(largest=9, growth=3)


@pytest.mark.parametrize(
    ("last", "broken"),
    [
        (a_usage(), ""),
        (a_usage(descriptors=21), ""),
        (a_usage(descriptors=22), "3 more descriptors were open"),
        (a_usage(threads=9), "7 more threads ran"),
        (a_usage(memory_mb=80 + 25), ""),
        (a_usage(memory_mb=80 + 26), "memory grew by 26,000,000 bytes, more than 25,500,000"),
    ],
)
def test_what_grew_until_the_end_breaks_a_promise(last: Usage, broken: str) -> None:
    use = ProcessUse.of([a_usage()] * 30 + [last] * 10)
    assert "; ".join(use.broken(days=7)).startswith(broken)
    assert bool(broken) == any(use.broken(days=7))


@pytest.mark.parametrize(("has_ended", "not_logged"), [(True, 0), (False, 1)])
def test_a_collector_takes_with_it_what_it_could_not_log(
    tmp_path: Path, has_ended: bool, not_logged: int
) -> None:
    logs, database = tmp_path / "logs", tmp_path / "readings.db"
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TABLE outcomes (detail, unread, notes)")
    logs.touch()
    watch = Watch(logs=logs, database=database, alert_file=tmp_path / "alert", secrets=())
    watch.note_cycle([NOON])
    if has_ended:
        watch.note_end()
    logs.unlink()
    logs.mkdir()
    assert watch.watched().cycles_not_logged == not_logged
