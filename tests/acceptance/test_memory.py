"""A collector that stays holds no more after many cycles than after some."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.memory.looks import looks_at

# Pieces of memory; an outcome with its readings has a hundred. What is held goes up and down by some hundred,
# since sqlite3 clears its list of cursors only now and then, and the event loop its timers; and it takes some
# hundred cycles until every list and cache has its length.
MOST_A_CYCLE = 10
CYCLES = 300  # by then the store keeps as many cycles of its log as it ever does


@pytest.mark.proof
@pytest.mark.timeout(180)
def test_cycles_do_not_grow_memory(tmp_path: Path) -> None:
    looks, _ = looks_at(tmp_path, cycles=2 * CYCLES, every=CYCLES, sweeping=True)
    assert [(look["cycle"], look["failed"]) for look in looks] == [(CYCLES, 0), (2 * CYCLES, 0)]
    warm, last = (look["blocks"] for look in looks)
    assert last - warm < MOST_A_CYCLE * CYCLES
