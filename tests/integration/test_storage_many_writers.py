"""Processes that store at the same time: what is not stored at once is spooled, and all of it is stored."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.files.spool.file_spool import FileSpool
from adapters.memory.runtime import MemoryClock, MemoryJournal
from adapters.runtime.clock import SystemClock
from adapters.runtime.stamina_retrier import StaminaRetrier
from adapters.sqlite.store import SqliteStore
from domain.cycle import Stored
from tests.support.builders import NOON, a_collected, a_cycle, a_due, a_reading
from tests.support.collecting import a_cycle_storage
from tests.support.databases import rows

CHECKOUT = Path(__file__).parents[2]
WRITERS, CYCLES = 8, 25


async def store_cycles(path: Path, source: str) -> int:
    """Store the cycles of a source, as a collector does; return how many the database took in their turn."""
    clock, journal = SystemClock(), MemoryJournal()
    store = SqliteStore(path, journal=journal, clock=MemoryClock(NOON + timedelta(days=1)))
    spool = FileSpool(path.parent / "spool", clock=clock, journal=journal)
    storage = a_cycle_storage(
        clock=clock,
        journal=journal,
        store=store,
        spool=spool,
        retrier=StaminaRetrier(clock=clock, journal=journal),
    )
    storage.open(checking=False)
    stored = 0
    for number in range(CYCLES):
        slot = NOON + number * timedelta(minutes=5)
        reading = a_reading(f"{source}:a", collected_at=slot)
        cycle = await storage.store(a_cycle(a_collected(reading, due=a_due(source, slot))))
        stored += isinstance(cycle, Stored) and len(cycle.report.readings)
    storage.close()
    return stored


@pytest.mark.proof
def test_eight_collectors_store_all_of_their_cycles(tmp_path: Path) -> None:
    path = tmp_path / "readings.db"
    command = [sys.executable, "-m", "tests.integration.test_storage_many_writers", str(path)]
    writers = [
        subprocess.Popen([*command, f"hue:{number}"], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True)
        for number in range(WRITERS)
    ]
    counts = [int(writer.communicate()[0]) for writer in writers]
    assert counts == [CYCLES] * WRITERS
    assert rows(path, "SELECT count(*) FROM readings") == [(WRITERS * CYCLES,)]
    assert rows(path, "SELECT count(*), sum(readings) FROM outcomes WHERE state = 'stored'") == [
        (WRITERS * CYCLES, WRITERS * CYCLES)
    ]
    spool = FileSpool(tmp_path / "spool", clock=MemoryClock(NOON), journal=MemoryJournal())
    assert spool.waiting().cycles == 0


if __name__ == "__main__":
    sys.stdout.write(str(asyncio.run(store_cycles(Path(sys.argv[1]), sys.argv[2]))))
