"""A database that another program holds for a moment: the cycle is tried again, and stored in it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from adapters.memory.runtime import MemoryClock, MemoryJournal
from adapters.memory.spool import MemorySpool
from adapters.runtime.stamina_retrier import StaminaRetrier
from domain.cycle import Stored
from domain.services.cycle_storage import STORE_BUDGET_S
from tests.support.builders import NOON, a_cycle
from tests.support.collecting import SkippingClock, a_cycle_storage
from tests.support.databases import a_store, rows


async def test_database_write_retry_on_lock(tmp_path: Path) -> None:
    path, journal, spool = tmp_path / "readings.db", MemoryJournal(), MemorySpool()
    store = a_store(path, busy_timeout_ms=20)
    store.open()
    with closing(sqlite3.connect(path, isolation_level=None)) as another:
        another.execute("BEGIN EXCLUSIVE")

        def let_go_in_the_second_wait() -> None:
            if len(clock.waits) == 2:
                another.execute("ROLLBACK")

        clock = SkippingClock(
            wall=MemoryClock(NOON), longest_wait_s=STORE_BUDGET_S, in_the_wait=let_go_in_the_second_wait
        )
        storage = a_cycle_storage(
            clock=clock,
            journal=journal,
            store=store,
            spool=spool,
            retrier=StaminaRetrier(clock=clock, journal=journal, random=lambda: 0.0),
        )
        assert await storage.store(a_cycle()) == Stored(report=a_cycle())
    store.close()
    assert (clock.waits, spool.reports) == ([1.0, 2.0], [])
    assert rows(path, "SELECT slot, state FROM outcomes") == [(NOON.isoformat(), "stored")]
    assert journal.events()[-3:] == ("retry", "retry", "retry_recovered")
    assert {str(retry.fields["error"]) for retry in journal.of("retry")} == {"StoreBusy"}
