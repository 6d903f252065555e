"""The homes of the benchmarks are laid out as those that collected for as long."""

from __future__ import annotations

from pathlib import Path

from tests.grown_home import append_fast, append_one_by_one, reports

CYCLES, SENSORS = 400, 10
HEADER_BYTES = 100  # counters of transactions stand there


def test_many_cycles_a_transaction_make_the_same_file_as_one_cycle_each(tmp_path: Path) -> None:
    fast, real = tmp_path / "fast.db", tmp_path / "real.db"
    append_fast(fast, reports(CYCLES, SENSORS))
    append_one_by_one(real, reports(CYCLES, SENSORS))
    assert fast.stat().st_size > 1_000_000
    assert fast.read_bytes()[HEADER_BYTES:] == real.read_bytes()[HEADER_BYTES:]
