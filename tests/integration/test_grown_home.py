"""The homes of the benchmarks are laid out as those that collected for as long."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.databases import rows
from tests.support.grown_home import append_fast, append_in_bulk, append_one_by_one, reports

CYCLES, SENSORS = 400, 10
HEADER_BYTES = 100  # counters of transactions stand there


@pytest.mark.proof
def test_many_cycles_a_transaction_make_the_same_file(tmp_path: Path) -> None:
    fast, real = tmp_path / "fast.db", tmp_path / "real.db"
    append_fast(fast, reports(CYCLES, SENSORS))
    append_one_by_one(real, reports(CYCLES, SENSORS))
    assert fast.stat().st_size > 1_000_000
    assert fast.read_bytes()[HEADER_BYTES:] == real.read_bytes()[HEADER_BYTES:]


def test_bulk_inserts_make_the_same_readings(tmp_path: Path) -> None:
    bulk, real = tmp_path / "bulk.db", tmp_path / "real.db"
    append_in_bulk(bulk, range(30), SENSORS)
    append_in_bulk(bulk, range(30, CYCLES), SENSORS)
    append_fast(real, reports(CYCLES, SENSORS))
    for sql in (
        "SELECT * FROM readings ORDER BY id",
        "SELECT first_id, last_id, readings FROM checksums ORDER BY first_id",
        "SELECT source, slot, interval_s, scheduled, state, cause, readings FROM outcomes ORDER BY slot",
        "SELECT name, path, payload FROM dbstat WHERE name LIKE '%_readings_%' ORDER BY name, path",
    ):
        assert rows(bulk, sql) == rows(real, sql)
