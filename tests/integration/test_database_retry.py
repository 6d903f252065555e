"""A database that another program holds for a moment: the cycle is tried again, and stored in it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path

import attrs

from adapters.memory.runtime import MemoryJournal
from adapters.memory.spool import MemorySpool
from adapters.runtime.clock import SystemClock
from adapters.runtime.stamina_retrier import StaminaRetrier
from domain.cycle import Stored
from domain.services.cycle_storage import STORE_BUDGET_S
from tests.support.builders import NOON, a_cycle
from tests.support.collecting import a_cycle_storage
from tests.support.databases import a_store, rows


@attrs.define
class SkippingClock:
    """The system's clock, but for the waits between attempts: they are noted, and over at once."""

    in_the_wait: Callable[[int], None]
    waits: list[float] = attrs.field(factory=list)

    def now(self) -> datetime:
        return NOON

    def elapsed_s(self) -> float:
        return SystemClock().elapsed_s()

    async def sleep(self, seconds: float) -> None:
        if seconds >= STORE_BUDGET_S:
            await asyncio.sleep(seconds)
            return
        self.waits.append(round(seconds, 3))
        self.in_the_wait(len(self.waits))


async def test_database_write_retry_on_lock(tmp_path: Path) -> None:
    path, journal, spool = tmp_path / "readings.db", MemoryJournal(), MemorySpool()
    store = a_store(path, busy_timeout_ms=20)
    store.open()
    with closing(sqlite3.connect(path, isolation_level=None)) as another:
        another.execute("BEGIN EXCLUSIVE")

        def let_go_in_the_second_wait(number: int) -> None:
            if number == 2:
                another.execute("ROLLBACK")

        clock = SkippingClock(let_go_in_the_second_wait)
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
